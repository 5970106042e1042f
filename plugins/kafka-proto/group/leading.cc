// What GroupShard does where it leads: requests of members in the turn of their group, and what time does.
#include <algorithm>
#include <utility>

#include "kafka-proto/group/core/consumer_commit.h"
#include "kafka-proto/group/core/offset_rules.h"
#include "kafka-proto/group/records.h"
#include "kafka-proto/group/shard.h"

namespace chronik::kafka {
namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr int64_t kRetryMs = 1'000;

GroupShard::CommitResult check_consumer_commit(GroupShard::CommitRequest& request,
                                               const group::ConsumerState& state) {
  const group::CommitCheck check(state, request.claim, {.old_version = !request.knows_group_id_not_found});
  GroupShard::CommitResult result{check.error(), {}};
  if (result.error != ErrorCode::kNone) return result;
  const auto error_of = [&](const group::OffsetCommitRecord& offset) {
    return check.check(offset.value->topic_id, offset.partition);
  };
  for (const group::OffsetCommitRecord& offset : request.offsets) result.refused.push_back(error_of(offset));
  std::erase_if(request.offsets, [&](const auto& offset) { return error_of(offset) != ErrorCode::kNone; });
  return result;
}

// Whom these records remove from a consumer group, and do not keep in a classic one that it becomes.
GroupShard::Leaving leaving_members(const std::vector<group::Record>& records) {
  GroupShard::Leaving out;
  for (const group::Record& record : records) {
    const auto* const member = std::get_if<group::MemberRecord>(&record);
    if (member == nullptr) continue;
    if (!member->value)
      out.members.insert(member->member_id);
    else if (member->value->instance_id)
      out.taken_instances.insert(*member->value->instance_id);
  }
  for (const group::Record& record : records)
    if (const auto* const classic = std::get_if<group::ClassicGroupRecord>(&record);
        classic && classic->value)
      for (const auto& member : classic->value->members) out.members.erase(member.member_id);
  return out;
}

}  // namespace

// ---- live groups ----

GroupShard::Live::Live(GroupShard& s, std::string name)
    : shard(s), id(std::move(name)), timer(s.timers_, fire, this) {}

// Its turn may come later: what is due is looked at then.
void GroupShard::Live::fire(void* live) {
  Live& self = *static_cast<Live*>(live);
  if (std::exchange(self.expires, true)) return;
  self.shard.expire(std::string(self.id));
}

void GroupShard::Live::arm(int64_t deadline_ms) {
  if (deadline_ms == INT64_MAX) return timer.cancel();
  const int64_t now_ms = shard.now().monotonic_ms;
  const int64_t left_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;  // it may be any time ago
  timer.arm(static_cast<uint64_t>(left_ms) * kMs);
}

void GroupShard::Live::fire_if_due() {
  const int64_t deadline_ms =
      group != nullptr ? group->next_deadline_ms() : consumer->next_deadline_ms(shard.consumer_context(id));
  if (deadline_ms <= shard.now().monotonic_ms) fire(this);
}

void GroupShard::Live::fail_waits(ErrorCode error) {
  if (group != nullptr) group->fail_waits(error);
  if (consumer != nullptr) consumer->fail_waits(error);
}

group::Now GroupShard::now() const { return {static_cast<int64_t>(host().now_ns() / kMs), host().unix_ms()}; }

GroupShard::Live& GroupShard::live(const std::string& id) {
  std::unique_ptr<Live>& found = live_[id];
  if (found == nullptr) {
    found = std::make_unique<Live>(*this, id);
    begin(*found);
  }
  return *found;
}

void GroupShard::begin(Live& live) {
  const group::Group* const recorded = table_.find(live.id);
  const int32_t told_generation = live.group != nullptr ? live.group->generation() : 0;
  live.group = nullptr;
  live.consumer = nullptr;
  if (recorded != nullptr && recorded->consumer != nullptr)
    return live.begin_consumer(consumer_context(live.id));
  live.group = std::make_unique<group::ClassicGroup>(config_.classic, live.id,
                                                     recorded == nullptr ? nullptr : recorded->classic.get(),
                                                     now(), told_generation);
}

const group::ClassicGroup* GroupShard::find_live(std::string_view id) const {
  const auto found = live_.find(id);
  return found == live_.end() ? nullptr : found->second->group.get();
}

// Every member gets a fresh session: nobody knows when the leader of before heard of it.
void GroupShard::begin_leading() {
  for (const std::string_view each : table_.with_members()) {
    const std::string id(each);
    live(id);
    settle(id);
  }
  upkeep_ = std::make_unique<GroupUpkeep>(this, timers_, config_, consumers_.topics, consumers_.services);
  consumers_.topics.follow(this, [this] { refresh_topics(); });
  // Deadlines may be others.
  consumers_.rules.follow(this, [this](const auto& groups) {
    for (const std::string& id : groups) settle(id);
  });
}

void GroupShard::end_leading() {
  upkeep_ = nullptr;
  consumers_.topics.unfollow(this);
  consumers_.rules.unfollow(this);
  // mutant join-lost-at-failover: for (auto& [id, each] : std::exchange(live_, {}))
  //     each.release()->timer.cancel();
  for (const auto& [id, each] : std::exchange(live_, {})) each->fail_waits(ErrorCode::kNotCoordinator);
}

// Arms the timer at the next deadline, or lets go of a group that is as recorded.
void GroupShard::settle(const std::string& id) {
  const auto found = live_.find(id);
  if (found == live_.end()) return;
  Live& live = *found->second;
  if (live.consumer != nullptr) return settle_consumer(id);
  if (live.group->is_dispensable() && !live.expires) {
    live_.erase(found);
    return;
  }
  live.arm(live.group->next_deadline_ms());
}

void GroupShard::expire(const std::string& id) {
  take_turn(id, Turn::kAlone, [this, id](ErrorCode error) {
    const auto found = live_.find(id);
    if (found != live_.end()) found->second->expires = false;
    if (error != ErrorCode::kNone || found == live_.end()) return;
    group::Outcome outcome;
    if (const auto& consumer = found->second->consumer; consumer != nullptr) {
      consumer->expire(consumer_context(id), outcome);
    } else {
      found->second->group->expire(now(), outcome);
    }
    finish_outcome(id, std::move(outcome));
  });
}

// ---- outcomes ----

void GroupShard::finish_outcome(const std::string& id, group::Outcome outcome) {
  if (outcome.records.empty()) return end_outcome(id, outcome.finish, ErrorCode::kNone);
  RecordList records;
  for (const group::Record& record : outcome.records) add_record(record, records);
  if (const auto live = live_.find(id); live != live_.end())
    live->second->leaving = leaving_members(outcome.records);
  write(id, std::move(records), [this, id, finish = std::move(outcome.finish)](ErrorCode written) {
    end_outcome(id, finish, written);
  });
}

void GroupShard::end_outcome(const std::string& id, const std::vector<group::Outcome::Finish>& finish,
                             ErrorCode written) {
  for (const group::Outcome::Finish& each : finish) each(written);
  if (!leads()) return;  // all live groups end
  const auto found = live_.find(id);
  if (found == live_.end()) return;
  Live& live = *found->second;
  live.leaving = {};
  live.failed = written != ErrorCode::kNone;
  if (live.failed) {
    live.fail_waits(written);
    begin(live);
    // Its steps come to the same again: not at once.
    if (live.consumer != nullptr) return live.arm(now().monotonic_ms + kRetryMs);
  } else {
    follow_kind(id);
  }
  settle(id);
}

// What was given up is known now: what is live stands on it.
void GroupShard::end_late_write(const std::string& id) {
  const group::Group* const recorded = table_.find(id);
  const auto found = live_.find(id);
  if (found == live_.end()) {
    if (recorded == nullptr || !recorded->has_members()) return;
    live(id);
    return settle(id);
  }
  Live& live = *found->second;
  const bool was_classic = live.group != nullptr;
  const bool is_classic = recorded == nullptr || recorded->consumer == nullptr;
  if (!was_classic && is_classic && recorded != nullptr) {
    follow_kind(id);
  } else if (live.failed || was_classic != is_classic) {
    live.fail_waits(ErrorCode::kCoordinatorNotAvailable);
    begin(live);
  }
  settle(id);
}

// ---- requests ----

template <class Result, class Act>
void GroupShard::take_group_turn(const std::string& id, group::Reply<Result> reply, Act act) {
  const auto run = std::make_shared<std::pair<group::Reply<Result>, Act>>(std::move(reply), std::move(act));
  take_turn(id, Turn::kAlone, [this, id, run](ErrorCode error) {
    if (error != ErrorCode::kNone) {
      Result result;
      result.error = error;
      return run->first(std::move(result));
    }
    group::Outcome outcome;
    run->second(live(id), std::move(run->first), outcome);
    finish_outcome(id, std::move(outcome));
  });
}

void GroupShard::join(const std::string& id, group::JoinRequest request,
                      group::Reply<group::JoinResult> reply) {
  take_group_turn(id, std::move(reply),
                  [this, request = std::move(request)](Live& live, group::Reply<group::JoinResult>&& to,
                                                       group::Outcome& out) mutable {
                    if (live.consumer != nullptr && live.replace_consumer(request, to, out)) return;
                    if (live.consumer != nullptr)
                      return live.consumer->join(consumer_context(live.id), std::move(request), to, out);
                    live.group->join(std::move(request), std::move(to), now(), out);
                  });
}

void GroupShard::sync(const std::string& id, group::SyncRequest request,
                      group::Reply<group::SyncResult> reply) {
  take_group_turn(id, std::move(reply),
                  [this, request = std::move(request)](Live& live, group::Reply<group::SyncResult>&& to,
                                                       group::Outcome& out) mutable {
                    if (live.consumer != nullptr)
                      return live.consumer->sync(consumer_context(live.id), request, to, out);
                    live.group->sync(std::move(request), std::move(to), now(), out);
                  });
}

void GroupShard::leave(const std::string& id, group::LeaveRequest request,
                       group::Reply<group::LeaveResult> reply) {
  take_group_turn(id, std::move(reply),
                  [this, request = std::move(request)](Live& live, group::Reply<group::LeaveResult>&& to,
                                                       group::Outcome& out) {
                    if (live.consumer != nullptr)
                      return live.consumer->leave(consumer_context(live.id), request, to, out);
                    live.group->leave(request, std::move(to), now(), out);
                  });
}

ErrorCode GroupShard::heartbeat(std::string_view id, const group::MemberClaim& claim) {
  const auto found = live_.find(id);
  if (found == live_.end()) return ErrorCode::kUnknownMemberId;
  if (found->second->group != nullptr) return found->second->group->heartbeat(claim, now());
  if (has_late_write(id)) return ErrorCode::kCoordinatorNotAvailable;
  if (const Leaving& leaving = found->second->leaving; leaving.members.contains(claim.member_id)) {
    // As it will be told once that is written.
    const bool is_fenced = claim.instance_id && leaving.taken_instances.contains(*claim.instance_id);
    return is_fenced ? ErrorCode::kFencedInstanceId : ErrorCode::kUnknownMemberId;
  }
  return found->second->consumer->classic_heartbeat(consumer_context(id), claim);
}

void GroupShard::remove(const std::string& id, const group::Reply<ErrorCode>& reply) {
  if (const auto found = live_.find(id); found != live_.end()) found->second->fire_if_due();
  take_turn(id, Turn::kAlone, [this, id, reply](ErrorCode error) {
    if (error != ErrorCode::kNone) return reply(error);
    group::Outcome outcome;
    const group::Group* const recorded = table_.find(id);
    error = recorded != nullptr && recorded->consumer != nullptr
                ? group::delete_consumer(id, *recorded, outcome.records)
                : group::delete_classic(id, recorded, find_live(id), outcome.records);
    if (error != ErrorCode::kNone) return reply(error);
    const bool is_more = cut_to_write(outcome.records);  // the group itself is the last of them
    outcome.finish.push_back([this, id, reply, is_more](ErrorCode written) {
      if (written == ErrorCode::kNone && is_more) return remove(id, reply);
      if (written == ErrorCode::kNone) live_.erase(id);
      reply(written);
    });
    finish_outcome(id, std::move(outcome));
  });
}

void GroupShard::commit_offsets(CommitRequest request, const group::Reply<CommitResult>& reply) {
  const std::string id = request.group;
  take_turn(id, Turn::kShared, [this, request = std::move(request), reply](ErrorCode error) mutable {
    CommitResult result{error, {}};
    if (error == ErrorCode::kNone) result = check_commit(request);
    if (result.error != ErrorCode::kNone || request.offsets.empty()) return reply(std::move(result));
    RecordList records;
    for (group::OffsetCommitRecord& offset : request.offsets) add_record(std::move(offset), records);
    // What became of it is nothing to the members.
    write(request.group, std::move(records), [reply, result = std::move(result)](ErrorCode written) mutable {
      result.error = written;
      reply(std::move(result));
    });
  });
}

GroupShard::CommitResult GroupShard::check_commit(CommitRequest& request) {
  const group::Group* const recorded = table_.find(request.group);
  if (recorded != nullptr && recorded->consumer != nullptr)
    return check_consumer_commit(request, *recorded->consumer);
  const auto found = live_.find(request.group);
  if (found != live_.end() && found->second->group != nullptr)
    return {found->second->group->check_commit(request.claim, now()), {}};
  const ErrorCode error = group::check_simple_commit(recorded, request.claim);
  const bool is_told = error != ErrorCode::kGroupIdNotFound || request.knows_group_id_not_found;
  return {is_told ? error : ErrorCode::kIllegalGeneration, {}};
}

}  // namespace chronik::kafka
