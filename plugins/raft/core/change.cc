// Changes of members: learners that catch up, then joint consensus, then the target alone.
//
// A configuration is in force as soon as its entry is in the log, committed or not, and falls back when the
// entry is truncated. One change is under way at a time.
#include "raft/core/invariant.h"
#include "raft/core/raft.h"

#include <algorithm>
#include <utility>

namespace chronik::raft {

const ConfigEntry& Raft::config_at(Index index) const {
  size_t at = configs_.size() - 1;
  while (at > 0 && configs_[at].index > index) --at;
  return configs_[at];
}

// Every entry comes into the log here, whoever made it.
void Raft::append_entry(Entry entry) {
  ConfigEntry config{entry.header.index, entry.header.term, {}};
  const bool is_config = entry.header.kind == CHR_ENTRY_CONFIG;
  if (is_config) RAFT_INVARIANT(decode_members(entry.payload.text(), &config.members));
  take_lost_away();
  if (entry.header.records == 0) newest_command_ = entry.header.index;
  log_.append(std::move(entry));
  // Below the state of a snapshot lie configurations that are long over.
  if (!is_config || config.index <= configs_.back().index) return;
  configs_.push_back(std::move(config));
  enter_config();
}

void Raft::revert_configs(Index from) {
  if (configs_.back().index < from) return;
  while (configs_.size() > 1 && configs_.back().index >= from) configs_.pop_back();
  RAFT_INVARIANT(configs_.back().index < from);
  enter_config();
}

// What can no longer be truncated, nor is needed for a snapshot, goes.
void Raft::prune_configs() {
  const Index kept = std::min(log_.applied(), log_.stable());
  while (configs_.size() > 1 && configs_[1].index <= kept) configs_.erase(configs_.begin());
}

void Raft::enter_config() {
  // mutant config-at-commit: membership_ = config_at(log_.committed()).members;
  membership_ = configs_.back().members;
  if (role_ != Role::kLeader) return;
  // mutant learner-counts: for (NodeId node : target_) if (!membership_.is_voter(node))
  //     membership_.learners.push_back(node), membership_.voters.push_back(node);
  for (NodeId node : target_)
    if (!membership_.is_voter(node)) membership_.learners.push_back(node);
  for (NodeId node : standing_) {
    if (Membership::contains(membership_.learners, node) || membership_.is_voter(node)) continue;
    membership_.learners.push_back(node);
  }
  update_peers();
}

// Those that are no members any more still learn so before they are forgotten; learners were never told that
// they are anything.
void Raft::update_peers() {
  const std::vector<NodeId> members = membership_.members();
  std::erase_if(peers_, [&](const PeerProgress& progress) {
    return progress.learner && !Membership::contains(members, progress.id);
  });
  for (PeerProgress& progress : peers_) {
    const bool leaving = !Membership::contains(members, progress.id);
    if (leaving && !progress.leaving) progress.left = now_;
    progress.leaving = leaving;
    const bool learner = Membership::contains(membership_.learners, progress.id);
    if (learner && !progress.learner) progress.begin_round(now_, log_.last_index());
    progress.learner = learner;
  }
  for (NodeId node : members) {
    if (node == config_.self || peer(node) != nullptr) continue;
    PeerProgress progress;
    progress.id = node;
    progress.next = log_.last_index() + 1;
    progress.ask = true;
    progress.learner = Membership::contains(membership_.learners, node);
    progress.begin_round(now_, log_.last_index());
    peers_.push_back(std::move(progress));
  }
}

// A learner is ready when it got within a short round all that was in the log when the round began: what came
// in since then is no more than a moment's worth (Raft's thesis, 4.2.1). So is one that has all there is,
// however seldom it is asked.
void Raft::note_learner(PeerProgress* learner) {
  if (!learner->learner || learner->ready || learner->match < learner->round.end) return;
  const bool in_time = now_ <= learner->round.began + config_.election_timeout / 4;
  const bool has_all = learner->match >= log_.last_index();
  learner->begin_round(now_, log_.last_index());
  learner->ready = in_time || has_all;
}

namespace {

bool are_nodes(std::vector<NodeId> nodes) {
  std::sort(nodes.begin(), nodes.end());
  return (nodes.empty() || nodes.front() != kNobody) &&
         std::adjacent_find(nodes.begin(), nodes.end()) == nodes.end();
}

}  // namespace

Status Raft::set_learners(Nanos now, std::vector<NodeId> nodes) {
  now_ = now;
  if (role_ != Role::kLeader) return fail(Code::kNotLeader, "this node does not lead the group");
  if (!are_nodes(nodes) || Membership::contains(nodes, config_.self))
    return fail(Code::kInvalidArgument, "the learners of a group are other nodes, each named once");
  if (nodes == standing_) return {};
  standing_ = std::move(nodes);
  enter_config();
  settle();
  return {};
}

Result<Raft::ChangeStart> Raft::change_members(Nanos now, std::vector<NodeId> target) {
  now_ = now;
  if (role_ != Role::kLeader) return fail(Code::kNotLeader, "this node does not lead the group");
  if (target.empty() || !are_nodes(target))
    return fail(Code::kInvalidArgument, "the members of a group are one or more nodes, each named once");
  if (log_.committed() < term_start_)
    return fail(Code::kUnavailable, "the leader has not committed an entry of its term yet, try again");
  const ConfigEntry& last = configs_.back();
  if (last.members.joint() || last.index > log_.committed()) {
    if (target == last.members.voters) return ChangeStart::kUnderWay;
    return fail(Code::kConflict, "another change of members is under way, try again when it is done");
  }
  if (target == target_) return ChangeStart::kUnderWay;
  const bool there = target == membership_.voters;
  target_ = there ? std::vector<NodeId>() : std::move(target);
  for (PeerProgress& progress : peers_) {
    if (!progress.learner || !Membership::contains(target_, progress.id)) continue;
    progress.begin_round(now_, log_.last_index());  // of a standing one: that it was ready is long ago
    progress.ask = true;
  }
  enter_config();
  settle();
  return there ? ChangeStart::kThereAlready : ChangeStart::kBegun;
}

// What follows from what is committed by now. Called at the end of an input, when nothing points at a peer.
void Raft::settle() {
  if (role_ != Role::kLeader) return;
  const ConfigEntry& last = configs_.back();
  std::erase_if(peers_, [&](const PeerProgress& progress) {
    return progress.leaving &&
           (progress.commit >= last.index || now_ >= progress.left + config_.election_timeout);
  });
  // mutant changes-overlap: if (log_.committed() < term_start_) return;
  if (last.index > log_.committed() || log_.committed() < term_start_) return;
  if (!last.members.joint() && last.index > settled_config_) {
    settled_config_ = last.index;
    Event event;
    event.kind = EventKind::kMembersChanged;
    event.index = last.index;
    event.term = term();
    events_.push_back(event);
  }
  if (transfer_to_ != kNobody) return;
  if (last.members.joint()) return leave_joint();
  if (!membership_.is_voter(config_.self)) return leave_group();
  if (!target_.empty()) join();
}

void Raft::join() {
  for (const PeerProgress& progress : peers_)
    if (progress.learner && !progress.ready && Membership::contains(target_, progress.id)) return;
  Membership next;
  next.voters = std::exchange(target_, {});
  // mutant members-not-joint: if (!std::is_permutation(next.voters.begin(), next.voters.end(),
  //     membership_.voters.begin(), membership_.voters.end())) next.outgoing = {};
  if (!std::is_permutation(next.voters.begin(), next.voters.end(), membership_.voters.begin(),
                           membership_.voters.end()))
    next.outgoing = membership_.voters;
  hand_over_tried_ = false;
  place_config(next);
}

// A leader that is not among the members to come lets one of them end the change; if that fails, it ends the
// change itself and goes then.
void Raft::leave_joint() {
  const bool stays = Membership::contains(membership_.voters, config_.self);
  if (!stays && !std::exchange(hand_over_tried_, true) && transfer(now_, kNobody)) return;
  Membership next;
  next.voters = membership_.voters;
  place_config(next);
}

void Raft::leave_group() {
  if (const PeerProgress* next = best_voter()) {
    Message message;
    message.type = MessageType::kTimeoutNow;
    message.to = next->id;
    message.term = term();
    send(std::move(message));
  }
  become_follower(term(), kNobody);
}

void Raft::place_config(const Membership& members) {
  Proposal item;
  item.kind = CHR_ENTRY_CONFIG;
  item.payload = Payload::own(encode_members(members));
  place(item);
}

}  // namespace chronik::raft
