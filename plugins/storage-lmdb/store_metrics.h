// What operators see of an open store: its metrics, and a warning about leases that are held for too long.
// The drain's alone.
#pragma once

#include "storage-lmdb/lease.h"

#include <chronik/host.hpp>

namespace chronik::storage_lmdb {

class StoreMetrics {
 public:
  // Defines the metrics.
  explicit StoreMetrics(Host host);

  // A transaction with so many bytes of entries and keys, which took so long, sync included.
  void note_commit(uint64_t bytes, uint64_t ns);
  void note_moved(uint64_t bytes);
  void note_groups(size_t n);
  void note_sizes(uint64_t used, uint64_t gone, uint64_t file);
  void note_leases(const Generations::Pressure& pressure, uint64_t now_ns);

 private:
  struct Ids {
    uint64_t commits, commit_seconds, written, moved, overdue, waiting, groups, used, gone, file;
  };

  Host host_;
  Ids ids_;
  uint64_t overdue_noted_ns_ = 0;
};

}  // namespace chronik::storage_lmdb
