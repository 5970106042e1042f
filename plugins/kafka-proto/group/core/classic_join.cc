// JoinGroup of a ClassicGroup: who may come in, and whether that takes a rebalance.
#include <utility>

#include "kafka-proto/group/core/classic_group.h"

namespace chronik::kafka::group {
namespace {

// Whether one more has room in the group.
bool accepts(const ClassicGroup& group, const ClassicMember* member, int32_t max_size) {
  switch (group.state()) {
    case ClassicState::kPreparingRebalance:
      // By those who wait: the group may be above a limit that was lowered, and then the last to join stay out.
      return (member != nullptr && member->join) || std::cmp_less(group.members().joining(), max_size);
    case ClassicState::kCompletingRebalance:
    case ClassicState::kStable:
      return member != nullptr || std::cmp_less(group.members().size(), max_size);
    default:
      return true;
  }
}

// Whether one more id may be handed out. Ids that are out count as members: nothing else bounds them.
bool has_room_for_id(const ClassicGroup& group, const ClassicGroupConfig& config) {
  const ClassicMembers& members = group.members();
  const size_t in = group.state() == ClassicState::kPreparingRebalance ? members.joining() : members.size();
  return std::cmp_less(in + members.pending(), config.max_size) &&
         std::cmp_less(members.pending(), config.max_pending);
}

bool supports(const ClassicGroup& group, const JoinRequest& request) {
  if (group.state() == ClassicState::kEmpty)
    return !request.protocol_type.empty() && !request.protocols.empty();
  return request.protocol_type == group.protocol_type() &&
         group.members().protocols().shares_one(request.protocols);
}

}  // namespace

void ClassicGroup::join(JoinRequest request, Reply<JoinResult> reply, Now now, Outcome& out) {
  if (request.session_timeout_ms < config_.min_session_timeout_ms ||
      request.session_timeout_ms > config_.max_session_timeout_ms)
    return out.answer(std::move(reply), JoinResult{.error = ErrorCode::kInvalidSessionTimeout,
                                                   .member_id = std::move(request.member_id)});
  // Only a member without an id makes a group.
  if (!recorded_ && !request.member_id.empty())
    return out.answer(std::move(reply), JoinResult{.error = ErrorCode::kUnknownMemberId,
                                                   .member_id = std::move(request.member_id)});
  ClassicMember* known = members_.find(request.member_id);
  if (!accepts(*this, known, config_.max_size)) {
    members_.remove_pending(request.member_id);
    if (known != nullptr) remove_member(*known, out);
    out.answer(std::move(reply), JoinResult{.error = ErrorCode::kGroupMaxSizeReached});
    return complete_join_if_all(now, out);
  }
  if (!supports(*this, request))
    return out.answer(std::move(reply), JoinResult{.error = ErrorCode::kInconsistentGroupProtocol,
                                                   .member_id = std::move(request.member_id)});
  request.protocols = without_repeats(std::move(request.protocols));
  const bool recorded = recorded_;
  if (request.member_id.empty()) {
    join_unknown(std::move(request), std::move(reply), now, out);
  } else {
    join_known(std::move(request), std::move(reply), now, out);
  }
  // As of before: nobody has an assignment yet.
  if (!recorded && !recorded_) {
    out.records.push_back(
        ClassicGroupRecord{id_, ClassicGroupRecord::Value{.state_timestamp_ms = state_timestamp_ms_}});
    recorded_ = true;
  }
}

void ClassicGroup::join_unknown(JoinRequest&& request, Reply<JoinResult>&& reply, Now now, Outcome& out) {
  std::string id = std::move(request.new_member_id);
  if (request.instance_id) {
    if (const std::string* current = members_.find_static(*request.instance_id)) {
      request.new_member_id = std::move(id);
      return rejoin_static(*members_.find(*current), std::move(request), std::move(reply), now, out);
    }
  } else if (request.requires_known_member) {
    if (!has_room_for_id(*this, config_))
      return out.answer(std::move(reply), JoinResult{.error = ErrorCode::kGroupMaxSizeReached});
    members_.add_pending(id, request.session_timeout_ms, now.monotonic_ms);
    return out.answer(std::move(reply),
                      JoinResult{.error = ErrorCode::kMemberIdRequired, .member_id = std::move(id)});
  }
  add_member(std::move(id), std::move(request), std::move(reply), now, out);
}

void ClassicGroup::join_known(JoinRequest&& request, Reply<JoinResult>&& reply, Now now, Outcome& out) {
  std::string id = request.member_id;
  if (members_.is_pending(id)) {
    // Static members never wait for their id.
    if (request.instance_id)
      return out.answer(std::move(reply), JoinResult{.error = ErrorCode::kUnknownServerError});
    members_.remove_pending(id);
    return add_member(std::move(id), std::move(request), std::move(reply), now, out);
  }
  if (const ErrorCode error = members_.check(id, request.instance_id); error != ErrorCode::kNone)
    return out.answer(std::move(reply), JoinResult{.error = error, .member_id = std::move(id)});
  rejoin(*members_.find(id), std::move(request), std::move(reply), now, out);
}

void ClassicGroup::rejoin(ClassicMember& member, JoinRequest&& request, Reply<JoinResult>&& reply, Now now,
                          Outcome& out) {
  // A leader that joins a stable group asks for a rebalance: it has seen what changes the assignment. Whoever
  // else says what it said before lost the answer, and gets it again.
  const bool asks_again = state_ == ClassicState::kCompletingRebalance ||
                          (state_ == ClassicState::kStable && member.id != leader_);
  if (asks_again && member.protocols == request.protocols)
    return out.answer(std::move(reply), joined(member));
  update_member(member, std::move(request), std::move(reply), out);
  rebalance_or_complete(now, out);
}

void ClassicGroup::add_member(std::string id, JoinRequest&& request, Reply<JoinResult>&& reply, Now now,
                              Outcome& out) {
  if (members_.empty()) protocol_type_ = request.protocol_type;
  ClassicMember& member = members_.add(std::move(id), std::move(request));
  member.is_new = true;
  if (leader_.empty()) leader_ = member.id;
  members_.set_join(member, std::move(reply));
  // It has no id to send heartbeats with, and whether its client is still there is not seen while it waits.
  members_.sessions().start(member.session, now.monotonic_ms, config_.new_member_join_timeout_ms);
  initial_.member_came = initial_.is_on;
  rebalance_or_complete(now, out);
}

void ClassicGroup::update_member(ClassicMember& member, JoinRequest&& request, Reply<JoinResult>&& reply,
                                 Outcome& out) {
  // Of two waiting requests the newer one counts: the older one's connection was given up.
  if (Reply<JoinResult> older = members_.take_join(member))
    out.answer(std::move(older),
               JoinResult{.error = ErrorCode::kRebalanceInProgress, .member_id = member.id});
  members_.update(member, std::move(request));
  members_.set_join(member, std::move(reply));
}

JoinResult ClassicGroup::joined(const ClassicMember& member) const {
  JoinResult result{.generation = generation_,
                    .protocol_type = protocol_type_,
                    .protocol = protocol_,
                    .leader = leader_,
                    .member_id = member.id};
  if (member.id != leader_) return result;
  result.members.reserve(members_.size());
  for (const auto& [id, other] : members_.all())
    result.members.push_back({id, other.instance_id, std::string(metadata_of(other.protocols, protocol_))});
  return result;
}

}  // namespace chronik::kafka::group
