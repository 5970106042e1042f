// Configs of groups (GROUP resources) over the wire: what is shown, what is refused, as Apache Kafka 4.3.1 was asked, and
// that they act on consumer groups at once.
#include "kafka-proto/messages/alter_configs.h"
#include "kafka-proto/messages/consumer_group_describe.h"
#include "kafka-proto/messages/consumer_group_heartbeat.h"
#include "kafka-proto/messages/describe_configs.h"
#include "kafka-proto/messages/find_coordinator.h"
#include "kafka-proto/messages/incremental_alter_configs.h"
#include "server/broker_testing.h"

namespace chronik::kafka::testing {
namespace {

constexpr int8_t kGroup = 32;
constexpr int8_t kGroupSource = 8, kStaticSource = 4, kDefaultSource = 5;
constexpr std::string_view kSession = "consumer.session.timeout.ms";
constexpr std::string_view kHeartbeat = "consumer.heartbeat.interval.ms";
constexpr std::string_view kInterval = "consumer.assignment.interval.ms";
enum : int8_t { kSet = 0, kDelete = 1, kAppend = 2 };

struct Change {
  std::string_view name;
  int8_t operation;
  std::optional<std::string_view> value;
};

class GroupConfigsTest : public ::testing::Test {
 protected:
  explicit GroupConfigsTest(int16_t level = 3) {
    broker.features.add("chronik.version", 1, 3, level);
    broker.features.add("group.version", 0, 1, 1);
    broker.start();
    client.emplace(broker.client());
    broker.add_topic("orders", 3);
    FindCoordinatorRequest request;
    request.key = "g";
    client->call<FindCoordinator>(0, request);
  }

  IncrementalAlterConfigsResponse::Resource alter(std::string_view group, const std::vector<Change>& changes,
                                                  bool validate_only = false) {
    IncrementalAlterConfigsRequest request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = kGroup;
    resource.resource_name = group;
    for (const Change& change : changes) {
      auto& config = resource.configs.emplace_back();
      config.name = change.name;
      config.config_operation = change.operation;
      config.value = change.value;
    }
    request.validate_only = validate_only;
    altered = client->call<IncrementalAlterConfigs>(1, request);
    return altered.responses.at(0);
  }
  ErrorCode code(const std::vector<Change>& changes) { return alter("g", changes).error_code; }
  std::string message() { return std::string(altered.responses.at(0).error_message.value_or("")); }
  std::optional<std::string> record(const std::string& key) { return kept.get("kafka.groups", key); }

  std::map<std::string, DescribeConfigsResponse::Config> describe(std::string_view group) {
    DescribeConfigsRequest request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = kGroup;
    resource.resource_name = group;
    request.include_synonyms = true;
    described = client->call<DescribeConfigs>(4, request);
    std::map<std::string, DescribeConfigsResponse::Config> out;
    for (const auto& config : described.results.at(0).configs) out[std::string(config.name)] = config;
    return out;
  }

  ConsumerGroupHeartbeatResponse join(std::string_view member, std::string_view group = "g") {
    ConsumerGroupHeartbeatRequest request;
    request.group_id = group;
    request.member_id = member;
    request.rebalance_timeout_ms = 60'000;
    request.subscribed_topic_names.emplace().push_back("orders");
    request.topic_partitions.emplace();
    return client->call<ConsumerGroupHeartbeat>(1, request);
  }
  ConsumerGroupHeartbeatResponse alive(std::string_view member, int32_t epoch) {
    ConsumerGroupHeartbeatRequest request;
    request.group_id = "g";
    request.member_id = member;
    request.member_epoch = epoch;
    return client->call<ConsumerGroupHeartbeat>(1, request);
  }
  size_t members() {
    ConsumerGroupDescribeRequest request;
    request.group_ids = {"g"};
    return client->call<ConsumerGroupDescribe>(1, request).groups.at(0).members.size();
  }

  TestBroker broker{{.start = false}};
  FakeRecords& kept = broker.records;
  std::optional<TestClient> client;
  IncrementalAlterConfigsResponse altered;
  DescribeConfigsResponse described;
};

TEST_F(GroupConfigsTest, OfAGroupThatIsSetToNothingAreTheBrokers) {
  auto rows = describe("nobody");
  EXPECT_EQ(rows[std::string(kSession)].value, "45000");
  EXPECT_EQ(rows[std::string(kSession)].config_source, kDefaultSource);
  EXPECT_EQ(rows[std::string(kHeartbeat)].value, "5000");
  EXPECT_FALSE(rows[std::string(kHeartbeat)].read_only);
  ASSERT_EQ(rows[std::string(kHeartbeat)].synonyms.size(), 1u);
  EXPECT_EQ(rows[std::string(kHeartbeat)].synonyms[0].name, "group.consumer.heartbeat.interval.ms");
}

TEST_F(GroupConfigsTest, WhatIsSetIsShownAndKept) {
  EXPECT_EQ(code({{kSession, kSet, " 50000"}, {kHeartbeat, kSet, "6000"}}), ErrorCode::kNone) << message();
  EXPECT_EQ(record("consumer.session.timeout.ms/g"), " 50000");
  auto rows = describe("g");
  EXPECT_EQ(rows[std::string(kSession)].value, "50000");
  EXPECT_EQ(rows[std::string(kSession)].config_source, kGroupSource);
  ASSERT_EQ(rows[std::string(kSession)].synonyms.size(), 2u);
  EXPECT_EQ(rows[std::string(kSession)].synonyms[0].source, kGroupSource);
  EXPECT_EQ(rows[std::string(kSession)].synonyms[1].source, kDefaultSource);
  // Of another group, whose name begins like this one, nothing is.
  EXPECT_EQ(describe("g/x")[std::string(kSession)].config_source, kDefaultSource);
  EXPECT_EQ(code({{kSession, kDelete, std::nullopt}}), ErrorCode::kNone);
  EXPECT_EQ(describe("g")[std::string(kSession)].value, "45000");
  EXPECT_EQ(describe("g")[std::string(kHeartbeat)].value, "6000");
  EXPECT_EQ(record("consumer.session.timeout.ms/g"), std::nullopt);
}

TEST_F(GroupConfigsTest, TheOldApiReplacesAllThatIsSet) {
  EXPECT_EQ(code({{kSession, kSet, "50000"}}), ErrorCode::kNone);
  AlterConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = kGroup;
  resource.resource_name = "g";
  auto& config = resource.configs.emplace_back();
  config.name = kHeartbeat;
  config.value = "7000";
  EXPECT_EQ(client->call<AlterConfigs>(2, request).responses.at(0).error_code, ErrorCode::kNone);
  EXPECT_EQ(describe("g")[std::string(kSession)].config_source, kDefaultSource);
  EXPECT_EQ(describe("g")[std::string(kHeartbeat)].value, "7000");
}

TEST_F(GroupConfigsTest, RefusedAsKafkaDoes) {
  EXPECT_EQ(code({{"no.such", kSet, "1"}}), ErrorCode::kInvalidConfig);
  EXPECT_EQ(message(), "Unknown group config name: no.such");
  EXPECT_EQ(code({{"no.such", kDelete, std::nullopt}}), ErrorCode::kNone);
  EXPECT_EQ(code({{"share.heartbeat.interval.ms", kSet, "6000"}}), ErrorCode::kInvalidConfig);
  EXPECT_EQ(message(), "share.heartbeat.interval.ms cannot be set: there are no share groups here");
  EXPECT_EQ(code({{kInterval, kSet, "-1"}}), ErrorCode::kInvalidConfig);
  EXPECT_EQ(message(),
            "Invalid value -1 for configuration consumer.assignment.interval.ms: Value must be at least 0");
  EXPECT_EQ(code({{kSession, kSet, "x"}}), ErrorCode::kInvalidConfig);
  EXPECT_EQ(message(),
            "Invalid value x for configuration consumer.session.timeout.ms: Not a number of type INT");
  EXPECT_EQ(code({{kSession, kSet, "0"}}), ErrorCode::kInvalidConfig);
  EXPECT_EQ(code({{kSession, kSet, "44999"}}), ErrorCode::kInvalidConfig);
  EXPECT_EQ(message(),
            "consumer.session.timeout.ms must be greater than or equal to "
            "group.consumer.min.session.timeout.ms");
  EXPECT_EQ(code({{kSession, kSet, "60001"}}), ErrorCode::kInvalidConfig);
  EXPECT_EQ(code({{kHeartbeat, kSet, "4999"}}), ErrorCode::kInvalidConfig);
  EXPECT_EQ(code({{kHeartbeat, kSet, "15001"}}), ErrorCode::kInvalidConfig);
  EXPECT_EQ(code({{kHeartbeat, kSet, "6000"}, {kSession, kSet, "1"}}), ErrorCode::kInvalidConfig);
  EXPECT_EQ(code({{kHeartbeat, kAppend, "6000"}}), ErrorCode::kInvalidConfig);
  EXPECT_EQ(code({{kHeartbeat, kSet, std::nullopt}}), ErrorCode::kInvalidRequest);
  EXPECT_EQ(alter("", {{kHeartbeat, kSet, "6000"}}).error_code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(alter(std::string(990, 'g'), {{kHeartbeat, kSet, "6000"}}).error_code, ErrorCode::kNone);
  EXPECT_EQ(alter(std::string(1'000, 'g'), {{kHeartbeat, kSet, "6000"}}).error_code,
            ErrorCode::kInvalidConfig);
  EXPECT_EQ(message(),
            "the name of a group of which consumer.heartbeat.interval.ms is set has at most 993 bytes");
  EXPECT_EQ(describe("g")[std::string(kHeartbeat)].config_source, kDefaultSource);
  EXPECT_EQ(alter("g", {{kHeartbeat, kSet, "6000"}}, true).error_code, ErrorCode::kNone);
  EXPECT_EQ(record("consumer.heartbeat.interval.ms/g"), std::nullopt);
}

TEST_F(GroupConfigsTest, MembersHearOfTheirIntervalWithTheNextHeartbeat) {
  const auto joined = join("a");
  EXPECT_EQ(joined.heartbeat_interval_ms, 5'000);
  EXPECT_EQ(code({{kHeartbeat, kSet, "6000"}}), ErrorCode::kNone);
  EXPECT_EQ(alive("a", joined.member_epoch).heartbeat_interval_ms, 6'000);
  EXPECT_EQ(join("b", "other").heartbeat_interval_ms, 5'000);
  EXPECT_EQ(code({{kHeartbeat, kDelete, std::nullopt}}), ErrorCode::kNone);
  EXPECT_EQ(alive("a", joined.member_epoch).heartbeat_interval_ms, 5'000);
}

TEST_F(GroupConfigsTest, SessionsLastAsLongAsTheGroupSays) {
  EXPECT_EQ(code({{kSession, kSet, "60000"}}), ErrorCode::kNone);
  join("a");
  broker.host.advance(seconds(59));
  EXPECT_EQ(members(), 1u);
  broker.host.advance(seconds(2));
  EXPECT_EQ(members(), 0u);
}

// The second member comes right after the first, whose target is too young for another one.
TEST_F(GroupConfigsTest, TargetsLastAsLongAsTheGroupSays) {
  const auto target = [&] {
    ConsumerGroupDescribeRequest request;
    request.group_ids = {"g"};
    const auto group = client->call<ConsumerGroupDescribe>(1, request).groups.at(0);
    return group.group_epoch - group.assignment_epoch;
  };
  EXPECT_EQ(code({{kInterval, kSet, "15000"}}), ErrorCode::kNone);
  join("a");
  join("b");
  broker.host.advance(seconds(14));
  EXPECT_EQ(target(), 1);
  broker.host.advance(seconds(2));
  EXPECT_EQ(target(), 0);
  // A shorter one counts at once.
  join("c");
  broker.host.advance(seconds(2));
  EXPECT_EQ(target(), 1);
  EXPECT_EQ(code({{kInterval, kSet, "0"}}), ErrorCode::kNone);
  broker.host.advance(milliseconds(20));
  EXPECT_EQ(target(), 0);
}

// A node that starts, or begins to lead, finds what was set before.
class SetBeforeTest : public GroupConfigsTest {};

TEST_F(SetBeforeTest, ManyGroupsAreReadInParts) {
  for (int i = 0; i < 2'500; ++i)
    kept.put("kafka.groups", "consumer.heartbeat.interval.ms/g" + std::to_string(i), "7000");
  kept.put("kafka.groups", "consumer.heartbeat.interval.ms/g", "8000");
  kept.put("kafka.groups", "consumer.of.a.newer.build/g", "8000");
  broker.host.run();
  EXPECT_EQ(join("a").heartbeat_interval_ms, 8'000);
  EXPECT_EQ(join("a", "g2499").heartbeat_interval_ms, 7'000);
}

// The bounds may be others than when it was set.
TEST_F(SetBeforeTest, TheBoundsOfTheBrokerCount) {
  kept.put("kafka.groups", "consumer.heartbeat.interval.ms/g", "1");
  broker.host.run();
  EXPECT_EQ(join("a").heartbeat_interval_ms, 5'000);
}

class BelowTheLevelOfRecordsTest : public GroupConfigsTest {
 protected:
  BelowTheLevelOfRecordsTest() : GroupConfigsTest(1) {}
};

TEST_F(BelowTheLevelOfRecordsTest, NothingIsSet) {
  EXPECT_EQ(code({{kHeartbeat, kSet, "6000"}}), ErrorCode::kInvalidRequest);
  EXPECT_EQ(message(), "configs of groups can be altered once the feature chronik.version is finalized at 2");
  EXPECT_TRUE(describe("g")[std::string(kHeartbeat)].read_only);
}

}  // namespace
}  // namespace chronik::kafka::testing
