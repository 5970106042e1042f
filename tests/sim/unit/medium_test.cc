#include "sim/disk/medium.h"
#include "sim/base/loop.h"

#include <gtest/gtest.h>

namespace chronik::sim {
namespace {

std::string contents(const Medium& medium) {
  std::string out(medium.size(), '\0');
  EXPECT_EQ(medium.read(0, reinterpret_cast<uint8_t*>(out.data()), out.size()), CHR_OK);
  return out;
}

uint64_t put(Medium& medium, uint64_t now, uint64_t at, std::string_view text) {
  uint64_t cost = 0;
  EXPECT_EQ(medium.write(now, at, reinterpret_cast<const uint8_t*>(text.data()), text.size(), &cost), CHR_OK);
  return now + cost;
}

uint64_t sync(Medium& medium, uint64_t now) {
  uint64_t cost = 0;
  EXPECT_EQ(medium.sync(now, &cost), CHR_OK);
  return now + cost;
}

TEST(Medium, KeepsWhatWasSyncedInEveryCrash) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Medium medium{Rng(seed)};
    uint64_t now = put(medium, 10, 0, "durable");
    now = sync(medium, now);
    put(medium, now, 0, std::string(3000, 'x'));
    medium.crash(now + 1);
    ASSERT_GE(medium.size(), 7u) << "seed " << seed;
    const std::string text = contents(medium);
    // The second write may have come through whole, in part, or not at all.
    EXPECT_TRUE(text.starts_with("durable") || text.starts_with("xxxxxxx")) << "seed " << seed;
  }
}

TEST(Medium, LosesOrTearsWhatWasNotSynced) {
  bool lost = false, torn = false, kept = false;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Medium medium{Rng(seed)};
    put(medium, 10, 0, std::string(3000, 'x'));
    medium.crash(20);
    lost |= medium.size() == 0;
    torn |= medium.size() > 0 && medium.size() < 3000;
    kept |= medium.size() == 3000;
  }
  EXPECT_TRUE(lost);
  EXPECT_TRUE(torn);
  EXPECT_TRUE(kept);
}

TEST(Medium, ASyncThatHadNotEndedPromisesNothing) {
  bool lost = false;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Medium medium{Rng(seed)};
    const uint64_t now = put(medium, 10, 0, "text");
    const uint64_t end = sync(medium, now);
    ASSERT_GT(end, now);
    medium.crash(end - 1);
    lost |= medium.size() == 0;
  }
  EXPECT_TRUE(lost);
}

TEST(Medium, AWriteOfTheFutureDidNotHappen) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Medium medium{Rng(seed)};
    sync(medium, put(medium, 10, 0, "a"));
    put(medium, 5 * kSecond, 1, "b");  // the job that runs now gets there later
    medium.crash(kSecond);
    EXPECT_EQ(contents(medium), "a");
  }
}

TEST(Medium, AKilledProcessLeavesItsWrites) {
  Medium medium{Rng(1)};
  put(medium, 10, 0, "abc");
  put(medium, 5 * kSecond, 3, "future");
  medium.kill(kSecond);
  EXPECT_EQ(contents(medium), "abc");
}

TEST(Medium, ALyingSyncLosesWrites) {
  bool lost = false;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Medium medium{Rng(seed)};
    medium.sync_lies = true;
    const uint64_t end = sync(medium, put(medium, 10, 0, "text"));
    medium.crash(end + kSecond);
    lost |= medium.size() == 0;
  }
  EXPECT_TRUE(lost);
}

TEST(Medium, ResizeIsUndoneLikeAWrite) {
  bool back = false, cut = false;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Medium medium{Rng(seed)};
    const uint64_t now = sync(medium, put(medium, 10, 0, "abcdef"));
    ASSERT_EQ(medium.resize(now, 2), CHR_OK);
    EXPECT_EQ(contents(medium), "ab");
    medium.crash(now + 1);
    back |= contents(medium) == "abcdef";
    cut |= contents(medium) == "ab";
  }
  EXPECT_TRUE(back);
  EXPECT_TRUE(cut);
}

TEST(Medium, RefusesWhatDoesNotFit) {
  Medium medium{Rng(1)};
  medium.capacity = 4;
  uint64_t cost = 0;
  const uint8_t bytes[8] = {};
  EXPECT_EQ(medium.write(1, 0, bytes, 8, &cost), CHR_E_NO_SPACE);
  EXPECT_EQ(medium.size(), 0u);
  EXPECT_EQ(medium.write(1, 3, bytes, 1, &cost), CHR_E_OUT_OF_RANGE);
}

}  // namespace
}  // namespace chronik::sim
