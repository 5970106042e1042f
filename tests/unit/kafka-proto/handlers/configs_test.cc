// IncrementalAlterConfigs and AlterConfigs over the wire; what is refused was asked of Apache Kafka 4.3.1.
#include "server/broker_testing.h"

namespace chronik::kafka::testing {
namespace {

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

class ConfigsTest : public ::testing::Test {
 protected:
  ConfigsTest() { broker.add_topic("t"); }
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

  TestBroker broker;
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
  EXPECT_TRUE(response.responses[0].error_message->starts_with("Invalid value delete,w0,w1,w2,"));
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
  EXPECT_EQ(alter(kTopic, "no pe", {}).error_code, ErrorCode::kInvalidTopicException);
  EXPECT_EQ(alter(kTopic, "", {}).error_code, ErrorCode::kInvalidRequest);
  for (const int type : {0, 1, 8, 16, 99})
    EXPECT_EQ(alter(static_cast<int8_t>(type), "t", {}).error_code, ErrorCode::kInvalidRequest) << type;
  EXPECT_EQ(broker.metadata.changes(), 1u);  // the deletion of what was never set
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
    EXPECT_EQ(of_broker(name, {{"num.partitions", kSet, "5"}, {"log.retention.ms", kSet, "5"}}),
              ErrorCode::kInvalidRequest);
    EXPECT_EQ(response.responses[0].error_message,
              "Cannot update these configs dynamically: [num.partitions, log.retention.ms]");
    EXPECT_EQ(of_broker(name, {{"leader.replication.throttled.rate", kSet, "5"}}), ErrorCode::kInvalidConfig);
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

}  // namespace
}  // namespace chronik::kafka::testing
