// Buckets, and the groups of a shard that wait for room in one.
#include "group/throttle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "group/peer_windows.h"

namespace chronik::raft {
namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kBeat = 150'000'000;
constexpr int64_t kBatch = 1'000'000;

// Groups that have batches without end for one member, at a rate: how many batches went for each.
std::vector<uint64_t> share(size_t groups, int64_t rate, Nanos seconds) {
  Throttle throttle;
  PeerWindows windows;
  throttle.limit(1, rate, 0);
  std::vector<uint64_t> sent(groups);
  for (size_t group = 0; group < groups; ++group) windows.wait_for_review(group);
  for (Nanos now = kBeat; now < seconds * kSecond; now += kBeat) {
    std::vector<uint64_t> told;
    windows.review([&](uint64_t group) { told.push_back(group); });
    for (const uint64_t group : told) {
      for (; throttle.room(1, now) > 0; ++sent[group]) throttle.take(1, kBatch, now);
      windows.wait_for_review(group);
    }
  }
  return sent;
}

TEST(ThrottleShares, NoGroupStarvesBehindAnother) {
  for (const size_t groups : {2u, 3u, 4u, 8u}) {
    for (const int64_t rate : {500'000, 1'000'000, 3'300'000, 5'000'000}) {
      const std::vector<uint64_t> sent = share(groups, rate, 3'000);
      const uint64_t all = std::accumulate(sent.begin(), sent.end(), uint64_t{0});
      EXPECT_GE(*std::ranges::min_element(sent), all / groups / 2) << groups << " groups, " << rate;
    }
  }
}

}  // namespace
}  // namespace chronik::raft
