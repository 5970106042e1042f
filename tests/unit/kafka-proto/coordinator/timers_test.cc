// The timer wheel under a clock of its own, against a plain list of deadlines; host timers and memory counted.
#include "kafka-proto/coordinator/timers.h"

#include <gtest/gtest.h>

#include <chronik/testing/fake_host.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "coordinator/allocations.h"

namespace chronik::kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kSecond = 1000 * kMs;

// The fake host's timers, counted, and its clock, which may jump.
struct Watched {
  static inline const chr_exec_v1* exec = nullptr;
  static inline const chr_clock_v1* clock = nullptr;
  static inline uint64_t started = 0;
  static inline uint64_t late_ns = 0;

  static uint64_t CHR_CALL start(chr_host* self, uint64_t delay_ns, chr_fn fn, void* context) {
    ++started;
    return exec->timer_start(self, delay_ns, fn, context);
  }
  static uint64_t CHR_CALL now(chr_host* self) { return clock->monotonic_ns(self) + late_ns; }
  static Host watch(testing::FakeHost* host) {
    const Host plain(host->core());
    exec = plain.find<chr_exec_v1>(CHR_EXEC_ID);
    clock = plain.find<chr_clock_v1>(CHR_CLOCK_ID);
    started = late_ns = 0;
    static chr_exec_v1 counted;
    static chr_clock_v1 jumping;
    counted = *exec;
    counted.timer_start = start;
    jumping = *clock;
    jumping.monotonic_ns = now;
    host->add_service(CHR_EXEC_ID, &counted);
    host->add_service(CHR_CLOCK_ID, &jumping);
    return Host(host->core());
  }
};

// What fired, and when.
struct Fired {
  size_t timer;
  uint64_t at_ns;
};

class TimersTest : public ::testing::Test {
 protected:
  struct Member {
    Member(TimersTest& test, size_t number)
        : timer(
              test.wheel, [](void* self) { static_cast<Member*>(self)->fire(); }, this),
          owner(test),
          id(number) {}
    void fire() {
      owner.fired.push_back({id, owner.host.now_ns()});
      if (then) then();
    }
    Timer timer;
    TimersTest& owner;
    size_t id;
    std::function<void()> then;
  };

  Member& add() { return *members.emplace_back(std::make_unique<Member>(*this, members.size())); }
  std::vector<size_t> order() const {
    std::vector<size_t> out;
    for (const Fired& each : fired) out.push_back(each.timer);
    return out;
  }

  testing::FakeHost host;
  std::vector<Fired> fired;
  TimerWheel wheel{Watched::watch(&host)};
  std::vector<std::unique_ptr<Member>> members;
};

TEST_F(TimersTest, NeverEarlyAndAtMostATickLate) {
  for (const uint64_t delay :
       {uint64_t{0}, uint64_t{1}, 9 * kMs, 10 * kMs, 11 * kMs, 639 * kMs, 640 * kMs, 641 * kMs, 5 * kSecond,
        41 * kSecond, 45 * kSecond, 3000 * kSecond, 90'000 * kSecond}) {
    Member& member = add();
    host.advance(nanoseconds(1'234'567));
    const uint64_t deadline = host.now_ns() + delay;
    member.timer.arm(delay);
    EXPECT_EQ(member.timer.deadline_ns(), deadline);
    if (delay > 0) host.advance(nanoseconds(delay - 1));
    EXPECT_TRUE(fired.empty() || delay == 0) << delay;
    host.advance(nanoseconds(TimerWheel::kTickNs + 1));
    ASSERT_EQ(fired.size(), 1u) << delay;
    EXPECT_GE(fired[0].at_ns, deadline);
    EXPECT_LE(fired[0].at_ns, deadline + TimerWheel::kTickNs);
    EXPECT_FALSE(member.timer.is_armed());
    fired.clear();
  }
  EXPECT_EQ(wheel.size(), 0u);
  EXPECT_EQ(host.open_timers(), 0u);
}

TEST_F(TimersTest, InOrderOfDeadlineWithinATickAndOfArmingWithinADeadline) {
  Member& far = add();  // comes down from a higher level into the tick of the others
  far.timer.arm(700 * kMs + 5);
  host.advance(milliseconds(500));
  for (const uint64_t after : {9, 3, 7, 5, 5, 1}) add().timer.arm(200 * kMs + after);
  host.advance(seconds(1));
  EXPECT_EQ(order(), (std::vector<size_t>{6, 2, 0, 4, 5, 3, 1}));
}

TEST_F(TimersTest, ArmedAnewItFiresOnceAndLater) {
  Member& member = add();
  for (int i = 0; i < 100; ++i) {
    member.timer.arm(kSecond);
    host.advance(milliseconds(500));
  }
  EXPECT_TRUE(fired.empty());
  host.advance(milliseconds(510));
  EXPECT_EQ(fired.size(), 1u);
  member.timer.arm(kSecond);
  member.timer.arm(kMs);  // and earlier
  host.advance(milliseconds(20));
  EXPECT_EQ(fired.size(), 2u);
}

TEST_F(TimersTest, CancelledAndDestroyedOnesDoNotFire) {
  Member& cancelled = add();
  cancelled.timer.arm(kSecond);
  add().timer.arm(kSecond);
  EXPECT_EQ(wheel.size(), 2u);
  cancelled.timer.cancel();
  cancelled.timer.cancel();
  members.pop_back();
  EXPECT_EQ(wheel.size(), 0u);
  host.advance(seconds(10));
  EXPECT_TRUE(fired.empty());
  EXPECT_EQ(host.open_timers(), 0u);
}

TEST_F(TimersTest, WhatFiresMayArmCancelAndDestroy) {
  for (int i = 0; i < 4; ++i) add().timer.arm(kSecond + 1 + static_cast<uint64_t>(i));
  members[0]->then = [this] {
    members[1]->timer.cancel();                      // due already
    members[2]->timer.arm(kSecond);                  // due, and later after all
    if (fired.size() < 3) members[0]->timer.arm(0);  // itself
  };
  members[3]->then = [this] { members.pop_back(); };
  host.advance(milliseconds(1100));
  EXPECT_EQ(order(), (std::vector<size_t>{0, 3, 0}));
  EXPECT_EQ(members.size(), 3u);
  host.advance(seconds(5));
  EXPECT_EQ(order(), (std::vector<size_t>{0, 3, 0, 2}));
}

// A host that is late, by more than a turn of the lowest level: all are there, in order.
TEST_F(TimersTest, ALateHostFiresAllInOrder) {
  add().timer.arm(3 * kSecond);
  add().timer.arm(10 * kMs);
  add().timer.arm(50 * kSecond);
  add().timer.arm(900 * kMs);
  members[1]->then = [this] { Watched::late_ns = 60 * kSecond; };
  host.advance(seconds(2));
  EXPECT_EQ(order(), (std::vector<size_t>{1, 3, 0, 2}));
}

// Beyond what the wheel reaches.
TEST_F(TimersTest, AYearIsAYear) {
  constexpr uint64_t kYear = uint64_t{365} * 86'400 * kSecond;
  add().timer.arm(kYear);
  add().timer.arm(UINT64_MAX);
  const uint64_t deadline = host.now_ns() + kYear;
  host.advance(nanoseconds(kYear - 1));
  EXPECT_TRUE(fired.empty());
  host.advance(seconds(1));
  ASSERT_EQ(fired.size(), 1u);
  EXPECT_LE(fired[0].at_ns, deadline + TimerWheel::kTickNs);
}

TEST_F(TimersTest, RandomOnesAgainstAPlainList) {
  std::mt19937_64 random(1);
  constexpr size_t kTimers = 500;
  std::vector<uint64_t> deadlines(kTimers, 0);  // 0: idle
  for (size_t i = 0; i < kTimers; ++i) add();
  for (int step = 0; step < 5000; ++step) {
    const size_t which = random() % kTimers;
    const uint64_t delay = (random() % 1000) * (uint64_t{1} << (random() % 34));
    if (random() % 5 == 0) {
      members[which]->timer.cancel();
      deadlines[which] = 0;
    } else {
      members[which]->timer.arm(delay);
      deadlines[which] = host.now_ns() + delay;
    }
    host.advance(nanoseconds(random() % (2 * kSecond)));
    for (size_t i = 0; i < fired.size(); ++i) {
      uint64_t& deadline = deadlines[fired[i].timer];
      ASSERT_NE(deadline, 0u);
      ASSERT_GE(fired[i].at_ns, deadline);
      ASSERT_LE(fired[i].at_ns, deadline + TimerWheel::kTickNs);
      if (i > 0) {
        ASSERT_GE(fired[i].at_ns, fired[i - 1].at_ns);
      }
      deadline = 0;
    }
    fired.clear();
    for (size_t i = 0; i < kTimers; ++i) {
      ASSERT_EQ(members[i]->timer.is_armed(), deadlines[i] != 0);
      if (deadlines[i] != 0) {
        ASSERT_GE(deadlines[i] + TimerWheel::kTickNs, host.now_ns());
      }
    }
  }
}

TEST_F(TimersTest, AHundredThousandStandOnOneTimerOfTheHostAndTakeNoMemory) {
  constexpr size_t kMembers = 100'000;
  for (size_t i = 0; i < kMembers; ++i) add();
  fired.reserve(kMembers);
  members[0]->timer.arm(45 * kSecond);
  const size_t before = testing::allocations();
  for (const auto& member : members) member->timer.arm(45 * kSecond);  // joins
  for (int heartbeat = 0; heartbeat < 10; ++heartbeat)
    for (const auto& member : members) member->timer.arm(45 * kSecond + static_cast<uint64_t>(heartbeat));
  EXPECT_EQ(testing::allocations(), before);
  EXPECT_EQ(wheel.size(), kMembers);
  EXPECT_EQ(host.open_timers(), 1u);
  for (size_t i = 0; i < kMembers; i += 2) members[i]->timer.cancel();
  EXPECT_EQ(testing::allocations(), before);
  const uint64_t started = Watched::started;
  host.advance(seconds(46));
  EXPECT_EQ(fired.size(), kMembers / 2);
  EXPECT_LE(Watched::started - started, 5u);
  EXPECT_EQ(host.open_timers(), 0u);
}

}  // namespace
}  // namespace chronik::kafka
