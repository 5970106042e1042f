// Segment files and the mover: what is open, removed, synced; a full disk.
#include "log_fixture.h"

#include <chrono>
#include <future>

namespace chronik::storage_log {
namespace {

class SegmentFilesTest : public LogFixture {
 protected:
  using Kind = FakeFiles::Kind;
  using Call = FakeFiles::Call;

  // Counts calls from here on, by what they do and the file's name.
  void count_calls() {
    calls_.clear();
    fake_files_.fault = [this](const Call& call) {
      ++calls_[{call.kind, call.name}];
      return CHR_OK;
    };
  }
  size_t count(Kind kind) const {
    size_t n = 0;
    for (const auto& [call, times] : calls_)
      if (call.first == kind) n += times;
    return n;
  }
  size_t file_count() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(fake_files_.directory()),
                                             std::filesystem::directory_iterator()));
  }
  // Writes with NO_SPACE from here on.
  void fill_disk(Kind kind) {
    fake_files_.fault = [kind](const Call& call) { return call.kind == kind ? CHR_E_NO_SPACE : CHR_OK; };
  }

  std::map<std::pair<Kind, std::string>, size_t> calls_;
};

TEST_F(SegmentFilesTest, AGroupWithOneRecordTakesLittle) {
  ASSERT_NO_FATAL_FAILURE(append(entries(1, 100)));
  ASSERT_NO_FATAL_FAILURE(checkpoint());
  EXPECT_EQ(file_count(), 1u);
  EXPECT_LE(files_->file_bytes(), 64u << 10);
  EXPECT_EQ(std::filesystem::file_size(path(1)), files_->file_bytes());
}

TEST_F(SegmentFilesTest, WhatWaitsIsReadFromMemoryAndLaterFromTheFile) {
  ASSERT_NO_FATAL_FAILURE(append(entries(10, 100)));
  EXPECT_EQ(file_count(), 0u);
  EXPECT_EQ(sums_.unmoved_bytes, 1'000u);
  ASSERT_NO_FATAL_FAILURE(expect_as_model());
  ASSERT_NO_FATAL_FAILURE(move_all());
  EXPECT_EQ(sums_.unmoved_bytes, 0u);
  EXPECT_FALSE(mover_->has_work());
  journal_.clear();
  count_calls();
  ASSERT_NO_FATAL_FAILURE(expect_as_model());
  EXPECT_EQ(count(Kind::kOpen) + count(Kind::kLoad) + count(Kind::kRead), 0u) << "it is open and in memory";
}

TEST_F(SegmentFilesTest, LargePayloadsAreWrittenOnce) {
  uint64_t written = 0;
  fake_files_.fault = [&](const Call& call) {
    if (call.kind == Kind::kWrite) written += call.n;
    return CHR_OK;
  };
  ASSERT_NO_FATAL_FAILURE(append(entries(3, 50'000)));
  EXPECT_EQ(written, 3 * record_bytes(50'000));
  EXPECT_EQ(sums_.unmoved_bytes, 0u);
  ASSERT_NO_FATAL_FAILURE(move_all());
  EXPECT_EQ(written, 3 * record_bytes(50'000));
  ASSERT_NO_FATAL_FAILURE(expect_as_model());
}

TEST_F(SegmentFilesTest, OpenFilesAreBounded) {
  for (int i = 0; i < 60; ++i) ASSERT_NO_FATAL_FAILURE(append(entries(4, 9'000)));
  ASSERT_NO_FATAL_FAILURE(move_all());
  ASSERT_GT(log_->segments().size(), 2 * options_.open_files);
  ASSERT_NO_FATAL_FAILURE(expect_as_model());
  EXPECT_LE(files_->open_count(), options_.open_files);
  EXPECT_LE(fake_files_.open_files(), options_.open_files);
}

// Some are left for others from then on.
TEST_F(SegmentFilesTest, FewerAreOpenWhereTheProcessMayHaveNoMore) {
  close();
  options_.open_files = 100;
  open();
  size_t refused = 0;
  fake_files_.fault = [&](const Call& call) {
    if (call.kind != Kind::kOpen || fake_files_.open_files() < 8) return CHR_OK;
    ++refused;
    return CHR_E_OVERLOADED;
  };
  for (int i = 0; i < 60; ++i) ASSERT_NO_FATAL_FAILURE(append(entries(4, 9'000)));
  ASSERT_NO_FATAL_FAILURE(move_all());
  ASSERT_GT(log_->segments().size(), 8u);
  ASSERT_NO_FATAL_FAILURE(expect_as_model());
  EXPECT_EQ(refused, 1u);
  EXPECT_LE(files_->open_count(), 6u);
}

TEST_F(SegmentFilesTest, EveryFileThatWasWrittenIsSyncedOnce) {
  count_calls();
  for (int i = 0; i < 60; ++i) ASSERT_NO_FATAL_FAILURE(append(entries(4, 9'000)));
  ASSERT_NO_FATAL_FAILURE(checkpoint());
  for (const Segment& segment : log_->segments())
    EXPECT_EQ((calls_[{Kind::kSync, segment_name({kGroup, segment.number})}]), 1u) << segment.number;
  EXPECT_EQ(count(Kind::kSyncNames), 1u);
  count_calls();
  ASSERT_NO_FATAL_FAILURE(checkpoint());
  EXPECT_EQ(count(Kind::kSync) + count(Kind::kSyncNames), 0u) << "nothing was written since";
}

// A read that needs room closes a file that was written to, and a checkpoint comes while its sync is under way.
// It must neither leave the file out nor sync it, too: only one of two is told of a failure.
TEST_F(SegmentFilesTest, ACheckpointWaitsForASyncThatAnotherHasBegun) {
  ASSERT_NO_FATAL_FAILURE(append(entries(4, 9'000)));
  ASSERT_NO_FATAL_FAILURE(move_all());
  ASSERT_TRUE(files_->prepare({kGroup, 1}, 1));  // with its name
  std::future<Status> checkpoint;
  size_t syncs = 0;
  fake_files_.fault = [&](const Call& call) {
    if (call.kind != Kind::kSync || ++syncs > 1) return CHR_OK;
    checkpoint = std::async(std::launch::async, [&] { return files_->sync_written(); });
    EXPECT_EQ(checkpoint.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
    return CHR_OK;
  };
  EXPECT_TRUE(files_->sync_written());
  ASSERT_TRUE(checkpoint.valid());
  EXPECT_TRUE(checkpoint.get());
  EXPECT_EQ(syncs, 1u);
}

// The kernel may have dropped what it could not write, and a later sync that succeeds says nothing of it.
TEST_F(SegmentFilesTest, AfterAFailedSyncNothingIsWrittenOrSynced) {
  for (const chr_status code : {CHR_E_IO, CHR_E_NO_SPACE}) {
    ASSERT_NO_FATAL_FAILURE(append(entries(4, 9'000)));
    ASSERT_NO_FATAL_FAILURE(move_all());
    ASSERT_TRUE(files_->prepare({kGroup, 1}, 1));
    EXPECT_TRUE(files_->failure());
    fake_files_.fault = [code](const Call& call) { return call.kind == Kind::kSync ? code : CHR_OK; };
    EXPECT_FALSE(files_->sync_written());
    count_calls();
    for (const Status& failed : {files_->sync_written(), files_->failure()}) {
      ASSERT_FALSE(failed);
      EXPECT_EQ(failed.error().code, Code::kIo) << "memory does not have it any more: no room would help";
      EXPECT_NE(failed.error().message.find("7-1.segment"), std::string::npos) << failed.error().message;
    }
    EXPECT_EQ(files_->ready({kGroup, 1}, 1), nullptr);
    EXPECT_FALSE(files_->prepare({kGroup, 1}, 1));
    EXPECT_FALSE(files_->open_to_write({kGroup, 1}, 1));
    EXPECT_EQ(count(Kind::kSync) + count(Kind::kWrite), 0u);
    ASSERT_NO_FATAL_FAILURE(expect_as_model()) << "it is read all the same";
    ASSERT_NO_FATAL_FAILURE(reopen());
  }
}

TEST_F(SegmentFilesTest, ASyncThatFailsForAReaderFailsTheCheckpoint) {
  for (int i = 0; i < 60; ++i) ASSERT_NO_FATAL_FAILURE(append(entries(4, 9'000)));
  ASSERT_NO_FATAL_FAILURE(move_all());
  fake_files_.fault = [](const Call& call) { return call.kind == Kind::kSync ? CHR_E_IO : CHR_OK; };
  chr_entries out{};
  EXPECT_FALSE(reader_->read(*log_, all(), Wait::kMay, &out)) << "it has to close a file that was written to";
  fake_files_.fault = nullptr;
  const Status failed = files_->sync_written();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::kIo);
  ASSERT_NO_FATAL_FAILURE(reopen());
}

TEST_F(SegmentFilesTest, AFileIsReadyWithItsName) {
  const SegmentId id{kGroup, 1};
  count_calls();
  EXPECT_EQ(files_->ready(id, 1), nullptr);
  ASSERT_TRUE(files_->prepare(id, 100'000));
  EXPECT_EQ(count(Kind::kSyncNames), 1u);
  EXPECT_NE(files_->ready(id, 100'000), nullptr);
  EXPECT_EQ(files_->ready(id, 10'000'000), nullptr) << "it is not that large";
  // One that the mover made.
  const SegmentId other{kGroup, 2};
  ASSERT_TRUE(files_->open_to_write(other, 1));
  EXPECT_EQ(files_->ready(other, 1), nullptr);
  ASSERT_TRUE(files_->prepare(other, 1));
  EXPECT_NE(files_->ready(other, 1), nullptr);
}

TEST_F(SegmentFilesTest, TrimsReadNothingAndLeasesGoOn) {
  for (int i = 0; i < 60; ++i) ASSERT_NO_FATAL_FAILURE(append(entries(4, 9'000)));
  ASSERT_NO_FATAL_FAILURE(checkpoint());
  const Got got = read(from(1));
  ASSERT_EQ(got.out.n, 240u);
  const std::vector<TestEntry> old = [&] {
    std::vector<TestEntry> entries;
    for (const auto& [index, entry] : model_.entries) entries.push_back(entry);
    return entries;
  }();
  const size_t files = file_count();
  const std::vector<Segment> segments = log_->segments();
  fake_files_.evict();
  count_calls();
  trim(segments[5].first);
  EXPECT_EQ(file_count(), files) << "they go in the background";
  files_->give_up_spares();
  ASSERT_TRUE(files_->has_removals());
  ASSERT_TRUE(files_->remove_some(2));
  EXPECT_TRUE(std::filesystem::exists(path(segments[2].number)));
  ASSERT_TRUE(files_->remove_some(100));
  EXPECT_FALSE(files_->has_removals());
  EXPECT_EQ(count(Kind::kRead) + count(Kind::kLoad), 0u);
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(std::filesystem::exists(path(segments[i].number)));
    EXPECT_FALSE(std::filesystem::exists(index_path(segments[i].number)));
  }
  fake_files_.fault = nullptr;
  ASSERT_NO_FATAL_FAILURE(expect_as_model());
  close();
  for (uint32_t i = 0; i < 240; ++i) ASSERT_NO_FATAL_FAILURE(expect_same(got.out.entries[i], old[i]));
  open();
}

// What is trimmed before it was moved leaves a hole, or no file at all.
TEST_F(SegmentFilesTest, WhatWasTrimmedBeforeItWasMovedIsNotLookedFor) {
  ASSERT_NO_FATAL_FAILURE(append(entries(100, 4'000)));
  const auto expect_all = [&] {
    ASSERT_NO_FATAL_FAILURE(expect_as_model());
    for (const uint64_t index : {41, 50, 60, 64, 65, 90}) {
      ASSERT_NO_FATAL_FAILURE(expect_read(from(index)));
      ASSERT_NO_FATAL_FAILURE(expect_found(CHR_FIND_OFFSET, static_cast<int64_t>(index)));
      ASSERT_NO_FATAL_FAILURE(expect_found(CHR_FIND_TIMESTAMP, 1'000 + static_cast<int64_t>(index) * 10));
    }
    ASSERT_NO_FATAL_FAILURE(expect_found(CHR_FIND_MAX_TIMESTAMP, 0));
  };
  trim(41);
  ASSERT_NO_FATAL_FAILURE(expect_all());
  ASSERT_TRUE(mover_->move_some(1));
  ASSERT_NO_FATAL_FAILURE(expect_all());
  ASSERT_NO_FATAL_FAILURE(checkpoint());
  ASSERT_NO_FATAL_FAILURE(expect_all());
  ASSERT_NO_FATAL_FAILURE(reopen());
  ASSERT_TRUE(check_);
  size_t loaded_below = 0;
  fake_files_.fault = [&](const Call& call) {
    if (call.kind == Kind::kLoad && call.at < 40 * record_bytes(4'000) && call.name == "7-1.segment")
      ++loaded_below;
    return CHR_OK;
  };
  ASSERT_NO_FATAL_FAILURE(expect_all());
  EXPECT_EQ(loaded_below, 0u);
}

TEST_F(SegmentFilesTest, ADropRemovesEverything) {
  for (int i = 0; i < 20; ++i) ASSERT_NO_FATAL_FAILURE(append(entries(4, 9'000)));
  ASSERT_NO_FATAL_FAILURE(move_all());
  ASSERT_NO_FATAL_FAILURE(append(entries(4, 100)));
  files_->remove(log_->drop());
  ASSERT_TRUE(files_->remove_some(100));
  EXPECT_EQ(file_count(), 0u);
  EXPECT_EQ(files_->file_bytes(), 0u);
  EXPECT_EQ(sums_.unmoved_bytes, 0u);
}

// The mover has taken entries when the log loses their segment: the file that it makes goes again.
TEST_F(SegmentFilesTest, WhatIsMovedTooLateIsRemoved) {
  ASSERT_NO_FATAL_FAILURE(append(entries(4, 100)));
  fake_files_.fault = [this](const Call& call) {
    if (call.kind == Kind::kWrite) {
      files_->remove(log_->drop());
      EXPECT_TRUE(files_->has_removals());
    }
    return CHR_OK;
  };
  ASSERT_TRUE(mover_->move_some(1'000'000));
  fake_files_.fault = nullptr;
  ASSERT_TRUE(files_->remove_some(100));
  EXPECT_EQ(file_count(), 0u);
  EXPECT_FALSE(mover_->has_work());
}

TEST_F(SegmentFilesTest, AFullDiskLeavesEntriesInMemory) {
  ASSERT_NO_FATAL_FAILURE(append(entries(30, 9'000)));
  for (const Kind kind : {Kind::kOpen, Kind::kResize, Kind::kWrite}) {
    fill_disk(kind);
    const Status some = mover_->move_some(1'000'000);
    ASSERT_FALSE(some);
    EXPECT_EQ(some.error().code, Code::kNoSpace);
    const Status everything = mover_->move_all();
    ASSERT_FALSE(everything);
    EXPECT_EQ(everything.error().code, Code::kNoSpace);
    EXPECT_TRUE(mover_->has_work());
    EXPECT_GT(sums_.unmoved_bytes, 0u);
    ASSERT_NO_FATAL_FAILURE(expect_as_model());
  }
  ASSERT_NO_FATAL_FAILURE(append(entries(3, 200)));
  fake_files_.fault = nullptr;
  ASSERT_NO_FATAL_FAILURE(checkpoint());
  EXPECT_EQ(sums_.unmoved_bytes, 0u);
  ASSERT_NO_FATAL_FAILURE(reopen());
  ASSERT_TRUE(check_);
  ASSERT_NO_FATAL_FAILURE(expect_as_model());
}

TEST_F(SegmentFilesTest, AFailedAppendGivesItsPlacesUp) {
  ASSERT_NO_FATAL_FAILURE(append(entries(3, 100)));
  std::vector<Lease> leases;
  log_->begin_write();
  const auto failed = accept(entries(3, 100'000), &leases);
  log_->end_write(true);
  EXPECT_EQ(log_->accepted_last(), 6u);
  ASSERT_TRUE(files_->prepare({kGroup, failed.back().place.segment}, 1));
  files_->remove(log_->forget_unpublished());
  ASSERT_TRUE(files_->remove_some(100));
  EXPECT_EQ(log_->accepted_last(), 3u);
  ASSERT_NO_FATAL_FAILURE(append(entries(3, 100)));
  EXPECT_GT(log_->segments().back().number, failed.back().place.segment) << "no place is given out again";
  ASSERT_NO_FATAL_FAILURE(checkpoint());
  EXPECT_EQ(file_count(), 2u);
  ASSERT_NO_FATAL_FAILURE(reopen());
  ASSERT_NO_FATAL_FAILURE(expect_as_model());
}

TEST_F(SegmentFilesTest, FilesThatNoLogListsAreRemovedAtAStart) {
  ASSERT_NO_FATAL_FAILURE(append(entries(3, 100)));
  ASSERT_NO_FATAL_FAILURE(checkpoint());
  for (const char* name :
       {"7-2.segment", "7-9.index", "8-1.segment", "7-1.segment2", "7-01.segment", "journal-0"})
    std::ofstream(fake_files_.path(name)) << "x";
  ASSERT_NO_FATAL_FAILURE(reopen());
  EXPECT_EQ(file_count(), 4u) << "what has another name is not ours";
  EXPECT_TRUE(std::filesystem::exists(path(1)));
  ASSERT_NO_FATAL_FAILURE(append(entries(3, 250'000)));
  ASSERT_NO_FATAL_FAILURE(expect_as_model());
}

// A segment with more points than a block of its index holds, half of them from before a restart.
TEST_F(SegmentFilesTest, ALongSegmentHasAnIndexInBlocks) {
  options_.segment_bytes = 64u << 20;
  ASSERT_NO_FATAL_FAILURE(reopen());
  direct_bytes_ = 1000;
  for (int i = 0; i < 8; ++i) ASSERT_NO_FATAL_FAILURE(append(entries(50, 33'000)));
  ASSERT_TRUE(mover_->move_some(1));
  ASSERT_NO_FATAL_FAILURE(checkpoint());
  EXPECT_EQ(std::filesystem::file_size(index_path(1)), 3 * 4096u);
  fake_files_.evict();
  for (int part = 0; part < 2; ++part) {
    ASSERT_NO_FATAL_FAILURE(reopen());
    for (const uint64_t index : {1, 126, 127, 128, 300, 381, 390, 400}) {
      chr_storage_read args = from(index);
      args.max_entries = 2;
      ASSERT_NO_FATAL_FAILURE(expect_read(args));
      ASSERT_NO_FATAL_FAILURE(expect_found(CHR_FIND_OFFSET, static_cast<int64_t>(index)));
    }
    ASSERT_NO_FATAL_FAILURE(append(entries(50, 33'000)));
    ASSERT_NO_FATAL_FAILURE(expect_found(CHR_FIND_MAX_TIMESTAMP, 0));
    ASSERT_NO_FATAL_FAILURE(checkpoint());
  }
  ASSERT_EQ(log_->segments().size(), 1u);
}

TEST_F(SegmentFilesTest, IndexesInMemoryAreBounded) {
  options_.index_bytes = 20 * sizeof(IndexPoint);
  ASSERT_NO_FATAL_FAILURE(reopen());
  for (int i = 0; i < 60; ++i) ASSERT_NO_FATAL_FAILURE(append(entries(10, 4'000)));
  ASSERT_NO_FATAL_FAILURE(checkpoint());
  ASSERT_NO_FATAL_FAILURE(reopen());
  size_t in_memory = 0;
  for (uint64_t index = 1; index <= 600; index += 11) {
    chr_storage_read args = from(index);
    args.max_entries = 1;
    ASSERT_NO_FATAL_FAILURE(expect_read(args));
  }
  for (const Segment& segment : log_->segments())
    if (const auto points = indexes_->find({kGroup, segment.number})) in_memory += points->size();
  EXPECT_GT(in_memory, 0u);
  EXPECT_LE(in_memory, 20u);
}

TEST_F(SegmentFilesTest, SeveralGroupsAreMovedInTurn) {
  auto other = std::make_shared<GroupLog>(kGroup + 1, options_, sums_);
  std::vector<Lease> leases;
  ASSERT_NO_FATAL_FAILURE(append(entries(40, 9'000)));
  std::vector<chr_entry> abi;
  std::vector<PlacedEntry> placed;
  const std::vector<TestEntry> some = EntryMaker(3).batch(5, 100);
  for (const TestEntry& entry : some) abi.push_back({entry.header, leased(entry.payload, &leases)});
  ASSERT_TRUE(other->accept_append(abi, &placed));
  other->publish_append(placed);
  mover_->add(other);
  ASSERT_TRUE(mover_->move_some(100'000));
  ASSERT_TRUE(mover_->has_work());
  ASSERT_TRUE(mover_->move_some(100'000));
  EXPECT_EQ(other->unmoved().first.segment, 0u) << "it has had its turn before the other one again";
  EXPECT_NE(log_->unmoved().first.segment, 0u);
  ASSERT_NO_FATAL_FAILURE(move_all());
  files_->remove(other->drop());
}

}  // namespace
}  // namespace chronik::storage_log
