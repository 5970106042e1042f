// Syncs of several segments together, and which files are closed to make room.
#include "log_fixture.h"

#include <algorithm>
#include <numeric>

namespace chronik::storage_log {
namespace {

// How many syncs are in flight.
class InFlight : public FakeFiles::Watcher {
 public:
  size_t most() const { return most_; }
  void opened(uint64_t, const std::string&, bool) override {}
  void renamed(uint64_t, const std::string&, const std::string&) override {}
  void removed(const std::string&) override {}
  void names_synced() override {}
  void write_begins(uint64_t, uint64_t, uint64_t, std::span<const chr_slice>) override {}
  void write_ends(uint64_t, bool) override {}
  void zeroed(uint64_t, uint64_t, uint64_t) override {}
  void resized(uint64_t, uint64_t) override {}
  void sync_begins(uint64_t, uint64_t) override { most_ = std::max(most_, ++now_); }
  void sync_ends(uint64_t) override { --now_; }

 private:
  size_t now_ = 0, most_ = 0;
};

class SegmentSyncTest : public LogFixture {
 protected:
  using Kind = FakeFiles::Kind;
  using Call = FakeFiles::Call;

  SegmentSyncTest() : LogFixture({.seed = 5}) {}

  void reopen_with(size_t open_files) {
    close();
    options_.open_files = open_files;
    open();
  }
  // A file of a page or so, which nobody has when this returns.
  void make(uint64_t number, bool is_dirty) {
    const auto segment = files_->open_to_write({kGroup, number}, 100);
    ASSERT_TRUE(segment) << segment.error().message;
    ASSERT_TRUE((*segment)->file().write(0, "x", 1));
    if (is_dirty) files_->written(**segment);
  }
  void make_dirty(uint64_t from, uint64_t to) {
    for (uint64_t number = from; number <= to; ++number) ASSERT_NO_FATAL_FAILURE(make(number, true));
  }
  // By their numbers, from here on.
  void record_syncs() {
    synced_.clear();
    fake_files_.fault = [this](const Call& call) {
      if (call.kind == Kind::kSync) synced_.push_back(number_of(call.name));
      return CHR_OK;
    };
  }
  static uint64_t number_of(const std::string& name) {
    SegmentId id;
    EXPECT_TRUE(parse_segment_name(name, &id)) << name;
    return id.number;
  }
  std::vector<uint64_t> synced() const {
    std::vector<uint64_t> sorted = synced_;
    std::ranges::sort(sorted);
    return sorted;
  }
  bool is_open(uint64_t number) { return files_->find({kGroup, number}) != nullptr; }

  std::vector<uint64_t> synced_;
};

using Numbers = std::vector<uint64_t>;

TEST_F(SegmentSyncTest, ThoseOfACheckpointAreInFlightTogetherAndNotTooMany) {
  reopen_with(1000);
  ASSERT_NO_FATAL_FAILURE(make_dirty(1, 300));
  record_syncs();
  InFlight watcher;
  fake_files_.watcher = &watcher;
  ASSERT_TRUE(files_->sync_written());
  fake_files_.watcher = nullptr;
  EXPECT_EQ(watcher.most(), 256u);
  Numbers all(300);
  std::iota(all.begin(), all.end(), uint64_t{1});
  EXPECT_EQ(synced(), all);
  record_syncs();
  ASSERT_TRUE(files_->sync_written());
  EXPECT_TRUE(synced_.empty());
}

// The others were synced: they are closed to make room for what is still read.
TEST_F(SegmentSyncTest, OneThatFailsLeavesThatOneDirtyAndFailsTheStore) {
  for (const chr_status code : {CHR_E_IO, CHR_E_NO_SPACE}) {
    reopen_with(8);
    ASSERT_NO_FATAL_FAILURE(make_dirty(1, 8));
    ASSERT_TRUE(files_->failure());
    fake_files_.fault = [code](const Call& call) {
      return call.kind == Kind::kSync && call.name == "7-5.segment" ? code : CHR_OK;
    };
    const Status failed = files_->sync_written();
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, Code::kIo);
    EXPECT_NE(failed.error().message.find("7-5.segment"), std::string::npos) << failed.error().message;
    EXPECT_FALSE(files_->failure());
    record_syncs();
    for (uint64_t number = 11; number <= 17; ++number)
      std::ofstream(fake_files_.path(segment_name({kGroup, number}))) << "x";
    for (uint64_t number = 11; number <= 17; ++number) ASSERT_TRUE(files_->open({kGroup, number}));
    EXPECT_TRUE(is_open(5));
    EXPECT_FALSE(files_->sync_written());
    EXPECT_TRUE(synced_.empty());
    for (const auto& file : std::filesystem::directory_iterator(fake_files_.directory()))
      std::filesystem::remove(file);
  }
  fake_files_.fault = nullptr;
  reopen();
}

TEST_F(SegmentSyncTest, WhatIsWrittenToDuringItsSyncIsSyncedAgain) {
  reopen_with(100);
  ASSERT_NO_FATAL_FAILURE(make_dirty(1, 5));
  fake_files_.fault = [this](const Call& call) {
    if (call.kind == Kind::kSync && number_of(call.name) != 4)
      files_->written(*files_->find({kGroup, number_of(call.name) == 1 ? 4u : 2u}));
    return CHR_OK;
  };
  ASSERT_TRUE(files_->sync_written());
  record_syncs();
  ASSERT_TRUE(files_->sync_written());
  EXPECT_EQ(synced(), (Numbers{2, 4}));
}

TEST_F(SegmentSyncTest, WhatWasNotUsedForLongestIsClosedFirst) {
  reopen_with(6);
  for (uint64_t number = 1; number <= 6; ++number) ASSERT_NO_FATAL_FAILURE(make(number, number == 1));
  record_syncs();
  const std::shared_ptr<OpenSegment> held = files_->find({kGroup, 3});
  ASSERT_TRUE(is_open(2));
  ASSERT_TRUE(is_open(4));
  // By their last use: 1 (dirty), 5, 6, 3 (held), 2, 4.
  const Numbers order = {5, 6, 2, 4};
  for (size_t i = 0; i < order.size(); ++i) {
    ASSERT_NO_FATAL_FAILURE(make(10 + i, true));
    EXPECT_FALSE(is_open(order[i])) << order[i];
    EXPECT_EQ(files_->open_count(), 6u);
  }
  EXPECT_TRUE(synced_.empty()) << "what is dirty needs a sync before";
  ASSERT_NO_FATAL_FAILURE(make(20, true));
  EXPECT_EQ(synced_, Numbers{1});
  EXPECT_FALSE(is_open(1));
  ASSERT_NO_FATAL_FAILURE(make(21, true));
  EXPECT_EQ(synced_, (Numbers{1, 10}));
  EXPECT_TRUE(is_open(3));
}

TEST_F(SegmentSyncTest, WhatIsClosedNextIsSyncedWithWhatIsClosedNow) {
  reopen_with(24);
  ASSERT_NO_FATAL_FAILURE(make_dirty(1, 24));
  record_syncs();
  InFlight watcher;
  fake_files_.watcher = &watcher;
  const std::shared_ptr<OpenSegment> held = files_->find({kGroup, 2});
  for (const uint64_t number : {1, 3, 5}) files_->written(*files_->find({kGroup, number}));
  ASSERT_NO_FATAL_FAILURE(make(25, true));
  EXPECT_EQ(synced(), (Numbers{4, 6, 7}));
  EXPECT_EQ(watcher.most(), 3u);
  EXPECT_EQ(files_->open_count(), 24u);
  ASSERT_NO_FATAL_FAILURE(make_dirty(26, 27));
  EXPECT_EQ(synced(), (Numbers{4, 6, 7})) << "two of them are clean";
  EXPECT_FALSE(is_open(4) || is_open(6) || is_open(7));
  ASSERT_NO_FATAL_FAILURE(make(28, true));
  EXPECT_EQ(synced(), (Numbers{4, 6, 7, 8, 9, 10}));
  fake_files_.watcher = nullptr;
}

}  // namespace
}  // namespace chronik::storage_log
