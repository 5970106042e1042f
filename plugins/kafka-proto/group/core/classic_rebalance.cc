// Rebalances of a ClassicGroup: when they begin, whom they wait for, and what time does.
#include <algorithm>
#include <limits>
#include <utility>

#include "kafka-proto/group/core/classic_group.h"

namespace chronik::kafka::group {
namespace {

// Between looks at a group none of whose members joined, where their timeout is shorter.
constexpr int64_t kMinRetryMs = 100;

}  // namespace

void ClassicGroup::rebalance_or_complete(Now now, Outcome& out) {
  if (state_ == ClassicState::kPreparingRebalance) return complete_join_if_all(now, out);
  prepare_rebalance(now, out);
}

void ClassicGroup::rebalance(Now now, Outcome& out) {
  if (state_ == ClassicState::kStable || state_ == ClassicState::kCompletingRebalance)
    prepare_rebalance(now, out);
}

void ClassicGroup::prepare_rebalance(Now now, Outcome& out) {
  drop_sync_waits(now, out);
  const bool is_first = state_ == ClassicState::kEmpty;
  set_state(ClassicState::kPreparingRebalance, now);
  const int64_t rebalance_ms = members_.max_rebalance_timeout_ms();
  initial_ = {};
  if (is_first && config_.initial_rebalance_delay_ms > 0) {
    const int64_t delay_ms = config_.initial_rebalance_delay_ms;
    initial_ = {
        .is_on = true, .delay_ms = delay_ms, .remaining_ms = std::max<int64_t>(rebalance_ms - delay_ms, 0)};
    join_deadline_ms_ = now.monotonic_ms + delay_ms;
  } else if (is_first || members_.have_all_joined()) {
    complete_join(now, out);
  } else {
    join_deadline_ms_ = now.monotonic_ms + rebalance_ms;
  }
}

// Who waits for an assignment of this generation has to join again.
void ClassicGroup::drop_sync_waits(Now now, Outcome& out) {
  sync_deadline_ms_ = kNever;
  for (auto& [id, member] : members_.all()) {
    members_.set_owes_sync(member, false);
    if (state_ == ClassicState::kCompletingRebalance) member.assignment.clear();
    if (!member.sync) continue;
    out.answer(std::exchange(member.sync, nullptr), SyncResult{.error = ErrorCode::kRebalanceInProgress});
    members_.sessions().start(member.session, now.monotonic_ms);
  }
}

void ClassicGroup::complete_join_if_all(Now now, Outcome& out) {
  if (state_ == ClassicState::kPreparingRebalance && !initial_.is_on && members_.have_all_joined())
    complete_join(now, out);
}

void ClassicGroup::complete_join(Now now, Outcome& out) {
  join_deadline_ms_ = kNever;
  for (auto at = members_.all().begin(); at != members_.all().end();) {
    ClassicMember& member = at++->second;
    if (!member.join && !member.is_static()) remove_member(member, out);
  }
  const ClassicMember* leader = members_.choose_leader(leader_);
  if (leader == nullptr && !members_.empty()) {
    // Static members alone, none of which has come back: until their sessions end.
    join_deadline_ms_ =
        now.monotonic_ms + std::max<int64_t>(members_.max_rebalance_timeout_ms(), kMinRetryMs);
    return;
  }
  leader_ = leader == nullptr ? "" : leader->id;
  begin_generation(now, out);
}

void ClassicGroup::begin_generation(Now now, Outcome& out) {
  initial_ = {};
  generation_ = generation_ == std::numeric_limits<int32_t>::max() ? 1 : generation_ + 1;
  protocol_ = members_.choose_protocol();
  subscription_ = subscription_of(members_, protocol_type_, protocol_);
  if (members_.empty()) {
    set_state(ClassicState::kEmpty, now);
    return write_record(out);
  }
  set_state(ClassicState::kCompletingRebalance, now);
  for (auto& [id, member] : members_.all()) {
    if (Reply<JoinResult> reply = members_.take_join(member)) out.answer(std::move(reply), joined(member));
    members_.sessions().start(member.session, now.monotonic_ms);
    member.is_new = false;
    members_.set_owes_sync(member, true);
  }
  sync_deadline_ms_ = now.monotonic_ms + members_.max_rebalance_timeout_ms();
}

// ---- time ----

void ClassicGroup::expire(Now now, Outcome& out) {
  while (ClassicSessions::Session* session = members_.sessions().pop_due(now.monotonic_ms))
    expire_session(*session, now, out);
  if (join_deadline_ms_ <= now.monotonic_ms) expire_join(now, out);
  if (sync_deadline_ms_ <= now.monotonic_ms) expire_sync(now, out);
}

void ClassicGroup::expire_session(ClassicSessions::Session& session, Now now, Outcome& out) {
  const std::string& id = session.member_id();
  if (ClassicMember* member = members_.find(id)) {
    if (member->waits()) return;
    remove_member(*member, out);
    if (state_ == ClassicState::kStable || state_ == ClassicState::kCompletingRebalance)
      return prepare_rebalance(now, out);
  } else {
    members_.remove_pending(id);
  }
  if (state_ == ClassicState::kPreparingRebalance && members_.have_all_joined()) complete_join(now, out);
}

void ClassicGroup::expire_join(Now now, Outcome& out) {
  if (!initial_.is_on || !initial_.member_came || initial_.remaining_ms == 0) return complete_join(now, out);
  const int64_t delay_ms = std::min<int64_t>(config_.initial_rebalance_delay_ms, initial_.remaining_ms);
  initial_ = {.is_on = true,
              .delay_ms = delay_ms,
              .remaining_ms = std::max<int64_t>(initial_.remaining_ms - initial_.delay_ms, 0)};
  join_deadline_ms_ = now.monotonic_ms + delay_ms;
}

void ClassicGroup::expire_sync(Now now, Outcome& out) {
  sync_deadline_ms_ = kNever;
  if (members_.owing_sync() == 0) return;
  for (auto at = members_.all().begin(); at != members_.all().end();) {
    ClassicMember& member = at++->second;
    if (member.owes_sync) remove_member(member, out);
  }
  prepare_rebalance(now, out);
}

}  // namespace chronik::kafka::group
