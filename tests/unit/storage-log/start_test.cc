// What a start makes of the folder that it finds.
#include "store_fixture.h"

namespace chronik::storage_log {
namespace {

using Kind = testing::FakeFiles::Kind;

class LogStart : public StoreFixture {
 protected:
  // As if the store had been killed behind one commit with these changes.
  void make_commit(const std::vector<GroupChange>& changes) {
    const std::string old = checkpoint();
    std::string bytes = content(old);
    std::filesystem::remove(files_.path(old));
    bytes = bytes.substr(32, bytes.size() / 2 - 32);
    CheckpointHead head;
    ByteReader in(bytes);
    ASSERT_TRUE(load_head(in, kCheckpointFormat, &head));
    head.is_clean = false;
    std::string next;
    save_head(head, kCheckpointFormat, &next);
    next.append(in.rest());
    ASSERT_TRUE(Checkpoints(*Files::of(Host(fake_.core()))).write(next));
    uint64_t payload_bytes = 0;
    std::vector<uint64_t> groups;
    for (const GroupChange& change : changes) {
      payload_bytes += change_bytes(change);
      groups.push_back(change.group);
    }
    FrameHeader header;
    header.generation = head.replay.generation;
    header.sequence = head.replay.sequence;
    header.mark = header.sequence - 1;
    header.previous_crc = head.replay.previous_crc;
    header.payload_bytes = payload_bytes;
    header.size = frame_size(payload_bytes, groups.size(), 4096);
    std::string frame(header.size, '\0');
    auto* at = reinterpret_cast<uint8_t*>(frame.data()) + sizeof header;
    for (const GroupChange& change : changes) {
      write_change(change, at);
      at += change_bytes(change);
    }
    seal_frame(reinterpret_cast<uint8_t*>(frame.data()), header, groups);
    std::string journal = content("journal-0");
    journal.replace(0, frame.size(), frame);
    make_file("journal-0", journal, journal.size());
  }
  chr_done done_{};
};

// A signal may stop a store whose start is about to fail: both are completed, and nothing is left.
TEST_F(LogStart, AStopDuringAStartThatFailsWaitsForIt) {
  stop();
  files_.fault = [](const testing::FakeFiles::Call& call) {
    return call.kind == Kind::kRead && call.name.starts_with("checkpoint") ? CHR_E_IO : CHR_OK;
  };
  store_.emplace(Host(fake_.core()));
  chr_done stopped{};
  done_.code = stopped.code = CHR_PENDING;
  ASSERT_TRUE(store_->start(fake_.begin(&done_)));
  EXPECT_FALSE(store_->stop(fake_.begin(&stopped)));
  fake_.run();
  EXPECT_EQ(done_.code, CHR_E_IO);
  EXPECT_EQ(stopped.code, CHR_OK);
  fake_.expect_idle();
}

// What a process that was killed had not synced is there, and a power loss after the start could take it.
TEST_F(LogStart, NamesAreDurableBeforeAnythingIsBuiltOnThem) {
  put("1", &done_);
  stop();
  std::vector<Kind> calls;
  files_.fault = [&](const testing::FakeFiles::Call& call) {
    calls.push_back(call.kind);
    return CHR_OK;
  };
  start();
  ASSERT_FALSE(calls.empty());
  EXPECT_EQ(calls.front(), Kind::kSyncNames);
  stop();
}

TEST_F(LogStart, OnlyTheNameThatIsWrittenIsOurs) {
  stop();
  for (const char* name : {"journal-00", "checkpoint-01", "checkpoint-07.new"}) {
    make_file(name, "x", 1);
    const chr_done refused = try_start();
    EXPECT_EQ(refused.code, CHR_E_UNSUPPORTED) << name;
    EXPECT_NE(from_abi(refused.message).find(name), std::string_view::npos) << from_abi(refused.message);
    EXPECT_TRUE(std::filesystem::exists(files_.path(name)));
    std::filesystem::remove(files_.path(name));
  }
  start();
  stop();
}

// Sizes of files say nothing of what is in them.
TEST_F(LogStart, ASparseCheckpointTakesNoMemory) {
  put("1", &done_);
  stop();
  const std::string name = checkpoint();
  const std::string bytes = content(name);
  constexpr uint64_t kHuge = 1ull << 42;
  make_file(name, "", kHuge);
  EXPECT_EQ(try_start().code, CHR_E_CORRUPT);
  std::string grown = bytes;
  const uint64_t claimed = kHuge;
  std::memcpy(grown.data() + 24, &claimed, sizeof claimed);
  make_file(name, grown, grown.size());
  EXPECT_EQ(try_start().code, CHR_OK) << "the second copy is whole";
  stop();
}

// Counting goes on from it, and must not wrap.
TEST_F(LogStart, ACheckpointWithImpossibleNumbersIsDamaged) {
  stop();
  for (const auto& [sequence, group] :
       {std::pair(uint64_t{0}, uint64_t{1}), {UINT64_MAX - 3, 1}, {1, UINT64_MAX}}) {
    CheckpointHead head{{7, sequence, 0}, group, false, false, {}};
    std::string content;
    save_head(head, kCheckpointFormat, &content);
    ByteReader in(content);
    const Status loaded = load_head(in, kCheckpointFormat, &head);
    ASSERT_FALSE(loaded) << sequence << " " << group;
    EXPECT_EQ(loaded.error().code, Code::kCorrupt);
  }
}

// The checksums are right, and a cut leaves of one group a log with entries that lie in no segment.
TEST_F(LogStart, ACommitThatCannotBeTrueSetsItsGroupAside) {
  put("1", &done_);
  stop();
  GroupChange good;
  good.group = 1;
  KeyChange key;
  key.key = "k";
  key.value = "2";
  good.keys = std::span(&key, 1);
  GroupChange bad;
  bad.group = 2;
  bad.creates = true;
  bad.name = "bad";
  bad.truncate = Boundary{5, 5, {}};
  bad.truncate->below.last = 4;
  make_commit({good, bad});
  start();
  EXPECT_EQ(value(), "2");
  uint64_t group = 0;
  ASSERT_EQ(store_->open_group(to_abi("bad"), &group, nullptr), CHR_OK);
  chr_storage_bounds bounds{};
  EXPECT_EQ(store_->bounds(group, &bounds), CHR_E_CORRUPT);
  EXPECT_TRUE(fake_.logged("a log is damaged"));
  stop();
}

TEST_F(LogStart, WhatNobodyListsOfAGroupThatIsSetAsideStays) {
  put("1", &done_);
  stop();
  GroupChange bad;
  bad.group = 2;
  bad.creates = true;
  bad.name = "bad";
  bad.truncate = Boundary{5, 5, {}};
  bad.truncate->below.last = 4;
  make_commit({bad});
  const std::vector<std::string> kept = {"2-1.value", "2-9.segment", "2-9.index"};
  const std::vector<std::string> gone = {"1-77.value", "1-9.segment", "3-1.value"};
  for (const auto& names : {kept, gone})
    for (const std::string& name : names) make_file(name, "x", 4096);
  start();
  put("1", &done_);
  fake_.advance(std::chrono::seconds(1));
  for (const std::string& name : kept) EXPECT_TRUE(std::filesystem::exists(files_.path(name))) << name;
  for (const std::string& name : gone) EXPECT_FALSE(std::filesystem::exists(files_.path(name))) << name;
  ASSERT_EQ(store_->open_group(to_abi("bad"), &group_, nullptr), CHR_OK);
  chr_storage_step drop{};
  drop.type = CHR_STORAGE_DROP;
  write(drop, &done_);
  ASSERT_EQ(done_.code, CHR_OK);
  restart();
  put("2", &done_);
  fake_.advance(std::chrono::seconds(1));
  for (const std::string& name : kept) EXPECT_FALSE(std::filesystem::exists(files_.path(name))) << name;
  stop();
}

// What is removed in the background must not be what the next group of that id has written meanwhile.
TEST_F(LogStart, FilesOfAGroupWhoseIdIsGivenOutAgainAreGoneBefore) {
  put("1", &done_);
  stop();
  make_file("2-1.segment", "of a group that never came to be", 4096);
  make_file("1-9.segment", "x", 4096);
  start();
  ASSERT_EQ(store_->open_group(to_abi("new"), &group_, nullptr), CHR_OK);
  ASSERT_EQ(group_, 2u);
  append(1, &done_, 900, 80);
  ASSERT_EQ(done_.code, CHR_OK);
  fake_.advance(std::chrono::seconds(1));
  EXPECT_EQ(count_files("1-9.segment"), 0u);
  EXPECT_EQ(count_files("2-1.segment"), 1u);
  stop();
}

// A group in the checkpoint is as of a later frame than the checkpoint: that one was durable.
TEST_F(LogStart, WhatACheckpointHasIsNoTornEnd) {
  put("1", &done_);
  stop();
  std::string copy = content(checkpoint());
  copy = copy.substr(32, copy.size() / 2 - 32);
  std::filesystem::remove(files_.path(checkpoint()));
  CheckpointHead head;
  ByteReader in(copy);
  ASSERT_TRUE(load_head(in, kCheckpointFormat, &head));
  head.is_clean = false;
  std::string next;
  save_head(head, kCheckpointFormat, &next);
  const uint64_t ahead = head.replay.sequence + 2;
  const size_t at = next.size() + sizeof(uint64_t);  // behind the group's id
  next.append(in.rest());
  std::memcpy(next.data() + at, &ahead, sizeof ahead);
  ASSERT_TRUE(Checkpoints(*Files::of(Host(fake_.core()))).write(next));
  start();
  EXPECT_TRUE(fake_.logged("a commit in the journal is damaged"));
  stop();
}

TEST_F(LogStart, AJournalOfSmallerBlocksThanTheDiskTakesIsRefused) {
  GroupChange change;
  change.group = 1;
  change.creates = true;
  change.name = "g";
  stop();
  make_commit({change});
  testing::FakeHost host;
  testing::FakeFiles files(host, {.directory = files_.directory(), .block = 16384});
  configure(host);
  Store store{Host(host.core())};
  chr_done started{};
  ASSERT_TRUE(store.start(host.begin(&started)));
  host.run();
  EXPECT_EQ(started.code, CHR_E_UNSUPPORTED);
  EXPECT_NE(from_abi(started.message).find("blocks of 4096 bytes"), std::string_view::npos);
}

// The last commits lie in it, so that no later one tells of them.
TEST_F(LogStart, AMissingFileOfTheJournalIsTold) {
  put("1", &done_);
  const std::string big(4000, 'v');
  for (int i = 0; count_files("journal-1") == 0 && i < 1000; ++i) put(big, &done_);
  ASSERT_EQ(count_files("journal-1"), 1u);
  const std::string named = content(checkpoint());
  stop();
  std::filesystem::remove(files_.path(checkpoint()));
  make_file("checkpoint-9", named, named.size());
  const std::string last = content("journal-1");
  std::filesystem::remove(files_.path("journal-1"));
  const chr_done refused = try_start();
  EXPECT_EQ(refused.code, CHR_E_CORRUPT);
  EXPECT_NE(from_abi(refused.message).find("journal-1 of the journal is missing"), std::string_view::npos);
  make_file("journal-1", last, 0);
  EXPECT_EQ(try_start().code, CHR_E_CORRUPT) << "it is cut";
  make_file("journal-1", last.substr(0, last.size() - 4096), last.size() - 4096);
  EXPECT_EQ(try_start().code, CHR_E_CORRUPT) << "its last block is";
  make_file("journal-1", last, last.size());
  start();
  stop();
  std::filesystem::remove(files_.path("journal-1"));
  start();
  EXPECT_EQ(value(), big) << "a stop leaves nothing in the journal";
  stop();
}

TEST_F(LogStart, OlderFormatsOfACheckpointAreRead) {
  for (const uint32_t format : {1u, 2u}) {
    put(std::to_string(format), &done_);
    stop();
    make_checkpoint_older(format);
    start();
    EXPECT_EQ(value(), std::to_string(format));
  }
  stop();
}

TEST_F(LogStart, OneCopyOfACheckpointThatCannotBeReadCostsNothing) {
  put("1", &done_);
  stop();
  const std::string name = checkpoint();
  files_.fault = [&](const testing::FakeFiles::Call& call) {
    return call.kind == Kind::kRead && call.name == name && call.at == 0 ? CHR_E_IO : CHR_OK;
  };
  start();
  EXPECT_EQ(value(), "1");
  stop();
}

TEST_F(LogStart, ACheckpointThatFindsNoRoomLeavesTheRoomThatItTook) {
  put("1", &done_);
  append(1, &done_);
  files_.fault = [](const testing::FakeFiles::Call& call) {
    return call.kind == Kind::kWrite && call.name.ends_with(".new") ? CHR_E_NO_SPACE : CHR_OK;
  };
  stop();
  EXPECT_EQ(count_files(".new"), 0u);
  start();
  EXPECT_EQ(count_files(".new"), 0u);
  EXPECT_EQ(value(), "1");
  stop();
}

class SmallQueue : public StoreFixture {
 protected:
  static constexpr int64_t kQueueBytes = 65536;
  SmallQueue() : StoreFixture({}, kQueueBytes) {
    stop();
    fake_.config_int("direct_bytes", 1 << 20);
    start();
  }
  chr_status try_append(uint64_t index) {
    chr_entry entry{};
    entry.header.index = index;
    entry.header.records = 1;
    chr_storage_step step{};
    step.type = CHR_STORAGE_APPEND;
    step.entries = &entry;
    step.n = 1;
    const chr_storage_write write{group_, 0, &step, 1};
    chr_status status = CHR_OK;
    fake_.on_shard(0, [&] { status = store_->write(&write, 1, nullptr); });
    return status;
  }
  // More than may wait.
  void append_many() {
    static constexpr uint32_t kMany = kQueueBytes / 900 + 1;
    append(1, &done_, 900, kMany);
    last_ = kMany;
  }

  uint64_t last_ = 0;
  chr_done done_{};
};

TEST_F(SmallQueue, WhatWaitsToBeMovedCounts) {
  std::vector<chr_status> during;
  files_.fault = [&](const testing::FakeFiles::Call& call) {
    if (call.kind == Kind::kWrite && call.name.ends_with(".segment")) during.push_back(try_append(last_ + 1));
    return CHR_OK;
  };
  append_many();  // one call passes where nothing waits
  EXPECT_EQ(done_.code, CHR_OK);
  EXPECT_EQ(during, std::vector<chr_status>{CHR_E_OVERLOADED});
  files_.fault = nullptr;
  append(last_ + 1, &done_);
  EXPECT_EQ(done_.code, CHR_OK);
  stop();
}

// A vote passes, and what makes room, where data does not.
TEST_F(SmallQueue, WhatIsSmallOrRemovesDoesNotWait) {
  files_.fault = [&](const testing::FakeFiles::Call& call) {
    return call.kind == Kind::kWrite && call.name.ends_with(".segment") ? CHR_E_NO_SPACE : CHR_OK;
  };
  append_many();
  put("a vote", &done_);
  EXPECT_EQ(done_.code, CHR_OK);
  trim(2, &done_);
  EXPECT_EQ(done_.code, CHR_OK);
  files_.fault = nullptr;
  stop();
}

// It cannot be moved: then the journal's room is what counts, and NO_SPACE what is said.
TEST_F(SmallQueue, AFullDiskIsNoOverload) {
  files_.fault = [](const testing::FakeFiles::Call& call) {
    return call.kind == Kind::kWrite && call.name.ends_with(".segment") ? CHR_E_NO_SPACE : CHR_OK;
  };
  append(++last_, &done_);
  fake_.advance(std::chrono::milliseconds(100));
  while (done_.code == CHR_OK && last_ < 2000) append(++last_, &done_);
  EXPECT_GT(static_cast<int64_t>(last_) * 900, kQueueBytes);
  EXPECT_EQ(done_.code, CHR_E_NO_SPACE);
  trim(last_ - 1, &done_);
  EXPECT_EQ(done_.code, CHR_OK);
  files_.fault = nullptr;
  stop();
}

}  // namespace
}  // namespace chronik::storage_log
