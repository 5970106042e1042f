// Where reads run: on blocking threads, a bounded number at a time, the others in a queue of their own. So
// cold reads, however many, leave threads to the drain, and a commit never waits for them.
#pragma once

#include <chronik/host.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>

namespace chronik::storage_lmdb {

// Shared by the jobs that it starts: one that ends looks for the next read, and the store may be gone by
// then.
class ReadLane : public std::enable_shared_from_this<ReadLane> {
 public:
  using Read = std::move_only_function<void()>;

  ReadLane(Host host, uint32_t at_once) : host_(host), at_once_(at_once) {}

  // [any]
  void run(Read read) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(read));
      if (running_ == at_once_) return;
      ++running_;
    }
    host_.blocking([self = shared_from_this()] { self->work(); });
  }

 private:
  void work() {
    for (;;) {
      Read read;
      {
        const std::lock_guard lock(mutex_);
        if (waiting_.empty()) {
          --running_;
          return;
        }
        read = std::move(waiting_.front());
        waiting_.pop_front();
      }
      read();
    }
  }

  Host host_;
  const uint32_t at_once_;
  std::mutex mutex_;  // all below
  std::deque<Read> waiting_;
  uint32_t running_ = 0;
};

}  // namespace chronik::storage_lmdb
