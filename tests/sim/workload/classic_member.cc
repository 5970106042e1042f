// A member of the classic protocol: it joins, and when it is the leader it deals the partitions out to all.
#include "sim/workload/group_member.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>

#include "kafka-proto/messages/heartbeat.h"
#include "kafka-proto/messages/join_group.h"
#include "kafka-proto/messages/leave_group.h"
#include "kafka-proto/messages/sync_group.h"

namespace chronik::sim {
namespace {

using kafka::ErrorCode;

constexpr uint64_t kTimeout = 5 * kSecond;
constexpr uint64_t kWait = 17 * kSecond, kPatience = 600 * kSecond, kAnsweredWithin = 45 * kSecond;
constexpr std::string_view kProtocol = "dealt";
constexpr int16_t kSeveralMembers = 3;

kafka::Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// "offer 0 2 4": the partitions of a member, by the offer of that number.
struct Part {
  uint64_t offer = 0;
  std::vector<int32_t> partitions;

  std::string text() const { return fmt::format("{} {}", offer, fmt::join(partitions, " ")); }
  static Part parse(kafka::Bytes bytes) {
    Part out;
    const char* at = reinterpret_cast<const char*>(bytes.data());
    const char* const end = at + bytes.size();
    at = std::from_chars(at, end, out.offer).ptr;
    for (int32_t partition = 0; at < end; out.partitions.push_back(partition)) {
      const auto [next, error] = std::from_chars(at + 1, end, partition);
      if (error != std::errc()) break;
      at = next;
    }
    return out;
  }
};

class ClassicMember final : public GroupMember {
 public:
  ClassicMember(GroupParts& parts, std::string name, bool is_static)
      : GroupMember(parts, std::move(name), is_static), is_patient_(rng_.chance(0.5)) {}

  bool is_stable() const override { return place_ == Place::kIn; }
  int32_t generation() const override { return generation_; }
  std::vector<int32_t> owned() const override {
    return is_stable() ? part_.partitions : std::vector<int32_t>();
  }

 private:
  enum class Place : uint8_t { kOut, kJoined, kIn };

  void step() override;
  void say_goodbye() override;
  void forget() override;
  void commit(int32_t partition) override;
  void join();
  void watch_join(uint64_t number, uint32_t node, uint64_t connection);
  void joined(const Result<kafka::JoinGroupResponse>& response, uint32_t node);
  void deal_out(const kafka::JoinGroupResponse& response);
  void sync();
  void synced(const Result<kafka::SyncGroupResponse>& response, uint32_t node, uint64_t begun);
  void come_late();
  void commit_as_of(int32_t generation, int32_t partition);
  void heartbeat();
  // An error that any of its requests may have: what comes next.
  void turn_away(ErrorCode error, uint32_t node, std::string_view what);
  void join_again(uint64_t delay) {
    place_ = Place::kOut;
    step_after(delay);
  }
  int16_t version(int16_t of_statics, int16_t last) {
    return client_.one_of(instance_ ? of_statics : 0, last);
  }

  const bool is_patient_;  // it waits for others as long as its connection is there
  Place place_ = Place::kOut;
  std::string id_;
  uint64_t join_ = 0;  // that waits for its answer
  int32_t generation_ = -1;
  std::vector<std::pair<std::string, Part>> dealt_;  // where it leads
  Part part_;
};

void ClassicMember::forget() {
  place_ = Place::kOut;
  id_.clear();
  join_ = 0;
  generation_ = -1;
  dealt_.clear();
}

void ClassicMember::step() {
  if (!knows_coordinator()) return;
  switch (place_) {
    case Place::kOut:
      return join();
    case Place::kJoined:
      return sync();
    case Place::kIn:
      return heartbeat();
  }
}

void ClassicMember::turn_away(ErrorCode error, uint32_t node, std::string_view what) {
  switch (error) {
    case ErrorCode::kUnknownMemberId:
      expelled(node, what);
      [[fallthrough]];
    case ErrorCode::kFencedInstanceId:
      id_.clear();
      return join_again(100 * kMillisecond);
    case ErrorCode::kIllegalGeneration:
    case ErrorCode::kRebalanceInProgress:
      return join_again(1 + rng_.below(200 * kMillisecond));
    default:
      if (!GroupClient::is_elsewhere(error))
        return parts_.world().fail("group-errors",
                                   fmt::format("group {}: {} is answered to {} with {}", group_, what, name_,
                                               kafka::error_name(error)));
      if (place_ == Place::kJoined) place_ = Place::kOut;
      look_elsewhere();
  }
}

// ---- JoinGroup ----

void ClassicMember::join() {
  kafka::JoinGroupRequest request;
  request.group_id = group_;
  request.session_timeout_ms = static_cast<int32_t>(parts_.times.session_ns / kMillisecond);
  request.rebalance_timeout_ms = static_cast<int32_t>(parts_.times.rebalance_ns / kMillisecond);
  request.member_id = id_;
  request.group_instance_id = instance_;
  request.protocol_type = "consumer";
  request.protocols.push_back({kProtocol, bytes_of(name_)});
  const uint64_t number = ++parts_.counts.joins;
  join_ = number;
  const uint64_t connection = ask<kafka::JoinGroup>(version(5, 9), request, is_patient_ ? kPatience : kWait,
                                                    [this](const auto& response, uint32_t node, uint64_t) {
                                                      join_ = 0;
                                                      joined(response, node);
                                                    });
  if (is_patient_) watch_join(number, client_.coordinator(group_), connection);
}

// Whoever waits for others is answered when time is over for these, too, as long as the connection is there.
void ClassicMember::watch_join(uint64_t number, uint32_t node, uint64_t connection) {
  World& world = parts_.world();
  world.loop.call(world.now() + kAnsweredWithin, [this, number, node, connection] {
    if (join_ != number) return;
    if (parts_.world().loop.paused(node)) return watch_join(number, node, connection);
    if (parts_.cluster.net().is_whole(connection))
      return parts_.world().fail("group-answers",
                                 fmt::format("group {}: a JoinGroup of {} at node {} is not answered in {} s",
                                             group_, name_, node, kAnsweredWithin / kSecond));
    client_.wire().hang_up();
  });
}

void ClassicMember::joined(const Result<kafka::JoinGroupResponse>& response, uint32_t node) {
  if (!response) return look_elsewhere();
  if (response->error_code == ErrorCode::kMemberIdRequired) {
    id_ = response->member_id;
    return step_after(1);
  }
  if (response->error_code != ErrorCode::kNone) return turn_away(response->error_code, node, "JoinGroup");
  id_ = response->member_id;
  generation_ = response->generation_id;
  place_ = Place::kJoined;
  dealt_.clear();
  if (response->leader == id_ && !response->skip_assignment) deal_out(*response);
  step_after(1 + rng_.below(20 * kMillisecond));
}

void ClassicMember::deal_out(const kafka::JoinGroupResponse& response) {
  const uint64_t offer = parts_.generations.offer();
  for (const auto& member : response.members) dealt_.push_back({std::string(member.member_id), {offer, {}}});
  if (dealt_.empty()) return;
  const uint64_t first = rng_.below(dealt_.size());
  for (uint32_t partition = 0; partition < parts_.partitions; ++partition)
    dealt_[(first + partition) % dealt_.size()].second.partitions.push_back(static_cast<int32_t>(partition));
}

// ---- SyncGroup ----

void ClassicMember::sync() {
  std::vector<std::string> texts;
  for (const auto& [id, part] : dealt_) texts.push_back(part.text());
  kafka::SyncGroupRequest request;
  request.group_id = group_;
  request.generation_id = generation_;
  request.member_id = id_;
  request.group_instance_id = instance_;
  request.protocol_type = "consumer";
  request.protocol_name = kProtocol;
  for (size_t i = 0; i < dealt_.size(); ++i)
    request.assignments.push_back({dealt_[i].first, bytes_of(texts[i])});
  ++parts_.counts.syncs;
  ask<kafka::SyncGroup>(
      version(3, 5), request, kWait,
      [this](const auto& response, uint32_t node, uint64_t begun) { synced(response, node, begun); });
}

void ClassicMember::synced(const Result<kafka::SyncGroupResponse>& response, uint32_t node, uint64_t begun) {
  if (!response) {
    place_ = Place::kOut;
    return look_elsewhere();
  }
  if (response->error_code != ErrorCode::kNone) return turn_away(response->error_code, node, "SyncGroup");
  part_ = Part::parse(response->assignment);
  place_ = Place::kIn;
  ++parts_.counts.assignments;
  heard(node, begun, within());
  if (part_.offer != 0) parts_.generations.told(group_, generation_, name_, part_.offer, part_.partitions);
  fetch_owned(1);
  if (generation_ > 1 && rng_.chance(0.3)) come_late();
  step_after(rng_.below(parts_.times.heartbeat_ns));
}

// What it meant to say in the generation before.
void ClassicMember::come_late() {
  if (!part_.partitions.empty()) commit_as_of(generation_ - 1, part_.partitions.front());
  kafka::SyncGroupRequest request;
  request.group_id = group_;
  request.generation_id = generation_ - 1;
  request.member_id = id_;
  request.group_instance_id = instance_;
  ask<kafka::SyncGroup>(version(3, 4), request, kTimeout,
                        [this](const Result<kafka::SyncGroupResponse>& response, uint32_t, uint64_t) {
                          if (!response || response->error_code != ErrorCode::kNone) return;
                          parts_.world().fail(
                              "group-owners",
                              fmt::format("group {}: a SyncGroup of {} is answered though it is of an "
                                          "old generation",
                                          group_, name_));
                        });
}

// ---- as long as it is in ----
// That a heartbeat is well says nothing of the member: a coordinator that does not lead yet says so blindly, as Kafka's.

void ClassicMember::heartbeat() {
  kafka::HeartbeatRequest request;
  request.group_id = group_;
  request.generation_id = generation_;
  request.member_id = id_;
  request.group_instance_id = instance_;
  ++parts_.counts.heartbeats;
  ask<kafka::Heartbeat>(version(3, 4), request, kTimeout,
                        [this](const Result<kafka::HeartbeatResponse>& response, uint32_t node, uint64_t) {
                          if (!response) return look_elsewhere();
                          if (response->error_code != ErrorCode::kNone)
                            return turn_away(response->error_code, node, "Heartbeat");
                          if (rng_.chance(0.1)) fetch_owned(1);
                          step_after(parts_.times.heartbeat_ns / 2 + rng_.below(parts_.times.heartbeat_ns));
                        });
}

void ClassicMember::commit(int32_t partition) { commit_as_of(generation_, partition); }

void ClassicMember::commit_as_of(int32_t generation, int32_t partition) {
  commit_offset(
      parts_, client_, parts_.key(group_, partition), parts_.topic, parts_.topic_id,
      {.member = id_,
       .instance = instance_,
       .generation = generation,
       .min_version = static_cast<int16_t>(instance_ ? 7 : 2),
       .may_be_taken = generation >= parts_.generations.newest(group_),
       .taken = while_here([this](uint32_t node, uint64_t begun) { heard(node, begun, within()); })});
}

void ClassicMember::say_goodbye() {
  if (instance_ || id_.empty()) return;
  const int16_t version = client_.one_of(0, 5);
  kafka::LeaveGroupRequest request;
  request.group_id = group_;
  if (version < kSeveralMembers)
    request.member_id = id_;
  else
    request.members.push_back({id_, std::nullopt, std::nullopt});
  client_.wire().call<kafka::LeaveGroup>(client_.coordinator(group_), version, request, kTimeout,
                                         [](const auto&) {});
}

}  // namespace

std::unique_ptr<GroupMember> make_classic_member(GroupParts& parts, std::string name, bool is_static) {
  return std::make_unique<ClassicMember>(parts, std::move(name), is_static);
}

}  // namespace chronik::sim
