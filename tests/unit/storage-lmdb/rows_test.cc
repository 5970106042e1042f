// storage-lmdb: whether there is room, and rows of pages for large entries: before
// what is written needs them.
#include "tests/unit/storage-lmdb/purge_fixture.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

namespace chronik::storage_lmdb {
namespace {

// A file with so many MiB of zeros behind what is used.
class Room : public ::testing::Test {
 protected:
  static constexpr uint64_t kMiB = 1 << 20;

  void SetUp() override {
    directory_ = (std::filesystem::temp_directory_path() / "chronik-room-XXXXXX").string();
    ASSERT_NE(mkdtemp(directory_.data()), nullptr);
    env_ = Env::open({directory_, 1 << 30, 64}).value();
  }
  void TearDown() override {
    env_.reset();
    std::filesystem::remove_all(directory_);
  }
  std::unique_ptr<Space> space(uint64_t max_size) {
    auto space =
        std::make_unique<Space>(Host(host_.core()), env_, Space::Options{1 << 30, max_size, 64 * kMiB});
    ReadTransactions transactions(env_);
    const auto snapshot = Snapshot::begin(transactions);
    EXPECT_TRUE(space->count_all(snapshot->txn()));
    EXPECT_LT(space->live_bytes(), kMiB);
    return space;
  }

  testing::FakeHost host_;
  std::string directory_;
  std::shared_ptr<Env> env_;
};

TEST_F(Room, WillLackBeforeTheFileGrows) {
  const auto space = this->space(32 * kMiB);
  while (space->file_bytes() < 12 * kMiB) space->extend();
  EXPECT_FALSE(space->will_lack_room(4 * kMiB));
  EXPECT_TRUE(space->will_lack_room(6 * kMiB)) << "which could grow, but what is gone comes first";
  EXPECT_TRUE(space->has_room(Growth::kData, 6 * kMiB, 1)) << "it is early, not late";
}

TEST_F(Room, WillLackWhereTheFileMayNotGrow) {
  const auto space = this->space(16 * kMiB);
  while (space->file_bytes() < 16 * kMiB) space->extend();
  EXPECT_FALSE(space->will_lack_room(6 * kMiB));
  EXPECT_TRUE(space->will_lack_room(7 * kMiB));
}

TEST_F(Room, IsNotBehindTheLimitOfAFileThatIsLarger) {
  {
    const auto larger = this->space(0);
    while (larger->file_bytes() < 24 * kMiB) larger->extend();
  }
  const auto space = this->space(8 * kMiB);
  EXPECT_FALSE(space->will_lack_room(1 * kMiB));
  EXPECT_TRUE(space->will_lack_room(3 * kMiB));
}

class Rows : public PurgeFixture {
 protected:
  static constexpr uint64_t kLarge = 1 << 20;

  // Where the used part of the file ends, from the newer one of LMDB's two meta pages.
  uint64_t used_end() const {
    constexpr size_t kLastPage = 136, kTransaction = 144;
    std::ifstream in(directory_ + "/data.mdb", std::ios::binary);
    std::string head(8192, '\0');
    in.read(head.data(), static_cast<std::streamsize>(head.size()));
    const auto field = [&](size_t page, size_t at) {
      uint64_t value = 0;
      std::memcpy(&value, head.data() + page * 4096 + at, sizeof value);
      return value;
    };
    return field(field(1, kTransaction) > field(0, kTransaction) ? 1 : 0, kLastPage);
  }
  uint64_t gone() const { return static_cast<uint64_t>(host_.metric("chronik_storage_gone_bytes")); }
  void append_one(uint64_t bytes = kOnePage) {
    append(other_, next_++, 1, "append", bytes);
    host_.run();
  }
  // Much is gone, and small commits went through all that is free.
  void scatter() {
    forget_large_commits();
    remove(large_, CHR_STORAGE_TRIM, UINT64_MAX);
    host_.run();
    for (int i = 0; i < 400; ++i) append_one();
    ASSERT_GT(gone(), 4 * kLarge);
  }

  uint64_t next_ = 201;
};

TEST_F(Rows, AreMadeOfWhatIsGoneBeforeALargeEntryIsWritten) {
  scatter();
  const uint64_t end = used_end();
  const uint64_t gone_before = gone();
  append_one(kLarge);
  EXPECT_EQ(used_end(), end) << "it was written behind all others";
  EXPECT_LT(gone(), gone_before);
  EXPECT_EQ(bounds(other_).last_index, next_ - 1);
}

TEST_F(Rows, AreNotMadeWhileALeaseWouldKeepThem) {
  scatter();
  host_.advance(std::chrono::minutes(10));  // a store that frees much gives copies, not leases
  append_one();                             // what is gone is read again
  chr_entries found{};
  found.struct_size = sizeof found;
  chr_storage_read args{};
  args.struct_size = sizeof args;
  args.group = other_;
  args.from = 1;
  args.to = 201;  // a few are copied
  args.max_bytes = UINT32_MAX;
  chr_done done{};
  host_.on_shard(0,
                 [&] { ASSERT_EQ(store_->read(&args, &found, host_.begin(&done), &error_), CHR_PENDING); });
  host_.run();
  ASSERT_EQ(found.n, 200u);
  const uint64_t end = used_end();
  uint64_t gone_then = 0;  // when it was written, and nothing else done
  host_.on_complete = [&](const chr_done&) { gone_then = gone(); };
  const uint64_t gone_before = gone();
  append_one(kLarge);
  host_.on_complete = nullptr;
  EXPECT_EQ(gone_then, gone_before);
  EXPECT_GE(used_end(), end + 257) << "of pages that are gone none would have become free";
  found.lease->ops->release(found.lease);
  for (int i = 0; i < 16; ++i) append_one();
  const uint64_t end_after = used_end();
  append_one(kLarge);
  EXPECT_EQ(used_end(), end_after);
}

TEST_F(Rows, WhatIsGoneIsToldBesideWhatIsUsed) {
  const uint64_t used_before = used();
  EXPECT_EQ(gone(), 0u);
  forget_large_commits();
  remove(large_, CHR_STORAGE_DROP, 0);
  host_.run();
  EXPECT_GT(gone(), used_before / 4) << "it stays until its pages are needed";
  EXPECT_LT(used(), used_before / 4);
  EXPECT_EQ(host_.metric("chronik_storage_used_bytes"), static_cast<double>(used()));
  EXPECT_EQ(host_.metric("chronik_storage_file_bytes"), static_cast<double>(file_bytes()));
  EXPECT_EQ(host_.metric("chronik_storage_groups"), 1) << "a group that is gone is none";
  const uint64_t gone_before = gone();
  stop();
  start();
  EXPECT_GT(gone(), gone_before / 2) << "also after a start";
  EXPECT_LT(used(), used_before / 4);
}

}  // namespace
}  // namespace chronik::storage_lmdb
