// A disk that is full, a disk that fails, and space that must be used again.
#include "file_recorder.hpp"
#include "subject.hpp"

#include <gtest/gtest.h>

namespace chronik::conformance {
namespace {

class StorageFaults : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!Subject::get().is_durable) GTEST_SKIP() << "a volatile store";
  }
  EntryMaker maker_{5};
};

TEST_F(StorageFaults, AFullDiskIsBackpressure) {
  Disk disk;
  Store store(disk);
  ASSERT_EQ(store.failure(), "");
  const uint64_t g = store.group("g");
  ASSERT_EQ(store.write(TestWrite{g, {}}.append(maker_.batch(40, 50'000))), CHR_OK);
  {
    FileFaults faults(disk.directory());
    faults.disk_full(true);
    chr_status status = CHR_OK;
    uint64_t written = 0;
    for (; written < 1000 && status == CHR_OK; ++written)
      status = store.write(TestWrite{g, {}}.append({maker_.next(50'000)}));
    ASSERT_EQ(status, CHR_E_NO_SPACE) << "the disk took 50 MB though it is full";
    EXPECT_EQ(store.read(store.all_of(g)).entries.size(), 40 + written - 1)
        << "reads go on, and tell the truth";
    // A full disk still lets the store shrink, and what that frees can be used.
    EXPECT_EQ(store.write(TestWrite{g, {}}.trim(store.bounds(g).last_index - 5)), CHR_OK);
    store.host().advance(std::chrono::seconds(1));
    const TestEntry last = store.read(store.all_of(g)).last();
    maker_.resume(&last);
    ASSERT_EQ(store.write(TestWrite{g, {}}.append({maker_.next(50'000)})), CHR_OK);
  }
  store.host().advance(std::chrono::seconds(1));
  for (int i = 0; i < 40; ++i) EXPECT_EQ(store.write(TestWrite{g, {}}.append({maker_.next(50'000)})), CHR_OK);
  EXPECT_EQ(store.usage().full, 0u) << "space returned";
  EXPECT_TRUE(store.host().fatals().empty());
}

TEST_F(StorageFaults, AFailedSyncIsFatalAndNothingIsAcknowledged) {
  Disk disk;
  std::string before;
  uint64_t g = 0;
  {
    Store store(disk);
    ASSERT_EQ(store.failure(), "");
    g = store.group("g");
    ASSERT_EQ(store.write(TestWrite{g, {}}.append(maker_.batch(5, 5000)).put("k", "old")), CHR_OK);
    before = store.content(g, {"k"}).digest();
    FileFaults faults(disk.directory());
    faults.syncs_fail = true;
    EXPECT_EQ(store.write(TestWrite{g, {}}.append(maker_.batch(1, 5000)).put("k", "new")), CHR_E_IO);
    faults.syncs_fail = false;
    // The kernel may have dropped what it could not write: a second try that succeeds would prove nothing.
    EXPECT_EQ(store.write(TestWrite{g, {}}.put("k", "newer")), CHR_E_IO) << "the store must not go on";
  }
  Store store(disk);
  ASSERT_EQ(store.failure(), "");
  EXPECT_EQ(store.content(store.group("g"), {"k"}).digest(), before);
}

TEST(StorageSpace, WhatIsTrimmedIsUsedAgain) {
  if (!Subject::get().is_durable) GTEST_SKIP() << "a volatile store";
  Disk disk;
  Store store(disk);
  ASSERT_EQ(store.failure(), "");
  EntryMaker maker(6);
  const uint64_t g = store.group("g");
  for (int i = 0; i < 60; ++i) {
    ASSERT_EQ(store.write(TestWrite{g, {}}.append(maker.batch(10, 90'000)).trim(maker.next_index() - 10)),
              CHR_OK);
  }
  const chr_storage_usage usage = store.usage();
  EXPECT_LT(usage.used_bytes, 2'000'000u);
  EXPECT_LT(usage.file_bytes, 12'000'000u) << "54 MB were written, 0.9 MB are live";
}

}  // namespace
}  // namespace chronik::conformance
