// The lists of faults: drawn, written, read back.
#include "sim/scenario/plan.h"

#include <gtest/gtest.h>

#include <bit>

namespace chronik::sim {
namespace {

constexpr uint64_t kMinute = 60'000'000'000;

TEST(Schedule, ReadsBackWhatItWrites) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    const Plan plan = draw_plan(seed, 5, kMinute, kAllFaults);
    ASSERT_FALSE(plan.schedule.empty());
    for (const std::string_view separator : {"; ", "\n"}) {
      const auto back = parse_schedule(to_text(plan.schedule, separator));
      ASSERT_TRUE(back) << back.error().message;
      EXPECT_EQ(*back, plan.schedule) << "seed " << seed;
    }
  }
}

TEST(Schedule, IsAFunctionOfItsSeed) {
  EXPECT_EQ(draw_plan(7, 3, kMinute, kAllFaults).schedule, draw_plan(7, 3, kMinute, kAllFaults).schedule);
  EXPECT_NE(draw_plan(7, 3, kMinute, kAllFaults).schedule, draw_plan(8, 3, kMinute, kAllFaults).schedule);
  EXPECT_TRUE(draw_plan(7, 3, kMinute, 0).schedule.empty());
}

TEST(Schedule, IsOrderedByTime) {
  const auto schedule = parse_schedule("# two\n2.5 pause node=1 lasts=0.5\n1 reset node=1 peer=2\n\n");
  ASSERT_TRUE(schedule);
  ASSERT_EQ(schedule->size(), 2u);
  EXPECT_EQ(to_text(*schedule, "|"), "1.000000 reset node=1 peer=2|2.500000 pause node=1 lasts=0.500000");
  EXPECT_EQ(to_text(Schedule{}, ";"), "none");
  EXPECT_TRUE(parse_schedule("none")->empty());
}

TEST(Schedule, RefusesWhatItDoesNotKnow) {
  for (const char* text : {"x crash", "1 crahs node=1", "1 crash node", "1 crash node=x", "1 crash what=1",
                           "1.1234567 crash node=1", "1 crash amount=--1", "1 crash lasts=-1"}) {
    EXPECT_FALSE(parse_schedule(text)) << text;
  }
}

TEST(Plan, DamagesOnlyAMinorityOfDisks) {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    std::vector<uint32_t> damaged;
    for (const Fault& fault : draw_plan(seed, 5, 10 * kMinute, kAllFaults).schedule) {
      ASSERT_LE(fault.node, 5u);
      if (fault.type == FaultType::kFlip) damaged.push_back(fault.node);
    }
    ASSERT_LE(damaged.size(), 1u);
  }
}

// Where one disk may be damaged or lost, every group has three members or more, so that it keeps a majority.
TEST(Plan, MembersSurviveADamagedDisk) {
  uint32_t lost = 0;
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    const Plan plan = draw_plan(seed, 5, 10 * kMinute, kAllFaults);
    const bool damage = (plan.kinds & (kFaultFlip | kFaultLostDisk)) != 0;
    ASSERT_NE(plan.kinds & (kFaultFlip | kFaultLostDisk), kFaultFlip | kFaultLostDisk);
    for (const Fault& fault : plan.schedule) {
      lost += fault.type == FaultType::kLostDisk ? 1 : 0;
      if (fault.type != FaultType::kMembers) continue;
      const auto members = static_cast<uint64_t>(fault.amount);
      ASSERT_TRUE((members >> fault.node & 1) != 0);
      ASSERT_GE(std::popcount(members), damage ? 3 : 1) << "seed " << seed << ": " << to_text(fault);
    }
  }
  EXPECT_GT(lost, 0u);
}

TEST(Plan, TakesOnlyWhatItIsAskedFor) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    for (const Fault& fault : draw_plan(seed, 3, kMinute, kFaultPause).schedule) {
      EXPECT_TRUE(fault.at_us == 0 || fault.type == FaultType::kPause) << to_text(fault);
    }
  }
}

}  // namespace
}  // namespace chronik::sim
