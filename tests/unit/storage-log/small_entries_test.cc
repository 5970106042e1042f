// Small entries on their way from the journal and memory to their segments: together, and seldom.
#include "store_fixture.h"

namespace chronik::storage_log {
namespace {

constexpr int64_t kMoveAfterNs = 10'000'000'000;

class SmallEntries : public StoreFixture {
 protected:
  SmallEntries() {
    stop();
    fake_.config_int("move_after", kMoveAfterNs);
    files_.fault = [this](const testing::FakeFiles::Call& call) {
      if (call.kind == testing::FakeFiles::Kind::kWrite && call.name.ends_with(".segment")) ++moves_;
      return CHR_OK;
    };
    start();
  }
  int64_t unmoved() const { return static_cast<int64_t>(fake_.metric("chronik_storage_unmoved_bytes")); }

  chr_done done_{};
  int moves_ = 0;  // writes to segments
};

TEST_F(SmallEntries, WaitForOneAnother) {
  for (uint64_t index = 1; index <= 20; ++index) {
    append(index, &done_);
    ASSERT_EQ(done_.code, CHR_OK);
    fake_.advance(std::chrono::milliseconds(200));
  }
  EXPECT_EQ(unmoved(), 20 * 900);
  EXPECT_EQ(moves_, 0);
  fake_.advance(std::chrono::seconds(7));
  EXPECT_EQ(unmoved(), 0);
  EXPECT_EQ(moves_, 1);
  stop();
}

TEST_F(SmallEntries, WaitAsLongAfterAPauseAsBefore) {
  for (uint64_t index = 1; index <= 3; ++index) {
    append(index, &done_);
    fake_.advance(std::chrono::milliseconds(9'900));
    EXPECT_EQ(unmoved(), 900) << index;
    fake_.advance(std::chrono::seconds(60));
    EXPECT_EQ(unmoved(), 0);
    EXPECT_EQ(moves_, index);
  }
  stop();
}

// Of the journal of 2 MiB a sixteenth may wait.
TEST_F(SmallEntries, AreMovedWhenTheyAreMany) {
  uint64_t index = 0;
  while (moves_ == 0 && index < 1'000) append(++index, &done_);
  EXPECT_EQ(done_.code, CHR_OK);
  EXPECT_GT(index, 20u);
  EXPECT_LT(index, 150u);
  EXPECT_EQ(unmoved(), 0);
  stop();
}

// Others may have all files open that the process may have. What must go to one waits, or is refused for a while.
TEST_F(SmallEntries, WaitOnWhereNoMoreFilesMayBeOpen) {
  bool may_open = false;
  files_.fault = [&](const testing::FakeFiles::Call& call) {
    const bool opens = call.kind == testing::FakeFiles::Kind::kOpen && call.name.ends_with(".segment");
    return opens && !may_open ? CHR_E_OVERLOADED : CHR_OK;
  };
  append(1, &done_);
  fake_.advance(std::chrono::seconds(12));
  EXPECT_EQ(unmoved(), 900);
  append(2, &done_, 900, 80);
  EXPECT_EQ(done_.code, CHR_E_NO_SPACE);
  EXPECT_TRUE(fake_.fatals().empty());
  may_open = true;
  fake_.advance(std::chrono::seconds(2));
  EXPECT_EQ(unmoved(), 0);
  append(2, &done_, 900, 80);
  EXPECT_EQ(done_.code, CHR_OK);
  stop();
}

// The index of a log whose payloads all go to their segments at once.
TEST_F(SmallEntries, NeedNotComeForAnIndexToBeWritten) {
  for (uint64_t index = 1; index <= 40 * 80; index += 80) {
    append(index, &done_, 900, 80);
    ASSERT_EQ(done_.code, CHR_OK);
  }
  EXPECT_EQ(unmoved(), 0);
  const size_t segments = count_files(".segment");
  EXPECT_GE(segments, 3u);
  fake_.advance(std::chrono::seconds(11));
  EXPECT_EQ(count_files(".index"), segments - 1) << "of all but the last";
  stop();
}

// A frame takes a block of the disk and entries keep it: not all of it, where there is little in it.
TEST(FrameBuffers, LeaveMemoryThatTheyDoNotNeed) {
  testing::FakeHost host;
  for (const size_t bytes : {300u, 7'000u}) {
    FrameBuffer buffer(Host(host.core()), 4096);
    const std::string payload(bytes, 'x');
    ASSERT_TRUE(buffer.reserve(bytes, 1));
    std::memcpy(buffer.extend(bytes), payload.data(), bytes);
    const uint8_t* const base = buffer.base();
    buffer.shrink();
    EXPECT_EQ(buffer.base() == base, bytes == 7'000u);
    EXPECT_EQ(buffer.payload(), payload);
  }
}

}  // namespace
}  // namespace chronik::storage_log
