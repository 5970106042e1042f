// BlockingLane: jobs on the host's blocking threads, a bounded number of them at a time; the others wait in a
// queue of their own, first come first served. All plugins share those threads, and commits run on them: work
// of which clients can ask for much keeps to a lane, and leaves threads to the rest.
#pragma once

#include <chronik/host.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>

namespace chronik {

// Shared by the jobs that it starts: one that ends looks for the next, and who made
// the lane may be gone by then.
class BlockingLane : public std::enable_shared_from_this<BlockingLane> {
 public:
  using Job = std::move_only_function<void()>;

  BlockingLane(Host host, uint32_t at_once) : host_(host), at_once_(at_once) {}

  // [any]
  void run(Job job) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(job));
      if (running_ == at_once_) return;
      ++running_;
    }
    host_.blocking([self = shared_from_this()] { self->work(); });
  }

 private:
  void work() {
    for (;;) {
      Job job;
      {
        const std::lock_guard lock(mutex_);
        if (waiting_.empty()) {
          --running_;
          return;
        }
        job = std::move(waiting_.front());
        waiting_.pop_front();
      }
      job();
    }
  }

  Host host_;
  const uint32_t at_once_;
  std::mutex mutex_;  // all below
  std::deque<Job> waiting_;
  uint32_t running_ = 0;
};

}  // namespace chronik
