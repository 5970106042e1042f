#include "raft/group/member_changes.h"

#include <chronik/plugin.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace chronik::raft {

chr_status MemberChanges::status(chr_group_status* out) {
  if (group_.state == GroupState::kRecovering || group_.state == GroupState::kClosed)
    return CHR_E_UNAVAILABLE;
  const RaftLog& log = group_.raft->log();
  const Membership& membership = group_.raft->membership();
  uint32_t n = 0;
  for (const NodeId id : membership.members()) {
    chr_member member{static_cast<int32_t>(id), 0, 0, -1, 0, 0};
    if (Membership::contains(membership.voters, id)) member.flags |= CHR_MEMBER_VOTER;
    if (Membership::contains(membership.outgoing, id)) member.flags |= CHR_MEMBER_OUTGOING;
    if (Membership::contains(membership.learners, id)) member.flags |= CHR_MEMBER_LEARNER;
    if (id == group_.services.self) member.match_index = log.stable();
    for (const PeerProgress& peer : group_.raft->peers()) {
      if (peer.id != id) continue;
      member.match_index = peer.match;
      member.heard_ns = peer.heard;
      member.caught_up_ns = peer.catch_up.caught_up;
    }
    if (member.match_index > 0) member.match_offset = log.end_offset_at(member.match_index).value_or(-1);
    if (n < out->n_members) out->members[n] = member;
    ++n;
  }
  out->n_members = n;
  out->config_index = group_.raft->configs().back().index;
  out->joint = membership.outgoing.empty() ? 0 : 1;
  return CHR_OK;
}

chr_status MemberChanges::change_members(const chr_members_change* change, uint64_t token, chr_error* error) {
  if (!group_.is_open() || group_.closing) return report(error, CHR_E_UNAVAILABLE, "the group is not open");
  std::vector<NodeId> target;
  for (uint32_t i = 0; i < change->n_voters; ++i) {
    if (change->voters[i] <= 0)
      return report(error, CHR_E_INVALID_ARGUMENT,
                    "node " + std::to_string(change->voters[i]) + " cannot be a member; ids begin at 1");
    target.push_back(static_cast<NodeId>(change->voters[i]));
  }
  const auto started = group_.raft->change_members(group_.now(), target);
  if (!started) return report(error, started.error());
  group_.mark();
  if (*started != Raft::ChangeStart::kUnderWay)
    complete(CHR_E_CANCELLED, "another change of members replaced it");
  if (*started == Raft::ChangeStart::kThereAlready) return CHR_OK;
  target_ = std::move(target);
  tokens_.push_back(token);
  return CHR_PENDING;
}

chr_status MemberChanges::set_learners(const int32_t* nodes, uint32_t n, chr_error* error) {
  if (!group_.is_open() || group_.closing) return report(error, CHR_E_UNAVAILABLE, "the group is not open");
  std::vector<NodeId> learners;
  for (uint32_t i = 0; i < n; ++i) learners.push_back(nodes[i] > 0 ? static_cast<NodeId>(nodes[i]) : kNobody);
  if (const Status set = group_.raft->set_learners(group_.now(), std::move(learners)); !set)
    return report(error, set.error());
  group_.mark();
  return CHR_OK;
}

// Another change may have begun since, in this very turn.
void MemberChanges::changed(Index index) {
  if (group_.raft->config_at(index).members.voters == target_) complete(CHR_OK);
}

void MemberChanges::complete(chr_status code, std::string_view why) {
  for (const uint64_t token : std::exchange(tokens_, {})) group_.shard->complete(token, code, why);
}

}  // namespace chronik::raft
