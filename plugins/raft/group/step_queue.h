// StepQueue: work on a shard that takes longer than a turn may, cut into steps. One step is run in a turn, whoever
// it belongs to; whoever has more to do adds its next one then, so that all come forward alike.
#pragma once

#include <chronik/host.hpp>

#include <deque>
#include <functional>
#include <utility>

namespace chronik::raft {

// Belongs to one shard, and outlives the steps.
class StepQueue {
 public:
  StepQueue(const Host& host, uint32_t shard) : host_(host), shard_(shard) {}
  StepQueue(const StepQueue&) = delete;
  StepQueue& operator=(const StepQueue&) = delete;

  void add_step(std::function<void()> step) {
    steps_.push_back(std::move(step));
    schedule();
  }

 private:
  // What a turn posts runs in the next one.
  void schedule() {
    if (!std::exchange(scheduled_, true)) host_.post(shard_, run, this);
  }
  static void CHR_CALL run(void* self) {
    auto& queue = *static_cast<StepQueue*>(self);
    const std::function<void()> step = std::move(queue.steps_.front());
    queue.steps_.pop_front();
    queue.scheduled_ = false;
    if (!queue.steps_.empty()) queue.schedule();
    step();
  }

  const Host& host_;
  const uint32_t shard_;
  std::deque<std::function<void()>> steps_;
  bool scheduled_ = false;
};

}  // namespace chronik::raft
