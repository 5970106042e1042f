// Which replicas are in sync, who is told, and what is throttled.
#include "kafka-proto/partition/in_sync_replicas.h"

#include "kafka-proto/configs/throttled_replicas.h"
#include "partition/part_testing.h"

namespace chronik::kafka::testing {
namespace {

using Nodes = std::vector<int32_t>;

class InSyncReplicasTest : public ::testing::Test, public TestReplica {
 protected:
  InSyncReplicasTest() {
    open();
    replica.set_commit_index(2);
    replica.raise_high_watermark(10);
  }
  Nodes report() {
    const std::optional<InSyncReplicas::State> now = in_sync.report_changes();
    return now.has_value() ? now->in_sync : Nodes();
  }

  InSyncReplicas in_sync{replica};
};

TEST_F(InSyncReplicasTest, ANewLeaderCountsWhoIsLinked) {
  EXPECT_EQ(report(), (Nodes{1, 2, 3}));
  unlinked = {2};
  EXPECT_EQ(report(), (Nodes{1, 3}));
}

TEST_F(InSyncReplicasTest, BehindForLongerThanTheLagIsOut) {
  host.advance(std::chrono::seconds(31));
  set_member(2, 10);                          // has all that is committed
  set_member(3, 9, host.now_ns() - kSecond);  // had the whole log a second ago
  EXPECT_EQ(report(), (Nodes{1, 2, 3}));
  host.advance(std::chrono::seconds(30));
  EXPECT_EQ(report(), (Nodes{1, 2}));
}

TEST_F(InSyncReplicasTest, NodesAreToldOfChangesOnly) {
  report();
  EXPECT_TRUE(reported.empty());  // all are in sync
  unlinked = {2};
  report();
  report();
  ASSERT_EQ(reported.size(), 1u);
  EXPECT_EQ(reported[0], std::pair(replica.term(), Nodes{1, 3}));
  EXPECT_EQ(*in_sync.shown(), (Nodes{1, 3}));
  consensus.elect(group());
  host.run();
  report();
  ASSERT_EQ(reported.size(), 2u);  // in another term
  consensus.follow(group(), 2, 9);
  EXPECT_EQ(report(), Nodes());
  ASSERT_EQ(reported.size(), 3u);
  EXPECT_EQ(reported[2].second, Nodes());
  EXPECT_EQ(in_sync.shown(), nullptr);
}

TEST_F(InSyncReplicasTest, CopiesThatAreWantedAndThere) {
  TopicConfig config;
  config.min_insync_replicas = 2;
  info.set_config(std::make_shared<const TopicConfig>(config));
  set_member(1, 12);
  set_member(2, 11);
  set_member(3, 10);
  const InSyncReplicas::State now = in_sync.find();
  EXPECT_EQ(now.wanted, 2u);
  EXPECT_EQ(now.copied, 11);
  EXPECT_TRUE(in_sync.enough());
  unlinked = {2, 3};
  EXPECT_FALSE(in_sync.enough());
  EXPECT_EQ(in_sync.copies_wanted(1), 1u);  // no more than there are
}

TEST_F(InSyncReplicasTest, WithoutAGroupItIsAlone) {
  TestReplica closed;
  EXPECT_EQ(InSyncReplicas(closed.replica).find().in_sync, Nodes{1});
}

TEST_F(InSyncReplicasTest, ThrottlesWhoIsNamedAndBehind) {
  TopicConfig config;
  config.leader_throttled = std::make_shared<const ThrottledReplicas>(*ThrottledReplicas::parse("0:1"));
  config.follower_throttled = std::make_shared<const ThrottledReplicas>(*ThrottledReplicas::parse("0:3,0:2"));
  info.set_config(std::make_shared<const TopicConfig>(config));
  unlinked = {3};
  report();
  using Throttled = std::vector<std::pair<int32_t, int32_t>>;
  EXPECT_EQ(consensus.group(group()).throttled, (Throttled{{3, context.leader_bucket}, {3, 3}}));
  unlinked = {};
  report();
  EXPECT_EQ(consensus.group(group()).throttled, Throttled());
}

}  // namespace
}  // namespace chronik::kafka::testing
