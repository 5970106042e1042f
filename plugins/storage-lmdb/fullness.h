// Whether the store is full: how much of a batch there is room for, and what operators hear of it.
//
//   state | entered by                                                        | health of "space"
//   room  | data as large as what was refused is written, or any data while
//         | nothing was refused for a second, or room came back without data  | ready
//   full  | a write is refused for lack of space                              | degraded
//
// Where what is free lies scattered, small writes pass while large ones are refused: the store is full as
// long as those come.
#pragma once

#include "storage-lmdb/space.h"
#include "storage-lmdb/write_queue.h"

#include <atomic>

namespace chronik::storage_lmdb {

// The drain's alone, except where it says [any].
class Fullness {
 public:
  Fullness(Host host, Space& space) : host_(host), space_(space) {}

  // What the batch needs, and the most that there is room for.
  static Growth needed(const WriteQueue::Batch& batch);
  Growth allowed(const WriteQueue::Batch& batch);
  // What was allowed of the batch in the end; writes that need more were refused.
  void note_batch(const WriteQueue::Batch& batch, Growth allowed);
  // [any]
  bool is_full() const { return is_full_.load(std::memory_order_relaxed); }

 private:
  void set_full(bool full);

  Host host_;
  Space& space_;
  std::atomic<bool> is_full_{false};
  uint64_t refused_ns_ = 0;     // when a write was refused last
  uint64_t refused_bytes_ = 0;  // and how large the largest of those was
};

}  // namespace chronik::storage_lmdb
