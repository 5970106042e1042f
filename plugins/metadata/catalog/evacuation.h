// Where the replicas of a node that leaves go.
#pragma once

#include <set>

#include "metadata/catalog/catalog.h"

namespace chronik::metadata {

// The next moves away from a node, such that at most `most` of its partitions are under way. Each replica
// goes, in its place, to a node that stays and does not hold the partition: one that is up, in a rack that
// the partition is not in yet, with the fewest replicas, in this order.
AlterReassignments evacuate(const Catalog& catalog, int32_t node, const std::set<int32_t>& live, size_t most);

}  // namespace chronik::metadata
