// How much a group may hold and send, as its node and its shard count it.
#pragma once

#include "raft/group/context.h"

#include <chronik/draft/throttle.h>

#include <utility>
#include <vector>

namespace chronik::raft {

class AppendBudget {
 public:
  explicit AppendBudget(GroupContext* group) : group_(*group) {}

  // assign() of chr_throttle_v1.
  chr_status throttle(const chr_throttled* items, uint32_t n);

  // Room for records in what the node may hold that is not on its disk. What takes no offset always passes:
  // it is little, and trims, members and the catalog are what makes room.
  bool has_room_for_proposal(uint64_t bytes) const;
  bool has_room_for(const Message& append) const;
  void count_unwritten();

  // Before the core says what it sends, and after that.
  void allow_appends();
  void count_appends();

 private:
  bool has_room(uint64_t limit) const;
  bool is_throttled(const PeerProgress& to) const;
  uint64_t throttled_room(NodeId to) const;
  void count_throttled(const PeerProgress& to, int64_t bytes);

  GroupContext& group_;
  uint64_t unwritten_ = 0;                                // this group's part of what the node counts
  std::vector<std::pair<NodeId, uint64_t>> outstanding_;  // as the windows of the shard count it
  std::vector<chr_throttled> throttled_;                  // mostly nobody
};

}  // namespace chronik::raft
