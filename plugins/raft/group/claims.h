// Who claims to lead which groups of one shard, as the beats of other nodes say, and where that is contested.
#pragma once

#include "raft/group/beats.h"

#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace chronik::raft {

class Claims {
 public:
  struct Known {
    uint32_t stream = 0;
    Term term = 0;
  };
  // Takes over what is new; changed(group, term, known before) for each claim that is other than before, term
  // 0: gone.
  template <class F>
  void take(const ClaimNews& news, F&& changed);
  // What the peer said is void.
  void forget(NodeId peer) {
    claims_.erase(peer);
    excepted_.erase(peer);
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
  void contest(NodeId peer, uint64_t group) { contested_.insert({peer, group}); }
  template <class F>
  void review(Beats* beats, uint32_t shard, F&& resolved);

  // The peer does not follow this node in these groups.
  void except(NodeId peer, const std::vector<Claim>& exceptions);
  bool excepted(NodeId peer, uint64_t group) const {
    const auto found = excepted_.find(peer);
    return found != excepted_.end() && found->second.contains(group);
  }

 private:
  using Groups = std::unordered_map<uint64_t, Known>;

  std::map<NodeId, Groups> claims_;
  std::set<std::pair<NodeId, uint64_t>> contested_;
  std::set<NodeId> told_;  // peers that hold exceptions of ours
  std::map<NodeId, std::unordered_set<uint64_t>> excepted_;
};

template <class F>
void Claims::take(const ClaimNews& news, F&& changed) {
  Groups& groups = claims_[news.peer];
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
  if (news.forget) drop([](const Known&) { return true; });
  for (const ClaimNews::Stream& stream : news.streams) {
    if (stream.whole) drop([&](const Known& known) { return known.stream == stream.id; });
    for (const Claim& claim : stream.claims) {
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
void Claims::review(Beats* beats, uint32_t shard, F&& resolved) {
  std::map<NodeId, std::vector<Claim>> exceptions;
  for (auto at = contested_.begin(); at != contested_.end();) {
    const auto& [peer, group] = *at;
    const Known* known = find(peer, group);
    Term term = 0;
    if (known == nullptr || resolved(peer, group, *known, &term)) {
      at = contested_.erase(at);
      continue;
    }
    exceptions[peer].push_back({group, term});
    ++at;
  }
  for (const NodeId peer : told_)
    if (!exceptions.contains(peer)) beats->except(shard, peer, {});
  told_.clear();
  for (auto& [peer, list] : exceptions) {
    told_.insert(peer);
    beats->except(shard, peer, std::move(list));
  }
}

inline const Claims::Known* Claims::find(NodeId peer, uint64_t group) const {
  const auto groups = claims_.find(peer);
  if (groups == claims_.end()) return nullptr;
  const auto known = groups->second.find(group);
  return known == groups->second.end() ? nullptr : &known->second;
}

inline void Claims::except(NodeId peer, const std::vector<Claim>& exceptions) {
  std::unordered_set<uint64_t>& groups = excepted_[peer];
  groups.clear();
  for (const Claim& claim : exceptions) groups.insert(claim.group);
}

}  // namespace chronik::raft
