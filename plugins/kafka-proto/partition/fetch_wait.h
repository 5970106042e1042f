// FetchWait: a Fetch that waits for more data in some of its partitions. Any of their shards may fire it; it
// fires once.
#pragma once

#include <atomic>
#include <functional>
#include <utility>

namespace chronik::kafka {

class FetchWait {
 public:
  explicit FetchWait(std::function<void()> wake) : wake_(std::move(wake)) {}
  // Any shard. The first call runs wake. Whoever ends the wait also lets go of what wake holds.
  void fire() {
    if (over_.exchange(true)) return;
    const std::function<void()> wake = std::exchange(wake_, nullptr);
    wake();
  }
  // The Fetch was answered otherwise; a later fire() does nothing.
  void cancel() {
    if (!over_.exchange(true)) wake_ = nullptr;
  }
  bool over() const { return over_.load(std::memory_order_relaxed); }

 private:
  std::function<void()> wake_;
  std::atomic<bool> over_{false};
};

}  // namespace chronik::kafka
