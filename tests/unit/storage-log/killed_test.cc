// What a start makes of a folder whose store was killed: where all is as it was written, the journal goes on.
#include "store_fixture.h"

namespace chronik::storage_log {
namespace {

using Kind = testing::FakeFiles::Kind;

class LogKilled : public StoreFixture {
 protected:
  static constexpr uint64_t kBlock = 4096;

  std::optional<FrameHeader> frame_at(uint64_t at) const {
    return parse_header(reinterpret_cast<const uint8_t*>(content("journal-0").data()) + at);
  }
  // Whether the checkpoint names a file of the journal.
  bool is_named(uint32_t number) const {
    const std::string bytes = content(checkpoint());
    const std::string once = bytes.substr(32, bytes.size() / 2 - 32);
    CheckpointHead head;
    ByteReader in(once);
    EXPECT_TRUE(load_head(in, kCheckpointFormat, &head));
    return std::ranges::any_of(*head.journals,
                               [&](const JournalFile& file) { return file.number == number; });
  }
  chr_done done_{};
};

// A node with thousands of partitions must not write to the files of all of them before it serves.
TEST_F(LogKilled, TheJournalGoesOn) {
  fake_.config_int("move_after", std::chrono::nanoseconds(std::chrono::seconds(10)).count());
  restart();
  put("1", &done_);
  append(1, &done_);
  kill();
  std::string written;
  files_.fault = [&](const testing::FakeFiles::Call& call) {
    if (call.kind == Kind::kWrite && call.n != 0) written += call.name + " ";
    return CHR_OK;
  };
  start();
  EXPECT_EQ(written, "");
  EXPECT_EQ(value(), "1");
  EXPECT_EQ(bounds(), std::pair(uint64_t{1}, uint64_t{1}));
  fake_.advance(std::chrono::milliseconds(100));
  EXPECT_EQ(written, "journal-0 ") << "the mark: what was replayed must not be taken for a torn end";
  const auto last = frame_at(kBlock), mark = frame_at(2 * kBlock);
  ASSERT_TRUE(last && mark);
  EXPECT_EQ(mark->mark, last->sequence);
  EXPECT_EQ(mark->generation, last->generation);
  EXPECT_EQ(mark->previous_crc, last->crc);
  fake_.advance(std::chrono::seconds(11));
  EXPECT_NE(written.find(".segment"), std::string::npos) << "it is moved in its time";
  put("2", &done_);
  kill();
  start();
  EXPECT_EQ(value(), "2");
  EXPECT_EQ(bounds(), std::pair(uint64_t{1}, uint64_t{1}));
  stop();
}

// It says less than one of today.
TEST_F(LogKilled, ACheckpointOfAnOlderVersionIsWrittenAnew) {
  put("1", &done_);
  kill();
  make_checkpoint_older(2);
  const std::string before = checkpoint();
  start();
  EXPECT_EQ(value(), "1");
  EXPECT_NE(checkpoint(), before);
  stop();
}

TEST_F(LogKilled, ADamagedCopyOfTheCheckpointIsMended) {
  for (const bool first : {true, false}) {
    put("1", &done_);
    kill();
    const std::string before = checkpoint();
    std::string bytes = content(before);
    bytes[first ? 100 : bytes.size() - 1] ^= 1;
    make_file(before, bytes, bytes.size());
    start();
    EXPECT_EQ(value(), "1");
    EXPECT_NE(checkpoint(), before);
  }
  stop();
}

TEST_F(LogKilled, WhatACheckpointLeftHalfDoneIsRemoved) {
  put("1", &done_);
  kill();
  make_file("checkpoint-77.new", "x", 1);
  start();
  EXPECT_EQ(count_files(".new"), 0u);
  stop();
}

TEST_F(LogKilled, AFirstStartThatFoundNoRoomIsDoneAgain) {
  stop();
  wipe();
  files_.fault = [](const testing::FakeFiles::Call& call) {
    return call.kind == Kind::kZero ? CHR_E_NO_SPACE : CHR_OK;
  };
  EXPECT_EQ(try_start().code, CHR_E_NO_SPACE);
  files_.fault = nullptr;
  for (const bool has_file : {false, true}) {
    if (has_file) make_file("journal-0", "", 0);  // as a kill leaves it
    start();
    put("1", &done_);
    EXPECT_EQ(done_.code, CHR_OK) << from_abi(done_.message);
    stop();
    make_unclean([](CheckpointHead& head) { head.journals->clear(); });
    std::filesystem::remove(files_.path("journal-0"));
  }
}

TEST_F(LogKilled, AFurtherFileOfTheJournalIsCompleted) {
  uint64_t index = 0;
  for (const uint64_t bytes : {uint64_t{0}, uint64_t{128} << 10}) {
    put("1", &done_);
    stop();
    std::filesystem::remove(files_.path("journal-1"));
    make_unclean([](CheckpointHead& head) {
      std::erase_if(*head.journals, [](const JournalFile& file) { return file.number == 1; });
    });
    make_file("journal-1", "", bytes);
    start();
    EXPECT_EQ(std::filesystem::file_size(files_.path("journal-1")), 1u << 20);
    bool is_too_early = false;
    files_.fault = [&](const testing::FakeFiles::Call& call) {
      is_too_early = is_too_early || (call.kind == Kind::kWrite && call.name == "journal-1" && !is_named(1));
      return CHR_OK;
    };
    for (int i = 0; i < 600; ++i) {
      append(++index, &done_);
      ASSERT_EQ(done_.code, CHR_OK);
      if (i % 20 == 0) fake_.advance(std::chrono::milliseconds(60));
    }
    EXPECT_FALSE(is_too_early) << "no checkpoint named it";
    files_.fault = nullptr;
  }
  stop();
}

// Frames there are not seen at this start, and must not come back at the next one, behind others.
TEST_F(LogKilled, WhatCannotBeReadForNowNeverComesBack) {
  for (int i = 1; i <= 12; ++i) put(std::to_string(i), &done_);
  kill();
  files_.fault = [](const testing::FakeFiles::Call& call) {
    const bool hits = call.kind == Kind::kRead && call.name == "journal-0" && call.at < 12 * kBlock &&
                      call.at + call.n > 5 * kBlock;
    return hits ? CHR_E_IO : CHR_OK;
  };
  start();
  files_.fault = nullptr;
  EXPECT_EQ(value(), "5");
  put("other", &done_);
  fake_.advance(std::chrono::seconds(1));
  put("last", &done_);
  kill();
  start();
  EXPECT_EQ(value(), "last");
  stop();
}

}  // namespace
}  // namespace chronik::storage_log
