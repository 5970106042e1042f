#include "bench/groups/classic_member.h"

#include <algorithm>
#include <utility>

#include "kafka-proto/messages/heartbeat.h"
#include "kafka-proto/messages/leave_group.h"
#include "kafka-proto/messages/offset_commit.h"

namespace chronik::bench {

using kafka::ErrorCode;

namespace {

constexpr int32_t kSessionTimeoutMs = 45'000, kRebalanceTimeoutMs = 300'000;  // clients' defaults
constexpr std::string_view kType = "consumer";

std::string_view protocol_of(const ClassicMembers& all) {
  return all.is_cooperative ? "cooperative-sticky" : "range";
}

std::optional<std::string_view> instance_of(const std::string& instance) {
  return instance.empty() ? std::nullopt : std::optional<std::string_view>(instance);
}

}  // namespace

ClassicMember::ClassicMember(ClassicMembers& all, std::string group, std::string instance)
    : all_(all),
      group_(std::move(group)),
      instance_(std::move(instance)),
      link_(all.loop, all.bootstrap, group_) {}

void ClassicMember::join() {
  all_.loop.cancel(timer_);
  is_settled_ = false;
  link_.find([this] { send_join(); });
}

void ClassicMember::send_join() {
  const std::vector<uint8_t> subscription =
      encode_subscription(all_.topic, all_.is_cooperative ? assigned_ : Partitions());
  kafka::JoinGroupRequest request;
  request.group_id = group_;
  request.session_timeout_ms = kSessionTimeoutMs;
  request.rebalance_timeout_ms = kRebalanceTimeoutMs;
  request.member_id = id_;
  request.group_instance_id = instance_of(instance_);
  request.protocol_type = kType;
  request.protocols = {{protocol_of(all_), subscription}};
  all_.last_join_sent = Clock::now();
  link_.call<kafka::JoinGroup>(9, request,
                               [this](const kafka::JoinGroupResponse* answer) { joined(answer); });
}

void ClassicMember::joined(const kafka::JoinGroupResponse* answer) {
  if (answer != nullptr && answer->error_code == ErrorCode::kMemberIdRequired) {
    id_ = answer->member_id;
    return join();
  }
  if (recover(answer == nullptr ? nullptr : &answer->error_code)) return;
  all_.last_join_answered = Clock::now();
  ++all_.generations_joined;
  id_ = answer->member_id;
  generation_ = answer->generation_id;
  leads_ = answer->leader == answer->member_id;
  sync(*answer);
}

void ClassicMember::sync(const kafka::JoinGroupResponse& joined) {
  kafka::SyncGroupRequest request;
  request.group_id = group_;
  request.generation_id = generation_;
  request.member_id = id_;
  request.group_instance_id = instance_of(instance_);
  request.protocol_type = kType;
  request.protocol_name = protocol_of(all_);
  Shares owned;
  if (leads_ && !joined.skip_assignment)
    for (const auto& member : joined.members)
      owned[std::string(member.member_id)] = decode_owned(member.metadata);
  const Shares shares =
      all_.is_cooperative ? share_cooperatively(owned, all_.partitions) : share_range(owned, all_.partitions);
  std::vector<std::vector<uint8_t>> kept;
  kept.reserve(shares.size());
  for (const auto& [member, partitions] : shares) {
    kept.push_back(encode_assignment(all_.topic, partitions));
    request.assignments.push_back({member, kept.back()});
  }
  link_.call<kafka::SyncGroup>(5, request,
                               [this](const kafka::SyncGroupResponse* answer) { synced(answer); });
}

void ClassicMember::synced(const kafka::SyncGroupResponse* answer) {
  if (recover(answer == nullptr ? nullptr : &answer->error_code)) return;
  const Partitions had = std::exchange(assigned_, decode_assignment(answer->assignment));
  if (all_.is_cooperative && !std::ranges::includes(assigned_, had)) return join();
  is_settled_ = true;
  // Members that join together do not send their heartbeats together.
  const auto part = static_cast<int>(std::hash<std::string>()(id_) % 1024);
  const bool is_first = std::exchange(is_first_heartbeat_, false);
  heartbeat_later(is_first ? all_.heartbeat_interval * part / 1024 : all_.heartbeat_interval);
}

void ClassicMember::heartbeat_later(milliseconds delay) {
  all_.loop.cancel(timer_);
  timer_ = all_.loop.after(delay, [this] { heartbeat(); });
}

void ClassicMember::heartbeat() {
  kafka::HeartbeatRequest request;
  request.group_id = group_;
  request.generation_id = generation_;
  request.member_id = id_;
  request.group_instance_id = instance_of(instance_);
  heartbeat_later(all_.heartbeat_interval);
  link_.call<kafka::Heartbeat>(4, request, [this](const kafka::HeartbeatResponse* answer) {
    if (answer != nullptr) ++all_.heartbeats;
    if (!is_settled_) return;  // it joins already
    if (answer != nullptr && !is_coordinator_gone(answer->error_code)) {
      recover(&answer->error_code);
      return;
    }
    // The group is as it was; the next heartbeat goes to the next coordinator.
    link_.lose();
    link_.find([this] { heartbeat_later(CoordinatorLink::kRetry); });
  });
}

bool ClassicMember::recover(const ErrorCode* error) {
  if (error != nullptr && *error == ErrorCode::kNone) return false;
  if (error == nullptr || is_coordinator_gone(*error)) {
    link_.lose();
  } else if (*error == ErrorCode::kUnknownMemberId || *error == ErrorCode::kIllegalGeneration) {
    id_.clear();
    assigned_.clear();
  } else if (*error != ErrorCode::kRebalanceInProgress) {
    die("a member of " + group_ + " gets error " + std::to_string(static_cast<int>(*error)));
  }
  join();
  return true;
}

void ClassicMember::look(const std::function<void(const kafka::SyncGroupResponse*)>& then) {
  kafka::SyncGroupRequest request;
  request.group_id = group_;
  request.generation_id = generation_;
  request.member_id = id_;
  request.group_instance_id = instance_of(instance_);
  request.protocol_type = kType;
  request.protocol_name = protocol_of(all_);
  link_.call<kafka::SyncGroup>(5, request, then);
}

void ClassicMember::commit(int32_t partition, int64_t offset,
                           std::function<void(std::optional<ErrorCode>)> done) {
  kafka::OffsetCommitRequest request;
  request.group_id = group_;
  request.generation_id_or_member_epoch = generation_;
  request.member_id = id_;
  request.group_instance_id = instance_of(instance_);
  request.topics = {{all_.topic, {}, {{partition, offset, -1, ""}}}};
  link_.call<kafka::OffsetCommit>(
      9, request, [done = std::move(done)](const kafka::OffsetCommitResponse* answer) {
        done(answer == nullptr ? std::nullopt
                               : std::optional(answer->topics.at(0).partitions.at(0).error_code));
      });
}

void ClassicMember::leave(const std::function<void()>& left) {
  kafka::LeaveGroupRequest request;
  request.group_id = group_;
  request.members = {{id_, instance_of(instance_), std::nullopt}};
  is_settled_ = false;
  all_.loop.cancel(timer_);
  link_.call<kafka::LeaveGroup>(5, request, [this, left](const kafka::LeaveGroupResponse*) {
    const auto then = left;
    stop();
    then();
  });
}

void ClassicMember::stop() {
  all_.loop.cancel(timer_);
  is_settled_ = false;
  link_.close();
}

bool is_shared_out(const std::vector<const ClassicMember*>& members, int32_t partitions) {
  Partitions all;
  for (const ClassicMember* member : members) {
    if (!member->is_settled() || member->generation() != members.front()->generation()) return false;
    all.insert(all.end(), member->assigned().begin(), member->assigned().end());
  }
  std::ranges::sort(all);
  return all.size() == static_cast<size_t>(partitions) && std::ranges::adjacent_find(all) == all.end();
}

}  // namespace chronik::bench
