// GroupMembers: who takes part in a partition's group, as consensus says, on the stack.
#pragma once

#include <algorithm>
#include <array>
#include <span>

#include "kafka-proto/partition/replica.h"

namespace chronik::kafka {

class GroupMembers {
 public:
  static constexpr uint32_t kMax = 128;  // of a group that is being moved: those it leaves and those it gets

  // False: there is no group.
  bool load(const Replica& replica) {
    chr_group_status status{};
    status.struct_size = sizeof status;
    status.members = members_.data();
    status.n_members = kMax;
    if (!replica.status(&status)) return false;
    count_ = std::min(status.n_members, kMax);
    return true;
  }
  std::span<const chr_member> all() const { return {members_.data(), count_}; }

 private:
  std::array<chr_member, kMax> members_;
  uint32_t count_ = 0;
};

}  // namespace chronik::kafka
