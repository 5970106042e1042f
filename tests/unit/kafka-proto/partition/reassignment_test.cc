// Members are made what the catalog says, and leadership that was asked to go is awaited.
#include "kafka-proto/partition/reassignment.h"

#include "kafka-proto/partition/transfers.h"
#include "partition/part_testing.h"

namespace chronik::kafka::testing {
namespace {

using Nodes = std::vector<int32_t>;

class ReassignmentTest : public ::testing::Test, public TestReplica {
 protected:
  ReassignmentTest() {
    open();
    on_role = [this](Replica::RoleChange) { reassignment.role_changed(); };
  }
  bool reassign() {
    if (!reassignment.begin()) return false;
    reassignment.change_members([this](const Nodes& now) { made.push_back(now); });
    return true;
  }

  Reassignment reassignment{replica};
  std::vector<Nodes> made;
};

TEST_F(ReassignmentTest, NothingToDo) { EXPECT_FALSE(reassign()); }

TEST_F(ReassignmentTest, ToTheTargetOnceAndThenTold) {
  info.set_members({{1, 2, 3}, {1, 2, 4}, {}});
  EXPECT_TRUE(reassign());
  EXPECT_FALSE(reassign());  // it is under way
  EXPECT_TRUE(made.empty());
  host.run();
  EXPECT_EQ(made, (std::vector<Nodes>{{1, 2, 4}}));
  EXPECT_EQ(consensus.group(group()).voters, (Nodes{1, 2, 4}));
  EXPECT_TRUE(reassign());  // until the catalog shows it
}

TEST_F(ReassignmentTest, NotToldByALeaderOfBefore) {
  consensus.end_barriers_with(CHR_E_NOT_LEADER);
  info.set_members({{1, 2, 3}, {1, 2, 4}, {}});
  EXPECT_TRUE(reassign());
  host.run();
  EXPECT_TRUE(made.empty());
  EXPECT_TRUE(host.logged("were not changed yet"));
}

TEST_F(ReassignmentTest, NotByACatalogThatIsBehindNorByAFollower) {
  info.set_members({{1, 2, 3}, {1, 2, 4}, {}});
  catalog_current = false;
  EXPECT_FALSE(reassign());
  catalog_current = true;
  consensus.follow(group(), 2, 2);
  EXPECT_FALSE(reassign());
}

TEST_F(ReassignmentTest, AnotherTargetReplacesTheOneUnderWay) {
  consensus.hold_changes(true);
  info.set_members({{1, 2, 3}, {1, 2, 4}, {}});
  EXPECT_TRUE(reassign());
  info.set_members({{1, 2, 3}, {1, 2, 5}, {4}});
  EXPECT_TRUE(reassign());
  host.run();
  EXPECT_FALSE(reassign());  // what ends now is the change before
}

TEST_F(ReassignmentTest, MembersThatWentAstrayAreBroughtBackAfterAMoment) {
  info.set_members({{1, 2, 4}, {}, {}});  // the voters are 1, 2, 3
  EXPECT_FALSE(reassign());
  host.advance(std::chrono::milliseconds(4999));
  EXPECT_FALSE(reassign());
  reassignment.role_changed();  // counted anew
  EXPECT_FALSE(reassign());
  host.advance(std::chrono::seconds(5));
  EXPECT_TRUE(reassign());
  EXPECT_TRUE(host.logged("are made what the catalog says"));
  host.run();
  EXPECT_EQ(consensus.group(group()).voters, (Nodes{1, 2, 4}));
  EXPECT_TRUE(made.empty());  // the catalog shows them already
}

class TransfersTest : public ::testing::Test, public TestReplica {
 protected:
  TransfersTest() {
    open();
    on_role = [this](Replica::RoleChange) { transfers.finish_known(); };
    consensus.hold_transfers(true);
  }
  void hand_over(int32_t to) {
    transfers.hand_over(to, [this](chr_status code) { codes.push_back(code); });
  }

  Transfers transfers{replica};
  std::vector<chr_status> codes;
};

TEST_F(TransfersTest, DoneOnceTheNewLeaderIsKnown) {
  hand_over(2);
  host.run();
  EXPECT_TRUE(codes.empty());
  consensus.finish_transfer(group());
  host.run();
  EXPECT_EQ(codes, (std::vector<chr_status>{CHR_OK}));
}

TEST_F(TransfersTest, AnotherOneThanWasAskedFor) {
  hand_over(2);
  consensus.finish_transfer(group(), 3);
  host.run();
  EXPECT_EQ(codes, (std::vector<chr_status>{CHR_E_UNAVAILABLE}));
}

TEST_F(TransfersTest, AFollowerHasNothingToHandOver) {
  consensus.follow(group(), 2, 2);
  hand_over(2);
  EXPECT_EQ(codes, (std::vector<chr_status>{CHR_E_NOT_LEADER}));
}

TEST(PartitionMembersTest, EachOnceTheTargetFirst) {
  const PartitionMembers members{{1, 2, 3}, {4, 2}, {5, 1}};
  EXPECT_EQ(members.all(), (Nodes{4, 2, 1, 3, 5}));
  EXPECT_EQ(members.preferred(), 4);
  EXPECT_TRUE(members.names(5));
  EXPECT_FALSE(members.names(6));
  EXPECT_EQ(PartitionMembers().preferred(), -1);
  chr_partition partition{};
  partition.replicas = members.replicas.data();
  partition.n_replicas = 3;
  partition.target = members.target.data();
  partition.n_target = 2;
  partition.others = members.others.data();
  partition.n_others = 2;
  Nodes told;
  PartitionMembers::each(partition, [&](int32_t node) { told.push_back(node); });
  EXPECT_EQ(told, members.all());
  EXPECT_EQ(PartitionMembers::of(partition), members);
}

}  // namespace
}  // namespace chronik::kafka::testing
