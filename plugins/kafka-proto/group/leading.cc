// What GroupShard does where it leads: requests of members in the turn of their group, and what time does.
#include <algorithm>
#include <utility>

#include "kafka-proto/group/core/offset_rules.h"
#include "kafka-proto/group/records.h"
#include "kafka-proto/group/shard.h"

namespace chronik::kafka {
namespace {

constexpr uint64_t kMs = 1'000'000;

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
  live.group = std::make_unique<group::ClassicGroup>(
      config_.classic, live.id, recorded == nullptr ? nullptr : recorded->classic.get(), now());
}

const group::ClassicGroup* GroupShard::find_live(std::string_view id) const {
  const auto found = live_.find(id);
  return found == live_.end() ? nullptr : found->second->group.get();
}

// Every member gets a fresh session: nobody knows when the leader of before heard of it.
void GroupShard::begin_leading() {
  for (const auto& [id, group] : table_.groups()) {
    if (group.classic == nullptr || group.classic->members.empty()) continue;
    live(id);
    settle(id);
  }
}

void GroupShard::end_leading() {
  const auto live = std::exchange(live_, {});
  for (const auto& [id, each] : live) each->group->fail_waits(ErrorCode::kNotCoordinator);
}

// Arms the timer at the next deadline, or lets go of a group that is as recorded.
void GroupShard::settle(const std::string& id) {
  const auto found = live_.find(id);
  if (found == live_.end()) return;
  Live& live = *found->second;
  if (live.group->is_dispensable() && !live.expires) {
    live_.erase(found);
    return;
  }
  const int64_t deadline_ms = live.group->next_deadline_ms();
  if (deadline_ms == INT64_MAX) return live.timer.cancel();
  const int64_t now_ms = now().monotonic_ms;
  const int64_t left_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;  // it may be any time ago
  live.timer.arm(static_cast<uint64_t>(left_ms) * kMs);
}

void GroupShard::expire(const std::string& id) {
  take_turn(id, Turn::kAlone, [this, id](ErrorCode error) {
    const auto found = live_.find(id);
    if (error != ErrorCode::kNone || found == live_.end()) return;
    found->second->expires = false;
    group::Outcome outcome;
    found->second->group->expire(now(), outcome);
    finish_outcome(id, std::move(outcome));
  });
}

// ---- outcomes ----

void GroupShard::finish_outcome(const std::string& id, group::Outcome outcome) {
  if (outcome.records.empty()) return end_outcome(id, outcome.finish, ErrorCode::kNone);
  RecordList records;
  for (const group::Record& record : outcome.records) add_record(record, records);
  write(id, std::move(records), [this, id, finish = std::move(outcome.finish)](ErrorCode written) {
    end_outcome(id, finish, written);
  });
}

void GroupShard::end_outcome(const std::string& id, const std::vector<group::Outcome::Finish>& finish,
                             ErrorCode written) {
  for (const group::Outcome::Finish& each : finish) each(written);
  if (!leads()) return;  // all live groups end
  const auto found = live_.find(id);
  if (written != ErrorCode::kNone && found != live_.end()) {
    found->second->group->fail_waits(written);
    begin(*found->second);
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
    run->second(*live(id).group, std::move(run->first), outcome);
    finish_outcome(id, std::move(outcome));
  });
}

void GroupShard::join(const std::string& id, group::JoinRequest request,
                      group::Reply<group::JoinResult> reply) {
  take_group_turn(
      id, std::move(reply),
      [this, request = std::move(request)](group::ClassicGroup& group, group::Reply<group::JoinResult>&& to,
                                           group::Outcome& out) mutable {
        group.join(std::move(request), std::move(to), now(), out);
      });
}

void GroupShard::sync(const std::string& id, group::SyncRequest request,
                      group::Reply<group::SyncResult> reply) {
  take_group_turn(
      id, std::move(reply),
      [this, request = std::move(request)](group::ClassicGroup& group, group::Reply<group::SyncResult>&& to,
                                           group::Outcome& out) mutable {
        group.sync(std::move(request), std::move(to), now(), out);
      });
}

void GroupShard::leave(const std::string& id, group::LeaveRequest request,
                       group::Reply<group::LeaveResult> reply) {
  take_group_turn(id, std::move(reply),
                  [this, request = std::move(request)](
                      group::ClassicGroup& group, group::Reply<group::LeaveResult>&& to,
                      group::Outcome& out) { group.leave(request, std::move(to), now(), out); });
}

ErrorCode GroupShard::heartbeat(std::string_view id, const group::MemberClaim& claim) {
  const auto found = live_.find(id);
  return found == live_.end() ? ErrorCode::kUnknownMemberId : found->second->group->heartbeat(claim, now());
}

void GroupShard::remove(const std::string& id, const group::Reply<ErrorCode>& reply) {
  take_turn(id, Turn::kAlone, [this, id, reply](ErrorCode error) {
    if (error != ErrorCode::kNone) return reply(error);
    group::Outcome outcome;
    error = group::delete_classic(id, table_.find(id), find_live(id), outcome.records);
    if (error != ErrorCode::kNone) return reply(error);
    outcome.finish.push_back([this, id, reply](ErrorCode written) {
      if (written == ErrorCode::kNone) live_.erase(id);
      reply(written);
    });
    finish_outcome(id, std::move(outcome));
  });
}

void GroupShard::commit_offsets(CommitRequest request, const group::Reply<ErrorCode>& reply) {
  const std::string id = request.group;
  take_turn(id, Turn::kShared, [this, request = std::move(request), reply](ErrorCode error) mutable {
    if (error == ErrorCode::kNone) error = check_commit(request);
    if (error != ErrorCode::kNone) return reply(error);
    RecordList records;
    for (group::OffsetCommitRecord& offset : request.offsets) add_record(std::move(offset), records);
    // What became of it is nothing to the members.
    write(request.group, std::move(records), reply);
  });
}

ErrorCode GroupShard::check_commit(const CommitRequest& request) {
  const auto found = live_.find(request.group);
  if (found != live_.end()) return found->second->group->check_commit(request.claim, now());
  const ErrorCode error = group::check_simple_commit(table_.find(request.group), request.claim);
  const bool is_told = error != ErrorCode::kGroupIdNotFound || request.knows_group_id_not_found;
  return is_told ? error : ErrorCode::kIllegalGeneration;
}

}  // namespace chronik::kafka
