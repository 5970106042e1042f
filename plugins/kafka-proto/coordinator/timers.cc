#include "kafka-proto/coordinator/timers.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace chronik::kafka {
namespace timers {

void Link::push_back(Link* link) {
  link->next = this;
  link->previous = previous;
  previous->next = link;
  previous = link;
}

void Link::unlink() {
  previous->next = next;
  next->previous = previous;
  next = previous = this;
}

}  // namespace timers

namespace {

using timers::Link;

// All that `from` holds goes behind what `to` holds.
void move_all(Link* from, Link* to) {
  if (from->is_empty()) return;
  from->next->previous = to->previous;
  to->previous->next = from->next;
  from->previous->next = to;
  to->previous = from->previous;
  from->next = from->previous = from;
}

}  // namespace

void Timer::arm(uint64_t delay_ns) { wheel_.arm(this, delay_ns); }

void Timer::cancel() {
  if (is_armed()) wheel_.cancel(this);
}

TimerWheel::TimerWheel(const Host& host) : host_(host), now_tick_(host.now_ns() / kTickNs) {}

TimerWheel::~TimerWheel() {
  if (host_timer_ != 0) stop();
}

void TimerWheel::stop() {
  host_.cancel_timer(std::exchange(host_timer_, 0));
  host_tick_ = kNever;
}

void TimerWheel::arm(Timer* timer, uint64_t delay_ns) {
  const uint64_t now = host_.now_ns();
  if (timer->is_armed()) {
    remove(timer);
  } else if (count_++ == 0 && !firing_) {
    now_tick_ = std::max(now_tick_, now / kTickNs);
  }
  timer->number_ = ++armed_;
  timer->deadline_ns_ = now + std::min(delay_ns, UINT64_MAX / 2 - now);
  insert(timer);
  if (!firing_) set_host_timer();
}

// The host's timer stays: it finds nothing, at most once.
void TimerWheel::cancel(Timer* timer) {
  remove(timer);
  --count_;
}

// By how far away it is: the level whose slots last so long that the timer's comes within one turn of them.
void TimerWheel::insert(Timer* timer) {
  const uint64_t wanted = (timer->deadline_ns_ + kTickNs - 1) / kTickNs;
  const uint64_t tick = std::clamp(wanted, now_tick_ + 1, now_tick_ + kReach - 1);
  const uint32_t bits = static_cast<uint32_t>(std::bit_width(tick - now_tick_)) - 1;
  const uint32_t level = bits / kLevelBits;
  const uint32_t slot = static_cast<uint32_t>(tick >> (level * kLevelBits)) % kSlots;
  timer->slot_ = static_cast<uint16_t>(level * kSlots + slot);
  slots_[timer->slot_].push_back(timer);
  occupied_[level] |= uint64_t{1} << slot;
}

void TimerWheel::remove(Timer* timer) {
  const uint16_t slot = std::exchange(timer->slot_, Timer::kNoSlot);
  timer->unlink();
  if (slot != Timer::kNoSlot && slots_[slot].is_empty())
    occupied_[slot / kSlots] &= ~(uint64_t{1} << (slot % kSlots));
}

// When the next slot begins that holds any: its timers fire then, or move down.
uint64_t TimerWheel::next_tick() const {
  uint64_t next = kNever;
  for (uint32_t level = 0; level < kLevels; ++level) {
    if (occupied_[level] == 0) continue;
    const uint64_t here = now_tick_ >> (level * kLevelBits);
    const int turned = static_cast<int>((here + 1) % kSlots);
    const auto ahead = static_cast<uint64_t>(std::countr_zero(std::rotr(occupied_[level], turned))) + 1;
    next = std::min(next, (here + ahead) << (level * kLevelBits));
  }
  return next;
}

void TimerWheel::begin_tick(uint64_t tick) {
  now_tick_ = tick;
  uint32_t level = 1;
  while (level < kLevels && (tick & ((uint64_t{1} << (level * kLevelBits)) - 1)) == 0) ++level;
  while (--level > 0) move_down(level);
  const uint32_t slot = static_cast<uint32_t>(tick % kSlots);
  move_all(&slots_[slot], &due_);
  occupied_[0] &= ~(uint64_t{1} << slot);
  for (Link* link = due_.next; link != &due_; link = link->next)
    static_cast<Timer*>(link)->slot_ = Timer::kNoSlot;
}

// The slot of a level that begins now: each timer of it is nearer than what a slot of the level lasts. One that
// is due with this very tick goes with those.
void TimerWheel::move_down(uint32_t level) {
  const uint32_t slot = static_cast<uint32_t>(now_tick_ >> (level * kLevelBits)) % kSlots;
  Link moved;
  move_all(&slots_[level * kSlots + slot], &moved);
  occupied_[level] &= ~(uint64_t{1} << slot);
  while (!moved.is_empty()) {
    auto* const timer = static_cast<Timer*>(moved.next);
    timer->unlink();
    if (timer->deadline_ns_ > now_tick_ * kTickNs) {
      insert(timer);
    } else {
      due_.push_back(timer);
    }
  }
}

bool TimerWheel::fires_before(const Link* a, const Link* b) {
  const auto& left = *static_cast<const Timer*>(a);
  const auto& right = *static_cast<const Timer*>(b);
  if (left.deadline_ns_ != right.deadline_ns_) return left.deadline_ns_ < right.deadline_ns_;
  return left.number_ < right.number_;
}

// Both are sorted.
void TimerWheel::merge(Link* from, Link* into) {
  Link* at = into->next;
  while (!from->is_empty()) {
    Link* const first = from->next;
    while (at != into && fires_before(at, first)) at = at->next;
    if (at == into) return move_all(from, into);
    first->unlink();
    at->push_back(first);  // in front of it
  }
}

// A merge sort of a list, from single ones up: it takes no memory.
void TimerWheel::sort(Link* list) {
  std::array<Link, 32> runs;  // the n-th has 2^n timers, or none
  while (!list->is_empty()) {
    Link carry;
    Link* const first = list->next;
    first->unlink();
    carry.push_back(first);
    size_t n = 0;
    for (; !runs[n].is_empty(); ++n) {
      merge(&carry, &runs[n]);
      move_all(&runs[n], &carry);
    }
    move_all(&carry, &runs[n]);
  }
  for (Link& run : runs) {
    merge(list, &run);
    move_all(&run, list);
  }
}

void TimerWheel::fire_due() {
  sort(&due_);
  while (!due_.is_empty()) {
    auto* const timer = static_cast<Timer*>(due_.next);
    timer->unlink();
    timer->slot_ = Timer::kNoSlot;
    --count_;
    timer->fire_(timer->context_);  // it may be gone after that
  }
}

void TimerWheel::wake() {
  host_timer_ = 0;
  host_tick_ = kNever;
  firing_ = true;
  const uint64_t until = host_.now_ns() / kTickNs;
  for (uint64_t tick = next_tick(); tick <= until; tick = next_tick()) {
    begin_tick(tick);
    fire_due();
  }
  now_tick_ = std::max(now_tick_, until);
  firing_ = false;
  set_host_timer();
}

void TimerWheel::set_host_timer() {
  const uint64_t tick = next_tick();
  if (tick >= host_tick_) return;
  host_.cancel_timer(std::exchange(host_timer_, 0));
  host_tick_ = tick;
  const uint64_t now = host_.now_ns();
  const uint64_t at = tick * kTickNs;
  host_timer_ = host_.timer(
      at > now ? at - now : 0, [](void* context) { static_cast<TimerWheel*>(context)->wake(); }, this);
}

}  // namespace chronik::kafka
