// Removing an entry reads the first of its pages. Where that page is cold, the disk is waited for inside the
// one write transaction of the node. So a round of what will be removed is read beforehand, among the reads,
// and the drain removes no more than that.
#pragma once

#include "storage-lmdb/lease.h"

#include <map>
#include <optional>
#include <set>

namespace chronik::storage_lmdb {

// What is in memory of the groups of which something has to be removed: index below which entries are.
using WarmBelow = std::map<uint64_t, uint64_t>;

// Reads the first entries below `end` of a group, and its keys where there are no more entries. The index
// below which entries are in memory now: `end` where all are. Blocking.
Result<uint64_t> warm(const Env& env, ReadTransactions& transactions, uint64_t group, uint64_t end);

}  // namespace chronik::storage_lmdb
