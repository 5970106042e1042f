#include "host/runtime/timer_queue.h"

namespace chronik::host {

uint64_t TimerQueue::start(uint64_t due_ns, chr_fn fn, void* context) {
  uint32_t index = 0;
  if (free_.empty()) {
    index = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  Slot& slot = slots_[index];
  slot.fn = fn;
  slot.context = context;
  heap_.push_back({due_ns, ++sequence_, index});
  slot.position = static_cast<uint32_t>(heap_.size() - 1);
  sift_up(slot.position);
  return uint64_t{slot.generation} << 32 | index;
}

bool TimerQueue::cancel(uint64_t id) {
  const auto index = static_cast<uint32_t>(id);
  if (index >= slots_.size()) return false;
  const Slot& slot = slots_[index];
  if (slot.generation != static_cast<uint32_t>(id >> 32) || slot.position == kFree) return false;
  erase(slot.position);
  return true;
}

bool TimerQueue::pop_due(uint64_t now_ns, uint64_t limit, Due* out) {
  if (heap_.empty() || heap_.front().due_ns > now_ns || heap_.front().sequence > limit) return false;
  const Slot& slot = slots_[heap_.front().slot];
  *out = {slot.fn, slot.context};
  erase(0);
  return true;
}

void TimerQueue::place(uint32_t position, const Node& node) {
  heap_[position] = node;
  slots_[node.slot].position = position;
}

void TimerQueue::sift_up(uint32_t position) {
  const Node node = heap_[position];
  while (position > 0) {
    const uint32_t parent = (position - 1) / 2;
    if (!before(node, heap_[parent])) break;
    place(position, heap_[parent]);
    position = parent;
  }
  place(position, node);
}

void TimerQueue::sift_down(uint32_t position) {
  const Node node = heap_[position];
  const auto n = static_cast<uint32_t>(heap_.size());
  for (uint32_t child = 2 * position + 1; child < n; child = 2 * position + 1) {
    if (child + 1 < n && before(heap_[child + 1], heap_[child])) ++child;
    if (!before(heap_[child], node)) break;
    place(position, heap_[child]);
    position = child;
  }
  place(position, node);
}

void TimerQueue::erase(uint32_t position) {
  Slot& slot = slots_[heap_[position].slot];
  slot.position = kFree;
  if (++slot.generation == 0) slot.generation = 1;
  free_.push_back(heap_[position].slot);
  const Node last = heap_.back();
  heap_.pop_back();
  if (position == heap_.size()) return;
  place(position, last);
  sift_up(position);
  sift_down(slots_[last.slot].position);
}

}  // namespace chronik::host
