// Consumer groups (KIP-848) over the wire: heartbeats, descriptions, and offsets by member epoch.
#include "kafka-proto/messages/consumer_group_describe.h"
#include "kafka-proto/messages/consumer_group_heartbeat.h"
#include "kafka-proto/messages/find_coordinator.h"
#include "kafka-proto/messages/offset_commit.h"
#include "kafka-proto/messages/offset_fetch.h"
#include "server/broker_testing.h"

namespace chronik::kafka::testing {
namespace {

class ConsumerGroupsTest : public ::testing::Test {
 protected:
  explicit ConsumerGroupsTest(int16_t level = 1) {
    broker.features.add("chronik.version", 1, 3, 3);
    broker.features.add("group.version", 0, 1, level);
    broker.start();
    client.emplace(broker.client());
    orders = broker.add_topic("orders", 3);
    FindCoordinatorRequest request;
    request.key = "g";
    EXPECT_EQ(client->call<FindCoordinator>(0, request).error_code, ErrorCode::kNone);
  }

  static ConsumerGroupHeartbeatRequest join_request(std::string_view member) {
    ConsumerGroupHeartbeatRequest request;
    request.group_id = "g";
    request.member_id = member;
    request.rebalance_timeout_ms = 60'000;
    request.subscribed_topic_names.emplace().push_back("orders");
    request.topic_partitions.emplace();
    return request;
  }
  ConsumerGroupHeartbeatResponse call(const ConsumerGroupHeartbeatRequest& request, int16_t version = 1) {
    return client->call<ConsumerGroupHeartbeat>(version, request);
  }
  ConsumerGroupDescribeResponse::Group describe(std::string_view group, int16_t version = 1) {
    ConsumerGroupDescribeRequest request;
    request.group_ids = {group};
    request.include_authorized_operations = true;
    return client->call<ConsumerGroupDescribe>(version, request).groups.at(0);
  }
  OffsetCommitResponse commit(int16_t version, std::string_view member, int32_t epoch) {
    OffsetCommitRequest request;
    request.group_id = "g";
    request.member_id = member;
    request.generation_id_or_member_epoch = epoch;
    auto& topic = request.topics.emplace_back();
    topic.name = "orders";
    topic.topic_id = orders;
    for (const int32_t partition : {0, 9, 1}) {
      auto& row = topic.partitions.emplace_back();
      row.partition_index = partition;
      row.committed_offset = 7;
    }
    return client->call<OffsetCommit>(version, request);
  }
  static std::vector<ErrorCode> errors(const OffsetCommitResponse& response) {
    std::vector<ErrorCode> out;
    for (const auto& row : response.topics.at(0).partitions) out.push_back(row.error_code);
    return out;
  }

  TestBroker broker{{.start = false}};
  std::optional<TestClient> client;
  chr_uuid orders{};
};

TEST_F(ConsumerGroupsTest, AMemberGetsItsPartitionsInAllVersions) {
  for (int16_t version = 0; version <= 1; ++version) {
    auto request = join_request(version == 0 ? "" : "a");
    request.group_id = version == 0 ? "g0" : "g1";
    const auto joined = call(request, version);
    ASSERT_EQ(joined.error_code, ErrorCode::kNone) << version;
    ASSERT_TRUE(joined.member_id.has_value());
    EXPECT_EQ(joined.member_id->size(), version == 0 ? 22u : 1u);
    EXPECT_EQ(joined.heartbeat_interval_ms, 5'000);
    ASSERT_TRUE(joined.assignment.has_value());
    ASSERT_EQ(joined.assignment->topic_partitions.size(), 1u);
    EXPECT_EQ(joined.assignment->topic_partitions[0].topic_id.b[3], orders.b[3]);
    EXPECT_EQ(joined.assignment->topic_partitions[0].partitions, (std::vector<int32_t>{0, 1, 2}));
  }
}

TEST_F(ConsumerGroupsTest, RequestsThatMakeNoSenseAreRefused) {
  auto request = join_request("a");
  request.group_id = "";
  EXPECT_EQ(call(request).error_message, "GroupId can't be empty.");
  EXPECT_EQ(call(join_request("")).error_message, "MemberId can't be empty.");
  request = join_request("a");
  request.server_assignor = "none";
  EXPECT_EQ(call(request).error_code, ErrorCode::kUnsupportedAssignor);
  request = join_request("a");
  request.subscribed_topic_names.reset();
  request.subscribed_topic_regex = "((";
  EXPECT_EQ(call(request).error_code, ErrorCode::kInvalidRegularExpression);
  request = join_request("a");
  request.member_epoch = 4;
  EXPECT_EQ(call(request).error_code, ErrorCode::kGroupIdNotFound);
}

TEST_F(ConsumerGroupsTest, DescribesInAllVersions) {
  const int32_t epoch = call(join_request("a")).member_epoch;
  for (int16_t version = 0; version <= 1; ++version) {
    const auto group = describe("g", version);
    EXPECT_EQ(group.error_code, ErrorCode::kNone);
    EXPECT_EQ(group.group_state, "Stable");
    EXPECT_EQ(group.group_epoch, epoch);
    EXPECT_EQ(group.assignment_epoch, epoch);
    EXPECT_EQ(group.assignor_name, "uniform");
    EXPECT_EQ(group.authorized_operations, 3'400);
    ASSERT_EQ(group.members.size(), 1u);
    const auto& member = group.members[0];
    EXPECT_EQ(member.member_id, "a");
    EXPECT_EQ(member.member_epoch, epoch);
    EXPECT_EQ(member.client_id, "tester");
    EXPECT_EQ(member.client_host.substr(0, 1), "/");
    EXPECT_EQ(member.client_host.find(':'), std::string_view::npos);
    ASSERT_EQ(member.assignment.topic_partitions.size(), 1u);
    EXPECT_EQ(member.assignment.topic_partitions[0].topic_name, "orders");
    EXPECT_EQ(member.target_assignment.topic_partitions.at(0).partitions, (std::vector<int32_t>{0, 1, 2}));
    EXPECT_EQ(member.subscribed_topic_regex, "");
    EXPECT_EQ(member.member_type, version == 0 ? -1 : 1);
  }
  EXPECT_EQ(describe("none").error_code, ErrorCode::kGroupIdNotFound);
  EXPECT_EQ(describe("none").error_message, "Group none not found.");
  EXPECT_EQ(describe("").error_code, ErrorCode::kInvalidGroupId);
}

// What it has not said that it let go of is its own still.
TEST_F(ConsumerGroupsTest, DescribesWhatAMemberIsToLetGoOf) {
  auto request = join_request("a");
  request.member_epoch = call(request).member_epoch;
  const auto owned = call(request).assignment->topic_partitions.at(0);
  request.subscribed_topic_names.emplace();
  request.topic_partitions->push_back({owned.topic_id, owned.partitions});
  EXPECT_TRUE(call(request).assignment->topic_partitions.empty());
  EXPECT_EQ(describe("g").members.at(0).assignment.topic_partitions.at(0).partitions.size(), 3u);
}

TEST_F(ConsumerGroupsTest, OffsetsAreCommittedAndFetchedByEpoch) {
  const int32_t epoch = call(join_request("a")).member_epoch;
  using enum ErrorCode;
  EXPECT_EQ(errors(commit(10, "a", epoch)), (std::vector<ErrorCode>{kNone, kUnknownTopicOrPartition, kNone}));
  EXPECT_EQ(errors(commit(9, "a", epoch - 1)),
            (std::vector<ErrorCode>{kStaleMemberEpoch, kUnknownTopicOrPartition, kStaleMemberEpoch}));
  EXPECT_EQ(errors(commit(8, "a", epoch)).at(0), kUnsupportedVersion);
  EXPECT_EQ(errors(commit(9, "b", epoch)).at(0), kUnknownMemberId);
  const auto fetch = [&](std::string_view member, int32_t of) {
    OffsetFetchRequest request;
    auto& group = request.groups.emplace_back();
    group.group_id = "g";
    if (!member.empty()) group.member_id = member;
    group.member_epoch = of;
    auto& topic = group.topics.emplace().emplace_back();
    topic.name = "orders";
    topic.partition_indexes = {0};
    return client->call<OffsetFetch>(9, request).groups.at(0);
  };
  EXPECT_EQ(fetch("a", epoch).topics.at(0).partitions.at(0).committed_offset, 7);
  EXPECT_EQ(fetch("", -1).topics.at(0).partitions.at(0).committed_offset, 7);
  EXPECT_EQ(fetch("a", epoch - 1).error_code, kStaleMemberEpoch);
  EXPECT_EQ(fetch("b", epoch).error_code, kUnknownMemberId);
}

TEST_F(ConsumerGroupsTest, NewPartitionsReachTheMembers) {
  const int32_t epoch = call(join_request("a")).member_epoch;
  auto request = join_request("a");
  request.subscribed_topic_names->push_back("later");
  request.member_epoch = epoch;
  EXPECT_EQ(call(request).error_code, ErrorCode::kNone);
  broker.add_topic("later", 2);
  broker.host.advance(std::chrono::seconds(2));
  ConsumerGroupHeartbeatRequest alive;
  alive.group_id = "g";
  alive.member_id = "a";
  alive.member_epoch = describe("g").members.at(0).member_epoch;
  const auto answer = call(alive);
  ASSERT_EQ(answer.error_code, ErrorCode::kNone);
  EXPECT_EQ(describe("g").members.at(0).assignment.topic_partitions.size(), 2u);
}

class NoConsumerGroupsTest : public ConsumerGroupsTest {
 protected:
  NoConsumerGroupsTest() : ConsumerGroupsTest(0) {}
};

TEST_F(NoConsumerGroupsTest, ThereAreNoneUntilTheFeatureIsFinalized) {
  EXPECT_EQ(call(join_request("a")).error_code, ErrorCode::kUnsupportedVersion);
  EXPECT_EQ(describe("g").error_code, ErrorCode::kUnsupportedVersion);
}

TEST(ConsumerAssignors, OneThatNobodyProvidesIsRefusedByName) {
  TestBroker broker({.start = false});
  broker.host.config_list("group_consumer_assignors", std::vector<std::string>{"uniform", "mine"});
  try {
    broker.start();
    ADD_FAILURE();
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("no plugin provides the assignor \"mine\""), std::string::npos);
  }
}

}  // namespace
}  // namespace chronik::kafka::testing
