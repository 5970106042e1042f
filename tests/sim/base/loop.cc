#include "sim/base/loop.h"

#include <algorithm>
#include <memory>

namespace chronik::sim {

Loop::~Loop() {
  for (const std::deque<Event>& waiting : waiting_) {
    for (const Event& event : waiting) event.run(event, false);
  }
  for (const Event& event : heap_) event.run(event, false);
}

void Loop::add(uint64_t at, uint32_t node, Handler run, void* a, void* b, uint64_t c) {
  heap_.push_back({std::max(at, now_), seq_++, run, a, b, c, node});
  std::push_heap(heap_.begin(), heap_.end(), Later());
}

void Loop::call(uint64_t at, std::function<void()> fn) {
  const auto once = [](const Event& event, bool alive) {
    const std::unique_ptr<std::function<void()>> held(static_cast<std::function<void()>*>(event.a));
    if (alive) (*held)();
  };
  add(at, kHarness, once, new std::function<void()>(std::move(fn)));
}

bool Loop::step(uint64_t until) {
  if (awake_ != kHarness) {
    std::deque<Event>& waiting = waiting_[awake_];
    if (waiting.empty()) {
      awake_ = kHarness;
    } else {
      Event event = waiting.front();
      waiting.pop_front();
      event.at = now_;
      execute(event);
      return true;
    }
  }
  if (heap_.empty() || heap_.front().at > until) {
    now_ = std::max(now_, until);
    return false;
  }
  std::pop_heap(heap_.begin(), heap_.end(), Later());
  const Event event = heap_.back();
  heap_.pop_back();
  now_ = event.at;
  if (paused_until_[event.node] > now_ || !waiting_[event.node].empty()) {
    waiting_[event.node].push_back(event);
  } else {
    execute(event);
  }
  return true;
}

void Loop::pause(uint32_t node, uint64_t until) {
  if (until <= std::max(now_, paused_until_[node])) return;
  paused_until_[node] = until;
  const auto wake = [](const Event& event, bool) {
    auto& loop = *static_cast<Loop*>(event.a);
    const auto which = static_cast<uint32_t>(event.c);
    if (loop.paused_until_[which] <= event.at) loop.awake_ = which;
  };
  add(until, kHarness, wake, this, nullptr, node);
}

void Loop::drop(uint32_t node) {
  std::vector<Event> dropped(waiting_[node].begin(), waiting_[node].end());
  waiting_[node].clear();
  std::erase_if(heap_, [&](const Event& event) {
    if (event.node != node) return false;
    dropped.push_back(event);
    return true;
  });
  std::make_heap(heap_.begin(), heap_.end(), Later());
  std::sort(dropped.begin(), dropped.end(), [](const Event& x, const Event& y) { return x.seq < y.seq; });
  for (const Event& event : dropped) event.run(event, false);
  paused_until_[node] = 0;
}

}  // namespace chronik::sim
