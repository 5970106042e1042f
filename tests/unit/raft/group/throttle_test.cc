// Buckets, and those that wait for room in one.
#include "raft/group/throttle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace chronik::raft {
namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kHeartbeat = 150'000'000;
constexpr int64_t kBatch = 1'000'000;

// Groups that have batches without end for one member, at a rate, and look in the same order at each
// heartbeat: how many batches went for each.
std::vector<uint64_t> share(size_t groups, int64_t rate, Nanos seconds) {
  Throttle throttle;
  throttle.limit(1, rate, 0);
  std::vector<uint64_t> sent(groups);
  for (Nanos now = kHeartbeat; now < seconds * kSecond; now += kHeartbeat) {
    for (uint64_t group = 0; group < groups; ++group) {
      const Throttle::To to{group, 4};
      for (; throttle.room(1, to, now) > 0; ++sent[group]) throttle.take_bytes(1, to, kBatch, now);
      throttle.set_waiting(1, to, true, now);
    }
  }
  return sent;
}

TEST(ThrottleShares, NoGroupStarvesBehindAnother) {
  for (const size_t groups : {2u, 3u, 4u, 8u}) {
    for (const int64_t rate : {500'000, 1'000'000, 3'300'000, 5'000'000}) {
      const std::vector<uint64_t> sent = share(groups, rate, 300);
      const auto [least, most] = std::ranges::minmax(sent);
      EXPECT_LE(most - least, most / 8 + 2) << groups << " groups, " << rate << " bytes/s";
    }
  }
}

TEST(ThrottleShares, WhoWaitsNoMoreHoldsNobodyUp) {
  Throttle throttle;
  throttle.limit(1, kBatch, 0);
  const Throttle::To first{1, 4}, second{2, 4};
  throttle.set_waiting(1, first, true, kHeartbeat / 1000);  // nothing is there yet
  throttle.set_waiting(1, second, true, kHeartbeat / 1000);
  Nanos now = kSecond / 2;
  EXPECT_EQ(throttle.room(1, second, now), 0u);
  EXPECT_GT(throttle.room(1, first, now), 0u);
  throttle.set_waiting(1, first, false, now);
  EXPECT_GT(throttle.room(1, second, now), 0u) << "it has all";
  throttle.take_bytes(1, second, kBatch, now);
  throttle.set_waiting(1, first, true, now);
  throttle.set_waiting(1, second, true, now);
  now += kSecond / 2;
  throttle.set_waiting(1, second, true, now);
  EXPECT_EQ(throttle.room(1, second, now), 0u);
  now += kSecond / 2;
  EXPECT_GT(throttle.room(1, second, now), 0u) << "its group is closed, or led by another node";
}

// A member passes several buckets: one that is held by another bucket does not stand in the way in this one.
TEST(ThrottleShares, WhoIsHeldElsewhereHoldsNobodyUp) {
  Throttle throttle;
  throttle.limit(1, kBatch, 0);
  throttle.limit(2, 1, 0);
  const Nanos now = kSecond / 2;
  const Throttle::To held{1, 4}, other{2, 5};
  EXPECT_GT(throttle.room(1, held, now), 0u);
  EXPECT_EQ(throttle.room(2, held, now), 0u);
  for (const int32_t bucket : {1, 2}) throttle.set_waiting(bucket, held, true, now);
  EXPECT_GT(throttle.room(1, other, now), 0u);
}

}  // namespace
}  // namespace chronik::raft
