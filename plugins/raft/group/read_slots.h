// ReadSlots: how many reads of entries, for peers and for the state machine, are under way on a shard. What was
// read takes memory from the read to the callback, and a shard that is behind calls back late: without a bound
// hundreds of groups would have read before the first of them went on.
//
//   a read is | until
//   waiting   | fewer than kMaxReads are under way, in the order of the calls
//   under way | its callback returned
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <utility>

namespace chronik::raft {

// Not thread-safe; belongs to one shard.
class ReadSlots {
 public:
  static constexpr uint32_t kMaxReads = 8;  // of some MiB each at most

  // read() begins now, or later; whoever began one calls finish_read() once, after its callback.
  void begin_read(std::function<void()> read) {
    waiting_.push_back(std::move(read));
    begin_waiting();
  }
  void finish_read() {
    --under_way_;
    begin_waiting();
  }

 private:
  // Reads that end before they return are no reason to go deeper and deeper.
  void begin_waiting() {
    if (std::exchange(beginning_, true)) return;
    while (under_way_ < kMaxReads && !waiting_.empty()) {
      const std::function<void()> read = std::move(waiting_.front());
      waiting_.pop_front();
      ++under_way_;
      read();
    }
    beginning_ = false;
  }

  uint32_t under_way_ = 0;
  bool beginning_ = false;
  std::deque<std::function<void()>> waiting_;
};

}  // namespace chronik::raft
