// Members that ask for more than a node has: each is bounded by what the node's file says, or docs/groups.md.
#include "kafka-proto/messages/consumer_group_describe.h"
#include "kafka-proto/messages/consumer_group_heartbeat.h"
#include "kafka-proto/messages/describe_groups.h"
#include "kafka-proto/messages/find_coordinator.h"
#include "kafka-proto/messages/join_group.h"
#include "kafka-proto/messages/offset_commit.h"
#include "server/broker_testing.h"

namespace chronik::kafka::testing {
namespace {

constexpr int kMost = 300, kMore = 1'000;  // members that a group may have, and that ask
constexpr int16_t kWithoutId = 3;          // of JoinGroup: the last version that joins at once

class HostileMembersTest : public ::testing::Test {
 protected:
  HostileMembersTest() {
    broker.features.add("chronik.version", 1, 3, 3);
    broker.features.add("group.version", 0, 1, 1);
    broker.host.config_int("group_max_size", kMost);
    broker.host.config_int("group_consumer_max_size", kMost);
    broker.start();
    client.emplace(broker.client());
    broker.add_topic("orders", 3);
    FindCoordinatorRequest request;
    request.key = "g";
    EXPECT_EQ(client->call<FindCoordinator>(0, request).error_code, ErrorCode::kNone);
  }

  ConsumerGroupHeartbeatResponse consumer_joins(const ConsumerGroupHeartbeatRequest& request) {
    return client->call<ConsumerGroupHeartbeat>(1, request);
  }
  static ConsumerGroupHeartbeatRequest consumer_request(std::string_view member) {
    ConsumerGroupHeartbeatRequest request;
    request.group_id = "g";
    request.member_id = member;
    request.rebalance_timeout_ms = 60'000;
    request.topic_partitions.emplace();
    return request;
  }

  TestBroker broker{{.start = false}};
  std::optional<TestClient> client;
};

TEST_F(HostileMembersTest, OneConnectionMakesNoMoreClassicMembersThanAGroupMayHave) {
  JoinGroupRequest request;
  request.group_id = "g";
  request.session_timeout_ms = 600'000;
  request.rebalance_timeout_ms = 60'000;
  request.protocol_type = "test";
  request.protocols.emplace_back().name = "range";
  int in = 0, refused = 0;
  std::vector<std::optional<TestClient>> waiting(kMost);
  for (int i = 0; i < kMore; ++i) {
    if (i < kMost) {
      waiting[i].emplace(broker.client());
      waiting[i]->send<JoinGroup>(kWithoutId, request);
      broker.host.run();
      continue;
    }
    refused += client->call<JoinGroup>(kWithoutId, request).error_code == ErrorCode::kGroupMaxSizeReached;
  }
  broker.host.advance(seconds(30));  // the initial delay, which grows while members come
  for (auto& each : waiting) in += each->receive<JoinGroup>(kWithoutId).error_code == ErrorCode::kNone;
  EXPECT_EQ(in, kMost);
  EXPECT_EQ(refused, kMore - kMost);
  DescribeGroupsRequest describe;
  describe.groups = {"g"};
  EXPECT_EQ(client->call<DescribeGroups>(5, describe).groups.at(0).members.size(), size_t{kMost});
}

TEST_F(HostileMembersTest, OneConnectionMakesNoMoreConsumersThanAGroupMayHave) {
  int refused = 0;
  for (int i = 0; i < kMore; ++i) {
    const std::string member = "m" + std::to_string(i);
    ConsumerGroupHeartbeatRequest request = consumer_request(member);
    request.subscribed_topic_names.emplace().push_back("nobody");
    refused += consumer_joins(request).error_code == ErrorCode::kGroupMaxSizeReached;
  }
  EXPECT_EQ(refused, kMore - kMost);
  ConsumerGroupDescribeRequest describe;
  describe.group_ids = {"g"};
  EXPECT_EQ(client->call<ConsumerGroupDescribe>(1, describe).groups.at(0).members.size(), size_t{kMost});
}

// Of memory where they are compiled, of time where they are matched, and of megabytes of text.
TEST_F(HostileMembersTest, RegexBombsAreRefused) {
  for (const std::string& regex :
       {std::string("(((a{100}){100}){100})"), std::string("(x{1000}){1000}"), std::string(4 << 20, '(')}) {
    ConsumerGroupHeartbeatRequest request = consumer_request("m");
    request.subscribed_topic_regex = regex;
    EXPECT_EQ(consumer_joins(request).error_code, ErrorCode::kInvalidRegularExpression)
        << regex.substr(0, 30);
  }
  ConsumerGroupHeartbeatRequest request = consumer_request("m");
  request.subscribed_topic_regex = "(a*)*(a*)*(a*)*b";
  EXPECT_EQ(consumer_joins(request).error_code, ErrorCode::kNone);
}

// What it would keep does not fit a batch of __consumer_offsets: nothing is kept.
TEST_F(HostileMembersTest, AMemberWithMegabytesOfTopicsIsRefused) {
  const std::string name(200, 'n');
  ConsumerGroupHeartbeatRequest request = consumer_request("m");
  request.subscribed_topic_names.emplace();
  std::vector<std::string> names;
  for (int i = 0; i < 8'000; ++i) names.push_back(name + std::to_string(i));
  request.subscribed_topic_names->assign(names.begin(), names.end());
  EXPECT_EQ(consumer_joins(request).error_code, ErrorCode::kUnknownServerError);
  ConsumerGroupDescribeRequest describe;
  describe.group_ids = {"g"};
  EXPECT_EQ(client->call<ConsumerGroupDescribe>(1, describe).groups.at(0).error_code,
            ErrorCode::kGroupIdNotFound);
}

}  // namespace
}  // namespace chronik::kafka::testing
