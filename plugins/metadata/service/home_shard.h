// HomeShard: the shard on which metadata lives. It counts the work that is on its way to any shard or to a
// blocking thread, so that stop completes once nothing of this instance can run any more.
#pragma once

#include <atomic>
#include <chronik/host.hpp>
#include <utility>

namespace chronik::metadata {

class HomeShard {
 public:
  HomeShard(Host host, uint32_t shard) : host_(host), shard_(shard) {}
  HomeShard(const HomeShard&) = delete;
  HomeShard& operator=(const HomeShard&) = delete;

  uint32_t shard() const { return shard_; }
  // [any] Runs fn on the home shard of metadata.
  template <class F>
  void post(F&& fn) {
    post_to(shard_, std::forward<F>(fn));
  }
  // [any]
  template <class F>
  void post_to(uint32_t shard, F&& fn) {
    if (!enter()) return;
    host_.post(shard, [this, fn = std::forward<F>(fn)]() mutable {
      fn();
      left();
    });
  }
  // [any] Runs fn on a blocking thread.
  template <class F>
  void blocking(F&& fn) {
    if (!enter()) return;
    host_.blocking([this, fn = std::forward<F>(fn)]() mutable {
      fn();
      left();
    });
  }
  // On the home shard, once: completes the token when all of the above has run. What comes after that, such
  // as a frame that was on its way, is dropped.
  void finish_stop(uint64_t stop_token) {
    stop_token_ = stop_token;
    left();
  }

 private:
  bool enter() {
    uint64_t running = running_.load(std::memory_order_relaxed);
    while (running != 0)
      if (running_.compare_exchange_weak(running, running + 1, std::memory_order_relaxed)) return true;
    return false;
  }
  void left() {
    if (running_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    const Host host = host_;  // this object may be gone as soon as the token is completed
    host.complete(stop_token_, CHR_OK);
  }

  const Host host_;
  const uint32_t shard_;
  std::atomic<uint64_t> running_{1};  // finish_stop() gives the last one back
  uint64_t stop_token_ = 0;           // written before the count can reach zero
};

}  // namespace chronik::metadata
