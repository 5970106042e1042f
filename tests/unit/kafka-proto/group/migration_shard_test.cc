// Groups that change their kind while they have members, on a partition.
#include "group/consumer_shard_testing.h"
#include "kafka-proto/group/core/consumer_protocol.h"

namespace chronik::kafka::testing {
namespace {

class MigrationShardTest : public ConsumerShardTest {
 protected:
  MigrationShardTest() { config.classic.initial_rebalance_delay_ms = 0; }

  void classic_join(const std::string& member, const std::string& new_id = "m1") {
    group::JoinRequest request;
    request.member_id = member;
    request.new_member_id = new_id;
    request.protocol_type = "consumer";
    request.protocols = {{"range", group::test::subscription_bytes({"orders"}, {}, topics)}};
    request.session_timeout_ms = 10'000;
    request.rebalance_timeout_ms = 30'000;
    shard->join("g", request, [this](group::JoinResult result) { joined.push_back(std::move(result)); });
    host.run();
  }
  void refused_join(const std::string& member, const std::string& protocol_type) {
    group::JoinRequest request;
    request.member_id = member;
    request.protocol_type = protocol_type;
    request.session_timeout_ms = 10'000;
    shard->join("g", request, [this](group::JoinResult result) { joined.push_back(std::move(result)); });
    host.run();
  }
  void classic_sync(const std::string& member, int32_t generation) {
    group::SyncRequest request;
    request.member_id = member;
    request.generation = generation;
    request.assignments = {{member, ""}};
    shard->sync("g", request, [this](group::SyncResult result) { synced.push_back(std::move(result)); });
    host.run();
  }
  ErrorCode classic_heartbeat(int32_t generation) {
    return shard->heartbeat("g", {"m1", std::nullopt, generation});
  }
  void settle() {
    classic_join("");
    ASSERT_EQ(joined.size(), 1u);
    ASSERT_EQ(joined[0].error, ErrorCode::kNone);
    classic_sync("m1", joined[0].generation);
    ASSERT_EQ(synced.at(0).error, ErrorCode::kNone);
  }
  // The member of the consumer protocol comes, and the classic one is told to join again.
  void upgrade() {
    settle();
    ASSERT_EQ(join("a").value_or(group::ConsumerHeartbeatResult{}).error, ErrorCode::kNone);
    ASSERT_NE(shard->table().find("g")->consumer, nullptr);
  }

  std::vector<group::JoinResult> joined;
  std::vector<group::SyncResult> synced;
};

TEST_F(MigrationShardTest, AClassicGroupBecomesAConsumerGroup) {
  upgrade();
  EXPECT_EQ(shard->table().find("g")->classic, nullptr);
  EXPECT_EQ(shard->find_live("g"), nullptr);
  EXPECT_EQ(state().members().size(), 2u);
  EXPECT_EQ(classic_heartbeat(1), ErrorCode::kRebalanceInProgress);
  classic_join("m1");
  ASSERT_EQ(joined.size(), 2u);
  EXPECT_EQ(joined[1].error, ErrorCode::kNone);
  classic_sync("m1", joined[1].generation);
  EXPECT_EQ(synced.back().error, ErrorCode::kNone);
  EXPECT_FALSE(synced.back().assignment.empty());
  EXPECT_EQ(classic_heartbeat(joined[1].generation), ErrorCode::kNone);
}

TEST_F(MigrationShardTest, JoinsThatWaitAreToldToComeAgain) {
  settle();
  classic_join("", "m2");  // waits for m1
  ASSERT_EQ(joined.size(), 1u);
  join("a");
  ASSERT_EQ(joined.size(), 2u);
  EXPECT_EQ(joined[1].error, ErrorCode::kRebalanceInProgress);
}

TEST_F(MigrationShardTest, WithItsLastConsumerItIsClassicAgain) {
  upgrade();
  EXPECT_EQ(alive("a", group::kLeaveEpoch)->error, ErrorCode::kNone);
  const group::Group* const recorded = shard->table().find("g");
  EXPECT_EQ(recorded->consumer, nullptr);
  ASSERT_NE(recorded->classic, nullptr);
  ASSERT_NE(shard->find_live("g"), nullptr);
  EXPECT_EQ(classic_heartbeat(recorded->classic->generation), ErrorCode::kRebalanceInProgress);
  classic_join("m1");
  ASSERT_EQ(joined.size(), 2u);
  EXPECT_EQ(joined[1].error, ErrorCode::kNone);
  EXPECT_GT(joined[1].generation, 1);
  EXPECT_EQ(joined[1].leader, "m1");
}

// A static member whose consumer stops for good, and comes back as a classic one.
class StaticMigrationTest : public MigrationShardTest {
 protected:
  StaticMigrationTest() {
    upgrade();
    classic_join("m1");
    classic_sync("m1", joined.back().generation);
    auto request = group::test::join("s", {"orders"});
    request.instance_id = "i";
    heartbeat(request);
    alive("a", group::kLeaveEpoch);
    for (int i = 0; i < 3; ++i) {
      host.advance(std::chrono::seconds(2));
      classic_join("m1");
      classic_sync("m1", joined.back().generation);
      alive("s", state().find_member("s")->current.epoch);
    }
    EXPECT_EQ(state().members().size(), 2u);
    EXPECT_EQ(assigned("m1") + " " + assigned("s"), "orders:0@4,2@4 orders:1@4,3@4");
  }
  void comes_back(const std::vector<std::string>& names = {"orders"}) {
    group::JoinRequest request;
    request.new_member_id = "s2";
    request.instance_id = "i";
    request.protocol_type = "consumer";
    request.protocols = {{"range", group::test::subscription_bytes(names, {}, topics)}};
    request.session_timeout_ms = 10'000;
    request.rebalance_timeout_ms = 30'000;
    shard->join("g", request, [this](group::JoinResult result) { joined.push_back(std::move(result)); });
    host.run();
  }
  ErrorCode sync_of(const std::string& member) {
    group::SyncRequest request;
    request.member_id = member;
    request.generation = joined.back().generation;
    request.instance_id = "i";
    shard->sync("g", request, [this](group::SyncResult result) { synced.push_back(std::move(result)); });
    host.run();
    return synced.back().error;
  }
};

TEST_F(StaticMigrationTest, TheLastConsumerComesBackAsAClassicMemberAndNobodyRebalances) {
  const int32_t epoch = state().epoch();
  auto away = group::test::alive("s", group::kStaticLeaveEpoch);
  away.instance_id = "i";
  heartbeat(away);
  comes_back();
  EXPECT_EQ(joined.back().error, ErrorCode::kNone);
  EXPECT_EQ(joined.back().member_id, "s2");
  EXPECT_EQ(joined.back().generation, epoch);
  EXPECT_EQ(joined.back().protocol, "range");
  ASSERT_NE(shard->table().find("g")->classic, nullptr);
  EXPECT_EQ(shard->table().find("g")->consumer, nullptr);
  EXPECT_EQ(classic_heartbeat(epoch), ErrorCode::kNone);
  EXPECT_EQ(sync_of("s2"), ErrorCode::kNone);
  const auto assignment = group::parse_assignment(synced.back().assignment);
  ASSERT_TRUE(assignment.has_value());
  EXPECT_EQ(group::test::describe(group::by_id(assignment->partitions, topics), topics), "orders:1,3");
}

TEST_F(StaticMigrationTest, WhoStaysIsToldSoWhileTheGroupBecomesClassic) {
  const int32_t epoch = state().epoch();
  consensus.hold_commits(true);
  comes_back();
  EXPECT_EQ(classic_heartbeat(epoch), ErrorCode::kNone);
  consensus.hold_commits(false);
  consensus.commit(group());
  host.run();
  EXPECT_EQ(classic_heartbeat(epoch), ErrorCode::kNone);
}

TEST_F(StaticMigrationTest, WhoseSessionIsOverIsToldSoWhileThatIsWritten) {
  const int32_t epoch = state().epoch();
  consensus.hold_commits(true);
  host.advance(std::chrono::seconds(12));
  EXPECT_EQ(classic_heartbeat(epoch), ErrorCode::kUnknownMemberId);
}

TEST_F(MigrationShardTest, WhoseInstanceIsTakenIsFencedWhileThatIsWritten) {
  upgrade();
  const auto static_join = [this](const std::string& new_id) {
    group::JoinRequest request;
    request.new_member_id = new_id;
    request.instance_id = "i";
    request.protocol_type = "consumer";
    request.protocols = {{"range", group::test::subscription_bytes({"orders"}, {}, topics)}};
    request.session_timeout_ms = 10'000;
    request.rebalance_timeout_ms = 30'000;
    shard->join("g", request, [](const group::JoinResult&) {});
    host.run();
  };
  static_join("s2");
  ASSERT_NE(state().find_member("s2"), nullptr);
  const group::MemberClaim claim{"s2", "i", state().epoch()};
  consensus.hold_commits(true);
  static_join("s3");
  EXPECT_EQ(shard->heartbeat("g", claim), ErrorCode::kFencedInstanceId);
  consensus.hold_commits(false);
  consensus.commit(group());
  host.run();
  EXPECT_EQ(shard->heartbeat("g", claim), ErrorCode::kFencedInstanceId);
}

TEST_F(StaticMigrationTest, WithAnotherSubscriptionAllJoinAgain) {
  const int32_t epoch = state().epoch();
  comes_back({"orders", "others"});
  EXPECT_EQ(joined.back().error, ErrorCode::kNone);
  ASSERT_NE(shard->table().find("g")->classic, nullptr);
  EXPECT_EQ(classic_heartbeat(epoch), ErrorCode::kRebalanceInProgress);
  EXPECT_EQ(sync_of("s2"), ErrorCode::kRebalanceInProgress);
}

TEST_F(MigrationShardTest, AnUpgradeThatIsNotWrittenHasNotHappened) {
  settle();
  consensus.refuse_proposals(CHR_E_OVERLOADED);
  EXPECT_EQ(join("a")->error, ErrorCode::kCoordinatorNotAvailable);
  EXPECT_EQ(shard->table().find("g")->consumer, nullptr);
  EXPECT_EQ(classic_heartbeat(1), ErrorCode::kNone);
}

TEST_F(MigrationShardTest, AnUpgradeThatIsNotAllowedIsRefused) {
  settle();
  config.consumer.migration = GroupMigration::kDowngrade;
  show_rules();
  EXPECT_EQ(join("a")->error, ErrorCode::kGroupIdNotFound);
  EXPECT_NE(told.back().error_message.find("online upgrade is disabled"), std::string::npos);
  EXPECT_EQ(classic_heartbeat(1), ErrorCode::kNone);
}

TEST_F(MigrationShardTest, AnEmptyConsumerGroupMakesRoomForAClassicOne) {
  join("a");
  alive("a", group::kLeaveEpoch);
  ASSERT_TRUE(state().members().empty());
  classic_join("");
  ASSERT_EQ(joined.size(), 1u);
  EXPECT_EQ(joined[0].error, ErrorCode::kNone);
  EXPECT_EQ(shard->table().find("g")->consumer, nullptr);
  EXPECT_NE(shard->find_live("g"), nullptr);
}

TEST_F(MigrationShardTest, AnEmptyConsumerGroupStaysWhereAClassicMemberIsRefused) {
  join("a");
  alive("a", group::kLeaveEpoch);
  const int32_t epoch = state().epoch();
  const size_t before = batches();
  refused_join("nobody", "consumer");
  refused_join("", "");
  ASSERT_EQ(joined.size(), 2u);
  EXPECT_EQ(joined[0].error, ErrorCode::kUnknownMemberId);
  EXPECT_EQ(joined[1].error, ErrorCode::kInconsistentGroupProtocol);
  EXPECT_EQ(batches(), before);
  ASSERT_NE(shard->table().find("g")->consumer, nullptr);
  EXPECT_EQ(state().epoch(), epoch);
  EXPECT_EQ(shard->find_live("g"), nullptr);
}

}  // namespace
}  // namespace chronik::kafka::testing
