// Who takes part: what an owner sees of it, and its changes.
#include "raft/group/group.h"

#include <chronik/plugin.hpp>

#include <algorithm>
#include <string>
#include <utility>
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
  out->config_index = raft_->configs().back().index;
  out->joint = membership.outgoing.empty() ? 0 : 1;
  return CHR_OK;
}

chr_status Group::change_members(const chr_members_change* change, uint64_t token, chr_error* error) {
  if (state_ != State::kOpen || closing_) return report(error, CHR_E_UNAVAILABLE, "the group is not open");
  std::vector<NodeId> target;
  for (uint32_t i = 0; i < change->n_voters; ++i) {
    if (change->voters[i] <= 0)
      return report(error, CHR_E_INVALID_ARGUMENT,
                    "node " + std::to_string(change->voters[i]) + " cannot be a member; ids begin at 1");
    target.push_back(static_cast<NodeId>(change->voters[i]));
  }
  const auto started = raft_->change_members(shard_->now(), target);
  if (!started) return report(error, started.error());
  mark();
  if (*started != Raft::ChangeStart::kUnderWay)
    complete_change(CHR_E_CANCELLED, "another change of members replaced it");
  if (*started == Raft::ChangeStart::kThereAlready) return CHR_OK;
  change_target_ = std::move(target);
  change_tokens_.push_back(token);
  return CHR_PENDING;
}

chr_status Group::set_learners(const int32_t* nodes, uint32_t n, chr_error* error) {
  if (state_ != State::kOpen || closing_) return report(error, CHR_E_UNAVAILABLE, "the group is not open");
  std::vector<NodeId> learners;
  for (uint32_t i = 0; i < n; ++i) learners.push_back(nodes[i] > 0 ? static_cast<NodeId>(nodes[i]) : kNobody);
  if (const Status set = raft_->set_learners(shard_->now(), std::move(learners)); !set)
    return report(error, set.error());
  mark();
  return CHR_OK;
}

void Group::complete_change(chr_status code, std::string_view why) {
  for (const uint64_t token : std::exchange(change_tokens_, {})) shard_->complete(token, code, why);
}

// Whoever closes a group for good may go by what was true a while ago. By this log the node is no member, or
// it has nothing that anybody could rest on.
bool Group::may_forget_log() const {
  const bool voter = raft_->membership().is_voter(services_.self);
  return !voter && raft_->configs().back().index <= raft_->log().committed();
}

// Its vote, its term and where its log ended stay: what was decided with them may still count somewhere.
void Group::forget_log() {
  Write write(storage_group_);
  write.clear();
  write.remove(kLogKey);
  write.remove(kSnapshotKey);
  for (uint32_t piece = 0; piece < snapshot_.pieces; ++piece)
    write.remove(piece_key(snapshot_.generation, piece));
  const HardState hard_state{raft_->term(), raft_->vote()};
  // mutant vote-forgotten-on-leaving: write.remove(kVoteKey), (void)hard_state;
  write.put(kVoteKey, encode(StoredVote{hard_state, 0, std::max(raft_->log_end(), raft_->left())}));
  trimming_ = true;         // the close waits for it
  state_ = State::kFailed;  // nothing may come behind it
  failure_ = {Code::kCancelled, "the group is being closed"};
  shard_->write(std::move(write), [self = shared_from_this()](const Status& status) {
    self->trimming_ = false;
    if (!status)
      self->services_.host.warn("The log of " + self->label_ +
                                " could not be deleted: " + status.error().message);
    self->mark();
  });
}

}  // namespace chronik::raft
