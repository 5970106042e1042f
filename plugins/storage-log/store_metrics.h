// What operators see of an open store: its metrics.
#pragma once

#include <chronik/host.hpp>

namespace chronik::storage_log {

// [any]
class StoreMetrics {
 public:
  struct Sizes {
    uint64_t groups, used, files, unmoved;
  };

  // Defines the metrics.
  explicit StoreMetrics(Host host);

  // A frame with so many bytes of entries and keys, which took so long.
  void note_commit(uint64_t bytes, uint64_t ns);
  void note_direct(uint64_t bytes);
  void note_checkpoint();
  void note_sizes(const Sizes& sizes);

 private:
  struct Ids {
    uint64_t commits, commit_seconds, written, direct, checkpoints, groups, used, files, unmoved;
  };

  Host host_;
  Ids ids_;
};

}  // namespace chronik::storage_log
