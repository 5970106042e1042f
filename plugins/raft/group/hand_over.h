// Leadership that is given to another node: asked for, when the group closes, or to the preferred member.
#pragma once

#include "raft/group/context.h"

#include <string_view>

namespace chronik::raft {

class PeerClaims;

class HandOver {
 public:
  HandOver(GroupContext* group, PeerClaims* claims) : group_(*group), claims_(*claims) {}

  // transfer() of chr_consensus_v1.
  chr_status transfer(int32_t to, uint64_t token, chr_error* error);
  // Whoever waits for a transfer, if anybody does.
  void complete(chr_status code, std::string_view why = {});
  bool is_awaited() const { return token_ != 0; }
  // To the preferred member where it is time for that; true: begun.
  bool balance();

  // A group that stays in storage goes on without this node: another leader takes over before it closes, so
  // that nobody waits for an election.
  void begin_for_close();
  // The new leader may need the vote of this node, and whoever asks here is told who it is.
  bool is_under_way_for_close();
  // A closing group takes part in nothing any more: what comes in would only delay the end.
  bool has_left() const { return group_.closing && until_ == 0; }
  Nanos until() const { return until_; }  // 0: it waits for no other leader

 private:
  GroupContext& group_;
  PeerClaims& claims_;
  uint64_t token_ = 0;
  Nanos until_ = 0;
};

}  // namespace chronik::raft
