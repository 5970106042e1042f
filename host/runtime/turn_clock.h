// TurnClock: how long the turns of a shard take. Its thread notes them, any thread asks.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace chronik::host {

class TurnClock {
 public:
  static constexpr uint64_t kLongNs = 20'000'000;  // no turn should take longer
  static constexpr uint64_t kWindowNs = 60'000'000'000;

  void note(uint64_t begin_ns, uint64_t end_ns) {
    if (end_ns - window_began_ns_ >= kWindowNs) begin_window(end_ns);
    const uint64_t took = end_ns - begin_ns;
    if (took > longest_ns_.load(std::memory_order_relaxed))
      longest_ns_.store(took, std::memory_order_relaxed);
    if (took > kLongNs) long_turns_.fetch_add(1, std::memory_order_relaxed);
  }

  // Within this window and the one before: the last one to two minutes, as long as there are turns.
  uint64_t longest_ns() const {
    return std::max(longest_ns_.load(std::memory_order_relaxed),
                    longest_before_ns_.load(std::memory_order_relaxed));
  }
  // That took longer than kLongNs, since the start.
  uint64_t long_turns() const { return long_turns_.load(std::memory_order_relaxed); }

 private:
  void begin_window(uint64_t now_ns) {
    window_began_ns_ = now_ns;
    longest_before_ns_.store(longest_ns_.load(std::memory_order_relaxed), std::memory_order_relaxed);
    longest_ns_.store(0, std::memory_order_relaxed);
  }

  uint64_t window_began_ns_ = 0;
  std::atomic<uint64_t> longest_ns_{0};
  std::atomic<uint64_t> longest_before_ns_{0};
  std::atomic<uint64_t> long_turns_{0};
};

}  // namespace chronik::host
