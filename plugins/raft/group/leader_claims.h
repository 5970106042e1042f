// Who claims to lead which groups of one shard, as the heartbeats of other nodes say, and which of these
// claims are rejected.
#pragma once

#include "raft/group/heartbeats.h"

#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace chronik::raft {

class LeaderClaims {
 public:
  struct Known {
    uint32_t stream = 0;
    Term term = 0;
  };
  // Takes over what is new; changed(group, term, known before) for each claim that is other than before, term
  // 0: gone.
  template <class F>
  void apply_received(const ReceivedClaims& received, F&& changed);
  // What the peer said is void.
  void forget_peer(NodeId peer) {
    claims_.erase(peer);
    rejections_.erase(peer);
  }
  // Nullptr where the peer does not claim the group.
  const Known* find(NodeId peer, uint64_t group) const;
  // Calls fn(peer, known) for each peer that claims the group.
  template <class F>
  void visit(uint64_t group, F&& fn) const {
    for (const auto& [peer, claims] : claims_)
      if (const auto known = claims.find(group); known != claims.end()) fn(peer, known->second);
  }

  // Claims that this node does not follow, to be told to the peer as long as resolved(peer, group, known,
  // *term) says false; *term is what the peer is to know.
  void reject(NodeId peer, uint64_t group) { rejected_.insert({peer, group}); }
  template <class F>
  void review_rejections(Heartbeats* heartbeats, uint32_t shard, F&& resolved);

  // The peer does not follow this node in these groups.
  void set_rejections(NodeId peer, const std::vector<LeaderClaim>& rejections);
  bool is_rejected_by(NodeId peer, uint64_t group) const {
    const auto found = rejections_.find(peer);
    return found != rejections_.end() && found->second.contains(group);
  }

 private:
  using Groups = std::unordered_map<uint64_t, Known>;

  std::map<NodeId, Groups> claims_;
  std::set<std::pair<NodeId, uint64_t>> rejected_;
  std::set<NodeId> notified_peers_;  // peers that hold rejections of ours
  std::map<NodeId, std::unordered_set<uint64_t>> rejections_;
};

template <class F>
void LeaderClaims::apply_received(const ReceivedClaims& received, F&& changed) {
  Groups& groups = claims_[received.peer];
  std::map<uint64_t, Known> gone;
  const auto drop = [&](auto&& which) {
    for (auto at = groups.begin(); at != groups.end();) {
      if (which(at->second)) {
        gone.insert(*at);
        at = groups.erase(at);
      } else {
        ++at;
      }
    }
  };
  if (received.forget) drop([](const Known&) { return true; });
  for (const ReceivedClaims::Stream& stream : received.streams) {
    if (stream.whole) drop([&](const Known& known) { return known.stream == stream.id; });
    for (const LeaderClaim& claim : stream.claims) {
      const auto found = groups.find(claim.group);
      const auto old = gone.find(claim.group);
      const Known before = found != groups.end() ? found->second : old != gone.end() ? old->second : Known();
      gone.erase(claim.group);
      if (claim.term == 0) {
        groups.erase(claim.group);
      } else {
        groups[claim.group] = {stream.id, claim.term};
      }
      if (claim.term != before.term) changed(claim.group, claim.term, before);
    }
  }
  for (const auto& [group, known] : gone) changed(group, Term{0}, known);
}

template <class F>
void LeaderClaims::review_rejections(Heartbeats* heartbeats, uint32_t shard, F&& resolved) {
  std::map<NodeId, std::vector<LeaderClaim>> rejections;
  for (auto at = rejected_.begin(); at != rejected_.end();) {
    const auto& [peer, group] = *at;
    const Known* known = find(peer, group);
    Term term = 0;
    if (known == nullptr || resolved(peer, group, *known, &term)) {
      at = rejected_.erase(at);
      continue;
    }
    rejections[peer].push_back({group, term});
    ++at;
  }
  for (const NodeId peer : notified_peers_)
    if (!rejections.contains(peer)) heartbeats->set_rejections(shard, peer, {});
  notified_peers_.clear();
  for (auto& [peer, list] : rejections) {
    notified_peers_.insert(peer);
    heartbeats->set_rejections(shard, peer, std::move(list));
  }
}

inline const LeaderClaims::Known* LeaderClaims::find(NodeId peer, uint64_t group) const {
  const auto groups = claims_.find(peer);
  if (groups == claims_.end()) return nullptr;
  const auto known = groups->second.find(group);
  return known == groups->second.end() ? nullptr : &known->second;
}

inline void LeaderClaims::set_rejections(NodeId peer, const std::vector<LeaderClaim>& rejections) {
  std::unordered_set<uint64_t>& groups = rejections_[peer];
  groups.clear();
  for (const LeaderClaim& claim : rejections) groups.insert(claim.group);
}

}  // namespace chronik::raft
