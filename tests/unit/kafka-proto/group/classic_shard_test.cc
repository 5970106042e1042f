// Groups of the classic protocol on a partition: their members live where it is led, and only what is
// recorded outlives that.
#include "group/group_testing.h"

namespace chronik::kafka::testing {
namespace {

using group::ClassicState;

class ClassicShardTest : public GroupShardTest {
 protected:
  ClassicShardTest() { config.classic.initial_rebalance_delay_ms = 0; }

  void join(const std::string& member, const std::string& new_id = "m1") {
    group::JoinRequest request;
    request.member_id = member;
    request.new_member_id = new_id;
    request.protocol_type = "consumer";
    request.protocols = {{"range", "meta"}};
    request.session_timeout_ms = 10'000;
    request.rebalance_timeout_ms = 30'000;
    shard->join("g", request, [this](group::JoinResult result) { joined.push_back(std::move(result)); });
  }
  void sync(const std::string& member, int32_t generation) {
    group::SyncRequest request;
    request.member_id = member;
    request.generation = generation;
    request.assignments = {{member, "all"}};
    shard->sync("g", request, [this](group::SyncResult result) { synced.push_back(std::move(result)); });
  }
  ErrorCode heartbeat(int32_t generation) { return shard->heartbeat("g", {"m1", std::nullopt, generation}); }
  // A group of one member, that is stable.
  void settle() {
    join("");
    host.run();
    ASSERT_EQ(joined.size(), 1u);
    ASSERT_EQ(joined[0].error, ErrorCode::kNone);
    sync("m1", joined[0].generation);
    host.run();
    ASSERT_EQ(synced.size(), 1u);
    ASSERT_EQ(synced[0].error, ErrorCode::kNone);
  }

  std::vector<group::JoinResult> joined;
  std::vector<group::SyncResult> synced;
};

TEST_F(ClassicShardTest, MembersGetTheirAssignmentOnceItIsRecorded) {
  join("");
  host.run();
  ASSERT_EQ(joined.size(), 1u);
  EXPECT_EQ(joined[0].leader, "m1");
  consensus.hold_commits(true);
  sync("m1", joined[0].generation);
  host.run();
  EXPECT_TRUE(synced.empty());
  EXPECT_EQ(heartbeat(1), ErrorCode::kNone);  // also while it is written
  consensus.commit(group());
  host.run();
  ASSERT_EQ(synced.size(), 1u);
  EXPECT_EQ(synced[0].assignment, "all");
  EXPECT_EQ(shard->table().find("g")->classic->members.at(0).assignment, "all");
}

TEST_F(ClassicShardTest, ASessionThatEndsIsRecorded) {
  settle();
  for (int i = 0; i < 5; ++i) {
    host.advance(std::chrono::seconds(9));
    EXPECT_EQ(heartbeat(1), ErrorCode::kNone);
  }
  host.advance(std::chrono::seconds(11));
  EXPECT_EQ(heartbeat(1), ErrorCode::kUnknownMemberId);
  EXPECT_TRUE(shard->table().find("g")->classic->members.empty());
  EXPECT_EQ(shard->find_live("g"), nullptr);
  EXPECT_EQ(timers->size(), 1u);  // of the upkeep
}

// Its SyncGroup came late, just before the session that its JoinGroup began would have ended (the simulator's seed 136).
TEST_F(ClassicShardTest, WhoSyncsWithAStableGroupHasANewSession) {
  settle();
  host.advance(std::chrono::seconds(9));
  sync("m1", 1);
  host.run();
  ASSERT_EQ(synced.size(), 2u);
  host.advance(std::chrono::seconds(9));
  EXPECT_EQ(heartbeat(1), ErrorCode::kNone);
}

// As librdkafka's 0081 does, which waits for exactly that long.
TEST_F(ClassicShardTest, AGroupCanBeDeletedTheMomentItsLastSessionEnds) {
  settle();
  host.advance(std::chrono::milliseconds(25));  // within a tick of the timers
  EXPECT_EQ(heartbeat(1), ErrorCode::kNone);
  std::vector<ErrorCode> removed;
  const auto remove = [&] { shard->remove("g", [&](ErrorCode error) { removed.push_back(error); }); };
  host.advance(std::chrono::milliseconds(9'999));
  remove();
  host.run();
  host.advance(std::chrono::milliseconds(2));
  remove();
  host.run();
  EXPECT_EQ(removed, (std::vector{ErrorCode::kNonEmptyGroup, ErrorCode::kNone}));
}

TEST_F(ClassicShardTest, ANewLeaderKnowsTheGenerationAndRenewsSessions) {
  settle();
  host.advance(std::chrono::seconds(9));
  follow(2);
  EXPECT_EQ(timers->size(), 0u);
  EXPECT_EQ(heartbeat(1), ErrorCode::kUnknownMemberId);
  host.advance(std::chrono::seconds(20));
  lead();
  host.advance(std::chrono::seconds(9));
  EXPECT_EQ(heartbeat(1), ErrorCode::kNone);
  EXPECT_EQ(shard->find_live("g")->state(), ClassicState::kStable);
  commit("g", 5, 1);
  host.run();
  EXPECT_EQ(answers.back(), ErrorCode::kUnknownMemberId);  // it names no member
}

TEST_F(ClassicShardTest, WaitsEndWithLeadership) {
  settle();
  join("", "m2");  // waits for m1
  host.run();
  ASSERT_EQ(joined.size(), 1u);
  follow(2);
  ASSERT_EQ(joined.size(), 2u);
  EXPECT_EQ(joined[1].error, ErrorCode::kNotCoordinator);
}

TEST_F(ClassicShardTest, AGroupWhoseWriteFailsBeginsAnewFromWhatIsRecorded) {
  settle();
  join("m1");
  host.run();
  consensus.refuse_proposals(CHR_E_OVERLOADED);
  sync("m1", 2);
  host.run();
  ASSERT_EQ(synced.size(), 2u);
  EXPECT_EQ(synced[1].error, ErrorCode::kCoordinatorNotAvailable);
  // Generation 2 was told, and is no other one's.
  EXPECT_EQ(shard->find_live("g")->generation(), 2);
  EXPECT_EQ(shard->find_live("g")->state(), ClassicState::kPreparingRebalance);
  // A commit that fails is nothing to its members.
  shard->commit_offsets(
      {"g", {"m1", std::nullopt, 2}, false, {{"g", "orders", 0, group::OffsetCommitRecord::Value{}}}},
      [this](const GroupShard::CommitResult& result) { answers.push_back(result.error); });
  host.run();
  EXPECT_EQ(answers.back(), ErrorCode::kCoordinatorNotAvailable);
  EXPECT_EQ(heartbeat(2), ErrorCode::kRebalanceInProgress);
  consensus.refuse_proposals(CHR_OK);
  join("m1");
  host.run();
  EXPECT_EQ(joined.back().generation, 3);
  sync("m1", 3);
  host.run();
  EXPECT_EQ(synced.back().error, ErrorCode::kNone);
  EXPECT_EQ(heartbeat(3), ErrorCode::kNone);
}

TEST_F(ClassicShardTest, AWriteThatIsLateCountsOnceItIsApplied) {
  join("");
  host.run();
  consensus.hold_commits(true);
  sync("m1", 1);
  host.run();
  host.advance(std::chrono::seconds(5));
  ASSERT_EQ(synced.size(), 1u);
  EXPECT_EQ(synced[0].error, ErrorCode::kCoordinatorNotAvailable);
  EXPECT_EQ(heartbeat(1), ErrorCode::kUnknownMemberId);
  join("m1");
  EXPECT_EQ(joined.back().error, ErrorCode::kCoordinatorNotAvailable);
  consensus.hold_commits(false);
  consensus.commit(group());
  host.run();
  EXPECT_EQ(heartbeat(1), ErrorCode::kNone);
  host.advance(std::chrono::seconds(11));  // and its session runs
  EXPECT_TRUE(shard->table().find("g")->classic->members.empty());
}

TEST_F(ClassicShardTest, AnEmptyGroupCanBeDeleted) {
  settle();
  std::vector<ErrorCode> removed;
  const auto remove = [&] {
    shard->remove("g", [&](ErrorCode error) { removed.push_back(error); });
    host.run();
    return removed.back();
  };
  EXPECT_EQ(remove(), ErrorCode::kNonEmptyGroup);
  shard->leave("g", {{{"m1", std::nullopt, std::nullopt}}}, [](group::LeaveResult) {});
  host.run();
  EXPECT_EQ(remove(), ErrorCode::kNone);
  EXPECT_EQ(shard->table().find("g"), nullptr);
  EXPECT_EQ(remove(), ErrorCode::kGroupIdNotFound);
}

}  // namespace
}  // namespace chronik::kafka::testing
