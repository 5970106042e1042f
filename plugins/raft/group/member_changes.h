// Who takes part: what an owner sees of it, and its changes. The functions are those of chr_consensus_v1 and
// chr_learners_v1; their rules stand there.
#pragma once

#include "raft/group/context.h"

#include <string_view>
#include <vector>

namespace chronik::raft {

class MemberChanges {
 public:
  explicit MemberChanges(GroupContext* group) : group_(*group) {}

  chr_status status(chr_group_status* out);
  chr_status change_members(const chr_members_change* change, uint64_t token, chr_error* error);
  chr_status set_learners(const int32_t* nodes, uint32_t n, chr_error* error);

  // A change is committed whose last entry is this one.
  void changed(Index index);
  // All that wait for a change.
  void complete(chr_status code, std::string_view why = {});

 private:
  GroupContext& group_;
  std::vector<uint64_t> tokens_;
  std::vector<NodeId> target_;  // what they wait for
};

}  // namespace chronik::raft
