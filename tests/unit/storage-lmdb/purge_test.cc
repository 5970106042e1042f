// storage-lmdb: what is gone is removed slice by slice, read beforehand, and nobody waits for it.
#include "tests/unit/storage-lmdb/purge_fixture.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

namespace {
int populate_fails = 0;  // with this error
}

// In place of the one of the C library.
extern "C" int madvise(void* from, size_t n, int advice) noexcept {
  if (advice == MADV_POPULATE_READ && n == 4096 && populate_fails != 0) {  // of one page, as removals read
    errno = populate_fails;
    return -1;
  }
  return static_cast<int>(syscall(SYS_madvise, from, n, advice));
}

namespace chronik::storage_lmdb {
namespace {

using testing::FakeHost;

using Purge = PurgeFixture;

// All that a group has: as it leaves a node, or takes a snapshot.
TEST_F(Purge, TruncatesAllInSlices) {
  const uint64_t used_before = used();
  const uint64_t before = transactions();
  remove(large_, CHR_STORAGE_TRUNCATE, 1);
  host_.run();
  EXPECT_EQ(bounds(large_).last_index, 0u);
  EXPECT_LT(used(), used_before / 10);
  append(large_, 1, 1);
  host_.run();
  EXPECT_EQ(entries_in_file(large_), 1u);
  EXPECT_GE(transactions() - before, kEntries / 1024);
}

// Its pages are of no use yet, and would be scattered by what is written meanwhile.
TEST_F(Purge, LeavesWhatIsGoneUntilItsPagesAreNeeded) {
  const uint64_t used_before = used();
  uint64_t next = 201;
  forget_large_commits();
  remove(large_, CHR_STORAGE_TRIM, UINT64_MAX);
  host_.run();
  const uint64_t left = entries_in_file(large_);
  EXPECT_GT(left, kEntries / 2);
  EXPECT_LT(used(), used_before / 10) << "after a start, too";
  const uint64_t file_before = file_bytes();
  for (; next <= kEntries; next += 100) {
    append(other_, next, 100);
    host_.run();
  }
  EXPECT_LT(entries_in_file(large_), kEntries / 10);
  EXPECT_LE(file_bytes(), file_before + file_before / 5);
}

TEST_F(Purge, LetsOthersPassWhileAnAppendWaitsForIt) {
  when_removed_ = [this] {
    EXPECT_EQ(bounds(large_).last_index, 0u);
    append(large_, 1, 3, "waits");
    append(other_, 1, 3, "passes");
    append(large_, 4, 3, "waits too");
  };
  order_.clear();
  remove(large_, CHR_STORAGE_TRIM, UINT64_MAX);
  host_.run();
  EXPECT_EQ(order_, (std::vector<std::string>{"remove", "passes", "waits", "waits too"}));
  EXPECT_EQ(bounds(large_).first_index, 1u);
  EXPECT_EQ(bounds(large_).entries, 6u);
  stop();
  start();
  EXPECT_EQ(bounds(large_).entries, 6u) << "the purge took them after all";
}

TEST_F(Purge, AWriteWaitsForWhatIsGoneOfItsOwnGroupOnly) {
  forget_large_commits();
  remove(large_, CHR_STORAGE_TRIM, UINT64_MAX);
  host_.run();
  for (uint64_t i = 201; i <= 1701; i += 20) {
    append(other_, i, 20);
    host_.run();
  }
  remove(other_, CHR_STORAGE_TRUNCATE, 1, "truncate");
  host_.run();
  order_.clear();
  append(other_, 1, 1, "waits");
  host_.run();
  EXPECT_EQ(order_, std::vector<std::string>{"waits"});
  EXPECT_EQ(entries_in_file(other_), 1u);
  EXPECT_GT(entries_in_file(large_), 0u);
}

// Raft cuts off a little, and goes on in the same place: with the same write or with the next.
TEST_F(Purge, ATruncationOfALittleKeepsNobodyWaiting) {
  forget_large_commits();
  remove(large_, CHR_STORAGE_TRIM, kEntries - 1);
  host_.run();
  const uint64_t left = entries_in_file(large_);
  ASSERT_GT(left, 1000u);
  remove(large_, CHR_STORAGE_TRUNCATE, kEntries - 1, "truncate");
  append(large_, kEntries - 1, 1);
  host_.run();
  EXPECT_EQ(bounds(large_).entries, 1u);
  EXPECT_GT(entries_in_file(large_), left / 2) << "what was gone before stays";
}

TEST_F(Purge, ReadsAgainUnlessThePageIsBad) {
  forget_large_commits();
  remove(large_, CHR_STORAGE_TRIM, kEntries);
  uint64_t next = 201;
  for (const int error : {ENOMEM, EFAULT}) {
    SCOPED_TRACE(error);
    stop();
    const auto failures = [this] {
      return std::ranges::count_if(host_.logs(), [](const auto& line) {
        return line.message.find("cannot remove what was dropped or trimmed") != std::string::npos;
      });
    };
    const auto before = failures();
    populate_fails = error;
    start();
    for (int i = 0; i < 3; ++i) {
      append(other_, next++, 1);
      host_.run();
    }
    populate_fails = 0;
    EXPECT_EQ(failures() - before, error == EFAULT ? 1 : 4);
  }
}

TEST_F(Purge, WritesOutWhatWaitsWhenItStops) {
  chr_done stopped{};
  stopped.code = 99;
  when_removed_ = [&] {
    append(large_, 1, 3, "waits");
    if (store_->stop(host_.begin(&stopped))) stopped.code = CHR_OK;
  };
  remove(large_, CHR_STORAGE_TRIM, UINT64_MAX);
  host_.run();
  EXPECT_EQ(stopped.code, CHR_OK);
  EXPECT_EQ(order_.back(), "waits");
  store_.reset();
  start();
  EXPECT_EQ(bounds(large_).entries, 3u);
}

TEST(PurgeSlice, EndsWithItsTimeItsBytesOrItsEntries) {
  FakeHost host;
  const Host api(host.core());
  Budget time(api, {1000, UINT64_MAX, 2'000'000});
  for (int i = 0; i < 10; ++i) time.spend(1);
  EXPECT_FALSE(time.is_spent());
  host.advance(std::chrono::milliseconds(2));
  time.spend(1);
  EXPECT_TRUE(time.is_spent());
  Budget bytes(api, {1000, 100, 2'000'000});
  bytes.spend(99);
  EXPECT_FALSE(bytes.is_spent());
  bytes.spend(5);
  EXPECT_TRUE(bytes.is_spent());
  Budget entries(api, {2, 100, 2'000'000});
  entries.spend(1);
  EXPECT_FALSE(entries.is_spent());
  entries.spend(1);
  EXPECT_TRUE(entries.is_spent());
}

// Pages of the entries that are in the page cache.
size_t resident(const Env& env, ReadTransactions& transactions, uint64_t group) {
  const auto snapshot = Snapshot::begin(transactions);
  MDB_cursor* cursor = nullptr;
  mdb_cursor_open(snapshot->txn(), env.lane(group), &cursor);
  MDB_val key{};
  MDB_val value{};
  size_t n = 0;
  while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
    const auto page = reinterpret_cast<uintptr_t>(value.mv_data) & ~uintptr_t{4095};
    uint8_t in_memory = 0;
    if (mincore(reinterpret_cast<void*>(page), 4096, &in_memory) == 0) n += in_memory & 1;
  }
  mdb_cursor_close(cursor);
  return n;
}

TEST_F(Purge, ReadsBeforehandWhatItRemoves) {
  stop();
  {
    const int fd = open((directory_ + "/data.mdb").c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_EQ(fsync(fd), 0);
    ASSERT_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    close(fd);
  }
  auto env = Env::open({directory_, 1 << 30, 64});
  ASSERT_TRUE(env);
  ReadTransactions transactions(*env);
  if (resident(**env, transactions, large_) > kEntries / 2)
    GTEST_SKIP() << "the page cache cannot be dropped here";
  const auto below = warm(**env, transactions, large_, UINT64_MAX);
  ASSERT_TRUE(below) << below.error().message;
  EXPECT_EQ(*below, 2049u) << "a round at a time";
  EXPECT_GE(resident(**env, transactions, large_), 2048u);
  EXPECT_EQ(*warm(**env, transactions, large_, 100), 100u);
  EXPECT_EQ(*warm(**env, transactions, other_, UINT64_MAX), UINT64_MAX) << "nothing there";
}

}  // namespace
}  // namespace chronik::storage_lmdb
