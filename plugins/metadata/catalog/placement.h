// Where the replicas of new partitions go: preferred leaders rotate over the nodes, the other replicas follow
// at a distance that grows with every round, and where nodes name racks, neighbours in the rotation are of
// different racks.
#pragma once

#include <map>
#include <vector>

#include "metadata/model/command.h"

namespace chronik::metadata {

// Node ids for partitions [first, first + count), factor each, partition by partition.
// 1 <= factor <= nodes.size(). start rotates the whole placement, so that topics of one partition do not pile
// up on one node.
std::vector<int32_t> place(const std::map<int32_t, Node>& nodes, uint64_t start, int32_t first, int32_t count,
                           int32_t factor);

}  // namespace chronik::metadata
