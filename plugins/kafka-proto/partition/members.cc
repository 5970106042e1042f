#include "kafka-proto/partition/members.h"

#include <algorithm>

namespace chronik::kafka {
namespace {

bool contains(const std::vector<int32_t>& nodes, int32_t node) {
  return std::ranges::find(nodes, node) != nodes.end();
}

}  // namespace

PartitionMembers PartitionMembers::of(const chr_partition& partition) {
  return {{partition.replicas, partition.replicas + partition.n_replicas},
          {partition.target, partition.target + partition.n_target},
          {partition.others, partition.others + partition.n_others}};
}

bool PartitionMembers::names(int32_t node) const {
  return contains(replicas, node) || contains(target, node) || contains(others, node);
}

int32_t PartitionMembers::preferred() const {
  const std::vector<int32_t>& wanted = target.empty() ? replicas : target;
  return wanted.empty() ? -1 : wanted[0];
}

std::vector<int32_t> PartitionMembers::all() const {
  std::vector<int32_t> out = target;
  for (const std::vector<int32_t>* nodes : {&replicas, &others})
    for (const int32_t node : *nodes)
      if (!contains(out, node)) out.push_back(node);
  return out;
}

}  // namespace chronik::kafka
