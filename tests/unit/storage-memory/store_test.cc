// storage-memory's journal: what the kit does not say, as it knows no journal.
#include "subject.hpp"

#include <gtest/gtest.h>

namespace chronik::conformance {
namespace {

class MemoryJournal : public ::testing::Test {
 protected:
  void SetUp() override {
    Subject::get() = {STORAGE_MEMORY, Subject::Durability::kMedium, {}, {}, false};
    Store store(disk_);
    id_ = store.group("g");
    for (int i = 0; i < 5; ++i) {
      ends_.push_back(disk_.medium().size());
      EXPECT_EQ(store.write(TestWrite{id_, {}}.append(maker_.batch(1, 3000))), CHR_OK);
    }
    ends_.push_back(disk_.medium().size());
  }
  uint64_t last_index(Store& store) { return store.bounds(store.group("g")).last_index; }

  Disk disk_;
  EntryMaker maker_{1};
  uint64_t id_ = 0;
  std::vector<size_t> ends_;  // of the medium before each write, and after the last
};

TEST_F(MemoryJournal, CutsATornTail) {
  const std::string whole = disk_.medium();
  for (size_t size = ends_[4]; size < ends_[5]; size += 97) {
    disk_.medium() = whole.substr(0, size);
    Store store(disk_);
    ASSERT_EQ(store.failure(), "") << size;
    EXPECT_EQ(last_index(store), 4u);
    EXPECT_EQ(disk_.medium().size(), ends_[4]);
  }
  disk_.medium() = whole;
  disk_.medium()[ends_[5] - 100] ^= 1;  // nothing proves that the last write was whole: it counts as torn
  Store store(disk_);
  EXPECT_EQ(last_index(store), 4u);
}

TEST_F(MemoryJournal, RefusesDamageInTheMiddle) {
  const std::string whole = disk_.medium();
  for (size_t at = ends_[0]; at < ends_[4]; at += 61) {
    disk_.medium() = whole;
    disk_.medium()[at] ^= static_cast<char>(1 << at % 8);
    Store store(disk_);
    ASSERT_EQ(store.failure_code(), CHR_E_CORRUPT) << "a flipped bit in byte " << at << " went unnoticed";
    EXPECT_NE(store.failure().find("damaged"), std::string::npos) << store.failure();
  }
}

TEST_F(MemoryJournal, SurvivesOneDamagedSuperblock) {
  const std::string whole = disk_.medium();
  for (const size_t at : {size_t{0}, size_t{4096}}) {
    disk_.medium() = whole;
    disk_.medium()[at + 20] ^= 1;
    Store store(disk_);
    ASSERT_EQ(store.failure(), "");
    EXPECT_EQ(last_index(store), 5u);
  }
  disk_.medium() = whole;
  disk_.medium()[20] ^= 1;
  disk_.medium()[4096 + 20] ^= 1;
  Store store(disk_);
  EXPECT_EQ(store.failure_code(), CHR_E_CORRUPT);
}

// A process that was killed before its sync left writes in the cache of the system: found at the start, they
// count as durable, and so must be.
TEST_F(MemoryJournal, SyncsWhatAStartFinds) {
  Trace trace(disk_.image());
  Store store(disk_, Store::Settings::kUsual, &trace);
  ASSERT_EQ(last_index(store), 5u);
  ASSERT_FALSE(trace.events().empty());
  EXPECT_EQ(trace.events().front().kind, Trace::Kind::kSync);
}

TEST_F(MemoryJournal, CompactsAgainAndAgain) {
  Trace trace(disk_.image());
  std::string digest;
  {
    Store store(disk_, Store::Settings::kUsual, &trace);
    const uint64_t g = store.group("g");
    for (int i = 0; i < 400; ++i) {
      ASSERT_EQ(store.write(TestWrite{g, {}}.append(maker_.batch(2, 20'000)).trim(maker_.next_index() - 4)),
                CHR_OK);
    }
    digest = store.content(g, {}).digest();
    EXPECT_LT(disk_.medium().size(), 6u << 20) << "16 MB were written, 80 KB are live";
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

}  // namespace
}  // namespace chronik::conformance
