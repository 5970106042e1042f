// Members that catch up behind a throttle, in simulated time.
#include "unit/raft/group/fixture.h"

#include <chronik/plugin.hpp>

namespace chronik::raft::test {
namespace {

constexpr int32_t kBucket = 7;
constexpr uint64_t kBatch = 20'000;
constexpr uint64_t kBatches = 100;    // 2 MB in all
constexpr int64_t kRate = 100'000;    // bytes a second: 20 s for these
constexpr uint64_t kFrames = 40'000;  // what heartbeats and heads of messages may take in a test
constexpr uint64_t kSecond = 1000;    // as Cluster::run() counts
const std::string kGroup = "test/0";

class Throttled : public ::testing::Test {
 protected:
  Throttled() {
    cluster_.connect_all();
    cluster_.open(kGroup, {1, 2, 3});
    cluster_.run(100);
    EXPECT_EQ(cluster_.leader(kGroup), 1);
  }
  void write(uint64_t batches) {
    for (uint64_t i = 0; i < batches; ++i) {
      ASSERT_EQ(leader().propose(kGroup, std::string(kBatch, 'x')), CHR_PENDING);
      cluster_.run(10);
      ASSERT_EQ(leader().last.code, CHR_OK) << "batch " << i;
      ++written_;
    }
  }
  void limit(int64_t rate) { leader().throttle->limit(leader().instance, kBucket, rate); }
  void throttle(const std::vector<int32_t>& nodes) {
    std::vector<chr_throttled> items;
    for (const int32_t node : nodes) items.push_back({node, kBucket});
    leader().host.on_shard(0, [&] {
      EXPECT_EQ(leader().throttle->assign(leader().group(kGroup), items.data(),
                                          static_cast<uint32_t>(items.size())),
                CHR_OK);
    });
  }
  bool has_all(int32_t id) { return cluster_.journal(id).applied.size() == written_; }
  Node& leader() { return cluster_.node(1); }

  Cluster cluster_{4};
  chr_done done_{};
  size_t written_ = 0;
};

TEST_F(Throttled, ANewMemberGetsNoMoreThanTheRate) {
  write(kBatches);
  limit(kRate);
  throttle({4});
  cluster_.count(true);
  EXPECT_EQ(leader().change(kGroup, {1, 2, 4}, &done_), CHR_PENDING);
  uint64_t most = kFrames + kRate;  // what a second may bring at once
  for (int second = 0; second < 15; ++second) {
    cluster_.run(kSecond);
    EXPECT_LE(cluster_.bytes(1, 4), most += kRate) << second;
  }
  EXPECT_GE(cluster_.bytes(1, 4), static_cast<uint64_t>(12 * kRate));
  EXPECT_EQ(done_.code, 99);
  EXPECT_FALSE(has_all(4));
  cluster_.run(10 * kSecond);
  EXPECT_EQ(done_.code, CHR_OK);
  EXPECT_TRUE(has_all(4));
  EXPECT_EQ(cluster_.leader(kGroup), 1);
}

TEST_F(Throttled, WhoIsInSyncAndCommitsAreUnaffected) {
  write(kBatches);
  limit(1);
  throttle({4});
  EXPECT_EQ(leader().change(kGroup, {1, 2, 4}, &done_), CHR_PENDING);
  cluster_.run(kSecond);
  write(kBatches);  // each commits within a step, see there
  EXPECT_TRUE(has_all(2));
  EXPECT_TRUE(has_all(3));
  EXPECT_FALSE(has_all(4));
  const auto roles = cluster_.journal(2).roles;
  cluster_.run(20 * kSecond);
  EXPECT_EQ(cluster_.journal(2).roles, roles);
  limit(INT64_MAX);
  cluster_.run(kSecond);
  EXPECT_EQ(done_.code, CHR_OK);
  EXPECT_TRUE(has_all(4));
}

TEST_F(Throttled, NoRateStopsAMemberForEver) {
  write(5);
  limit(0);
  throttle({4});
  EXPECT_EQ(leader().change(kGroup, {1, 2, 4}, &done_), CHR_PENDING);
  cluster_.count(true);
  cluster_.run(25 * kSecond);
  EXPECT_LE(cluster_.bytes(1, 4), 3 * kBatch + kFrames);
  limit(1);
  cluster_.run(60 * kSecond);
  EXPECT_EQ(done_.code, CHR_OK);
  EXPECT_TRUE(has_all(4));
}

TEST_F(Throttled, AVoterThatCameBackGetsNoMoreThanTheRateUnlessItIsNeeded) {
  cluster_.isolate(3, true);
  write(kBatches);
  limit(kRate);
  throttle({3});
  cluster_.count(true);
  cluster_.isolate(3, false);
  cluster_.run(5 * kSecond);
  EXPECT_LE(cluster_.bytes(1, 3), kFrames + 6 * kRate);
  EXPECT_GE(cluster_.bytes(1, 3), static_cast<uint64_t>(4 * kRate));
  EXPECT_FALSE(has_all(3));
  // Now there is no majority without it.
  cluster_.isolate(2, true);
  cluster_.run(5 * kSecond);
  EXPECT_TRUE(has_all(3));
  EXPECT_EQ(leader().propose(kGroup, "more"), CHR_PENDING);
  cluster_.run(100);
  EXPECT_EQ(leader().last.code, CHR_OK);
}

// Nothing holds it, and so nobody else waits for it.
TEST_F(Throttled, WhoIsNeededLeavesTheBucketToOthers) {
  cluster_.isolate(2, true);
  cluster_.isolate(3, true);
  throttle({3, 4});
  limit(kRate);
  cluster_.isolate(3, false);  // no majority without it, once node 2 is known to be away
  cluster_.run(4 * kSecond);
  write(kBatches);
  EXPECT_TRUE(has_all(3));
  cluster_.count(true);
  EXPECT_EQ(leader().change(kGroup, {1, 3, 4}, &done_), CHR_PENDING);
  cluster_.run(5 * kSecond);
  EXPECT_GE(cluster_.bytes(1, 4), static_cast<uint64_t>(3 * kRate));
}

// The state takes two pieces, and the log begins behind most of it.
TEST_F(Throttled, PiecesOfASnapshotWaitToo) {
  cluster_.isolate(3, true);
  write(40);
  cluster_.run(61 * kSecond);
  done_.code = 99;
  leader().host.on_shard(0, [&] {
    EXPECT_EQ(leader().consensus->trim(leader().group(kGroup), 39, leader().host.begin(&done_), nullptr),
              CHR_PENDING);
  });
  cluster_.run(100);
  EXPECT_EQ(done_.code, CHR_OK);
  limit(kRate);
  throttle({3});
  cluster_.count(true);
  cluster_.isolate(3, false);
  cluster_.run(4 * kSecond);
  EXPECT_LE(cluster_.bytes(1, 3), kFrames + 1'024'000);  // a piece is never cut: two at most of 512 KiB
  EXPECT_EQ(cluster_.journal(3).loads, 0);
  cluster_.run(20 * kSecond);
  EXPECT_EQ(cluster_.journal(3).loads, 1);
  EXPECT_TRUE(has_all(3));
}

// Each of them gets its turn.
TEST_F(Throttled, GroupsShareABucket) {
  Journal journals[2][2];
  const std::string names[] = {"test/1", "test/2"};
  for (size_t i = 0; i < 2; ++i) {
    cluster_.node(1).open(names[i], &journals[i][0], std::vector<int32_t>{1});
    cluster_.node(4).open(names[i], &journals[i][1], std::vector<int32_t>());
    cluster_.run(100);
    for (uint64_t n = 0; n < kBatches / 2; ++n) {
      ASSERT_EQ(leader().propose(names[i], std::string(kBatch, 'x')), CHR_PENDING);
      cluster_.run(10);
    }
    const chr_throttled item{4, kBucket};
    leader().host.on_shard(0, [&] { leader().throttle->assign(leader().group(names[i]), &item, 1); });
  }
  limit(kRate);
  chr_done done[2];
  cluster_.count(true);
  for (size_t i = 0; i < 2; ++i) ASSERT_EQ(leader().change(names[i], {1, 4}, &done[i]), CHR_PENDING);
  cluster_.run(10 * kSecond);
  EXPECT_LE(cluster_.bytes(1, 4), kFrames + 11 * kRate + 2 * kBatch);
  for (auto& of_group : journals) EXPECT_GE(of_group[1].applied.size(), 20u);
  cluster_.run(15 * kSecond);
  for (size_t i = 0; i < 2; ++i) EXPECT_EQ(done[i].code, CHR_OK);
  for (const std::string& name : names)
    for (const int32_t id : {1, 4}) cluster_.node(id).close(name, false);
}

}  // namespace
}  // namespace chronik::raft::test
