// The journal: frames in their order, what is left of them after a crash, and what a start makes of damage.
#include "storage-log/journal/journal_scan.h"

#include "storage-log/format/change.h"

#include <gtest/gtest.h>
#include <chronik/testing/fake_files.hpp>

#include <random>

namespace chronik::storage_log {
namespace {

constexpr uint64_t kBlock = 4096;
constexpr uint64_t kFileBytes = 256u << 10;

struct Lost {
  uint64_t sequence;
  std::vector<uint64_t> groups;
  bool operator==(const Lost&) const = default;
};

// What a start found.
struct Read {
  std::vector<std::string> frames;
  std::vector<Lost> lost;
  JournalTail tail;
};

class JournalTest : public ::testing::Test {
 protected:
  JournalTest() { open(); }

  void open() {
    journal_.emplace(Host(fake_.core()), *Files::of(Host(fake_.core())), JournalOptions{kFileBytes, 2, 4});
    std::vector<uint32_t> numbers;
    ASSERT_TRUE(Files::of(Host(fake_.core()))->list([&](std::string_view name, uint64_t) {
      numbers.push_back(*journal_number(name));
    }));
    ASSERT_TRUE(journal_->open(numbers));
    ASSERT_TRUE(journal_->complete_files());
    journal_->begin_generation(start_);
  }

  // Seals a frame and leaves it to be written.
  std::optional<Journal::Frame> begin(const std::string& payload, std::vector<uint64_t> groups = {7}) {
    FrameBuffer& buffer = buffers_.emplace_back(Host(fake_.core()), journal_->block());
    EXPECT_TRUE(buffer.reserve(payload.size(), groups.size()));
    if (!payload.empty()) std::memcpy(buffer.extend(payload.size()), payload.data(), payload.size());
    return journal_->begin(buffer, groups);
  }
  void submit(const Journal::Frame& frame) {
    fake_.on_shard(0, [&] {
      Journal::submit(frame, [this, sequence = frame.sequence](const Status& status) {
        EXPECT_TRUE(status);
        journal_->finished(sequence);
      });
    });
  }
  void write(const std::string& payload, std::vector<uint64_t> groups = {7}) {
    const auto frame = begin(payload, std::move(groups));
    ASSERT_TRUE(frame);
    submit(*frame);
    fake_.run();
  }
  void write_mark() { write("", {}); }

  Read scan() {
    Read out;
    JournalScan scan(Host(fake_.core()), journal_->files(), journal_->block());
    JournalScan::Events events;
    events.frame = [&](uint64_t, const chr_slice& payload) {
      if (payload.n != 0) out.frames.emplace_back(reinterpret_cast<const char*>(payload.p), payload.n);
      return Status{};
    };
    events.lost = [&](uint64_t sequence, const std::vector<uint64_t>& groups) {
      out.lost.push_back({sequence, groups});
    };
    const auto tail = scan.run(start_, 0, events);
    EXPECT_TRUE(tail);
    if (tail) out.tail = *tail;
    return out;
  }

  std::string content(uint32_t number = 0) {
    std::string bytes(kFileBytes, '\0');
    FILE* file = std::fopen(files_.path(journal_name(number)).c_str(), "rb");
    EXPECT_EQ(std::fread(bytes.data(), 1, bytes.size(), file), bytes.size());
    std::fclose(file);
    return bytes;
  }
  void set_content(const std::string& bytes, uint32_t number = 0) {
    FILE* file = std::fopen(files_.path(journal_name(number)).c_str(), "rb+");
    EXPECT_EQ(std::fwrite(bytes.data(), 1, bytes.size(), file), bytes.size());
    std::fclose(file);
  }

  testing::FakeHost fake_;
  testing::FakeFiles files_{fake_};
  ReplayStart start_{0x1234, 5, 0};
  std::optional<Journal> journal_;
  std::deque<FrameBuffer> buffers_;
};

using Texts = std::vector<std::string>;

TEST_F(JournalTest, FramesComeBackInTheirOrder) {
  Texts texts;
  for (int i = 0; i < 20; ++i) {
    texts.push_back(std::string(1000 * i + 1, static_cast<char>('a' + i)));
    write(texts.back());
  }
  const Read read = scan();
  EXPECT_EQ(read.frames, texts);
  EXPECT_TRUE(read.lost.empty());
  EXPECT_EQ(read.tail.next_sequence, 25u);
}

TEST_F(JournalTest, AnEmptyJournalIsNoNews) {
  EXPECT_TRUE(scan().frames.empty());
  EXPECT_EQ(scan().tail.next_sequence, 5u);
}

TEST_F(JournalTest, FramesOfOtherGenerationsDoNotReplay) {
  write("old");
  write("older");
  write_mark();
  start_ = {0x99, 8, 0};
  journal_->begin_generation(start_);
  write("new");  // in the place of the first; what lies behind has lower numbers, or another generation
  EXPECT_EQ(scan().frames, Texts{"new"});
}

TEST_F(JournalTest, FramesCountInTheirOrderOnly) {
  const auto first = begin("first");
  const auto second = begin("second");
  submit(*second);
  fake_.run();
  EXPECT_EQ(journal_->replay_start().sequence - 1, 4u);
  submit(*first);
  fake_.run();
  EXPECT_EQ(journal_->replay_start().sequence - 1, 6u);
}

TEST_F(JournalTest, OnlySoManyAreOnTheirWay) {
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(journal_->has_slot());
    begin("x");
  }
  EXPECT_FALSE(journal_->has_slot());
}

TEST_F(JournalTest, WhatWasInFlightMayBeThereOrNot) {
  write("durable");
  const auto lost = begin("lost");
  const auto kept = begin("kept, but behind what is lost");
  submit(*kept);
  fake_.run();
  static_cast<void>(lost);
  const Read read = scan();
  EXPECT_EQ(read.frames, Texts{"durable"});
  EXPECT_TRUE(read.lost.empty()) << "it was never acknowledged";
  EXPECT_EQ(read.tail.next_sequence, 6u);
  EXPECT_EQ(read.tail.dropped.size(), 1u);
}

// Each bit of the first block of a frame below the mark, and some of the others.
TEST_F(JournalTest, AFlippedByteBelowTheMarkIsDamageOfItsGroups) {
  write("first", {1});
  write(std::string(9000, 's'), {2, 3});
  write("third", {4});
  write_mark();
  const std::string whole = content();
  std::mt19937_64 random(3);
  const Texts all = {"first", std::string(9000, 's'), "third"};
  const Texts without = {"first", "third"};
  for (uint64_t at = kBlock; at < 4 * kBlock; at += at < 2 * kBlock ? 1 : 37) {
    std::string damaged = whole;
    damaged[at] ^= static_cast<char>(1 << random() % 8);
    set_content(damaged);
    const Read read = scan();
    const uint64_t payload = kBlock + sizeof(FrameHeader);
    if (at >= payload && at < payload + 9000) {
      ASSERT_EQ(read.frames, without) << "flipped at " << at;
      ASSERT_EQ(read.lost, std::vector<Lost>({{6, {2, 3}}})) << "flipped at " << at;
    } else {
      // One end of the frame is damaged, and the other one says what is in it.
      ASSERT_EQ(read.frames, all) << "flipped at " << at;
      ASSERT_TRUE(read.lost.empty()) << "flipped at " << at;
    }
  }
}

// None is written so; the sanitizers watch that nothing is copied from or to nowhere.
TEST_F(JournalTest, ADamagedFrameThatNamesNoGroupIsDamageOfAll) {
  write("first", {});
  write("second");
  std::string bytes = content();
  bytes[sizeof(FrameHeader)] ^= 0x11;
  set_content(bytes);
  EXPECT_EQ(scan().lost, (std::vector<Lost>{{5, {}}}));
}

TEST_F(JournalTest, AFlippedByteAboveTheMarkIsTheEnd) {
  write("first");
  write("second");
  const std::string whole = content();
  for (uint64_t at = kBlock + sizeof(FrameHeader); at < kBlock + sizeof(FrameHeader) + 6; ++at) {
    std::string damaged = whole;
    damaged[at] ^= 4;
    set_content(damaged);
    const Read read = scan();
    EXPECT_EQ(read.frames, Texts{"first"});
    EXPECT_TRUE(read.lost.empty());
    EXPECT_EQ(read.tail.next_sequence, 6u);
  }
}

TEST_F(JournalTest, AMarkTellsATornEndFromDamage) {
  write("first");
  write("second", {9});
  EXPECT_TRUE(journal_->wants_mark());
  write_mark();
  EXPECT_FALSE(journal_->wants_mark());
  std::string damaged = content();
  damaged[kBlock + sizeof(FrameHeader)] ^= 1;
  set_content(damaged);
  EXPECT_EQ(scan().lost, std::vector<Lost>({{6, {9}}}));
}

TEST_F(JournalTest, AFrameOfWhichNothingIsLeftIsDamageOfAll) {
  write("first");
  write("second", {9});
  write("third");
  write_mark();
  std::string damaged = content();
  damaged.replace(kBlock, kBlock, kBlock, '\0');
  set_content(damaged);
  const Read read = scan();
  EXPECT_EQ(read.frames, (Texts{"first", "third"}));
  EXPECT_EQ(read.lost, std::vector<Lost>({{6, {}}}));
  EXPECT_EQ(read.tail.next_sequence, 9u);
}

// One header that says of itself what it likes.
TEST_F(JournalTest, AGapIsToldOnceAndASequenceThatCannotBeIsNone) {
  write("first");
  const std::string whole = content();
  for (const uint64_t sequence : {start_.sequence + (1u << 20), uint64_t{1} << 40, UINT64_MAX}) {
    FrameHeader header;
    header.size = kBlock;
    header.generation = start_.generation;
    header.sequence = sequence;
    header.mark = sequence - 1;
    std::string forged = whole;
    seal_frame(reinterpret_cast<uint8_t*>(forged.data()) + 4 * kBlock, header, {});
    set_content(forged);
    const Read read = scan();
    EXPECT_EQ(read.frames, Texts{"first"});
    const bool can_be = sequence == start_.sequence + (1u << 20);
    EXPECT_EQ(read.lost, can_be ? std::vector<Lost>({{6, {}}}) : std::vector<Lost>());
    EXPECT_EQ(read.tail.next_sequence, can_be ? sequence + 1 : 6);
  }
}

TEST_F(JournalTest, FilesAreUsedAgainOnceACheckpointCoversThem) {
  const std::string text(60'000, 't');
  std::optional<Journal::Frame> frame;
  int fit = 0;
  while ((frame = begin(text))) {
    ++fit;
    submit(*frame);
    fake_.run();
  }
  EXPECT_EQ(fit, 4) << "one file, which is not covered";
  EXPECT_TRUE(journal_->wants_checkpoint());
  auto more = journal_->make_file();
  ASSERT_TRUE(more);
  journal_->add_file(more->first, std::move(more->second));
  EXPECT_FALSE(begin(text)) << "no checkpoint names it";
  EXPECT_EQ(scan().frames.size(), 4u);
  start_ = journal_->replay_start();
  journal_->release(start_);
  for (int i = 0; i < 7; ++i) write(std::to_string(i) + text);
  const Read read = scan();
  ASSERT_EQ(read.frames.size(), 7u);
  EXPECT_EQ(read.frames[6], "6" + text);
  EXPECT_TRUE(read.lost.empty());
}

TEST_F(JournalTest, WhatAFailureLeftDoesNotComeBack) {
  write("first");
  const auto failed = begin(std::string(6000, 'f'));
  std::string bytes = content();
  bytes.replace(failed->at, failed->bytes.n, reinterpret_cast<const char*>(failed->bytes.p), failed->bytes.n);
  set_content(bytes);
  ASSERT_EQ(scan().frames.size(), 2u);
  journal_->erase_unfinished();
  EXPECT_EQ(scan().frames, Texts{"first"});
}

// Two files, and a torn end that lies in the first one while the frames that count end in the second.
TEST_F(JournalTest, WhatNeverCountedDoesNotFollowWhatIsWrittenInItsPlace) {
  auto more = journal_->make_file();
  ASSERT_TRUE(more);
  journal_->add_file(more->first, std::move(more->second));
  const std::string text(60'000, 't');
  for (int i = 0; i < 4; ++i) write(text);
  start_ = journal_->replay_start();
  journal_->release(start_);
  for (int i = 0; i < 3; ++i) write(std::to_string(i) + text);
  write("whole");
  const uint64_t torn_at = begin(text + text)->at;  // is not written
  EXPECT_EQ(torn_at, 0u) << "of the first file";
  const auto behind = begin("stale");
  std::string bytes = content();
  bytes.replace(behind->at, behind->bytes.n, reinterpret_cast<const char*>(behind->bytes.p), behind->bytes.n);
  set_content(bytes);
  Read read = scan();
  ASSERT_EQ(read.frames.size(), 4u);
  ASSERT_EQ(read.tail.dropped.size(), 1u);

  for (int round = 0; round < 3; ++round) {
    journal_.emplace(Host(fake_.core()), *Files::of(Host(fake_.core())), JournalOptions{kFileBytes, 2, 4});
    ASSERT_TRUE(journal_->open({0, 1}));
    read = scan();
    ASSERT_TRUE(read.lost.empty());
    ASSERT_TRUE(journal_->resume(start_, read.tail));
    EXPECT_TRUE(scan().tail.dropped.empty()) << "round " << round;
    EXPECT_TRUE(journal_->wants_mark());
    write("new " + std::to_string(round));
  }
  read = scan();
  ASSERT_EQ(read.frames.size(), 7u);
  EXPECT_EQ(read.frames[3], "whole");
  EXPECT_EQ(read.frames[4], "new 0");
  EXPECT_EQ(read.frames[6], "new 2");
  EXPECT_TRUE(read.tail.dropped.empty());
}

TEST_F(JournalTest, AFileThatFindsNoRoomTakesNone) {
  files_.fault = [](const testing::FakeFiles::Call& call) {
    return call.kind == testing::FakeFiles::Kind::kZero && call.at >= kFileBytes / 2 ? CHR_E_NO_SPACE
                                                                                     : CHR_OK;
  };
  journal_.emplace(Host(fake_.core()), *Files::of(Host(fake_.core())), JournalOptions{4 << 20, 2, 4});
  ASSERT_TRUE(journal_->open({0}));
  EXPECT_FALSE(journal_->make_file());
  EXPECT_FALSE(std::filesystem::exists(files_.path(journal_name(1))));
  // One that a crash left half made, beside one that works.
  ASSERT_TRUE(Files::of(Host(fake_.core()))->open(journal_name(3), CHR_FILE_CREATE));
  journal_.emplace(Host(fake_.core()), *Files::of(Host(fake_.core())), JournalOptions{4 << 20, 2, 4});
  ASSERT_TRUE(journal_->open({0, 3}));
  ASSERT_TRUE(journal_->complete_files());
  EXPECT_EQ(journal_->max_frame(), kFileBytes);
  EXPECT_EQ(std::filesystem::file_size(files_.path(journal_name(0))), kFileBytes);
  EXPECT_FALSE(std::filesystem::exists(files_.path(journal_name(3))));
}

// What it says is written there would wrap, or have a file grow without end.
TEST(LogChange, AnImpossiblePlaceIsDamage) {
  PlacedEntry entry;
  entry.entry.header.index = 1;
  entry.place = {1, 0};
  entry.in_segment = true;
  GroupChange change;
  change.entries = {&entry, 1};
  const auto reads = [&] {
    std::string bytes(change_bytes(change), '\0');
    write_change(change, reinterpret_cast<uint8_t*>(bytes.data()));
    std::string_view rest = bytes;
    ReadChange read;
    return read_change(&rest, &read).has_value();
  };
  EXPECT_TRUE(reads());
  entry.place.at = UINT64_MAX;
  EXPECT_FALSE(reads());
  entry.place = {0, 0};
  EXPECT_FALSE(reads());
  entry.place = {1, 0};
  entry.entry.header.bytes = UINT64_MAX;
  EXPECT_FALSE(reads());
  entry.entry.header.bytes = 0;
  change.trim.emplace();
  EXPECT_TRUE(reads());
  change.trim->below.next.at = UINT64_MAX;
  EXPECT_FALSE(reads());
}

TEST_F(JournalTest, ASectorThatCannotBeReadIsDamage) {
  write("first");
  write("second", {9});
  write_mark();
  files_.fault = [](const testing::FakeFiles::Call& call) {
    const bool hits =
        call.kind == testing::FakeFiles::Kind::kRead && call.at <= kBlock && kBlock < call.at + call.n;
    return hits ? CHR_E_IO : CHR_OK;
  };
  const Read read = scan();
  EXPECT_EQ(read.frames, Texts{"first"});
  EXPECT_EQ(read.lost.size(), 1u);
}

}  // namespace
}  // namespace chronik::storage_log
