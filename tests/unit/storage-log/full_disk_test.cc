// A disk that has no room for a frame, though its place was written before: the store waits for it, and then
// goes on or ends the node.
#include "store_fixture.h"

namespace chronik::storage_log {
namespace {

class FullDisk : public StoreFixture {
 protected:
  void fill_disk() {
    files_.fault = [](const testing::FakeFiles::Call& call) {
      const bool hits = call.kind == testing::FakeFiles::Kind::kWrite && call.name.starts_with("journal");
      return hits ? CHR_E_NO_SPACE : CHR_OK;
    };
  }
  // For all but what is there already.
  void fill_disk_but_for_the_journal() {
    files_.fault = [](const testing::FakeFiles::Call& call) {
      using enum testing::FakeFiles::Kind;
      const bool grows = call.kind == kWrite || call.kind == kResize || call.kind == kZero;
      const bool is_there =
          call.name.starts_with("journal") ||
          (call.kind == kWrite && call.name.starts_with("checkpoint") && !call.name.ends_with(".new"));
      return grows && !is_there && call.n != 0 ? CHR_E_NO_SPACE : CHR_OK;
    };
  }
  // Large enough to go past the journal.
  void append_direct(uint64_t index, std::span<const uint8_t> payload, chr_done* done) {
    chr_entry entry{};
    entry.header.index = index;
    entry.header.records = 1;
    entry.header.base_offset = static_cast<int64_t>(index);
    entry.header.bytes = static_cast<uint32_t>(payload.size());
    entry.payload = {payload.data(), payload.size(), nullptr};
    chr_storage_step step{};
    step.type = CHR_STORAGE_APPEND;
    step.entries = &entry;
    step.n = 1;
    write(step, done);
  }
};

TEST_F(FullDisk, AFrameThatFindsNoRoomIsWrittenLater) {
  chr_done first{};
  chr_done second{};
  put("1", &first);
  EXPECT_EQ(first.code, CHR_OK);
  fill_disk();
  put("2", &first);
  put("3", &second);
  fake_.advance(std::chrono::seconds(1));
  EXPECT_EQ(first.code, CHR_PENDING);
  EXPECT_TRUE(fake_.logged("no room to write to the journal"));
  files_.fault = nullptr;
  fake_.advance(std::chrono::seconds(1));
  EXPECT_EQ(first.code, CHR_OK);
  EXPECT_EQ(second.code, CHR_OK);
  EXPECT_TRUE(fake_.fatals().empty());
  stop();
}

TEST_F(FullDisk, WhatWasMovedIsShownWithoutAnotherWrite) {
  chr_done done{};
  append(1, &done);
  EXPECT_EQ(fake_.metric("chronik_storage_unmoved_bytes"), 900);
  fake_.advance(std::chrono::milliseconds(60));
  EXPECT_EQ(fake_.metric("chronik_storage_unmoved_bytes"), 0);
  stop();
}

TEST_F(FullDisk, AFrameThatNeverFindsRoomEndsTheNode) {
  chr_done done{};
  fill_disk();
  put("1", &done);
  fake_.advance(std::chrono::seconds(40));
  EXPECT_EQ(done.code, CHR_E_IO);
  EXPECT_EQ(fake_.fatals().size(), 1u);
  stop();
}

TEST_F(FullDisk, AStopDoesNotWaitForRoom) {
  chr_done done{};
  fill_disk();
  put("1", &done);
  stop();
  EXPECT_EQ(done.code, CHR_E_IO);
}

// What was moved to no segment yet, and no checkpoint has, stays in the journal over any number of starts.
TEST_F(FullDisk, AStartNeedsNoRoom) {
  chr_done done{};
  put("1", &done);
  fill_disk_but_for_the_journal();
  uint64_t last = 0;
  for (int round = 0; round < 5; ++round) {
    append(++last, &done);
    EXPECT_EQ(done.code, CHR_OK);
    put(std::to_string(round), &done);
    EXPECT_EQ(done.code, CHR_OK);
    restart();
    EXPECT_EQ(value(), std::to_string(round));
    EXPECT_EQ(bounds(), std::pair(uint64_t{1}, last));
  }
  EXPECT_TRUE(fake_.logged("the disk is full"));
  trim(3, &done);
  EXPECT_EQ(done.code, CHR_OK);
  restart();
  EXPECT_EQ(bounds(), std::pair(uint64_t{3}, last));
  files_.fault = nullptr;
  append(++last, &done);
  fake_.advance(std::chrono::seconds(2));
  for (int round = 0; round < 2; ++round) {
    restart();
    EXPECT_EQ(value(), "4");
    EXPECT_EQ(bounds(), std::pair(uint64_t{3}, last));
  }
  stop();
}

// Small entries take far more memory than their payloads.
TEST_F(FullDisk, AStartMovesWhatItReplaysBeforeItTakesMuchMemory) {
  using enum testing::FakeFiles::Kind;
  stop();
  fake_.config_int("journal_file_bytes", 64 << 20);
  start();
  files_.fault = [](const testing::FakeFiles::Call& call) {  // so that all of it is left to the start
    return call.kind == kWrite && call.name.ends_with(".new") ? CHR_E_NO_SPACE : CHR_OK;
  };
  constexpr uint64_t kWrites = 200, kEntries = 2000;
  chr_done done{};
  for (uint64_t i = 0; i < kWrites; ++i) {
    append(1 + i * kEntries, &done, 16, kEntries);
    ASSERT_EQ(done.code, CHR_OK) << i;
  }
  stop();
  uint64_t moved = 0, replayed_later = 0;
  files_.fault = [&](const testing::FakeFiles::Call& call) {
    if (call.kind == kWrite && call.name.ends_with(".segment")) moved += call.n;
    if (moved != 0 && call.kind == kRead && call.name.starts_with("journal")) ++replayed_later;
    return CHR_OK;
  };
  const chr_done started = try_start();
  EXPECT_EQ(started.code, CHR_OK);
  EXPECT_GT(replayed_later, 5u);
  ASSERT_EQ(store_->open_group(to_abi("g"), &group_, nullptr), CHR_OK);
  EXPECT_EQ(bounds(), std::pair(uint64_t{1}, kWrites * kEntries));
  stop();
}

TEST_F(FullDisk, AStartAfterACleanStopNeedsNoRoom) {
  chr_done done{};
  put("1", &done);
  append(1, &done);
  stop();
  fill_disk_but_for_the_journal();
  for (int round = 0; round < 3; ++round) {
    start();
    EXPECT_EQ(bounds(), std::pair(uint64_t{1}, uint64_t{1} + static_cast<uint64_t>(round)));
    append(2 + static_cast<uint64_t>(round), &done);
    EXPECT_EQ(done.code, CHR_OK);
    put("later", &done);
    stop();
  }
  files_.fault = nullptr;
  start();
  EXPECT_EQ(value(), "later");
  EXPECT_EQ(bounds(), std::pair(uint64_t{1}, uint64_t{4}));
  stop();
}

// Some file systems need room to remove a file, too.
TEST_F(FullDisk, AFileThatCannotBeRemovedForNowIsRemovedLater) {
  chr_done done{};
  put(std::string(8192, 'a'), &done);
  int tries = 0;
  files_.fault = [&](const testing::FakeFiles::Call& call) {
    const bool hits = call.kind == testing::FakeFiles::Kind::kRemove && call.name.ends_with(".value");
    return hits && ++tries < 1000 ? CHR_E_NO_SPACE : CHR_OK;
  };
  put(std::string(8192, 'b'), &done);
  EXPECT_EQ(done.code, CHR_OK);
  EXPECT_EQ(tries, 1) << "the next one is at a tick";
  EXPECT_EQ(count_files(".value"), 2u);
  files_.fault = nullptr;
  append(1, &done);
  fake_.advance(std::chrono::milliseconds(200));
  EXPECT_EQ(count_files(".value"), 1u);
  stop();
}

TEST_F(FullDisk, AnOlderStoreStartsWithoutRoomAfterACleanStop) {
  chr_done done{};
  for (const uint32_t format : {1u, 2u}) {
    put(std::to_string(format), &done);
    stop();
    make_checkpoint_older(format);
    fill_disk_but_for_the_journal();
    start();
    EXPECT_EQ(value(), std::to_string(format));
    put("later", &done);
    EXPECT_EQ(done.code, CHR_OK);
    stop();
    files_.fault = nullptr;
    start();
    EXPECT_EQ(value(), "later");
  }
  stop();
}

// Of many logs the front is removed in whole segments: what stays of those must not take what max_size leaves.
TEST_F(FullDisk, KeepsTwoFifthsOfItsSizeInManyLogs) {
  constexpr uint64_t kSize = 8u << 20;
  constexpr uint64_t kKept = kSize * 2 / 5 / 8 / 900;  // entries of each log
  constexpr uint32_t kAtOnce = 16;
  stop();
  fake_.config_int("max_size", kSize);
  fake_.config_int("journal_file_bytes", 64 << 20);
  fake_.config_int("segment_bytes", 64 << 20);
  fake_.config_int("queue_bytes", 64 << 20);
  start();
  std::vector<uint64_t> groups(8);
  for (size_t i = 0; i < groups.size(); ++i)
    ASSERT_EQ(store_->open_group(to_abi("log-" + std::to_string(i)), &groups[i], nullptr), CHR_OK);
  chr_done done{};
  for (uint64_t index = 1; index <= 4 * kKept; index += kAtOnce) {
    for (const uint64_t group : groups) {
      group_ = group;
      append(index, &done, 900, kAtOnce);
      ASSERT_EQ(done.code, CHR_OK) << "entry " << index;
      if (index <= kKept) continue;
      trim(index - kKept, &done);
      ASSERT_EQ(done.code, CHR_OK) << "entry " << index;
    }
    fake_.advance(std::chrono::milliseconds(60));
  }
  EXPECT_FALSE(fake_.logged("the store is full"));
  stop();
}

// A large value has its file already when its frame finds no room.
TEST_F(FullDisk, ARefusedFrameLeavesNoValues) {
  chr_done done{};
  const std::string large(5000, 'v');
  fill_disk_but_for_the_journal();
  files_.fault = [full = files_.fault](const testing::FakeFiles::Call& call) {
    return call.name.ends_with(".value") ? CHR_OK : full(call);
  };
  for (int i = 0; i < 200; ++i) put("a block each, of 256", &done);
  EXPECT_EQ(done.code, CHR_OK);
  // One large value, and more small ones than there is room for in the journal.
  const std::string small(4096, 's');
  std::vector<chr_storage_step> steps(80);
  for (chr_storage_step& step : steps) {
    const std::string& value = &step == steps.data() ? large : small;
    step.type = CHR_STORAGE_PUT;
    step.key = to_abi(value);
    step.key.n = 1 + static_cast<uint64_t>(&step - steps.data());
    step.value = {reinterpret_cast<const uint8_t*>(value.data()), value.size(), nullptr};
  }
  write(steps, &done);
  EXPECT_EQ(done.code, CHR_E_NO_SPACE);
  EXPECT_NE(from_abi(done.message).find("and so is the journal"), std::string_view::npos);
  fake_.advance(std::chrono::seconds(1));
  EXPECT_EQ(count_files(".value"), 0u);
  files_.fault = nullptr;
  stop();
}

// Small writes fill the journal long before their bytes are many: what is left of it is for what makes room.
TEST_F(FullDisk, RemovalsFindRoomInTheJournal) {
  chr_done done{};
  append(1, &done);
  fill_disk_but_for_the_journal();
  uint64_t last = 1;
  while (done.code == CHR_OK && last < 2000) {
    append(++last, &done, 16);
    fake_.advance(std::chrono::milliseconds(60));
  }
  EXPECT_EQ(done.code, CHR_E_NO_SPACE);
  do put("vote", &done);
  while (done.code == CHR_OK);
  EXPECT_EQ(done.code, CHR_E_NO_SPACE);
  for (int round = 0; round < 2; ++round) {
    trim(last - 10 + static_cast<uint64_t>(round), &done);
    EXPECT_EQ(done.code, CHR_OK);
    restart();
  }
  EXPECT_EQ(bounds().first, last - 9);
  stop();
}

// Segments are grown before they are written to, and what waits is on no disk yet: none of it may take the reserve.
TEST_F(FullDisk, DataLeavesTheReserveOfTheDisk) {
  uint64_t disk = 0;
  files_.fault = [&](const testing::FakeFiles::Call& call) {
    if (call.kind != testing::FakeFiles::Kind::kWrite || !call.name.ends_with(".segment")) return CHR_OK;
    EXPECT_GE(disk, call.n);
    disk -= std::min(disk, call.n);
    files_.free_bytes = disk;
    return CHR_OK;
  };
  chr_done done{};
  std::vector<uint8_t> payload(100'000);
  uint64_t index = 0;
  for (uint64_t begin = 3u << 20; begin < 4u << 20; begin += 100'000) {
    disk = begin;
    files_.free_bytes = disk;
    restart();
    do {
      append_direct(++index, payload, &done);
      if (index % 10 != 3) continue;
      append(++index, &done);
      fake_.advance(std::chrono::milliseconds(60));  // it looks what is left
    } while (done.code == CHR_OK);
    EXPECT_EQ(done.code, CHR_E_NO_SPACE);
    fake_.advance(std::chrono::milliseconds(60));
    EXPECT_EQ(fake_.metric("chronik_storage_unmoved_bytes"), 0);
    EXPECT_GE(disk, 256u << 10);
    EXPECT_LE(disk, 1u << 20) << "the rest of it was used";
    put("vote", &done);
    EXPECT_EQ(done.code, CHR_OK);
    trim(index + 1, &done);
    EXPECT_EQ(done.code, CHR_OK);
  }
  stop();
}

// Others have filled the disk. The journal has its place, and without votes nobody could lead what makes room.
TEST_F(FullDisk, VotesFindRoomInTheJournal) {
  chr_done done{};
  append(1, &done);
  files_.free_bytes = 0;
  restart();
  append(2, &done);
  EXPECT_EQ(done.code, CHR_E_NO_SPACE);
  put("vote", &done);
  EXPECT_EQ(done.code, CHR_OK);
  put(std::string(5000, 's'), &done);  // a piece of a snapshot, which gets a file
  EXPECT_EQ(done.code, CHR_E_NO_SPACE);
  files_.free_bytes.reset();
  fake_.advance(std::chrono::milliseconds(60));
  append(2, &done);
  EXPECT_EQ(done.code, CHR_OK);
  stop();
}

// A checkpoint copies all groups: where it finds no room it is tried seldom, but it is, though nothing is written meanwhile.
TEST_F(FullDisk, ACheckpointThatFindsNoRoomIsTriedInGrowingDistances) {
  chr_done done{};
  int tries = 0;
  bool has_room = false;
  files_.fault = [&](const testing::FakeFiles::Call& call) {
    const bool grows =
        call.kind == testing::FakeFiles::Kind::kWrite || call.kind == testing::FakeFiles::Kind::kResize;
    const bool hits = grows && call.n != 0 && call.name.starts_with("checkpoint") && !has_room;
    tries += hits ? 1 : 0;
    return hits ? CHR_E_NO_SPACE : CHR_OK;
  };
  for (int i = 0; i < 1000 && tries == 0; ++i) put(std::string(4000, 'k'), &done);
  EXPECT_EQ(done.code, CHR_OK);
  ASSERT_EQ(tries, 1);
  const double before = fake_.metric("chronik_storage_checkpoints_total");
  fake_.advance(std::chrono::seconds(10));
  EXPECT_GT(tries, 10);
  EXPECT_LT(tries, 20);
  has_room = true;
  fake_.advance(std::chrono::seconds(2));
  EXPECT_GT(fake_.metric("chronik_storage_checkpoints_total"), before);
  stop();
}

// Room for what is moved is none for a checkpoint. Without one the journal fills, and what makes room must find some in it.
TEST_F(FullDisk, MovesDoNotLetDataFillTheJournal) {
  chr_done done{};
  files_.fault = [](const testing::FakeFiles::Call& call) {
    const bool hits = call.kind == testing::FakeFiles::Kind::kWrite && call.n != 0;
    return hits && call.name.starts_with("checkpoint") ? CHR_E_NO_SPACE : CHR_OK;
  };
  uint64_t end = 1;
  for (int i = 0; i < 3000; ++i) {
    append(end, &done);
    end += done.code == CHR_OK ? 1 : 0;
    if (i % 20 == 19) fake_.advance(std::chrono::milliseconds(60));
  }
  EXPECT_EQ(done.code, CHR_E_NO_SPACE);
  put("vote", &done);
  EXPECT_EQ(done.code, CHR_OK);
  trim(end, &done);
  EXPECT_EQ(done.code, CHR_OK);
  files_.fault = nullptr;
  fake_.advance(std::chrono::seconds(2));
  append(end, &done);
  EXPECT_EQ(done.code, CHR_OK);
  stop();
}

// All that came since the last look counts as taken, however much was removed: it looks again in time.
TEST_F(FullDisk, ADiskWithRoomIsNotTakenForFull) {
  files_.free_bytes = 8 << 20;
  restart();
  chr_done done{};
  std::vector<uint8_t> payload(100'000);
  for (uint64_t index = 1; index <= 300; ++index) {
    append_direct(index, payload, &done);
    ASSERT_EQ(done.code, CHR_OK) << index;
  }
  EXPECT_FALSE(fake_.logged("the store is full"));
  stop();
}

}  // namespace
}  // namespace chronik::storage_log
