// What the keys of groups come to, and which of them contradict one another.
#include "kafka-proto/configs/group_config.h"

#include <gtest/gtest.h>
#include <chronik/host.hpp>

#include <map>
#include <string>
#include <vector>

#include "kafka-proto/messages/describe_configs.h"
#include "server/broker_testing.h"

namespace chronik::kafka::testing {
namespace {

std::map<std::string, std::string> shown(TestBroker& broker) {
  TestClient client = broker.client();
  DescribeConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = 4;
  resource.resource_name = "1";
  const DescribeConfigsResponse response = client.call<DescribeConfigs>(4, request);
  std::map<std::string, std::string> out;
  for (const auto& config : response.results.at(0).configs)
    out[std::string(config.name)] = config.value.value_or("");
  return out;
}

// The defaults of the schema, of the struct and of Kafka are the same.
TEST(GroupConfig, ShowsKafkasDefaults) {
  TestBroker broker;
  const auto configs = shown(broker);
  const std::map<std::string, std::string> kafka = {
      {"offsets.topic.num.partitions", "50"},
      {"offsets.topic.replication.factor", "3"},
      {"offsets.retention.minutes", "10080"},
      {"offsets.retention.check.interval.ms", "600000"},
      {"offset.metadata.max.bytes", "4096"},
      {"group.min.session.timeout.ms", "6000"},
      {"group.max.session.timeout.ms", "1800000"},
      {"group.initial.rebalance.delay.ms", "3000"},
      {"group.max.size", "2147483647"},
      {"group.consumer.session.timeout.ms", "45000"},
      {"group.consumer.min.session.timeout.ms", "45000"},
      {"group.consumer.max.session.timeout.ms", "60000"},
      {"group.consumer.heartbeat.interval.ms", "5000"},
      {"group.consumer.min.heartbeat.interval.ms", "5000"},
      {"group.consumer.max.heartbeat.interval.ms", "15000"},
      {"group.consumer.assignment.interval.ms", "1000"},
      {"group.consumer.min.assignment.interval.ms", "0"},
      {"group.consumer.max.assignment.interval.ms", "15000"},
      {"group.consumer.regex.refresh.interval.ms", "600000"},
      {"group.consumer.max.size", "2147483647"},
      {"group.consumer.assignors", "uniform,range"},
      {"group.consumer.migration.policy", "bidirectional"},
  };
  for (const auto& [name, value] : kafka) {
    ASSERT_TRUE(configs.contains(name)) << name;
    EXPECT_EQ(configs.at(name), value) << name;
  }
}

TEST(GroupConfig, StructHasTheDefaultsOfTheKeys) {
  TestBroker broker;
  const GroupConfig told = group_config(Host(broker.host.core()));
  EXPECT_EQ(told, GroupConfig());
}

TEST(GroupConfig, IsInMilliseconds) {
  TestBroker broker({.start = false});
  broker.host.config_int("offsets_retention", 90'000'000'000);
  broker.host.config_int("group_min_session_timeout", 1'500'000'000);
  broker.host.config_list("group_consumer_assignors", {"mine"});
  broker.host.config_string("group_consumer_migration_policy", "downgrade");
  const GroupConfig told = group_config(Host(broker.host.core()));
  EXPECT_EQ(told.offsets_retention_ms, 90'000);
  EXPECT_EQ(told.classic.min_session_timeout_ms, 1'500);
  EXPECT_EQ(told.consumer.assignors, std::vector<std::string>{"mine"});
  EXPECT_EQ(told.consumer.migration, GroupMigration::kDowngrade);
}

std::string refusal(std::string_view json) {
  const Status status = validate_groups(json);
  return status ? "" : status.error().message;
}

TEST(GroupConfig, KeysThatContradictOneAnotherAreNamed) {
  EXPECT_EQ(refusal("{}"), "");
  EXPECT_EQ(refusal(R"({"group_min_session_timeout": 6000000000, "group_max_session_timeout": 6000000000})"),
            "");
  EXPECT_EQ(refusal(R"({"group_min_session_timeout": 6000000000, "group_max_session_timeout": 5000000000})"),
            "group_min_session_timeout (6000ms) is more than group_max_session_timeout (5000ms)");
  EXPECT_EQ(
      refusal(R"({"group_consumer_min_session_timeout": 45000000000,
                        "group_consumer_session_timeout": 44000000000,
                        "group_consumer_max_session_timeout": 60000000000})"),
      "group_consumer_min_session_timeout (45000ms) is more than group_consumer_session_timeout (44000ms)");
  EXPECT_EQ(refusal(R"({"group_consumer_min_heartbeat_interval": 5000000000,
                        "group_consumer_heartbeat_interval": 16000000000,
                        "group_consumer_max_heartbeat_interval": 15000000000})"),
            "group_consumer_heartbeat_interval (16000ms) is more than group_consumer_max_heartbeat_interval "
            "(15000ms)");
  EXPECT_EQ(refusal(R"({"group_consumer_max_heartbeat_interval": 5000000000,
                        "group_consumer_heartbeat_interval": 5000000000,
                        "group_consumer_max_session_timeout": 5000000000,
                        "group_consumer_session_timeout": 5000000000})"),
            "group_consumer_heartbeat_interval (5000ms) is to be less than group_consumer_session_timeout "
            "(5000ms)");
}

TEST(GroupConfig, AssignorsAreNamedOnce) {
  EXPECT_EQ(refusal(R"({"group_consumer_assignors": ["uniform", "range"]})"), "");
  EXPECT_EQ(refusal(R"({"group_consumer_assignors": []})"),
            "group_consumer_assignors is empty; name one at least");
  EXPECT_EQ(refusal(R"({"group_consumer_assignors": ["range", "range"]})"),
            "group_consumer_assignors names \"range\" twice");
}

}  // namespace
}  // namespace chronik::kafka::testing
