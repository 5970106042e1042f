#include "sim/base/loop.h"

#include <algorithm>
#include <memory>

namespace chronik::sim {

Loop::~Loop() {
  for (const Event& event : heap_) event.run(event, false);
}

void Loop::add(uint64_t at, uint32_t node, Handler run, void* a, void* b, uint64_t c) {
  heap_.push_back({std::max(at, now_), seq_++, run, a, b, c, node});
  std::push_heap(heap_.begin(), heap_.end(), Later());
}

void Loop::call(uint64_t at, std::function<void()> fn) {
  const auto run = [](const Event& event, bool alive) {
    const std::unique_ptr<std::function<void()>> held(static_cast<std::function<void()>*>(event.a));
    if (alive) (*held)();
  };
  add(at, kHarness, run, new std::function<void()>(std::move(fn)));
}

bool Loop::step(uint64_t until) {
  if (heap_.empty() || heap_.front().at > until) {
    now_ = std::max(now_, until);
    return false;
  }
  std::pop_heap(heap_.begin(), heap_.end(), Later());
  Event event = heap_.back();
  heap_.pop_back();
  now_ = event.at;
  if (paused_until_[event.node] > now_) {  // stays behind those of its node that came to wait before it
    event.at = paused_until_[event.node];
    event.seq = seq_++;
    heap_.push_back(event);
    std::push_heap(heap_.begin(), heap_.end(), Later());
    return true;
  }
  ++executed_;
  event.run(event, true);
  return true;
}

void Loop::drop(uint32_t node) {
  std::vector<Event> dropped;
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
