// storage-lmdb: how LMDB's free pages lie, and how much of what is gone is removed for the next commits.
#include "storage-lmdb/supply.h"

#include "storage-lmdb/record.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace chronik::storage_lmdb {
namespace {

constexpr uint64_t kPage = 4096;

TEST(OwnPages, AsLmdbCounts) {
  EXPECT_EQ(own_pages(2000, kPage), 0u);
  EXPECT_EQ(own_pages(2014, kPage), 0u);
  EXPECT_EQ(own_pages(2015, kPage), 1u);
  EXPECT_EQ(own_pages(4080, kPage), 1u);
  EXPECT_EQ(own_pages(4081, kPage), 2u);
  EXPECT_EQ(own_pages(1 << 20, kPage), 257u);
}

class FreeList : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = (std::filesystem::temp_directory_path() / "chronik-supply-XXXXXX").string();
    ASSERT_NE(mkdtemp(directory_.data()), nullptr);
    env_ = Env::open({directory_, 1 << 30, 64}).value();
  }
  void TearDown() override {
    env_.reset();
    std::filesystem::remove_all(directory_);
  }
  // Entries of so many pages each, one after the other; then those that `gone` names are removed.
  template <class F>
  void write(uint64_t first, uint64_t n, uint64_t pages, F gone) {
    for (const bool removes : {false, true}) {
      MDB_txn* txn = nullptr;
      ASSERT_EQ(mdb_txn_begin(env_->raw(), nullptr, 0, &txn), 0);
      for (uint64_t i = first; i < first + n; ++i) {
        LogKey id(1, i);
        MDB_val key = id.val();
        MDB_val value{pages * kPage - 100, nullptr};
        if (!removes) {
          ASSERT_EQ(mdb_put(txn, env_->lane(1), &key, &value, MDB_RESERVE), 0);
        } else if (gone(i)) {
          ASSERT_EQ(mdb_del(txn, env_->lane(1), &key, nullptr), 0);
        }
      }
      ASSERT_EQ(commit(txn), 0);
    }
  }
  FreePages look() {
    ReadTransactions transactions(env_);
    return FreePages::read(transactions).value();
  }

  std::string directory_;
  std::shared_ptr<Env> env_;
};

TEST_F(FreeList, SaysHowMuchLiesInRows) {
  const uint64_t few = look().in_rows_of(1);
  write(1, 100, 8, [](uint64_t i) { return i <= 50; });  // 400 pages side by side
  write(101, 100, 3, [](uint64_t i) { return i % 2 == 0; });
  const FreePages free = look();
  EXPECT_GE(free.in_rows_of(1), 400u + 150u);
  EXPECT_LE(free.in_rows_of(1), 400u + 150u + few + 40);
  EXPECT_GE(free.in_rows_of(256), 256u);
  EXPECT_LE(free.in_rows_of(256), 400u);
  EXPECT_GE(free.in_rows_of(100), 300u);
  EXPECT_EQ(free.in_rows_of(1000), 0u);
}

Supply::Rows rows(uint64_t pages, uint64_t longest) { return {pages, longest}; }

TEST_F(FreeList, IsShortOnceTheNextCommitsWouldFindNothing) {
  write(1, 100, 8, [](uint64_t i) { return i <= 50; });
  Supply supply(kPage);
  EXPECT_FALSE(supply.is_short()) << "nobody needs rows yet";
  supply.expect(rows(80, 8));
  supply.looked(look(), 0);
  EXPECT_TRUE(supply.has(rows(400, 8)));
  EXPECT_FALSE(supply.is_short());
  supply.took(rows(80, 8));
  EXPECT_FALSE(supply.is_short()) << "three more like these";
  supply.took(rows(80, 8));
  EXPECT_TRUE(supply.is_short());
  supply.removed(80);
  EXPECT_TRUE(supply.is_short()) << "rather a few at once";
  supply.removed(400);
  EXPECT_FALSE(supply.is_short());
  supply.looked(look(), 1 << 30);
  EXPECT_TRUE(supply.is_short()) << "leases keep all of them";
  supply.looked(look(), 0);
  EXPECT_FALSE(supply.is_short());
  supply.fell_short(200 * kPage);
  EXPECT_TRUE(supply.is_short());
  supply.looked(look(), 0);
  EXPECT_TRUE(supply.is_short()) << "as many were not enough";
  supply.removed(200);
  EXPECT_FALSE(supply.is_short());
}

TEST_F(FreeList, ForgetsWhatOnceWasNeeded) {
  Supply supply(kPage);
  supply.expect(rows(4096, 256));
  EXPECT_TRUE(supply.is_short());
  EXPECT_EQ(supply.demand(), 4096 * kPage);
  for (int i = 0; i < 300; ++i) supply.expect(rows(0, 0));
  EXPECT_EQ(supply.demand(), 0u);
  EXPECT_FALSE(supply.is_short());
}

TEST_F(FreeList, LongerRowsThanBeforeAreNotKnownToBeThere) {
  Supply supply(kPage);
  supply.expect(rows(8, 8));
  supply.removed(1000);
  EXPECT_TRUE(supply.has(rows(200, 8)));
  supply.expect(rows(257, 257));
  EXPECT_FALSE(supply.has(rows(257, 257)));
}

// A list that is longer than what is read of it.
TEST_F(FreeList, WhatIsNotReadLiesAsTheRestDoes) {
  write(1, 6000, 1, [](uint64_t i) { return i % 2 == 0; });
  ReadTransactions transactions(env_);
  const FreePages beginning = FreePages::read(transactions, 1000).value();
  EXPECT_GT(beginning.in_rows_of(1), 2900u);
  EXPECT_LT(beginning.in_rows_of(8), 600u);
}

TEST(Supply, SmallCommitsBreakRows) {
  Supply supply(kPage);
  supply.removed(1000);
  EXPECT_TRUE(supply.has(rows(1000, 10)));
  for (int i = 0; i < 10; ++i) supply.took(rows(0, 0));
  EXPECT_FALSE(supply.has(rows(1000, 10)));
  for (int i = 0; i < 100; ++i) supply.took(rows(0, 0));
  EXPECT_FALSE(supply.has(rows(1, 1)));
}

}  // namespace
}  // namespace chronik::storage_lmdb
