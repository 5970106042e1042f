#include "kafka-proto/group/core/classic_group.h"

#include <algorithm>
#include <map>
#include <utility>

namespace chronik::kafka::group {

ClassicGroup::ClassicGroup(const ClassicGroupConfig& config, std::string id,
                           const ClassicGroupRecord::Value* recorded, Now now, int32_t told_generation)
    : config_(config), id_(std::move(id)), recorded_(recorded != nullptr), state_timestamp_ms_(now.wall_ms) {
  generation_ = told_generation;
  if (recorded == nullptr) return;
  state_ = recorded_state(recorded);
  state_timestamp_ms_ = recorded->state_timestamp_ms;
  protocol_type_ = recorded->protocol_type;
  protocol_ = recorded->protocol.value_or("");
  generation_ = std::max(told_generation, recorded->generation);
  for (const ClassicGroupRecord::Member& from : recorded->members) {
    if (members_.find(from.member_id) != nullptr) continue;
    ClassicMember& member = members_.add(from, protocol_);
    // mutant classic-sessions-not-renewed: members_.sessions().start(member.session, now.monotonic_ms, 1000);
    members_.sessions().start(member.session, now.monotonic_ms);
  }
  leader_ = recorded->leader.value_or("");
  if (members_.find(leader_) == nullptr) leader_ = members_.empty() ? "" : members_.all().begin()->first;
  subscription_ = subscription_of(members_, protocol_type_, protocol_);
  if (std::cmp_greater(members_.size(), config_.max_size)) {
    // The limit is lower than it was. They may commit before some of them are left out.
    set_state(ClassicState::kPreparingRebalance, now);
    join_deadline_ms_ = now.monotonic_ms + members_.max_rebalance_timeout_ms();
  }
  if (generation_ == recorded->generation) return;
  Outcome none;  // nobody waits
  rebalance(now, none);
}

void ClassicGroup::set_state(ClassicState state, Now now) {
  state_ = state;
  state_timestamp_ms_ = now.wall_ms;
}

void ClassicGroup::write_record(Outcome& out) {
  const auto or_none = [](const std::string& text) {
    return text.empty() ? std::nullopt : std::optional<std::string>(text);
  };
  ClassicGroupRecord::Value value{.protocol_type = protocol_type_,
                                  .generation = generation_,
                                  .protocol = or_none(protocol_),
                                  .leader = or_none(leader_),
                                  .state_timestamp_ms = state_timestamp_ms_};
  value.members.reserve(members_.size());
  for (const auto& [id, member] : members_.all())
    value.members.push_back({id, member.instance_id, member.client_id, member.client_host,
                             member.rebalance_timeout_ms, member.session.timeout_ms,
                             std::string(metadata_of(member.protocols, protocol_)), member.assignment});
  recorded_ = true;
  out.records.push_back(ClassicGroupRecord{id_, std::move(value)});
}

// ---- SyncGroup ----

ErrorCode ClassicGroup::check_sync(const SyncRequest& request) const {
  if (state_ == ClassicState::kEmpty) return ErrorCode::kUnknownMemberId;
  if (const ErrorCode error = members_.check(request.member_id, request.instance_id);
      error != ErrorCode::kNone)
    return error;
  // mutant old-generation-syncs: left out
  if (request.generation != generation_) return ErrorCode::kIllegalGeneration;
  const auto differs = [](const std::optional<std::string>& asked, const std::string& ours) {
    return asked && !ours.empty() && *asked != ours;
  };
  if (differs(request.protocol_type, protocol_type_) || differs(request.protocol, protocol_))
    return ErrorCode::kInconsistentGroupProtocol;
  return state_ == ClassicState::kPreparingRebalance ? ErrorCode::kRebalanceInProgress : ErrorCode::kNone;
}

void ClassicGroup::sync(SyncRequest request, Reply<SyncResult> reply, Now now, Outcome& out) {
  if (const ErrorCode error = check_sync(request); error != ErrorCode::kNone)
    return out.answer(std::move(reply), SyncResult{.error = error});
  ClassicMember& member = *members_.find(request.member_id);
  members_.set_owes_sync(member, false);
  if (members_.owing_sync() == 0) sync_deadline_ms_ = kNever;
  if (state_ == ClassicState::kStable) {
    members_.sessions().start(member.session, now.monotonic_ms);
    return out.answer(
        std::move(reply),
        SyncResult{.protocol_type = protocol_type_, .protocol = protocol_, .assignment = member.assignment});
  }
  if (member.sync)
    out.answer(std::exchange(member.sync, nullptr), SyncResult{.error = ErrorCode::kRebalanceInProgress});
  member.sync = std::move(reply);
  if (member.id == leader_) assign(std::move(request.assignments), out);
}

// Whom the leader did not name has nothing assigned. Their answers wait for the record.
void ClassicGroup::assign(std::vector<SyncRequest::Assignment>&& assignments, Outcome& out) {
  for (auto& [id, member] : members_.all()) member.assignment.clear();
  for (SyncRequest::Assignment& of_member : assignments)
    if (ClassicMember* member = members_.find(of_member.member_id))
      member->assignment = std::move(of_member.assignment);
  state_ = ClassicState::kStable;
  write_record(out);
  for (auto& [id, member] : members_.all()) {
    if (!member.sync) continue;
    out.answer(
        std::exchange(member.sync, nullptr),
        SyncResult{.protocol_type = protocol_type_, .protocol = protocol_, .assignment = member.assignment});
    members_.sessions().start_later(member.session);
  }
}

// ---- Heartbeat, OffsetCommit ----

ErrorCode ClassicGroup::heartbeat(const MemberClaim& claim, Now now) {
  if (const ErrorCode error = members_.check(claim.member_id, claim.instance_id); error != ErrorCode::kNone)
    return error;
  if (claim.generation != generation_) return ErrorCode::kIllegalGeneration;
  members_.sessions().start(members_.find(claim.member_id)->session, now.monotonic_ms);
  return state_ == ClassicState::kPreparingRebalance ? ErrorCode::kRebalanceInProgress : ErrorCode::kNone;
}

ErrorCode ClassicGroup::check_commit(const MemberClaim& claim, Now now) {
  if (claim.generation < 0 && state_ == ClassicState::kEmpty) return ErrorCode::kNone;
  if (claim.generation < 0 && claim.member_id.empty() && !claim.instance_id)
    return ErrorCode::kUnknownMemberId;
  if (const ErrorCode error = members_.check(claim.member_id, claim.instance_id); error != ErrorCode::kNone)
    return error;
  // mutant old-generation-commits: left out
  if (claim.generation != generation_) return ErrorCode::kIllegalGeneration;
  if (state_ == ClassicState::kCompletingRebalance) return ErrorCode::kRebalanceInProgress;
  members_.sessions().start(members_.find(claim.member_id)->session, now.monotonic_ms);
  return ErrorCode::kNone;
}

// ---- LeaveGroup ----

void ClassicGroup::remove_member(ClassicMember& member, Outcome& out) {
  if (Reply<JoinResult> reply = members_.take_join(member))
    out.answer(std::move(reply), JoinResult{.error = ErrorCode::kUnknownMemberId});
  if (member.sync)
    out.answer(std::exchange(member.sync, nullptr), SyncResult{.error = ErrorCode::kUnknownMemberId});
  const bool led = member.id == leader_;
  members_.remove(member);
  if (led) leader_ = members_.empty() ? "" : members_.all().begin()->first;
}

ErrorCode ClassicGroup::remove_leaving(const LeaveRequest::Member& leaving, Outcome& out) {
  if (leaving.member_id.empty()) {
    // An admin names the instance alone.
    const std::string* current = leaving.instance_id ? members_.find_static(*leaving.instance_id) : nullptr;
    if (current == nullptr) return ErrorCode::kUnknownMemberId;
    remove_member(*members_.find(*current), out);
    return ErrorCode::kNone;
  }
  if (members_.remove_pending(leaving.member_id)) return ErrorCode::kNone;
  const ErrorCode error = members_.check(leaving.member_id, leaving.instance_id);
  if (error == ErrorCode::kNone) remove_member(*members_.find(leaving.member_id), out);
  return error;
}

void ClassicGroup::leave(const LeaveRequest& request, Reply<LeaveResult> reply, Now now, Outcome& out) {
  LeaveResult result;
  bool any = false;
  for (const LeaveRequest::Member& leaving : request.members) {
    const ErrorCode error = remove_leaving(leaving, out);
    any = any || error == ErrorCode::kNone;
    result.members.push_back({leaving.member_id, leaving.instance_id, error});
  }
  if (any && state_ != ClassicState::kEmpty) rebalance_or_complete(now, out);
  out.answer(std::move(reply), std::move(result));
}

// ---- reads, the end ----

int64_t ClassicGroup::next_deadline_ms() const {
  return std::min({members_.sessions().next_ms(), join_deadline_ms_, sync_deadline_ms_});
}

ClassicDescription ClassicGroup::describe() const {
  const bool stable = state_ == ClassicState::kStable;
  ClassicDescription described{
      .state = state_, .protocol_type = protocol_type_, .protocol = stable ? protocol_ : ""};
  described.members.reserve(members_.size());
  for (const auto& [id, member] : members_.all())
    described.members.push_back(
        {id, member.instance_id, member.client_id, member.client_host,
         stable ? std::string(metadata_of(member.protocols, protocol_)) : std::string(), member.assignment});
  return described;
}

void ClassicGroup::fail_waits(ErrorCode error) {
  Outcome out;
  for (auto& [id, member] : members_.all()) {
    if (Reply<JoinResult> reply = members_.take_join(member))
      out.answer(std::move(reply), JoinResult{.error = error, .member_id = id});
    if (member.sync) out.answer(std::exchange(member.sync, nullptr), SyncResult{.error = error});
  }
  for (const Outcome::Finish& answer : out.finish) answer(ErrorCode::kNone);
}

}  // namespace chronik::kafka::group
