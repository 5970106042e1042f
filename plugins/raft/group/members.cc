// Who takes part: what an owner sees of it, and its changes.
#include "group/group.h"

#include <chronik/plugin.hpp>

#include <algorithm>
#include <vector>

namespace chronik::raft {

chr_status Group::status(chr_group_status* out) {
  if (state_ == State::kRecovering || state_ == State::kClosed) return CHR_E_UNAVAILABLE;
  const RaftLog& log = raft_->log();
  const Membership& membership = raft_->membership();
  uint32_t n = 0;
  for (const NodeId id : membership.members()) {
    chr_member member{static_cast<int32_t>(id), 0, 0, -1, 0, 0};
    if (Membership::contains(membership.voters, id)) member.flags |= CHR_MEMBER_VOTER;
    if (Membership::contains(membership.outgoing, id)) member.flags |= CHR_MEMBER_OUTGOING;
    if (Membership::contains(membership.learners, id)) member.flags |= CHR_MEMBER_LEARNER;
    if (id == services_.self) member.match_index = log.stable();
    for (const PeerProgress& peer : raft_->peers()) {
      if (peer.id != id) continue;
      member.match_index = peer.match;
      member.heard_ns = peer.heard;
      member.caught_up_ns = peer.caught_up;
    }
    if (member.match_index > 0) member.match_offset = log.end_offset_at(member.match_index).value_or(-1);
    if (n < out->n_members) out->members[n] = member;
    ++n;
  }
  out->n_members = n;
  out->config_index = 0;
  out->joint = membership.outgoing.empty() ? 0 : 1;
  return CHR_OK;
}

chr_status Group::change_members(const chr_members_change* change, uint64_t, chr_error* error) {
  if (state_ != State::kOpen) return report(error, CHR_E_UNAVAILABLE, "the group is not open");
  if (raft_->role() != Role::kLeader)
    return report(error, CHR_E_NOT_LEADER, "this node does not lead the group");
  const std::vector<NodeId> target(change->voters, change->voters + change->n_voters);
  if (target == raft_->membership().voters) return CHR_OK;
  return report(error, CHR_E_UNSUPPORTED, "the members of a group cannot be changed");
}

}  // namespace chronik::raft
