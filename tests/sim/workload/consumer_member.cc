// A member of the consumer protocol (KIP-848): it says what it has, and is told what it is to have.
#include "sim/workload/group_member.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "kafka-proto/messages/consumer_group_heartbeat.h"

namespace chronik::sim {
namespace {

using kafka::ErrorCode;
using Request = kafka::ConsumerGroupHeartbeatRequest;
using Response = kafka::ConsumerGroupHeartbeatResponse;

constexpr uint64_t kTimeout = 5 * kSecond;
constexpr int32_t kLeave = -1, kLeaveForNow = -2;
constexpr int16_t kByEpoch = 9;  // from here on OffsetCommit and OffsetFetch know members' epochs

class ConsumerMember final : public GroupMember {
 public:
  using GroupMember::GroupMember;

  bool is_stable() const override { return epoch_ > 0 && !owes_ && !is_unsure_; }
  int32_t generation() const override { return epoch_; }
  std::vector<int32_t> owned() const override { return {owned_.begin(), owned_.end()}; }

 private:
  void step() override;
  void say_goodbye() override;
  void forget() override;
  void commit(int32_t partition) override;
  Request request(std::set<int32_t> owned) const;
  void answered(const Result<Response>& response, uint32_t node, uint64_t begun);
  void take(const Response::Assignment& assignment);
  void begin_anew();

  std::string id_;
  uint64_t lives_ = 0;
  int32_t epoch_ = 0;
  std::set<int32_t> owned_;
  bool owes_ = false;       // it was told to give something up, and has not said that it did
  bool is_asking_ = false;  // it waits for an answer
  bool is_unsure_ = false;  // of what the last answer would have been
};

void ConsumerMember::begin_anew() {
  epoch_ = 0;
  owned_.clear();
  owes_ = false;
  parts_.owners.keeps(group_, name_, {});
}

void ConsumerMember::forget() {
  // What a static member has stays its own until it comes back, but for what it was to give up: an answer that it does not
  // have may say so.
  const bool knows_its_own = instance_ && !is_asking_ && !is_unsure_;
  parts_.owners.keeps(group_, name_, knows_its_own ? owned_ : std::set<int32_t>());
  epoch_ = 0;
  owned_.clear();
  owes_ = is_asking_ = is_unsure_ = false;
  id_.clear();
}

Request ConsumerMember::request(std::set<int32_t> owned) const {
  Request out;
  out.group_id = group_;
  out.member_id = id_;
  out.member_epoch = epoch_;
  out.instance_id = instance_;
  const bool is_full = epoch_ == 0 || is_unsure_;
  if (is_full) {
    out.rebalance_timeout_ms = static_cast<int32_t>(parts_.times.rebalance_ns / kMillisecond);
    out.subscribed_topic_names.emplace().emplace_back(parts_.topic);
  }
  if (is_full || owes_) {
    auto& topics = out.topic_partitions.emplace();
    if (!owned.empty()) topics.push_back({parts_.topic_id, {owned.begin(), owned.end()}});
  }
  return out;
}

void ConsumerMember::step() {
  if (!knows_coordinator()) return;
  if (id_.empty()) id_ = fmt::format("{}-{}", name_, ++lives_);
  const Request heartbeat = request(owned_);
  if (heartbeat.topic_partitions && epoch_ > 0) parts_.owners.keeps(group_, name_, owned_);
  ++parts_.counts.heartbeats;
  is_asking_ = true;
  ask<kafka::ConsumerGroupHeartbeat>(
      client_.one_of(0, 1), heartbeat, kTimeout,
      [this](const auto& response, uint32_t node, uint64_t begun) { answered(response, node, begun); });
}

void ConsumerMember::answered(const Result<Response>& response, uint32_t node, uint64_t begun) {
  is_asking_ = false;
  // What is late may be over by now.
  const bool is_late = parts_.world().now() - begun > within() / 2;
  const ErrorCode error = response && !is_late ? response->error_code : ErrorCode::kNotCoordinator;
  const bool was_unsure = std::exchange(is_unsure_, error != ErrorCode::kNone);
  switch (error) {
    case ErrorCode::kNone:
      break;
    case ErrorCode::kUnknownMemberId:
      if (epoch_ > 0) expelled(node, "UNKNOWN_MEMBER_ID");
      begin_anew();
      return step_after(10 * kMillisecond);
    case ErrorCode::kFencedMemberEpoch:
      if (!was_unsure && epoch_ > 0) expelled(node, "FENCED_MEMBER_EPOCH");
      begin_anew();
      return step_after(10 * kMillisecond);
    case ErrorCode::kUnreleasedInstanceId:
      return step_after(kSecond);
    case ErrorCode::kFencedInstanceId:
      id_.clear();
      begin_anew();
      return step_after(kSecond);
    default:
      if (!GroupClient::is_elsewhere(error) && error != ErrorCode::kUnsupportedVersion)
        return parts_.world().fail(
            "group-errors", fmt::format("group {}: a heartbeat of {} is answered with {}", group_, name_,
                                        kafka::error_name(error)));
      return look_elsewhere();
  }
  epoch_ = response->member_epoch;
  owes_ = false;
  if (response->assignment) take(*response->assignment);
  if (!owes_) heard(node, begun, within());
  parts_.owners.sure(group_, name_, sure_until_);
  if (rng_.chance(0.1)) fetch_owned(kByEpoch);
  step_after(owes_ ? rng_.below(kSecond)
                   : parts_.times.heartbeat_ns / 2 + rng_.below(parts_.times.heartbeat_ns));
}

void ConsumerMember::take(const Response::Assignment& assignment) {
  std::set<int32_t> now;
  for (const auto& topic : assignment.topic_partitions) {
    if (std::ranges::equal(topic.topic_id.b, parts_.topic_id.b))
      now.insert(topic.partitions.begin(), topic.partitions.end());
    else
      parts_.world().fail("group-owners",
                          fmt::format("group {}: {} is told of another topic", group_, name_));
  }
  ++parts_.counts.assignments;
  owes_ = now != owned_;
  // What it is to give up it has until it says that it has not.
  std::set<int32_t> has = now;
  has.insert(owned_.begin(), owned_.end());
  owned_ = std::move(now);
  parts_.owners.told(group_, name_, has, sure_until_);
}

void ConsumerMember::commit(int32_t partition) {
  commit_offset(parts_, client_, parts_.key(group_, partition), parts_.topic, parts_.topic_id,
                {.member = id_,
                 .instance = instance_,
                 .generation = epoch_,
                 .min_version = kByEpoch,
                 .may_be_taken = parts_.owners.last_told(group_, partition) == name_});
}

void ConsumerMember::say_goodbye() {
  if (epoch_ <= 0) return;
  Request goodbye;
  goodbye.group_id = group_;
  goodbye.member_id = id_;
  goodbye.instance_id = instance_;
  goodbye.member_epoch = instance_ ? kLeaveForNow : kLeave;
  client_.wire().call<kafka::ConsumerGroupHeartbeat>(client_.coordinator(group_), 1, goodbye, kTimeout,
                                                     [](const auto&) {});
}

}  // namespace

std::unique_ptr<GroupMember> make_consumer_member(GroupParts& parts, std::string name, bool is_static) {
  return std::make_unique<ConsumerMember>(parts, std::move(name), is_static);
}

}  // namespace chronik::sim
