#include "raft/group/peer_claims.h"

#include <algorithm>
#include <utility>

namespace chronik::raft {

bool PeerClaims::leader_claimed(NodeId peer, Term term) {
  if (!group_.is_open()) return false;
  if (term < group_.raft->term()) return false;
  Message heartbeat;
  heartbeat.type = MessageType::kHeartbeat;
  heartbeat.from = peer;
  heartbeat.to = group_.services.self;
  heartbeat.term = term;
  group_.raft->step(group_.now(), std::move(heartbeat));
  group_.mark();
  return true;
}

void PeerClaims::leader_withdrew(NodeId peer, Term term) {
  if (!group_.is_open() || group_.raft->leader() != peer || group_.raft->term() != term) return;
  group_.raft->forget_leader(group_.now());
  group_.mark();
}

void PeerClaims::claim_rejected(NodeId peer, Term term) {
  if (!group_.is_open() || !group_.leads() || term <= group_.raft->term()) return;
  Message answer;
  answer.type = MessageType::kHeartbeatResponse;
  answer.from = peer;
  answer.to = group_.services.self;
  answer.term = term;
  answer.reject = true;
  group_.raft->step(group_.now(), std::move(answer));
  group_.mark();
}

void PeerClaims::apply_known() {
  group_.shard->claims().visit(
      group_.hash, [&](NodeId peer, const LeaderClaims::Known& known) { leader_claimed(peer, known.term); });
}

void PeerClaims::refresh() {
  if (!group_.is_open()) return;
  const LeaderClaims& claims = group_.shard->claims();
  const Heartbeats& heartbeats = group_.services.heartbeats;
  Raft& raft = *group_.raft;
  if (group_.leads()) {
    raft.storage_alive(group_.shard->storage_alive());
    for (const NodeId peer : claimed_to_)
      if (!claims.is_rejected_by(peer, group_.hash))
        raft.peer_heard(group_.now(), peer, heartbeats.answered(peer));
    return;
  }
  // mutant silent-leader-forgotten: left out
  if (raft.leader() == kNobody) return rejoin_leader();
  const LeaderClaims::Known* claim = claims.find(raft.leader(), group_.hash);
  if (claim != nullptr && claim->term == raft.term())
    raft.leader_heard(heartbeats.heard(raft.leader(), claim->stream));
}

// A leader that fell silent for a while, and so was forgotten, claims what it claimed before: its heartbeats
// hold nothing new.
void PeerClaims::rejoin_leader() {
  LeaderClaim newest;
  NodeId from = kNobody;
  group_.shard->claims().visit(group_.hash, [&](NodeId peer, const LeaderClaims::Known& known) {
    const Nanos heard = group_.services.heartbeats.heard(peer, known.stream);
    if (known.term <= newest.term || heard + group_.settings().election_timeout <= group_.now()) return;
    newest.term = known.term;
    from = peer;
  });
  if (from != kNobody) (void)leader_claimed(from, newest.term);
}

void PeerClaims::update(Term term) {
  const std::vector<PeerProgress>& peers = group_.raft->peers();
  const bool same =
      term == claimed_term_ &&
      (term == 0 || std::equal(peers.begin(), peers.end(), claimed_to_.begin(), claimed_to_.end(),
                               [](const PeerProgress& peer, NodeId id) { return peer.id == id; }));
  if (same || group_.services.link == nullptr) return;
  std::vector<NodeId> to;
  if (term != 0)
    for (const PeerProgress& peer : peers) to.push_back(peer.id);
  Heartbeats& heartbeats = group_.services.heartbeats;
  const uint32_t shard = group_.shard->index();
  for (const NodeId peer : claimed_to_)
    if (!Membership::contains(to, peer)) heartbeats.set_claim(shard, peer, group_.hash, 0);
  for (const NodeId peer : to) heartbeats.set_claim(shard, peer, group_.hash, term);
  claimed_term_ = term;
  claimed_to_ = std::move(to);
}

void PeerClaims::reject_older(Term term) {
  LeaderClaims& claims = group_.shard->claims();
  claims.visit(group_.hash, [&](NodeId peer, const LeaderClaims::Known& known) {
    if (known.term < term) claims.reject(peer, group_.hash);
  });
}

void PeerClaims::reject_all() {
  LeaderClaims& claims = group_.shard->claims();
  claims.visit(group_.hash,
               [&](NodeId peer, const LeaderClaims::Known&) { claims.reject(peer, group_.hash); });
}

}  // namespace chronik::raft
