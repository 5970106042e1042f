// TimerWheel: many timers of one shard on one of the host's. Members of groups and transactions have a timer
// each, which nearly always is armed anew before it fires: that is a few pointers here, whatever their number.
//
//     TimerWheel wheel(host);                                   // on the shard that it belongs to
//     Timer session(wheel, [](void* member) { static_cast<Member*>(member)->expired(); }, this);
//     session.arm(45'000'000'000);                              // and again with each heartbeat
//
// A timer never fires early, and at most kTickNs after its deadline, as far as the host is in time. Those that
// are due fire in the order of their deadlines, and of equal ones in the order in which they were armed.
//
// Arming, arming anew and cancelling take constant time and no memory: a Timer is a link in a list. The lists
// are the slots of a hierarchical wheel (Varghese and Lauck, 1987): 64 of a tick, 64 of 64 ticks, and so on; the
// timers of a slot of a higher level move to lower ones when its time begins. The host's timer stands at the
// next slot that holds any, and is set anew only where something earlier comes, or when it fired: what is armed
// later each time does not touch it.
//
//   a timer is | arm()  | its tick comes | its turn comes       | cancel(), end of life
//   idle       | armed  |                |                      | idle
//   armed      | armed  | due            |                      | idle
//   due        | armed  |                | idle, and then fires | idle: it does not fire
//
// All on one shard. What fires may arm, cancel and destroy any timer, itself included, but not the wheel.
#pragma once

#include <chronik/host.hpp>

#include <array>
#include <cstdint>

namespace chronik::kafka {

class TimerWheel;

namespace timers {

// A link of a list that begins and ends with itself.
struct Link {
  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  Link* next = this;
  Link* previous = this;

  bool is_empty() const { return next == this; }
  void push_back(Link* link);
  void unlink();
};

}  // namespace timers

// The wheel outlives its timers.
class Timer : private timers::Link {
 public:
  using Fire = void (*)(void* context);

  Timer(TimerWheel& wheel, Fire fire, void* context) : wheel_(wheel), fire_(fire), context_(context) {}
  ~Timer() { cancel(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // From now on, in place of what it was armed for before.
  void arm(uint64_t delay_ns);
  void cancel();
  // Armed or due.
  bool is_armed() const { return !is_empty(); }
  // Monotonic time, of the last arm().
  uint64_t deadline_ns() const { return deadline_ns_; }

 private:
  friend class TimerWheel;
  static constexpr uint16_t kNoSlot = UINT16_MAX;

  TimerWheel& wheel_;
  const Fire fire_;
  void* const context_;
  uint64_t deadline_ns_ = 0;
  uint64_t number_ = 0;      // of the arm()
  uint16_t slot_ = kNoSlot;  // kNoSlot: idle or due
};

class TimerWheel {
 public:
  static constexpr uint64_t kTickNs = 10'000'000;

  explicit TimerWheel(const Host& host);
  ~TimerWheel();
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  size_t size() const { return count_; }
  // Where it ends on no shard: once no timer is armed, on its shard.
  void stop();

 private:
  friend class Timer;
  static constexpr uint32_t kLevelBits = 6;
  static constexpr uint32_t kSlots = 1u << kLevelBits;
  // Five levels of 10 ms reach 124 days; what is armed for later waits in the last slot, and moves on from it.
  static constexpr uint32_t kLevels = 5;
  static constexpr uint64_t kReach = uint64_t{1} << (kLevels * kLevelBits);  // in ticks
  static constexpr uint64_t kNever = UINT64_MAX;

  void arm(Timer* timer, uint64_t delay_ns);
  void cancel(Timer* timer);
  void insert(Timer* timer);
  void remove(Timer* timer);
  uint64_t next_tick() const;
  void begin_tick(uint64_t tick);
  void move_down(uint32_t level);
  void fire_due();
  void wake();
  void set_host_timer();
  static bool fires_before(const timers::Link* a, const timers::Link* b);
  static void merge(timers::Link* from, timers::Link* into);
  static void sort(timers::Link* list);

  const Host host_;
  uint64_t now_tick_;   // all before, and this one, have fired
  size_t count_ = 0;    // armed and due
  uint64_t armed_ = 0;  // since the start
  std::array<timers::Link, kLevels * kSlots> slots_;
  std::array<uint64_t, kLevels> occupied_{};  // by level, a bit a slot
  timers::Link due_;
  uint64_t host_timer_ = 0;
  uint64_t host_tick_ = kNever;  // where it stands
  bool firing_ = false;
};

}  // namespace chronik::kafka
