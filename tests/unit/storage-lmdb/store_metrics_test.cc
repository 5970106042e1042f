// storage-lmdb: what operators see of a store, and what they hear when its disk failed.
#include "storage-lmdb/store_metrics.h"

#include <gtest/gtest.h>

#include <chronik/storage_failure.hpp>
#include <chronik/testing/fake_host.hpp>

namespace chronik::storage_lmdb {
namespace {

TEST(StoreMetrics, SayWhatWasNoted) {
  testing::FakeHost host;
  StoreMetrics metrics{Host(host.core())};
  metrics.note_commit(100, 1'000'000);
  metrics.note_commit(200, 1'000'000);
  metrics.note_moved(4096);
  metrics.note_groups(3);
  metrics.note_sizes(10, 20, 40);
  EXPECT_EQ(host.metric("chronik_storage_commits_total"), 2);
  EXPECT_EQ(host.metric("chronik_storage_written_bytes_total"), 300);
  EXPECT_EQ(host.metric("chronik_storage_moved_bytes_total"), 4096);
  EXPECT_EQ(host.metric("chronik_storage_groups"), 3);
  EXPECT_EQ(host.metric("chronik_storage_used_bytes"), 10);
  EXPECT_EQ(host.metric("chronik_storage_gone_bytes"), 20);
  EXPECT_EQ(host.metric("chronik_storage_file_bytes"), 40);
}

TEST(StoreMetrics, WarnOfOverdueLeasesEveryTenSeconds) {
  testing::FakeHost host;
  StoreMetrics metrics{Host(host.core())};
  const uint64_t start = 100'000'000'000;
  metrics.note_leases({1, 0, 4096}, start);
  EXPECT_TRUE(host.logs().empty()) << "none is overdue";
  metrics.note_leases({2, 1, 4096}, start);
  metrics.note_leases({2, 2, 8192}, start + 9'999'999'999);
  EXPECT_EQ(host.logs().size(), 1u);
  EXPECT_EQ(host.metric("chronik_storage_overdue_leases"), 2);
  EXPECT_EQ(host.metric("chronik_storage_waiting_bytes"), 8192);
  metrics.note_leases({2, 2, 8192}, start + 10'000'000'000);
  EXPECT_EQ(host.logs().size(), 2u);
}

TEST(StorageFailure, EndsTheNodeAndSaysWhy) {
  testing::FakeHost host;
  StorageFailure failure{Host(host.core())};
  EXPECT_FALSE(failure.has_failed());
  failure.fail(Error{Code::kIo, "commit: no such device"});
  EXPECT_TRUE(failure.has_failed());
  EXPECT_EQ(failure.message(), "commit: no such device");
  EXPECT_EQ(host.health("disk"), CHR_HEALTH_NOT_READY);
  ASSERT_EQ(host.fatals().size(), 1u);
  EXPECT_NE(host.fatals()[0].find("no such device"), std::string::npos);
}

}  // namespace
}  // namespace chronik::storage_lmdb
