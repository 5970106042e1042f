#include "sim/disk/medium.h"
#include "sim/base/loop.h"

#include <gtest/gtest.h>

#include <bit>

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

TEST(Medium, AKillLeavesUnsyncedWritesUnsynced) {
  bool lost = false;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Medium medium{Rng(seed)};
    const uint64_t now = put(medium, 10, 0, "text");
    medium.kill(now);
    EXPECT_EQ(contents(medium), "text");
    medium.crash(now + 1);
    lost |= medium.size() == 0;
  }
  EXPECT_TRUE(lost);
}

TEST(Medium, WhatAFailedSyncDidNotWriteIsNotWrittenByALaterOne) {
  bool lost = false;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Medium medium{Rng(seed)};
    uint64_t now = put(medium, 10, 0, "text");
    medium.fail_next_sync = true;
    uint64_t cost = 0;
    EXPECT_EQ(medium.sync(now, &cost), CHR_E_IO);
    EXPECT_TRUE(medium.sync_failed());
    now = sync(medium, now + cost);
    medium.crash(now + kSecond);
    EXPECT_FALSE(medium.sync_failed());
    lost |= medium.size() == 0;
  }
  EXPECT_TRUE(lost);
}

TEST(Medium, FlipsOneBitOfWhatIsOldAndDurable) {
  Medium medium{Rng(1)};
  uint64_t now = sync(medium, put(medium, 10, 0, std::string(1000, 'a')));
  EXPECT_FALSE(medium.flip(now, 12345)) << "the newest synced write is spared";
  now = sync(medium, put(medium, now, 1000, std::string(1000, 'b')));
  now = sync(medium, put(medium, now, 2000, std::string(1000, 'c')));
  EXPECT_FALSE(medium.damaged());
  for (uint64_t which = 1; which < 500; ++which) {
    const std::string before = contents(medium);
    ASSERT_TRUE(medium.flip(now, which * 0x9e3779b97f4a7c15ull));
    const std::string after = contents(medium);
    size_t bits = 0;
    for (size_t i = 0; i < before.size(); ++i)
      bits += static_cast<size_t>(std::popcount(static_cast<uint8_t>(before[i] ^ after[i])));
    EXPECT_EQ(bits, 1u);
    EXPECT_EQ(after.substr(1000), before.substr(1000));
  }
  EXPECT_TRUE(medium.damaged());
}

TEST(Medium, NothingEndsWhileItIsStalled) {
  Medium medium{Rng(1)};
  medium.stalled_until = 5 * kSecond;
  EXPECT_GE(put(medium, 10, 0, "text"), 5 * kSecond);
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

chr_status put(Medium& medium, Volume& file, uint64_t at, std::string_view text, bool through,
               uint64_t* taken) {
  uint64_t cost = 0;
  return medium.write(10, file, at, text, through, taken, &cost);
}

TEST(MediumFiles, ASyncIsOfOneFileAndAWriteThroughOfItself) {
  bool lost = false;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Medium medium{Rng(seed)};
    Platter synced, other;
    uint64_t taken = 0, cost = 0;
    put(medium, synced, 0, "aaaa", false, &taken);
    put(medium, other, 0, "bbbb", false, &taken);
    put(medium, other, 4, "cccc", true, &taken);
    EXPECT_EQ(medium.sync(20, synced, &cost), CHR_OK);
    medium.crash(kSecond);
    EXPECT_EQ(synced.copy(0, synced.size()), "aaaa") << "seed " << seed;
    ASSERT_EQ(other.size(), 8u) << "seed " << seed;
    EXPECT_EQ(other.copy(4, 4), "cccc") << "seed " << seed;
    lost |= other.copy(0, 4) == std::string(4, '\0');
  }
  EXPECT_TRUE(lost);
}

TEST(MediumFiles, AFullDiskTakesWhatFitsOrNothing) {
  for (const bool fills_up : {false, true}) {
    Medium medium{Rng(1)};
    Platter file;
    medium.hold(file);
    medium.fills_up = fills_up;
    medium.capacity = 10'000;
    uint64_t taken = 0;
    const std::string text(20'000, 'x');
    EXPECT_EQ(put(medium, file, 0, text, false, &taken), fills_up ? CHR_OK : CHR_E_NO_SPACE);
    EXPECT_EQ(taken, fills_up ? 8192u : 0u);
    EXPECT_EQ(medium.refusals(), 1u);
    EXPECT_EQ(put(medium, file, 0, text.substr(0, 4096), false, &taken), CHR_OK);
    EXPECT_EQ(taken, 4096u);
    EXPECT_EQ(put(medium, file, taken, text, false, &taken), fills_up ? CHR_OK : CHR_E_NO_SPACE);
    medium.capacity = UINT64_MAX;
    EXPECT_EQ(put(medium, file, 4096, text, false, &taken), CHR_OK);
    EXPECT_EQ(taken, text.size());
  }
}

TEST(MediumFiles, FailuresComeOnceAndAreKnownUntilTheProcessEnds) {
  Medium medium{Rng(1)};
  Platter file;
  uint64_t taken = 0;
  medium.fail_next_write = true;
  EXPECT_EQ(put(medium, file, 0, "aaaa", false, &taken), CHR_E_IO);
  EXPECT_EQ(file.size(), 0u);
  EXPECT_TRUE(medium.failed());
  medium.short_next_write = true;
  EXPECT_EQ(put(medium, file, 0, "aaaa", false, &taken), CHR_OK);
  EXPECT_LT(taken, 4u);
  EXPECT_EQ(file.size(), taken);
  medium.kill(kSecond);
  EXPECT_FALSE(medium.failed());
  medium.fail_next_sync = true;
  EXPECT_EQ(put(medium, file, 0, "bbbb", true, &taken), CHR_E_IO);
  EXPECT_TRUE(medium.sync_failed());
}

}  // namespace
}  // namespace chronik::sim
