// A replica's life and what it knows of leaders, over fakes.
#include "kafka-proto/partition/replica.h"

#include "partition/part_testing.h"

namespace chronik::kafka::testing {
namespace {

using Log = Replica::Log;

class ReplicaTest : public ::testing::Test, public TestReplica {
 protected:
  bool close(Log log) {
    return replica.begin_close(log, [this] { again = true; }) &&
           (replica.close_group(log, [this] { closed = true; }), true);
  }
  bool again = false;
  bool closed = false;
};

TEST_F(ReplicaTest, LeadsOnceConsensusSaysSo) {
  EXPECT_FALSE(replica.is_open());
  EXPECT_EQ(replica.check_leader(-1), ErrorCode::kNotLeaderOrFollower);
  open();
  EXPECT_TRUE(opened.has_value() && *opened);
  EXPECT_TRUE(replica.leads());
  EXPECT_EQ(replica.leader_hint().id, 1);
  EXPECT_EQ(replica.leading_since_ns(), host.now_ns());
  const auto term = static_cast<int32_t>(replica.term());
  EXPECT_EQ(replica.check_leader(-1), ErrorCode::kNone);
  EXPECT_EQ(replica.check_leader(term), ErrorCode::kNone);
  EXPECT_EQ(replica.check_leader(term - 1), ErrorCode::kFencedLeaderEpoch);
  EXPECT_EQ(replica.check_leader(term + 1), ErrorCode::kUnknownLeaderEpoch);
}

TEST_F(ReplicaTest, SaysWhenLeadershipWasLost) {
  open();
  std::vector<Replica::RoleChange> changes;
  on_role = [&](Replica::RoleChange change) { changes.push_back(change); };
  consensus.follow(group(), 2, 2);
  consensus.follow(group(), 3, 3);
  consensus.elect(group());
  host.run();
  consensus.elect(group());  // again, in another term
  host.run();
  using Change = Replica::RoleChange;
  EXPECT_EQ(changes, (std::vector<Change>{{true, true, false},   // to node 2
                                          {true, false, false},  // to node 3
                                          {true, false, true},   // here
                                          {true, true, true}}));
}

TEST_F(ReplicaTest, LeadershipMovesForAMoment) {
  open();
  EXPECT_TRUE(replica.leadership_moves());  // it leads: soon it can append
  consensus.follow(group(), 2, 2);
  EXPECT_FALSE(replica.leadership_moves());
  consensus.follow(group(), -1, 3);
  EXPECT_TRUE(replica.leadership_moves());
  EXPECT_EQ(replica.leader_hint().id, -1);
  host.advance(std::chrono::nanoseconds(Replica::kMomentNs));
  EXPECT_FALSE(replica.leadership_moves());
}

TEST_F(ReplicaTest, WhatIsClosedBeforeItOpensWasNeverOpened) {
  EXPECT_TRUE(close(Log::kDeleted));
  EXPECT_TRUE(closed);
  EXPECT_TRUE(replica.never_opened());
}

TEST_F(ReplicaTest, ACloseWaitsForTheOpen) {
  replica.open(machine(), static_cast<TestReplica*>(this), owner, [](const Status&) {});
  EXPECT_FALSE(close(Log::kStays));
  host.run();
  EXPECT_TRUE(again);
  EXPECT_TRUE(close(Log::kStays));
  EXPECT_FALSE(replica.leads());
  host.run();
  EXPECT_TRUE(closed);
  EXPECT_FALSE(replica.never_opened());
}

TEST_F(ReplicaTest, AGroupThatCannotBeOpenedAnswersAsAFollower) {
  consensus.fail_opens(CHR_E_IO);
  open();
  EXPECT_TRUE(opened.has_value() && !*opened);
  EXPECT_FALSE(replica.is_open());
  EXPECT_EQ(replica.check_leader(-1), ErrorCode::kNotLeaderOrFollower);
  EXPECT_TRUE(close(Log::kStays));
  EXPECT_TRUE(closed);
}

TEST_F(ReplicaTest, WhileItClosesItHearsOfItsSuccessor) {
  open();
  consensus.hold_transfers(true);
  EXPECT_TRUE(close(Log::kStays));
  consensus.finish_transfer(group(), 2);
  EXPECT_EQ(replica.known_leader(), 2);
  host.run();
  EXPECT_TRUE(closed);
}

TEST_F(ReplicaTest, CommitsSayWhetherThereIsMoreToRead) {
  EXPECT_TRUE(replica.raise_high_watermark(7));
  EXPECT_FALSE(replica.raise_high_watermark(7));  // as after a command
  replica.set_commit_index(4);
  EXPECT_EQ(replica.commit_index(), 4u);
  EXPECT_EQ(replica.high_watermark(), 7);
}

TEST(PartitionInfoTest, NamesOfGroups) {
  const PartitionInfo info({{{1, 0xab}}, 12, "orders"}, {}, std::make_shared<const TopicConfig>());
  EXPECT_EQ(info.label(), "orders/12");
  EXPECT_EQ(info.group_name(), "01ab0000000000000000000000000000.12");
  const std::optional<chr_uuid> topic = PartitionInfo::topic_of_group(info.group_name());
  ASSERT_TRUE(topic.has_value());
  EXPECT_EQ(topic->b[1], 0xab);
  for (const char* other :
       {"", "__meta", "01ab0000000000000000000000000000", "0xab0000000000000000000000000000.12"})
    EXPECT_FALSE(PartitionInfo::topic_of_group(other).has_value()) << other;
}

}  // namespace
}  // namespace chronik::kafka::testing
