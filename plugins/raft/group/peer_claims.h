// What the heartbeats of all groups say about this one: which peers claim to lead it, and what it claims.
#pragma once

#include "raft/group/context.h"

#include <vector>

namespace chronik::raft {

class PeerClaims {
 public:
  explicit PeerClaims(GroupContext* group) : group_(*group) {}

  // The peer claims to lead in this term; false: it is not followed.
  bool leader_claimed(NodeId peer, Term term);
  // It does not any more.
  void leader_withdrew(NodeId peer, Term term);
  // It says that this node is not followed there, for a higher term if that is not 0.
  void claim_rejected(NodeId peer, Term term);
  // Those that are known already, for a core that was restored.
  void apply_known();
  // Takes over what the node knows of its peers' lives.
  void refresh();
  // This node leads in this term, towards the members of now. 0: it leads no more.
  void update(Term term);
  // Who claims to lead in an older term is to learn of this one.
  void reject_older(Term term);
  void reject_all();

 private:
  void rejoin_leader();

  GroupContext& group_;
  Term claimed_term_ = 0;  // towards these peers
  std::vector<NodeId> claimed_to_;
};

}  // namespace chronik::raft
