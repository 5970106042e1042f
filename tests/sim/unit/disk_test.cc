#include "sim/disk/disk.h"

#include "sim/base/loop.h"
#include "sim/unit/string_volume.h"

#include <gtest/gtest.h>

#include <bit>

namespace chronik::sim {
namespace {

using namespace std::string_literals;

// A disk with one file, and what its calls return: when they have ended.
struct OneFile : Disk {
  explicit OneFile(Rng rng) : Disk(rng) {}
  const std::string& bytes() const { return file.bytes(); }
  uint64_t put(uint64_t now, uint64_t at, std::string_view text) {
    uint64_t taken = 0, cost = 0;
    EXPECT_EQ(write(now, file, at, text, false, &taken, &cost), CHR_OK);
    return now + cost;
  }
  uint64_t sync(uint64_t now) {
    uint64_t cost = 0;
    EXPECT_EQ(Disk::sync(now, file, &cost), CHR_OK);
    return now + cost;
  }
  StringVolume file;
};

TEST(Disk, KeepsWhatWasSyncedInEveryCrash) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    OneFile disk{Rng(seed)};
    uint64_t now = disk.put(10, 0, "durable");
    now = disk.sync(now);
    disk.put(now, 0, std::string(3000, 'x'));
    disk.crash(now + 1);
    ASSERT_GE(disk.bytes().size(), 7u) << "seed " << seed;
    const std::string text = disk.bytes();
    // The second write may have come through whole, in part, or not at all.
    EXPECT_TRUE(text.starts_with("durable") || text.starts_with("xxxxxxx")) << "seed " << seed;
  }
}

TEST(Disk, LosesOrTearsWhatWasNotSynced) {
  bool lost = false, torn = false, kept = false;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    OneFile disk{Rng(seed)};
    disk.put(10, 0, std::string(3000, 'x'));
    disk.crash(20);
    lost |= disk.bytes().size() == 0;
    torn |= disk.bytes().size() > 0 && disk.bytes().size() < 3000;
    kept |= disk.bytes().size() == 3000;
  }
  EXPECT_TRUE(lost);
  EXPECT_TRUE(torn);
  EXPECT_TRUE(kept);
}

TEST(Disk, ASyncThatHadNotEndedPromisesNothing) {
  bool lost = false;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    OneFile disk{Rng(seed)};
    const uint64_t now = disk.put(10, 0, "text");
    const uint64_t end = disk.sync(now);
    ASSERT_GT(end, now);
    disk.crash(end - 1);
    lost |= disk.bytes().size() == 0;
  }
  EXPECT_TRUE(lost);
}

TEST(Disk, AWriteOfTheFutureDidNotHappen) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    OneFile disk{Rng(seed)};
    disk.sync(disk.put(10, 0, "a"));
    disk.put(5 * kSecond, 1, "b");  // the job that runs now gets there later
    disk.crash(kSecond);
    EXPECT_EQ(disk.bytes(), "a");
  }
}

TEST(Disk, AKilledProcessLeavesItsWrites) {
  OneFile disk{Rng(1)};
  disk.put(10, 0, "abc");
  disk.put(5 * kSecond, 3, "future");
  disk.kill(kSecond);
  EXPECT_EQ(disk.bytes(), "abc");
}

TEST(Disk, ALyingSyncLosesWrites) {
  bool lost = false;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    OneFile disk{Rng(seed)};
    disk.sync_lies = true;
    const uint64_t end = disk.sync(disk.put(10, 0, "text"));
    disk.crash(end + kSecond);
    lost |= disk.bytes().size() == 0;
  }
  EXPECT_TRUE(lost);
}

TEST(Disk, ResizeIsUndoneLikeAWrite) {
  bool back = false, cut = false;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    OneFile disk{Rng(seed)};
    const uint64_t now = disk.sync(disk.put(10, 0, "abcdef"));
    disk.resize(now, disk.file, 2);
    EXPECT_EQ(disk.bytes(), "ab");
    disk.crash(now + 1);
    back |= disk.bytes() == "abcdef";
    cut |= disk.bytes() == "ab";
  }
  EXPECT_TRUE(back);
  EXPECT_TRUE(cut);
}

TEST(Disk, AKillLeavesUnsyncedWritesUnsynced) {
  bool lost = false;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    OneFile disk{Rng(seed)};
    const uint64_t now = disk.put(10, 0, "text");
    disk.kill(now);
    EXPECT_EQ(disk.bytes(), "text");
    disk.crash(now + 1);
    lost |= disk.bytes().size() == 0;
  }
  EXPECT_TRUE(lost);
}

TEST(Disk, WhatAFailedSyncDidNotWriteIsNotWrittenByALaterOne) {
  bool lost = false;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    OneFile disk{Rng(seed)};
    uint64_t now = disk.put(10, 0, "text");
    disk.fail_next_sync = true;
    uint64_t cost = 0;
    EXPECT_EQ(disk.Disk::sync(now, disk.file, &cost), CHR_E_IO);
    EXPECT_TRUE(disk.sync_failed());
    now = disk.sync(now + cost);
    disk.crash(now + kSecond);
    EXPECT_FALSE(disk.sync_failed());
    lost |= disk.bytes().size() == 0;
  }
  EXPECT_TRUE(lost);
}

TEST(Disk, FlipsOneBitOfWhatIsOldAndDurable) {
  OneFile disk{Rng(1)};
  uint64_t now = disk.sync(disk.put(10, 0, std::string(1000, 'a')));
  EXPECT_FALSE(disk.flip(now, disk.file, 12345)) << "the newest synced write is spared";
  now = disk.sync(disk.put(now, 1000, std::string(1000, 'b')));
  now = disk.sync(disk.put(now, 2000, std::string(1000, 'c')));
  EXPECT_FALSE(disk.damaged());
  for (uint64_t which = 1; which < 500; ++which) {
    const std::string before = disk.bytes();
    ASSERT_TRUE(disk.flip(now, disk.file, which * 0x9e3779b97f4a7c15ull));
    const std::string after = disk.bytes();
    size_t bits = 0;
    for (size_t i = 0; i < before.size(); ++i)
      bits += static_cast<size_t>(std::popcount(static_cast<uint8_t>(before[i] ^ after[i])));
    EXPECT_EQ(bits, 1u);
    EXPECT_EQ(after.substr(1000), before.substr(1000));
  }
  EXPECT_TRUE(disk.damaged());
}

TEST(Disk, NothingEndsWhileItIsStalled) {
  OneFile disk{Rng(1)};
  disk.stalled_until = 5 * kSecond;
  EXPECT_GE(disk.put(10, 0, "text"), 5 * kSecond);
  disk.stalled_until = 50 * kSecond;
  uint64_t taken = 0, cost = 0;
  EXPECT_EQ(disk.write(40 * kSecond, disk.file, 0, "text", true, &taken, &cost), CHR_OK);
  EXPECT_GE(cost, 10 * kSecond);
  EXPECT_LT(cost, 11 * kSecond) << "the sync of a durable write waits for its bytes, and no more";
}

chr_status put(Disk& disk, Volume& file, uint64_t at, std::string_view text, bool through, uint64_t* taken) {
  uint64_t cost = 0;
  return disk.write(10, file, at, text, through, taken, &cost);
}

// The kernel keeps errors by file, and what is written through later is on the disk.
TEST(DiskFiles, AFailedSyncLosesWhatItWasToWriteAlone) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Disk disk{Rng(seed)};
    StringVolume first, second;
    uint64_t taken = 0, cost = 0;
    ASSERT_EQ(put(disk, first, 0, "lost", false, &taken), CHR_OK);
    disk.fail_next_sync = true;
    ASSERT_EQ(disk.sync(kSecond, first, &cost), CHR_E_IO);
    ASSERT_EQ(put(disk, second, 0, "kept", true, &taken), CHR_OK);
    ASSERT_EQ(put(disk, first, 4, "kept", true, &taken), CHR_OK);
    disk.crash(10 * kSecond);
    ASSERT_EQ(second.copy(0, second.size()), "kept");
    ASSERT_EQ(first.copy(4, first.size() - 4), "kept");
  }
}

TEST(DiskFiles, ASyncIsOfOneFileAndAWriteThroughOfItself) {
  bool lost = false;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Disk disk{Rng(seed)};
    StringVolume synced, other;
    uint64_t taken = 0, cost = 0;
    put(disk, synced, 0, "aaaa", false, &taken);
    put(disk, other, 0, "bbbb", false, &taken);
    put(disk, other, 4, "cccc", true, &taken);
    EXPECT_EQ(disk.sync(kMillisecond, synced, &cost), CHR_OK);
    disk.crash(kSecond);
    EXPECT_EQ(synced.copy(0, synced.size()), "aaaa") << "seed " << seed;
    ASSERT_EQ(other.size(), 8u) << "seed " << seed;
    EXPECT_EQ(other.copy(4, 4), "cccc") << "seed " << seed;
    lost |= other.copy(0, 4) == std::string(4, '\0');
  }
  EXPECT_TRUE(lost);
}

TEST(DiskFiles, AFullDiskTakesWhatFitsOrNothing) {
  for (const bool fills_up : {false, true}) {
    Disk disk{Rng(1)};
    StringVolume file;
    disk.hold(file);
    disk.fills_up = fills_up;
    disk.capacity = 10'000;
    uint64_t taken = 0;
    const std::string text(20'000, 'x');
    EXPECT_EQ(put(disk, file, 0, text, false, &taken), fills_up ? CHR_OK : CHR_E_NO_SPACE);
    EXPECT_EQ(taken, fills_up ? 8192u : 0u);
    EXPECT_EQ(disk.refusals(), 1u);
    EXPECT_EQ(put(disk, file, 0, text.substr(0, 4096), false, &taken), CHR_OK);
    EXPECT_EQ(taken, 4096u);
    EXPECT_EQ(put(disk, file, taken, text, false, &taken), fills_up ? CHR_OK : CHR_E_NO_SPACE);
    disk.capacity = UINT64_MAX;
    EXPECT_EQ(put(disk, file, 4096, text, false, &taken), CHR_OK);
    EXPECT_EQ(taken, text.size());
  }
}

TEST(DiskFiles, FailuresComeOnceAndAreKnownUntilTheProcessEnds) {
  Disk disk{Rng(1)};
  StringVolume file;
  uint64_t taken = 0;
  disk.fail_next_write = true;
  EXPECT_EQ(put(disk, file, 0, "aaaa", false, &taken), CHR_E_IO);
  EXPECT_EQ(file.size(), 0u);
  EXPECT_TRUE(disk.failed());
  disk.short_next_write = true;
  EXPECT_EQ(put(disk, file, 0, "aaaa", false, &taken), CHR_OK);
  EXPECT_LT(taken, 4u);
  EXPECT_EQ(file.size(), taken);
  disk.kill(kSecond);
  EXPECT_FALSE(disk.failed());
  disk.fail_next_sync = true;
  EXPECT_EQ(put(disk, file, 0, "bbbb", true, &taken), CHR_E_IO);
  EXPECT_TRUE(disk.sync_failed());
}

// What begin_write() and begin_sync() promise.
TEST(DiskInFlight, WritesEndInAnyOrder) {
  bool reordered = false;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Disk disk{Rng(seed)};
    StringVolume file;
    const auto first = disk.begin_write(10, file, 0, std::string(512, 'a'), true);
    const auto second = disk.begin_write(10, file, 512, std::string(512, 'b'), true);
    EXPECT_EQ(first.status, CHR_OK);
    reordered |= second.ends < first.ends;
    disk.crash(std::min(first.ends, second.ends));
    const bool second_is_durable = second.ends <= first.ends;
    EXPECT_EQ(file.copy(second_is_durable ? 512 : 0, 512), std::string(512, second_is_durable ? 'b' : 'a'));
  }
  EXPECT_TRUE(reordered);
}

TEST(DiskInFlight, WhatIsInFlightMayBeThereInAnyPart) {
  bool lost = false, torn = false, holed = false, kept = false;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    Disk disk{Rng(seed)};
    StringVolume file;
    const std::string text(4096, 'x');
    const auto write = disk.begin_write(10, file, 0, text, true);
    disk.crash(write.ends - 1);
    const std::string left = file.bytes();
    lost |= left.find('x') == std::string::npos;
    kept |= left == text;
    torn |= left.size() < text.size() && left.starts_with('x');
    holed |= left.find("\0x"s) != std::string::npos;
    EXPECT_EQ(left.find('x') % 512, left.find('x') == std::string::npos ? std::string::npos % 512 : 0u);
  }
  EXPECT_TRUE(lost);
  EXPECT_TRUE(torn);
  EXPECT_TRUE(holed);
  EXPECT_TRUE(kept);
}

TEST(DiskInFlight, ASyncCoversWhatHadEndedWhenItBegan) {
  bool lost = false;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Disk disk{Rng(seed)};
    StringVolume file;
    const auto before = disk.begin_write(10, file, 0, std::string(512, 'a'), false);
    const auto beside = disk.begin_write(before.ends, file, 512, std::string(512, 'b'), false);
    const auto sync = disk.begin_sync(before.ends, file);
    ASSERT_LT(before.ends, beside.ends);
    disk.crash(sync.ends + kSecond);
    EXPECT_EQ(file.copy(0, 512), std::string(512, 'a'));
    lost |= file.copy(512, 512) != std::string(512, 'b');
  }
  EXPECT_TRUE(lost);
}

TEST(DiskInFlight, ADurableWriteBringsItsSizeAndTheCutsBefore) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Disk disk{Rng(seed)};
    StringVolume file;
    uint64_t taken = 0, cost = 0;
    EXPECT_EQ(disk.write(10, file, 0, std::string(2048, 'a'), true, &taken, &cost), CHR_OK);
    disk.resize(10 + cost, file, 512);
    const auto write = disk.begin_write(11 + cost, file, 512, std::string(512, 'b'), true);
    disk.crash(write.ends);
    EXPECT_EQ(file.bytes(), std::string(512, 'a') + std::string(512, 'b')) << "seed " << seed;
  }
}

TEST(DiskInFlight, AKilledProcessLeavesAnyPart) {
  bool whole = false, part = false;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Disk disk{Rng(seed)};
    StringVolume file;
    const std::string text(4096, 'x');
    const auto write = disk.begin_write(10, file, 0, text, true);
    disk.kill(write.ends - 1);
    whole |= file.bytes() == text;
    part |= file.bytes() != text;
  }
  EXPECT_TRUE(whole);
  EXPECT_TRUE(part);
}

TEST(DiskInFlight, AnEarlyAnswerPromisesNothing) {
  bool lost = false;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Disk disk{Rng(seed)};
    disk.answers_early = true;
    StringVolume file;
    const auto write = disk.begin_write(10, file, 0, "text", true);
    disk.crash(write.ends);
    lost |= file.bytes() != "text";
  }
  EXPECT_TRUE(lost);
}

TEST(DiskInFlight, FailsAsCallsDo) {
  Disk disk{Rng(1)};
  StringVolume file;
  disk.fail_next_write = true;
  EXPECT_EQ(disk.begin_write(10, file, 0, "aaaa", true).status, CHR_E_IO);
  EXPECT_EQ(file.size(), 0u);
  disk.stopped(20);
  disk.hold(file);
  disk.capacity = 2;
  EXPECT_EQ(disk.begin_write(30, file, 0, "aaaa", true).status, CHR_E_NO_SPACE);
  disk.capacity = UINT64_MAX;
  disk.short_next_write = true;
  EXPECT_EQ(disk.begin_write(40, file, 0, "aaaa", true).status, CHR_E_IO);
  EXPECT_LT(file.size(), 4u);
  disk.fail_next_sync = true;
  EXPECT_EQ(disk.begin_write(50, file, 0, "bbbb", true).status, CHR_E_IO);
  EXPECT_TRUE(disk.sync_failed());
  disk.stalled_until = kSecond;
  EXPECT_GE(disk.begin_sync(60, file).ends, kSecond);
}

// As of the kernel: what it could not write back is told once to each who asks, and a power loss may take it from then on.
TEST(Disk, TellsAFailedWriteBackToADurableWriteAndToASync) {
  bool lost = false;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    OneFile disk{Rng(seed)};
    disk.hold(disk.file);
    disk.tells_once = seed % 2 != 0;
    const uint64_t synced = disk.sync(disk.put(10, 0, "kept"));
    uint64_t now = disk.put(synced, 4, "lost");
    disk.fail_write_back(now);
    EXPECT_TRUE(disk.failed());
    EXPECT_EQ(disk.bytes(), "keptlost");  // as its readers see it
    Disk::InFlight call = disk.begin_write(now + 1, disk.file, 8, "next", true);
    EXPECT_EQ(call.status, CHR_E_NO_SPACE);
    call = disk.begin_write(call.ends, disk.file, 8, "next", true);
    EXPECT_EQ(call.status, CHR_OK);
    uint64_t cost = 0;
    EXPECT_EQ(static_cast<Disk&>(disk).sync(call.ends, disk.file, &cost),
              disk.tells_once ? CHR_OK : CHR_E_NO_SPACE);
    now = disk.sync(call.ends + cost);
    disk.crash(now);
    lost |= disk.bytes() == "kept\0\0\0\0next"s;
    EXPECT_TRUE(disk.bytes().starts_with("kept") && disk.bytes().ends_with("next")) << "seed " << seed;
    EXPECT_FALSE(disk.failed());
  }
  EXPECT_TRUE(lost);
}

TEST(Disk, FailsNoWriteBackOfWhatIsDurable) {
  OneFile disk{Rng(3)};
  disk.hold(disk.file);
  const uint64_t now = disk.sync(disk.put(10, 0, "kept"));
  disk.fail_write_back(now);
  EXPECT_FALSE(disk.failed());
  disk.sync(disk.put(now, 4, "more"));
}

}  // namespace
}  // namespace chronik::sim
