#include "retry-exponential/schedule.h"

#include <gtest/gtest.h>

namespace chronik::retry {
namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr Schedule kUsual{100 * kMs, 2, 5'000 * kMs, 5, 0};  // what the schema's defaults make

TEST(Schedule, DefaultsGiveFiveAttempts) {
  const Schedule schedule = kUsual;
  EXPECT_EQ(schedule.delay_ns(1, 0), 100 * kMs);
  EXPECT_EQ(schedule.delay_ns(2, 0), 200 * kMs);
  EXPECT_EQ(schedule.delay_ns(3, 0), 400 * kMs);
  EXPECT_EQ(schedule.delay_ns(4, 0), 800 * kMs);
  EXPECT_EQ(schedule.delay_ns(5, 0), std::nullopt);
  EXPECT_EQ(schedule.delay_ns(6, 0), std::nullopt);
}

TEST(Schedule, WithoutEndStaysAtItsLimit) {
  Schedule schedule = kUsual;
  schedule.attempts = 0;
  EXPECT_EQ(schedule.delay_ns(6, 0), 3'200 * kMs);
  EXPECT_EQ(schedule.delay_ns(7, 0), 5'000 * kMs);
  EXPECT_EQ(schedule.delay_ns(4'000'000'000u, 0), 5'000 * kMs);
  schedule.multiplier = 1;
  EXPECT_EQ(schedule.delay_ns(4'000'000'000u, 0), 100 * kMs);
  schedule.first_ns = 9'000 * kMs;
  EXPECT_EQ(schedule.delay_ns(1, 0), 5'000 * kMs);
}

TEST(Schedule, JitterIsAFunctionOfTheSeedAndBounded) {
  Schedule schedule = kUsual;
  schedule.attempts = 0;
  schedule.jitter_percent = 20;
  uint64_t least = UINT64_MAX, most = 0;
  for (uint64_t seed = 0; seed < 1'000; ++seed) {
    const uint64_t delay = schedule.delay_ns(2, seed).value();
    EXPECT_EQ(delay, schedule.delay_ns(2, seed));
    least = std::min(least, delay);
    most = std::max(most, delay);
    EXPECT_LE(schedule.delay_ns(20, seed).value(), 5'000 * kMs);
  }
  EXPECT_GE(least, 160 * kMs);
  EXPECT_LE(most, 240 * kMs);
  EXPECT_GT(most - least, 60 * kMs);
}

}  // namespace
}  // namespace chronik::retry
