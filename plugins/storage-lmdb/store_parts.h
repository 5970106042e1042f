// The parts of an open store that those share who write, purge and move.
#pragma once

#include "storage-lmdb/groups.h"
#include "storage-lmdb/lease.h"
#include "storage-lmdb/space.h"
#include "storage-lmdb/store_metrics.h"
#include "storage-lmdb/supply.h"

#include <chronik/storage_failure.hpp>

namespace chronik::storage_lmdb {

// The drain's alone, but for what the parts themselves call [any].
struct StoreParts {
  Host host;
  std::shared_ptr<Env> env;
  std::shared_ptr<Generations> generations;
  GroupTable& groups;
  StorageFailure& failure;
  Space space;
  Supply supply;
  StoreMetrics metrics;

  // [any] What is live, without what is gone and lies in the file.
  uint64_t used_bytes() const;
  void note_sizes();
  // Reads how LMDB's free pages lie, for the supply; where that fails the supply keeps to what it knew.
  void look_at_free_pages();
  // LMDB uses what a transaction freed only in the second one after it, and while all is refused none comes:
  // commits two that change nothing.
  Status make_freed_usable();
  // The same; false: it cannot be. A failed disk fails the store.
  bool try_make_freed_usable();
};

}  // namespace chronik::storage_lmdb
