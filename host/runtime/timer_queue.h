// TimerQueue: the timers of one shard, as a binary heap over recycled slots. Pure: it is told the time.
#pragma once

#include <chronik/host_services.h>

#include <cstdint>
#include <vector>

namespace chronik::host {

// Not thread-safe; belongs to one shard. Start and cancel are O(log n) and allocate only to grow.
class TimerQueue {
 public:
  struct Due {
    chr_fn fn;
    void* context;
  };

  // An id, never 0, that is not used again for 2^32 uses of its slot.
  uint64_t start(uint64_t due_ns, chr_fn fn, void* context);
  // False when the timer has ended, or never was.
  bool cancel(uint64_t id);

  bool empty() const { return heap_.empty(); }
  uint64_t next_due_ns() const { return heap_.front().due_ns; }  // not when empty
  // Takes the earliest timer if it is due and was started before `limit` (of started()), so that timers which
  // start one another do not keep the loop.
  bool pop_due(uint64_t now_ns, uint64_t limit, Due* out);
  uint64_t started() const { return sequence_; }

 private:
  struct Node {
    uint64_t due_ns;
    uint64_t sequence;  // first in, first out among equals
    uint32_t slot;
  };
  struct Slot {
    chr_fn fn = nullptr;
    void* context = nullptr;
    uint32_t generation = 1;
    uint32_t position = kFree;
  };
  static constexpr uint32_t kFree = UINT32_MAX;

  static bool before(const Node& a, const Node& b) {
    return a.due_ns != b.due_ns ? a.due_ns < b.due_ns : a.sequence < b.sequence;
  }
  void place(uint32_t position, const Node& node);
  void sift_up(uint32_t position);
  void sift_down(uint32_t position);
  void erase(uint32_t position);

  std::vector<Node> heap_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  uint64_t sequence_ = 0;
};

}  // namespace chronik::host
