// IncrementalAlterConfigs and AlterConfigs over the wire; what is refused was asked of Apache Kafka 4.3.1.
#include <chronik/testing/fake_features.hpp>

#include "kafka-proto/messages/alter_configs.h"
#include "kafka-proto/messages/create_topics.h"
#include "kafka-proto/messages/describe_configs.h"
#include "kafka-proto/messages/fetch.h"
#include "kafka-proto/messages/incremental_alter_configs.h"
#include "kafka-proto/messages/metadata.h"
#include "kafka-proto/messages/produce.h"
#include "server/broker_testing.h"

namespace chronik::kafka::testing {
namespace {

using chronik::testing::FakeFeatures;

constexpr int8_t kTopic = 2;
constexpr int8_t kBroker = 4;
enum : int8_t { kSet = 0, kDelete = 1, kAppend = 2, kSubtract = 3 };

struct Change {
  std::string_view name;
  int8_t operation;
  std::optional<std::string_view> value;
};
using Changes = std::vector<Change>;
using Answer = IncrementalAlterConfigsResponse::Resource;

// A broker in a cluster whose nodes all know this level of chronik.version.
struct ClusterOfLevel {
  explicit ClusterOfLevel(int16_t level) {
    if (level > 1) features.add("chronik.version", 1, level, level);
    broker.start();
    broker.add_topic("t");
  }
  TestBroker broker{{.start = false}};
  FakeFeatures features{&broker.host, &broker.metadata};
  FakeRecords& kept = broker.records;
};

class ConfigsTest : protected ClusterOfLevel, public ::testing::Test {
 protected:
  explicit ConfigsTest(int16_t level = 1) : ClusterOfLevel(level) {}
  static void add(IncrementalAlterConfigsRequest& request, int8_t type, std::string_view name,
                  const Changes& changes) {
    auto& resource = request.resources.emplace_back();
    resource.resource_type = type;
    resource.resource_name = name;
    for (const Change& change : changes) {
      auto& config = resource.configs.emplace_back();
      config.name = change.name;
      config.config_operation = change.operation;
      config.value = change.value;
    }
  }
  Answer alter(int8_t type, std::string_view name, const Changes& changes, bool validate_only = false) {
    IncrementalAlterConfigsRequest request;
    add(request, type, name, changes);
    request.validate_only = validate_only;
    const int16_t version = version_ = static_cast<int16_t>(1 - version_);
    response = client.call<IncrementalAlterConfigs>(version, request);
    EXPECT_EQ(response.responses.size(), 1u);
    EXPECT_EQ(response.responses.at(0).resource_type, type);
    EXPECT_EQ(response.responses.at(0).resource_name, name);
    return response.responses.at(0);
  }
  ErrorCode code(const Changes& changes) { return alter(kTopic, "t", changes).error_code; }
  ErrorCode of_broker(std::string_view name, const Changes& changes) {
    return alter(kBroker, name, changes).error_code;
  }
  const std::map<std::string, std::string>& set() { return broker.metadata.topic("t").configs; }

  TestClient client = broker.client();
  IncrementalAlterConfigsResponse response;
  int16_t version_ = 0;
};

using Set = std::map<std::string, std::string>;

TEST_F(ConfigsTest, SetAndDelete) {
  const Answer set_two =
      alter(kTopic, "t", {{"retention.ms", kSet, "1000"}, {"max.message.bytes", kSet, "50"}});
  EXPECT_EQ(set_two.error_code, ErrorCode::kNone);
  EXPECT_FALSE(set_two.error_message.has_value());
  EXPECT_EQ(set(), (Set{{"max.message.bytes", "50"}, {"retention.ms", "1000"}}));
  EXPECT_EQ(code({{"retention.ms", kDelete, std::nullopt}}), ErrorCode::kNone);
  EXPECT_EQ(set(), (Set{{"max.message.bytes", "50"}}));
  // It has an effect at once.
  const std::string records = broker.batch();
  EXPECT_EQ(only(client.call<Produce>(9, produce_request("t", 0, records))).error_code,
            ErrorCode::kMessageTooLarge);
  EXPECT_EQ(code({{"max.message.bytes", kDelete, std::nullopt}}), ErrorCode::kNone);
  const std::string again = broker.batch();
  EXPECT_EQ(only(client.call<Produce>(9, produce_request("t", 0, again))).error_code, ErrorCode::kNone);
}

TEST_F(ConfigsTest, AppendAndSubtract) {
  EXPECT_EQ(code({{"cleanup.policy", kAppend, "delete"}}), ErrorCode::kNone);
  EXPECT_EQ(set(), (Set{{"cleanup.policy", "delete"}}));
  EXPECT_EQ(code({{"cleanup.policy", kAppend, " delete , delete"}}), ErrorCode::kNone);
  EXPECT_EQ(code({{"cleanup.policy", kSubtract, "compact"}}), ErrorCode::kNone);
  EXPECT_EQ(set(), (Set{{"cleanup.policy", "delete"}}));
  // Nothing would clean up: that is not there yet.
  EXPECT_EQ(code({{"cleanup.policy", kSubtract, "delete"}}), ErrorCode::kInvalidConfig);
  EXPECT_EQ(code({{"cleanup.policy", kAppend, "compact"}}), ErrorCode::kInvalidConfig);
  EXPECT_EQ(code({{"retention.ms", kAppend, "5"}}), ErrorCode::kInvalidConfig);
  EXPECT_EQ(response.responses[0].error_message,
            "Can't APPEND to key retention.ms because its type is not LIST.");
  EXPECT_EQ(code({{"no.such", kSubtract, "5"}}), ErrorCode::kInvalidConfig);
}

TEST_F(ConfigsTest, ListsOfManyElements) {
  std::string words;
  for (int i = 0; words.size() < 40'000; ++i) words += (i == 0 ? "w" : ",w") + std::to_string(i);
  words.resize(32'767);  // more ends the connection, in Kafka as here
  EXPECT_EQ(code({{"cleanup.policy", kAppend, words}}), ErrorCode::kInvalidConfig);
  EXPECT_EQ(
      response.responses[0].error_message,
      "The configuration value cannot be added because it exceeds the maximum value size of 32767 bytes.");
  EXPECT_EQ(code({{"cleanup.policy", kSubtract, words}}), ErrorCode::kNone);
  words.resize(30'000);
  EXPECT_EQ(code({{"cleanup.policy", kAppend, words}}), ErrorCode::kInvalidConfig);
  EXPECT_TRUE(response.responses[0].error_message->starts_with("Invalid value w0 for "));
  EXPECT_EQ(code({{"cleanup.policy", kAppend, "delete,delete, delete"}}), ErrorCode::kNone);
  EXPECT_EQ(set(), (Set{{"cleanup.policy", "delete"}}));
}

TEST_F(ConfigsTest, RefusedAsKafkaDoes) {
  EXPECT_EQ(code({{"no.such", kSet, "1"}}), ErrorCode::kInvalidConfig);
  EXPECT_EQ(response.responses[0].error_message, "Unknown topic config name: no.such");
  EXPECT_EQ(code({{"no.such", kDelete, std::nullopt}}), ErrorCode::kNone);
  EXPECT_EQ(code({{"retention.ms", kSet, "abc"}}), ErrorCode::kInvalidConfig);
  EXPECT_EQ(code({{"retention.ms", kSet, "-5"}}), ErrorCode::kInvalidConfig);
  EXPECT_EQ(code({{"retention.ms", kSet, std::nullopt}}), ErrorCode::kInvalidRequest);
  EXPECT_EQ(response.responses[0].error_message, "Null value not supported for : retention.ms");
  EXPECT_EQ(code({{"retention.ms", kSet, "1"}, {"retention.ms", kDelete, std::nullopt}}),
            ErrorCode::kInvalidRequest);
  EXPECT_EQ(code({{"retention.ms", 9, "1"}}), ErrorCode::kInvalidRequest);
  EXPECT_EQ(code({{"retention.ms", kSet, "777"}, {"no.such", kSet, "1"}}), ErrorCode::kInvalidConfig);
  EXPECT_EQ(set(), Set{});  // all of a resource or nothing
  EXPECT_EQ(code({}), ErrorCode::kNone);
  EXPECT_EQ(alter(kTopic, "nope", {}).error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(alter(kTopic, "nope", {{"no.such", kSet, "1"}}).error_code, ErrorCode::kInvalidConfig);
  EXPECT_EQ(alter(kTopic, "nope", {{"retention.ms", kSet, "1"}}).error_code,
            ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(alter(kTopic, "no pe", {}).error_code, ErrorCode::kInvalidTopicException);
  EXPECT_EQ(alter(kTopic, "", {}).error_code, ErrorCode::kInvalidRequest);
  for (const int type : {0, 1, 8, 16, 99})
    EXPECT_EQ(alter(static_cast<int8_t>(type), "t", {}).error_code, ErrorCode::kInvalidRequest) << type;
  EXPECT_EQ(broker.metadata.changes(), 1u);  // the deletion of what was never set
}

// What plugins say of a topic to one another is not for clients: neither to set, nor to take away.
TEST_F(ConfigsTest, WhetherATopicIsInternalIsNotForClients) {
  broker.add_topic("mine", 1, {{"chronik.internal", "true"}});
  EXPECT_EQ(code({{"chronik.internal", kSet, "true"}}), ErrorCode::kInvalidConfig);
  EXPECT_EQ(alter(kTopic, "mine", {{"chronik.internal", kDelete, std::nullopt}}).error_code,
            ErrorCode::kInvalidConfig);
  AlterConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = kTopic;
  resource.resource_name = "mine";
  auto& config = resource.configs.emplace_back();
  config.name = "retention.ms";
  config.value = "5";
  EXPECT_EQ(client.call<AlterConfigs>(2, request).responses.at(0).error_code, ErrorCode::kNone);
  EXPECT_EQ(broker.metadata.topic("mine").configs,
            (Set{{"chronik.internal", "true"}, {"retention.ms", "5"}}));
  MetadataRequest asked;
  asked.topics.emplace().emplace_back().name = "mine";
  EXPECT_TRUE(client.call<Metadata>(12, asked).topics.at(0).is_internal);
  const std::string records = broker.batch();
  EXPECT_EQ(only(client.call<Produce>(9, produce_request("mine", 0, records))).error_code,
            ErrorCode::kInvalidTopicException);
}

TEST_F(ConfigsTest, EachResourceHasItsOwnAnswer) {
  broker.add_topic("u");
  IncrementalAlterConfigsRequest request;
  add(request, kTopic, "u", {{"retention.ms", kSet, "1"}});
  add(request, kTopic, "nope", {{"retention.ms", kSet, "1"}});
  add(request, kTopic, "t", {{"retention.ms", kSet, "2"}});
  add(request, kBroker, "1", {{"num.partitions", kSet, "2"}});
  response = client.call<IncrementalAlterConfigs>(1, request);
  ASSERT_EQ(response.responses.size(), 4u);
  EXPECT_EQ(response.responses[0].error_code, ErrorCode::kNone);
  EXPECT_EQ(response.responses[1].error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(response.responses[2].error_code, ErrorCode::kNone);
  EXPECT_EQ(response.responses[3].error_code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(set(), (Set{{"retention.ms", "2"}}));
  add(request, kTopic, "t", {});
  for (const Answer& answer : client.call<IncrementalAlterConfigs>(1, request).responses)
    EXPECT_EQ(answer.error_code == ErrorCode::kInvalidRequest,
              answer.resource_name == "t" || answer.resource_name == "1");
}

TEST_F(ConfigsTest, ValidatingChangesNothing) {
  EXPECT_EQ(alter(kTopic, "t", {{"retention.ms", kSet, "1"}}, true).error_code, ErrorCode::kNone);
  EXPECT_EQ(set(), Set{});
  EXPECT_EQ(alter(kTopic, "t", {{"retention.ms", kSet, "x"}}, true).error_code, ErrorCode::kInvalidConfig);
}

TEST_F(ConfigsTest, ABrokersConfigsAreWhatItsFileSays) {
  for (const char* name : {"1", ""}) {
    EXPECT_EQ(of_broker(name, {{"num.partitions", kSet, "5"}, {"node.id", kSet, "5"}}),
              ErrorCode::kInvalidRequest);
    EXPECT_EQ(response.responses[0].error_message,
              "Cannot update these configs dynamically: [node.id, num.partitions]");
    EXPECT_EQ(of_broker(name, {{"log.retention.ms", kSet, "5"}}), ErrorCode::kInvalidRequest);
    EXPECT_EQ(response.responses[0].error_message,
              "configs of brokers can be altered once the feature chronik.version is finalized at 2");
    EXPECT_EQ(of_broker(name, {{"leader.replication.throttled.rate", kSet, "5"}}),
              ErrorCode::kInvalidRequest);
    // Kafka's tools remove what they never set.
    EXPECT_EQ(of_broker(name, {{"leader.replication.throttled.rate", kDelete, std::nullopt}}),
              ErrorCode::kNone);
  }
  EXPECT_EQ(of_broker("77", {}), ErrorCode::kInvalidRequest);
  EXPECT_EQ(of_broker("x", {}), ErrorCode::kInvalidRequest);
}

TEST_F(ConfigsTest, AChangeThatIsNotMadeIsNoSuccess) {
  broker.metadata.answer_changes(CHR_E_NOT_LEADER);
  EXPECT_EQ(code({{"retention.ms", kSet, "1"}}), ErrorCode::kNotController);
  broker.metadata.answer_changes(CHR_E_TIMEOUT);
  EXPECT_EQ(code({{"retention.ms", kSet, "1"}}), ErrorCode::kRequestTimedOut);
  EXPECT_TRUE(response.responses[0].error_message.has_value());
}

// Its catalog may be old: a client that is told that there is no such topic gives up.
TEST_F(ConfigsTest, ANodeThatKnowsNoControllerDoesNotSayThatThereIsNoTopic) {
  broker.metadata.set_controller(-1);
  EXPECT_EQ(alter(kTopic, "nope", {{"retention.ms", kSet, "1"}}).error_code, ErrorCode::kNotController);
}

// A build that does not know one leaves out all that is set on the topic.
TEST_F(ConfigsTest, WhatOlderNodesDoNotKnowIsNotSetBesideThem) {
  EXPECT_EQ(code({{"segment.bytes", kSet, "1048576"}}), ErrorCode::kInvalidConfig);
  EXPECT_TRUE(response.responses[0].error_message->starts_with(
      "segment.bytes=1048576 can be set once the feature chronik.version is finalized at 2"));
  EXPECT_EQ(code({{"cleanup.policy", kSet, ""}}), ErrorCode::kInvalidConfig);
  EXPECT_EQ(code({{"segment.bytes", kSet, "1"}}), ErrorCode::kInvalidConfig);
  EXPECT_TRUE(response.responses[0].error_message->starts_with("Invalid value 1 "));
  EXPECT_EQ(code({{"segment.bytes", kDelete, std::nullopt}}), ErrorCode::kNone);
  EXPECT_EQ(set(), Set{});
}

TEST_F(ConfigsTest, TheOldApiReplacesAllThatIsSet) {
  code({{"retention.ms", kSet, "1"}, {"retention.bytes", kSet, "2"}});
  const auto replace = [&](std::map<std::string_view, std::optional<std::string_view>> configs) {
    static int16_t version = 0;
    AlterConfigsRequest request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = kTopic;
    resource.resource_name = "t";
    for (const auto& [name, value] : configs) {
      auto& config = resource.configs.emplace_back();
      config.name = name;
      config.value = value;
    }
    version = static_cast<int16_t>((version + 1) % 3);
    return client.call<AlterConfigs>(version, request).responses.at(0).error_code;
  };
  EXPECT_EQ(replace({{"retention.bytes", "3"}, {"max.message.bytes", "4"}}), ErrorCode::kNone);
  EXPECT_EQ(set(), (Set{{"max.message.bytes", "4"}, {"retention.bytes", "3"}}));
  EXPECT_EQ(replace({{"retention.bytes", std::nullopt}}), ErrorCode::kInvalidRequest);
  EXPECT_EQ(replace({{"no.such", "3"}}), ErrorCode::kInvalidConfig);
  EXPECT_EQ(set().size(), 2u);
  EXPECT_EQ(replace({}), ErrorCode::kNone);
  EXPECT_EQ(set(), Set{});
}

// Where every node knows all of Kafka 4.3's keys.
class NewConfigsTest : public ConfigsTest {
 protected:
  NewConfigsTest() : ConfigsTest(2) {}
  std::optional<std::string> record(const std::string& key) { return kept.get("kafka.brokers", key); }
  std::map<std::string, DescribeConfigsResponse::Config> describe(int8_t type, std::string_view name) {
    DescribeConfigsRequest request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = type;
    resource.resource_name = name;
    request.include_synonyms = true;
    std::map<std::string, DescribeConfigsResponse::Config> out;
    described = client.call<DescribeConfigs>(4, request);
    for (const auto& config : described.results.at(0).configs) out[std::string(config.name)] = config;
    return out;
  }
  ErrorCode produce(const std::string& records) {
    return only(client.call<Produce>(9, produce_request("t", 0, records))).error_code;
  }
  DescribeConfigsResponse described;
};

// Those that Connect, Streams, Schema Registry, MirrorMaker, Cruise Control and Terraform were seen to set.
TEST_F(NewConfigsTest, WhatToolsSetIsTaken) {
  const Changes all = {{"segment.bytes", kSet, "52428800"},
                       {"segment.ms", kSet, "600000"},
                       {"segment.jitter.ms", kSet, "0"},
                       {"segment.index.bytes", kSet, "1048576"},
                       {"index.interval.bytes", kSet, "4096"},
                       {"flush.messages", kSet, "1"},
                       {"flush.ms", kSet, "1000"},
                       {"file.delete.delay.ms", kSet, "0"},
                       {"delete.retention.ms", kSet, "100"},
                       {"min.cleanable.dirty.ratio", kSet, "0.01"},
                       {"min.compaction.lag.ms", kSet, "1"},
                       {"max.compaction.lag.ms", kSet, "2"},
                       {"preallocate", kSet, "true"},
                       {"unclean.leader.election.enable", kSet, "true"},
                       {"local.retention.ms", kSet, "-2"},
                       {"local.retention.bytes", kSet, "-2"},
                       {"remote.storage.enable", kSet, "false"},
                       {"remote.log.copy.disable", kSet, "false"},
                       {"remote.log.delete.on.disable", kSet, "false"},
                       {"leader.replication.throttled.replicas", kSet, "0:1,1:2"},
                       {"follower.replication.throttled.replicas", kSet, "*"}};
  EXPECT_EQ(code(all), ErrorCode::kNone) << response.responses[0].error_message.value_or("");
  EXPECT_EQ(set().size(), all.size());
  auto rows = describe(kTopic, "t");
  EXPECT_EQ(rows.size(), 33u);
  EXPECT_EQ(rows["segment.bytes"].value, "52428800");
  EXPECT_EQ(rows["segment.bytes"].config_source, 1);
  EXPECT_EQ(rows["min.cleanable.dirty.ratio"].value, "0.01");
  EXPECT_EQ(rows["min.cleanable.dirty.ratio"].config_type, 6);
  EXPECT_EQ(code({{"leader.replication.throttled.replicas", kAppend, "2:3"}}), ErrorCode::kNone);
  EXPECT_EQ(set().at("leader.replication.throttled.replicas"), "0:1,1:2,2:3");
  EXPECT_EQ(code({{"max.compaction.lag.ms", kDelete, std::nullopt}, {"min.compaction.lag.ms", kSet, "9"}}),
            ErrorCode::kNone);
  EXPECT_EQ(code({{"max.compaction.lag.ms", kSet, "8"}}), ErrorCode::kInvalidConfig);
  EXPECT_EQ(response.responses[0].error_message,
            "conflict topic config setting min.compaction.lag.ms (9) > max.compaction.lag.ms (8)");
}

TEST_F(NewConfigsTest, ATopicThatIsCreatedShowsWhatItWasGiven) {
  CreateTopicsRequest request;
  auto& topic = request.topics.emplace_back();
  topic.name = "new";
  topic.num_partitions = 1;
  topic.replication_factor = 1;
  auto& config = topic.configs.emplace_back();
  config.name = "segment.bytes";
  config.value = " 1048576 ";
  const CreateTopicsResponse created = client.call<CreateTopics>(7, request);
  ASSERT_EQ(created.topics.at(0).error_code, ErrorCode::kNone);
  ASSERT_EQ(created.topics[0].configs->size(), 33u);
  for (const auto& row : *created.topics[0].configs) {
    if (row.name == "segment.bytes") {
      EXPECT_EQ(row.value, " 1048576 ");
    }
  }
  EXPECT_EQ(describe(kTopic, "new")["segment.bytes"].value, "1048576");
}

TEST_F(NewConfigsTest, CompactionIsRefusedUntilItExists) {
  for (const char* policy : {"compact", "compact,delete", "delete, compact"}) {
    EXPECT_EQ(code({{"cleanup.policy", kSet, policy}}), ErrorCode::kInvalidConfig);
    EXPECT_TRUE(response.responses[0].error_message->ends_with(
        "Compaction is not supported yet; use delete, or nothing at all"));
  }
  EXPECT_EQ(code({{"cleanup.policy", kSubtract, "delete"}}), ErrorCode::kNone);
  EXPECT_EQ(set(), (Set{{"cleanup.policy", ""}}));
}

TEST_F(NewConfigsTest, ConfigsOfBrokersAreAltered) {
  EXPECT_EQ(of_broker("", {{"log.retention.ms", kSet, " 5000"}, {"message.max.bytes", kSet, "50"}}),
            ErrorCode::kNone);
  EXPECT_EQ(record("/log.retention.ms"), " 5000");
  EXPECT_EQ(of_broker("1", {{"message.max.bytes", kSet, "60"}}), ErrorCode::kNone);
  EXPECT_EQ(record("1/message.max.bytes"), "60");
  auto topic = describe(kTopic, "t");
  EXPECT_EQ(topic["max.message.bytes"].value, "60");
  EXPECT_EQ(topic["max.message.bytes"].config_source, 2);
  ASSERT_EQ(topic["max.message.bytes"].synonyms.size(), 3u);
  EXPECT_EQ(topic["max.message.bytes"].synonyms[1].source, 3);
  EXPECT_EQ(topic["max.message.bytes"].synonyms[2].source, 5);
  EXPECT_EQ(topic["retention.ms"].value, "5000");
  EXPECT_EQ(topic["retention.ms"].config_source, 3);
  ASSERT_EQ(topic["retention.ms"].synonyms.size(), 2u);
  EXPECT_EQ(topic["retention.ms"].synonyms[0].name, "log.retention.ms");
  EXPECT_EQ(topic["retention.ms"].synonyms[1].name, "log.retention.hours");
  auto own = describe(kBroker, "1");
  EXPECT_EQ(own["message.max.bytes"].value, "60");
  EXPECT_EQ(own["message.max.bytes"].config_source, 2);
  EXPECT_FALSE(own["message.max.bytes"].read_only);
  EXPECT_TRUE(own["num.partitions"].read_only);
  auto all = describe(kBroker, "");
  EXPECT_EQ(all.size(), 2u);
  EXPECT_EQ(all["message.max.bytes"].value, "50");
  EXPECT_EQ(all["message.max.bytes"].config_source, 3);
}

TEST_F(NewConfigsTest, WhatIsAlteredOfABrokerActsOnTopicsThatDoNotSayOtherwise) {
  broker.add_topic("own", 1, {{"max.message.bytes", "100000"}});
  EXPECT_EQ(of_broker("", {{"message.max.bytes", kSet, "50"}}), ErrorCode::kNone);
  EXPECT_EQ(produce(broker.batch()), ErrorCode::kMessageTooLarge);
  const std::string other = broker.batch();
  EXPECT_EQ(only(client.call<Produce>(9, produce_request("own", 0, other))).error_code, ErrorCode::kNone);
  EXPECT_EQ(of_broker("1", {{"message.max.bytes", kSet, "100000"}}), ErrorCode::kNone);
  EXPECT_EQ(produce(broker.batch()), ErrorCode::kNone);
  EXPECT_EQ(of_broker("1", {{"message.max.bytes", kDelete, std::nullopt}}), ErrorCode::kNone);
  EXPECT_EQ(record("1/message.max.bytes"), std::nullopt);
  EXPECT_EQ(produce(broker.batch()), ErrorCode::kMessageTooLarge);
  EXPECT_EQ(of_broker("", {{"message.max.bytes", kDelete, std::nullopt}}), ErrorCode::kNone);
  EXPECT_EQ(produce(broker.batch()), ErrorCode::kNone);
}

TEST_F(NewConfigsTest, WhatCannotBeAlteredOfABroker) {
  EXPECT_EQ(of_broker("1", {{"log.retention.ms", kSet, "x"}}), ErrorCode::kInvalidRequest);
  EXPECT_EQ(response.responses[0].error_message,
            "Invalid value x for configuration log.retention.ms: Not a number of type LONG");
  EXPECT_EQ(of_broker("", {{"log.retention.ms", kSet, "0"}}), ErrorCode::kInvalidRequest);
  EXPECT_EQ(response.responses[0].error_message,
            "requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1");
  EXPECT_EQ(of_broker("", {{"log.cleanup.policy", kAppend, "compact"}}), ErrorCode::kInvalidRequest);
  EXPECT_EQ(of_broker("1", {{"log.retention.ms", kAppend, "5"}}), ErrorCode::kInvalidConfig);
  EXPECT_EQ(response.responses[0].error_message,
            "Config value append is not allowed for config key: log.retention.ms");
  EXPECT_EQ(of_broker("1", {{"log.retention.ms", kSet, "5"}, {"num.partitions", kSet, "5"}}),
            ErrorCode::kInvalidRequest);
  EXPECT_EQ(of_broker("1", {{"log.retention.ms", kSet, "5"}, {"log.roll.ms", kSet, "0"}}),
            ErrorCode::kInvalidRequest);
  EXPECT_EQ(record("1/log.retention.ms"), std::nullopt);  // all of a resource or nothing
  EXPECT_EQ(alter(kBroker, "1", {{"log.retention.ms", kSet, "5"}}, true).error_code, ErrorCode::kNone);
  EXPECT_EQ(record("1/log.retention.ms"), std::nullopt);
  EXPECT_EQ(of_broker("2", {{"log.retention.ms", kSet, "5"}}), ErrorCode::kInvalidRequest);
  EXPECT_EQ(of_broker("1", {{"log.retention.ms", kDelete, std::nullopt}}), ErrorCode::kNone);
  broker.metadata.answer_changes(CHR_E_TIMEOUT);
  EXPECT_EQ(of_broker("1", {{"log.retention.ms", kSet, "5"}}), ErrorCode::kRequestTimedOut);
}

TEST_F(NewConfigsTest, TopicsAndBrokersInOneRequest) {
  IncrementalAlterConfigsRequest request;
  add(request, kTopic, "t", {{"retention.ms", kSet, "1"}});
  add(request, kBroker, "2", {{"log.retention.ms", kSet, "5"}});
  add(request, kBroker, "01", {{"log.retention.ms", kSet, "5"}});
  add(request, kBroker, "", {{"log.retention.ms", kSet, "6"}});
  response = client.call<IncrementalAlterConfigs>(1, request);
  ASSERT_EQ(response.responses.size(), 4u);
  EXPECT_EQ(response.responses[0].error_code, ErrorCode::kNone);
  EXPECT_EQ(response.responses[1].error_code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(response.responses[2].error_code, ErrorCode::kNone);
  EXPECT_EQ(response.responses[3].error_code, ErrorCode::kNone);
  EXPECT_EQ(set(), (Set{{"retention.ms", "1"}}));
  EXPECT_EQ(record("1/log.retention.ms"), "5");
  EXPECT_EQ(record("/log.retention.ms"), "6");
}

// Partitions that open must not be trimmed by other defaults than those that were set.
TEST_F(NewConfigsTest, AStartBeginsWithWhatWasAltered) {
  TestBroker again{{.start = false}};
  FakeRecords& found = again.records;
  found.put("kafka.brokers", "/log.retention.ms", "-1");
  found.put("kafka.brokers", "/no.such", "7");
  found.put("kafka.brokers", "1/log.retention.bytes", "x");
  again.start();
  again.add_topic("old");
  TestClient other = again.client();
  const std::string records = again.batch({.timestamp = 1000});
  EXPECT_EQ(only(other.call<Produce>(9, produce_request("old", 0, records))).error_code, ErrorCode::kNone);
  again.host.advance(seconds(10));
  EXPECT_EQ(only(other.call<Fetch>(11, fetch_request("old", 0, 0))).error_code, ErrorCode::kNone);
}

}  // namespace
}  // namespace chronik::kafka::testing
