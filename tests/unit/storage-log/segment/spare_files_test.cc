// Files of segments that went, written over by later ones.
#include "log_fixture.h"

#include <sys/stat.h>

namespace chronik::storage_log {
namespace {

class SpareFiles : public LogFixture {
 protected:
  size_t file_count() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(fake_files_.directory()),
                                             std::filesystem::directory_iterator()));
  }
  static uint64_t inode_of(const std::string& path) {
    struct stat status{};
    EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
    return status.st_ino;
  }
};

// What a trim leaves is the file of a later segment, with nothing in it that is taken for a record of that.
TEST_F(SpareFiles, ANewSegmentTakesTheFileOfOneThatWent) {
  for (int i = 0; i < 60; ++i) ASSERT_NO_FATAL_FAILURE(append(entries(4, 9'000)));
  ASSERT_NO_FATAL_FAILURE(checkpoint());
  const std::vector<Segment> before = log_->segments();
  const uint64_t inode = inode_of(path(before[0].number));
  const uint64_t bytes = files_->file_bytes();
  trim(before[1].first);
  EXPECT_TRUE(files_->has_spares());
  EXPECT_FALSE(files_->has_removals());
  while (log_->segments().back().number == before.back().number)
    ASSERT_NO_FATAL_FAILURE(append(entries(1, 9'000)));
  ASSERT_NO_FATAL_FAILURE(checkpoint());
  EXPECT_FALSE(files_->has_spares());
  EXPECT_EQ(inode_of(path(log_->segments().back().number)), inode);
  EXPECT_FALSE(std::filesystem::exists(path(before[0].number)));
  EXPECT_FALSE(std::filesystem::exists(index_path(before[0].number)));
  EXPECT_EQ(files_->file_bytes(), bytes);
  ASSERT_NO_FATAL_FAILURE(expect_as_model());
  ASSERT_NO_FATAL_FAILURE(reopen());
  ASSERT_NO_FATAL_FAILURE(expect_as_model());
}

// Also where the file was closed meanwhile, for others to be opened, and opened again.
TEST_F(SpareFiles, WhatIsReadIsNotWrittenOver) {
  for (int i = 0; i < 120; ++i) ASSERT_NO_FATAL_FAILURE(append(entries(4, 9'000)));
  ASSERT_NO_FATAL_FAILURE(checkpoint());
  const std::vector<Segment> before = log_->segments();
  ASSERT_GT(before.size(), options_.open_files + 2);
  auto got = std::make_optional(read(from(1)));
  const std::vector<uint8_t> first(got->out.entries[0].payload.p, got->out.entries[0].payload.p + 9'000);
  const auto open_others = [&] {
    for (size_t i = 2; i < before.size(); ++i) ASSERT_TRUE(files_->open({kGroup, before[i].number}));
  };
  for (const bool is_open : {false, true}) {
    ASSERT_NO_FATAL_FAILURE(open_others());
    ASSERT_EQ(files_->find({kGroup, before[0].number}), nullptr);
    if (is_open) {
      ASSERT_TRUE(files_->open({kGroup, before[0].number}));
    }
  }
  trim(before[1].first);
  const uint64_t inode = inode_of(path(before[0].number));
  const auto begin_another = [&] {
    const uint64_t last = log_->segments().back().number;
    while (log_->segments().back().number == last) ASSERT_NO_FATAL_FAILURE(append(entries(1, 9'000)));
    ASSERT_NO_FATAL_FAILURE(checkpoint());
  };
  ASSERT_NO_FATAL_FAILURE(begin_another());
  EXPECT_TRUE(files_->has_spares());
  EXPECT_TRUE(std::equal(first.begin(), first.end(), got->out.entries[0].payload.p));
  got.reset();
  ASSERT_NO_FATAL_FAILURE(begin_another());
  EXPECT_FALSE(files_->has_spares());
  EXPECT_EQ(inode_of(path(log_->segments().back().number)), inode);
  ASSERT_NO_FATAL_FAILURE(expect_as_model());
}

TEST_F(SpareFiles, ASpareThatNobodyTakesGoes) {
  for (int i = 0; i < 60; ++i) ASSERT_NO_FATAL_FAILURE(append(entries(4, 9'000)));
  ASSERT_NO_FATAL_FAILURE(checkpoint());
  const size_t files = file_count();
  const std::vector<Segment> before = log_->segments();
  trim(before[3].first);  // of three no more are kept than the store is worth
  EXPECT_TRUE(files_->has_spares());
  ASSERT_TRUE(files_->remove_some(100));
  for (int i = 0; i < 300 && files_->has_spares(); ++i) files_->tick();
  EXPECT_FALSE(files_->has_spares());
  EXPECT_TRUE(files_->has_removals());
  ASSERT_TRUE(files_->remove_some(100));
  EXPECT_EQ(file_count(), files - 6) << "with their indexes";
}

// A power loss may still take the frame that says of the trim, and the segment is the log's then.
TEST_F(SpareFiles, AStartWritesOverNothing) {
  for (int i = 0; i < 60; ++i) ASSERT_NO_FATAL_FAILURE(append(entries(4, 9'000)));
  ASSERT_NO_FATAL_FAILURE(checkpoint());
  const std::vector<Segment> before = log_->segments();
  const uint64_t inode = inode_of(path(before[0].number));
  trim(before[1].first);
  while (log_->segments().back().number == before.back().number)
    ASSERT_NO_FATAL_FAILURE(append(entries(1, 9'000)));
  bool moved = false;
  replayed_ = [&] {
    mover_->add(log_);
    ASSERT_TRUE(mover_->move_all());
    moved = true;
    EXPECT_EQ(inode_of(path(before[0].number)), inode);
    EXPECT_NE(inode_of(path(log_->segments().back().number)), inode);
  };
  ASSERT_NO_FATAL_FAILURE(reopen());
  EXPECT_TRUE(moved);
  EXPECT_FALSE(files_->has_spares());
  EXPECT_FALSE(std::filesystem::exists(path(before[0].number)));
  ASSERT_NO_FATAL_FAILURE(expect_as_model());
}

// It would have a whole segment for a few records: a thousand such logs, once something else has filled the disk.
TEST_F(SpareFiles, ALogThatFillsNoSegmentTakesNoSpare) {
  for (int i = 0; i < 60; ++i) ASSERT_NO_FATAL_FAILURE(append(entries(4, 9'000)));
  ASSERT_NO_FATAL_FAILURE(checkpoint());
  trim(log_->segments()[1].first);
  ASSERT_TRUE(files_->has_spares());
  for (uint64_t number = 1; number <= 3; ++number) {
    const auto segment = files_->open_to_write({kGroup + 1, number}, 100);
    ASSERT_TRUE(segment);
    EXPECT_LT((*segment)->size(), options_.segment_bytes) << number;
  }
  EXPECT_TRUE(files_->has_spares());
}

// Whoever wanted the file is told, and does without it the next time.
TEST_F(SpareFiles, OneThatCannotBeTakenGoes) {
  using Kind = FakeFiles::Kind;
  for (const Kind failing : {Kind::kRename, Kind::kRemove}) {
    for (int i = 0; i < 60; ++i) ASSERT_NO_FATAL_FAILURE(append(entries(4, 9'000)));
    ASSERT_NO_FATAL_FAILURE(checkpoint());
    const std::vector<Segment> before = log_->segments();
    trim(before[1].first);
    ASSERT_TRUE(files_->has_spares());
    fake_files_.fault = [&](const FakeFiles::Call& call) {
      return call.kind == failing ? CHR_E_NO_SPACE : CHR_OK;
    };
    while (log_->segments().back().number == before.back().number)
      ASSERT_NO_FATAL_FAILURE(append(entries(1, 9'000)));
    const Status refused = mover_->move_all();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kNoSpace);
    EXPECT_FALSE(files_->has_spares());
    EXPECT_TRUE(files_->has_removals());
    EXPECT_TRUE(mover_->move_all());
    fake_files_.fault = nullptr;
    ASSERT_TRUE(files_->remove_some(100));
    EXPECT_FALSE(std::filesystem::exists(path(before[0].number)));
    EXPECT_FALSE(std::filesystem::exists(index_path(before[0].number)));
    ASSERT_NO_FATAL_FAILURE(expect_as_model());
    ASSERT_NO_FATAL_FAILURE(reopen());
    ASSERT_NO_FATAL_FAILURE(expect_as_model());
  }
}

}  // namespace
}  // namespace chronik::storage_log
