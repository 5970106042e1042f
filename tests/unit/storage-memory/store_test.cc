// storage-memory's journal: what the kit does not say, as it knows no journal.
#include "file_recorder.hpp"
#include "subject.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace chronik::conformance {
namespace {

class MemoryJournal : public ::testing::Test {
 protected:
  void SetUp() override {
    Subject::get() = {STORAGE_MEMORY, true, {{"journal", 1}}, {}, false};
    Store store(disk_);
    id_ = store.group("g");
    for (int i = 0; i < 5; ++i) {
      ends_.push_back(journal().size());
      EXPECT_EQ(store.write(TestWrite{id_, {}}.append(maker_.batch(1, 3000))), CHR_OK);
    }
    ends_.push_back(journal().size());
  }
  std::string journal() const { return disk_.image().at("journal"); }
  void set_journal(const std::string& bytes) { write_directory(disk_.directory(), {{"journal", bytes}}); }
  uint64_t last_index(Store& store) { return store.bounds(store.group("g")).last_index; }

  Disk disk_;
  EntryMaker maker_{1};
  uint64_t id_ = 0;
  std::vector<size_t> ends_;  // of the file before each write, and after the last
};

TEST_F(MemoryJournal, CutsATornTail) {
  const std::string whole = journal();
  for (size_t size = ends_[4]; size < ends_[5]; size += 97) {
    set_journal(whole.substr(0, size));
    Store store(disk_);
    ASSERT_EQ(store.failure(), "") << size;
    EXPECT_EQ(last_index(store), 4u);
    EXPECT_EQ(journal().size(), ends_[4]);
  }
  std::string damaged = whole;
  damaged[ends_[5] - 100] ^= 1;  // nothing proves that the last write was whole: it counts as torn
  set_journal(damaged);
  Store store(disk_);
  EXPECT_EQ(last_index(store), 4u);
}

TEST_F(MemoryJournal, RefusesDamageInTheMiddle) {
  const std::string whole = journal();
  for (size_t at = ends_[0]; at < ends_[4]; at += 61) {
    std::string damaged = whole;
    damaged[at] ^= static_cast<char>(1 << at % 8);
    set_journal(damaged);
    Store store(disk_);
    ASSERT_EQ(store.failure_code(), CHR_E_CORRUPT) << "a flipped bit in byte " << at << " went unnoticed";
    EXPECT_NE(store.failure().find("damaged"), std::string::npos) << store.failure();
  }
}

TEST_F(MemoryJournal, SurvivesOneDamagedSuperblock) {
  const std::string whole = journal();
  for (const size_t at : {size_t{0}, size_t{4096}}) {
    std::string damaged = whole;
    damaged[at + 20] ^= 1;
    set_journal(damaged);
    Store store(disk_);
    ASSERT_EQ(store.failure(), "");
    EXPECT_EQ(last_index(store), 5u);
  }
  std::string damaged = whole;
  damaged[20] ^= 1;
  damaged[4096 + 20] ^= 1;
  set_journal(damaged);
  Store store(disk_);
  EXPECT_EQ(store.failure_code(), CHR_E_CORRUPT);
}

// A process that was killed before its sync left writes in the cache of the system: found at the start, they
// count as durable, and so must be.
TEST_F(MemoryJournal, SyncsWhatAStartFinds) {
  FileRecorder recorder(disk_.directory(), false);
  Store store(disk_);
  ASSERT_EQ(last_index(store), 5u);
  const auto is_sync = [](const Trace::Event& event) { return event.kind == Trace::Kind::kSync; };
  EXPECT_TRUE(std::ranges::any_of(recorder.trace().events(), is_sync));
}

TEST_F(MemoryJournal, CompactsAgainAndAgain) {
  Trace trace;
  std::string digest;
  {
    FileRecorder recorder(disk_.directory(), false);
    Store store(disk_);
    const uint64_t g = store.group("g");
    for (int i = 0; i < 400; ++i) {
      ASSERT_EQ(store.write(TestWrite{g, {}}.append(maker_.batch(2, 20'000)).trim(maker_.next_index() - 4)),
                CHR_OK);
    }
    digest = store.content(g, {}).digest();
    trace = recorder.trace();
    EXPECT_LT(journal().size(), 6u << 20) << "16 MB were written, 80 KB are live";
  }
  {
    Store store(disk_);
    EXPECT_EQ(store.content(store.group("g"), {}).digest(), digest);
  }
  // Power losses in the middle of compactions too: whatever the image, the log has at
  // least what was there before.
  std::mt19937_64 random(3);
  size_t opened = 0;
  for (size_t end : trace.boundaries()) {
    if (random() % 16 != 0) continue;
    Disk image(trace.image(end, Survivors::kSomeSectors, random));
    Store store(image);
    ASSERT_EQ(store.failure(), "") << "event " << end;
    const uint64_t entries = store.bounds(store.group("g")).entries;
    ASSERT_TRUE(entries == 4 || entries == 5) << entries;
    ++opened;
  }
  EXPECT_GT(opened, 20u);
}

TEST_F(MemoryJournal, IsForgottenWhereNobodyAskedForIt) {
  Subject::get().settings.clear();
  Store store(disk_);
  ASSERT_EQ(store.failure(), "");
  EXPECT_TRUE(store.groups().empty());
}

}  // namespace
}  // namespace chronik::conformance
