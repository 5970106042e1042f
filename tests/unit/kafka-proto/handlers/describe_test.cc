// ApiVersions, DescribeCluster, DescribeConfigs and InitProducerId over the wire.
#include <chronik/draft/config_origin.h>

#include <set>

#include "kafka-proto/configs/config_values.h"
#include "kafka-proto/handlers/table.h"
#include "kafka-proto/messages/api_versions.h"
#include "kafka-proto/messages/describe_cluster.h"
#include "kafka-proto/messages/describe_configs.h"
#include "kafka-proto/messages/describe_log_dirs.h"
#include "kafka-proto/messages/init_producer_id.h"
#include "kafka-proto/messages/produce.h"
#include "server/broker_testing.h"

namespace chronik::kafka::testing {
namespace {

class DescribeTest : public ::testing::Test {
 protected:
  DescribeConfigsResponse::Resource configs(int8_t type, std::string_view name,
                                            std::vector<std::string_view> keys = {}, int16_t version = 4) {
    DescribeConfigsRequest request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = type;
    resource.resource_name = name;
    if (!keys.empty()) resource.configuration_keys.emplace().assign(keys.begin(), keys.end());
    request.include_synonyms = true;
    request.include_documentation = true;
    return client.call<DescribeConfigs>(version, request).results.at(0);
  }

  TestBroker broker;
  TestClient client = broker.client();
};

TEST_F(DescribeTest, ApiVersionsIsTheTableOfHandlers) {
  for (int16_t version = 0; version <= 4; ++version) {
    ApiVersionsRequest request;
    request.client_software_name = request.client_software_version = "a-1.2";
    const ApiVersionsResponse response = client.call<ApiVersions>(version, request);
    EXPECT_EQ(response.error_code, ErrorCode::kNone);
    ASSERT_EQ(response.api_keys.size(), api_entries().size());
    for (size_t i = 0; i < response.api_keys.size(); ++i) {
      EXPECT_EQ(response.api_keys[i].api_key, static_cast<int16_t>(api_entries()[i].key));
      EXPECT_EQ(response.api_keys[i].max_version, api_entries()[i].max_version);
    }
    EXPECT_EQ(response.api_keys[0].min_version, 0);  // Produce 0-2 is listed, and refused
  }
  for (const char* bad : {"", " ", "a b", "-a", "a-", "a_b"}) {
    ApiVersionsRequest request;
    request.client_software_name = bad;
    request.client_software_version = "1";
    EXPECT_EQ(client.call<ApiVersions>(3, request).error_code, ErrorCode::kInvalidRequest) << bad;
  }
}

TEST_F(DescribeTest, LogDirsSayWhatTheReplicasTake) {
  broker.add_topic("t", 3);
  const std::string records = broker.batch({.records = 4});
  EXPECT_EQ(only(client.call<Produce>(9, produce_request("t", 1, records))).error_code, ErrorCode::kNone);
  std::optional<std::vector<DescribeLogDirsRequest::Topic>> wanted;
  for (int16_t version = 1; version <= 5; ++version) {
    DescribeLogDirsRequest request;
    request.topics = wanted;
    const DescribeLogDirsResponse response = client.call<DescribeLogDirs>(version, request);
    EXPECT_EQ(response.error_code, ErrorCode::kNone);
    ASSERT_EQ(response.results.size(), 1u);
    ASSERT_EQ(response.results[0].topics.size(), 1u);
    const auto& partitions = response.results[0].topics[0].partitions;
    ASSERT_EQ(partitions.size(), 3u);
    EXPECT_EQ(partitions[0].partition_size, 0);
    EXPECT_EQ(partitions[1].partition_size, static_cast<int64_t>(records.size()));
    EXPECT_EQ(response.results[0].total_bytes, -1);
  }
  wanted.emplace().emplace_back().topic = "t";
  wanted->back().partitions = {2, 1, 2, 9};
  wanted->emplace_back().topic = "nowhere";
  DescribeLogDirsRequest request;
  request.topics = wanted;
  const DescribeLogDirsResponse response = client.call<DescribeLogDirs>(4, request);
  ASSERT_EQ(response.results.at(0).topics.size(), 1u);
  EXPECT_EQ(response.results[0].topics[0].partitions.size(), 2u);
}

// As in Kafka, which makes a set of what is asked for.
TEST_F(DescribeTest, LogDirsOfWhatIsNamedOftenAreToldOnce) {
  broker.add_topic("t", 500);
  broker.add_topic("u", 2);
  DescribeLogDirsRequest request;
  request.topics.emplace();
  for (int i = 0; i < 30'000; ++i) {
    auto& topic = request.topics->emplace_back();
    topic.topic = i % 2 == 0 ? "t" : "u";
    topic.partitions = {i % 500, i % 500};
  }
  const DescribeLogDirsResponse response = client.call<DescribeLogDirs>(4, request);
  ASSERT_EQ(response.results.at(0).topics.size(), 2u);
  EXPECT_EQ(response.results[0].topics[0].partitions.size(), 250u);
  ASSERT_EQ(response.results[0].topics[1].partitions.size(), 1u);
  EXPECT_EQ(response.results[0].topics[1].partitions[0].partition_index, 1);
}

// A console shows how full a disk is.
TEST(LogDirsTest, TheDirectoryIsAsLargeAsTheStoreMayBecome) {
  TestBroker broker{{.start = false}};
  chr_storage_v1 storage{};
  storage.struct_size = sizeof storage;
  storage.usage = [](void*, chr_storage_usage* out) -> chr_status {
    out->capacity_bytes = 1000;
    out->used_bytes = 300;
    out->file_bytes = 600;
    return CHR_OK;
  };
  broker.host.provide(CHR_STORAGE_ID, &storage, nullptr);
  broker.start();
  TestClient client = broker.client();
  const DescribeLogDirsResponse response = client.call<DescribeLogDirs>(4, DescribeLogDirsRequest());
  ASSERT_EQ(response.results.size(), 1u);
  EXPECT_EQ(response.results[0].total_bytes, 1000);
  EXPECT_EQ(response.results[0].usable_bytes, 700);
}

TEST_F(DescribeTest, Cluster) {
  broker.metadata.set_broker({2, "two.example", 9093, "r"});
  broker.metadata.set_broker({3, "", 0, ""});  // did not say yet where it is
  broker.metadata.set_controller(2);
  for (int16_t version = 0; version <= 2; ++version) {
    DescribeClusterRequest request;
    request.include_cluster_authorized_operations = version == 1;
    const DescribeClusterResponse response = client.call<DescribeCluster>(version, request);
    EXPECT_EQ(response.cluster_id, "fake-cluster-id-22char");
    EXPECT_EQ(response.controller_id, 2);
    ASSERT_EQ(response.brokers.size(), 2u);
    EXPECT_EQ(response.brokers[1].host, "two.example");
    EXPECT_EQ(response.brokers[1].rack, "r");
    EXPECT_EQ(response.cluster_authorized_operations, version == 1 ? 8096 : INT32_MIN);
  }
  DescribeClusterRequest request;
  request.endpoint_type = 2;
  EXPECT_EQ(client.call<DescribeCluster>(1, request).error_code, ErrorCode::kMismatchedEndpointType);
  request.endpoint_type = 7;
  const DescribeClusterResponse unknown = client.call<DescribeCluster>(2, request);
  EXPECT_EQ(unknown.error_code, ErrorCode::kUnsupportedEndpointType);
  EXPECT_EQ(unknown.endpoint_type, 1);
}

TEST_F(DescribeTest, TopicConfigsAndWhereTheyComeFrom) {
  broker.add_topic("t", 1, {{"retention.ms", "5000"}});
  for (int16_t version = 1; version <= 4; ++version) {
    const auto all = configs(2, "t", {}, version);
    EXPECT_EQ(all.error_code, ErrorCode::kNone);
    EXPECT_EQ(all.configs.size(), topic_config_table().size());
  }
  const auto some = configs(2, "t", {"retention.ms", "max.message.bytes", "no.such"});
  ASSERT_EQ(some.configs.size(), 2u);
  EXPECT_EQ(some.configs[0].name, "max.message.bytes");
  EXPECT_EQ(some.configs[0].config_source, 5);
  EXPECT_EQ(some.configs[1].value, "5000");
  EXPECT_EQ(some.configs[1].config_source, 1);
  EXPECT_FALSE(some.configs[1].read_only);
  // log.retention.ms has no value of its own: log.retention.hours has.
  ASSERT_EQ(some.configs[1].synonyms.size(), 1u);
  EXPECT_EQ(some.configs[1].synonyms[0].source, 1);
  ASSERT_EQ(some.configs[0].synonyms.size(), 1u);
  EXPECT_EQ(some.configs[0].synonyms[0].name, "message.max.bytes");
  EXPECT_EQ(some.configs[0].synonyms[0].source, 5);
  EXPECT_FALSE(some.configs[1].documentation->empty());
  EXPECT_EQ(configs(2, "t").error_message, "");
}

TEST_F(DescribeTest, ValuesAreShownAsTheyAreRead) {
  broker.add_topic("t", 1, {{"retention.ms", " +5000"}, {"cleanup.policy", ""}, {"preallocate", "TRUE"}});
  const auto some = configs(2, "t", {"retention.ms", "cleanup.policy", "preallocate", "segment.ms"});
  ASSERT_EQ(some.configs.size(), 4u);
  EXPECT_EQ(some.configs[0].value, "");
  EXPECT_EQ(some.configs[0].config_source, 1);
  EXPECT_EQ(some.configs[1].value, "true");
  EXPECT_EQ(some.configs[2].value, "5000");
  EXPECT_EQ(some.configs[3].value, "604800000");
  EXPECT_TRUE(some.configs[3].synonyms.empty());
}

TEST_F(DescribeTest, DocumentationIsTextOnlyWhereItWasAskedFor) {
  broker.add_topic("t");
  DescribeConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = 2;
  resource.resource_name = "t";
  for (const auto& config : client.call<DescribeConfigs>(4, request).results.at(0).configs) {
    EXPECT_FALSE(config.documentation.has_value());
    EXPECT_TRUE(config.synonyms.empty());
  }
}

// Kafka has a row for each mention; see docs/differences.md.
TEST_F(DescribeTest, AResourceThatIsNamedOftenIsDescribedOnce) {
  broker.add_topic("t");
  DescribeConfigsRequest request;
  for (int i = 0; i < 60'000; ++i) {
    auto& resource = request.resources.emplace_back();
    resource.resource_type = i % 2 == 0 ? 4 : 2;
    resource.resource_name = i % 2 == 0 ? "1" : "t";
    resource.configuration_keys.reset();
  }
  request.include_documentation = true;
  const DescribeConfigsResponse response = client.call<DescribeConfigs>(4, request);
  ASSERT_EQ(response.results.size(), 2u);
  EXPECT_EQ(response.results[0].resource_name, "1");
  EXPECT_EQ(response.results[1].resource_name, "t");
  EXPECT_FALSE(response.results[1].configs.empty());
}

TEST_F(DescribeTest, OtherResources) {
  EXPECT_EQ(configs(2, "x").error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(configs(2, "a b").error_code, ErrorCode::kInvalidTopicException);
  EXPECT_EQ(configs(9, "x").error_code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(configs(4, "2").error_code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(configs(4, "one").error_code, ErrorCode::kInvalidRequest);
  EXPECT_TRUE(configs(4, "").configs.empty());
  const auto own = configs(4, "1");
  std::set<std::string_view> names;
  for (const auto& config : own.configs) {
    EXPECT_TRUE(config.read_only);
    EXPECT_TRUE(names.insert(config.name).second) << config.name;
  }
  for (const TopicConfigEntry& entry : topic_config_table())
    EXPECT_TRUE(entry.broker_synonym.empty() || names.contains(entry.broker_synonym)) << entry.name;
  // What Debezium, ksqlDB, kafbat, Materialize and Kafka's own tools read.
  for (const char* name :
       {"advertised.listeners", "authorizer.class.name", "auto.create.topics.enable", "broker.rack",
        "default.replication.factor", "delete.topic.enable", "listeners", "log.cleanup.policy",
        "log.retention.bytes", "log.retention.hours", "log.retention.minutes", "log.retention.ms",
        "message.max.bytes", "min.insync.replicas", "node.id", "num.partitions"})
    EXPECT_TRUE(names.contains(name)) << name;
}

uint32_t CHR_CALL partitions_are_given(chr_host*, chr_str key) {
  return from_abi(key) == "default_partitions" ? 1 : 0;
}

TEST_F(DescribeTest, WhatTheFileSaysIsStatic) {
  constexpr chr_config_origin_v1 kOrigin = {sizeof(chr_config_origin_v1), 1, partitions_are_given};
  broker.host.add_service(CHR_CONFIG_ORIGIN_ID, &kOrigin);
  const auto rows = configs(4, "1", {"num.partitions", "fetch.max.bytes", "log.retention.ms", "node.id"});
  ASSERT_EQ(rows.configs.size(), 4u);
  EXPECT_EQ(rows.configs[0].name, "fetch.max.bytes");
  EXPECT_EQ(rows.configs[0].config_source, 5);
  EXPECT_FALSE(rows.configs[1].value.has_value());
  EXPECT_EQ(rows.configs[1].config_source, 5);
  EXPECT_EQ(rows.configs[2].config_source, 4);
  ASSERT_EQ(rows.configs[2].synonyms.size(), 1u);
  const auto& given = rows.configs[3];
  EXPECT_EQ(given.config_source, 4);
  ASSERT_EQ(given.synonyms.size(), 2u);
  EXPECT_EQ(given.synonyms[0].source, 4);
  EXPECT_EQ(given.synonyms[1].source, 5);
  EXPECT_EQ(given.synonyms[1].value, "1");
}

TEST_F(DescribeTest, ProducerIdsAreNeverGivenTwice) {
  std::set<int64_t> ids;
  for (int i = 0; i < 2500; ++i) {  // more than two blocks
    InitProducerIdRequest request;
    request.transactional_id.reset();
    const auto got = client.call<InitProducerId>(static_cast<int16_t>(i % 6), request);
    EXPECT_EQ(got.error_code, ErrorCode::kNone);
    EXPECT_EQ(got.producer_epoch, 0);
    EXPECT_TRUE(ids.insert(got.producer_id).second);
  }
}

TEST_F(DescribeTest, ProducerIdsThatCannotBeHad) {
  InitProducerIdRequest request;
  request.transactional_id = "transaction";
  EXPECT_EQ(client.call<InitProducerId>(5, request).error_code, ErrorCode::kNotCoordinator);
  request.transactional_id = "";
  const auto refused = client.call<InitProducerId>(5, request);
  EXPECT_EQ(refused.error_code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(refused.producer_epoch, -1);
  request.transactional_id.reset();
  request.producer_epoch = 3;  // of no producer
  EXPECT_EQ(client.call<InitProducerId>(5, request).error_code, ErrorCode::kInvalidRequest);
  request.producer_epoch = -1;
  broker.metadata.answer_changes(CHR_E_UNAVAILABLE);
  const auto none = client.call<InitProducerId>(5, request);
  EXPECT_EQ(none.error_code, ErrorCode::kCoordinatorLoadInProgress);
  EXPECT_EQ(none.producer_id, -1);
  broker.metadata.answer_changes(CHR_OK);
  EXPECT_EQ(client.call<InitProducerId>(5, request).error_code, ErrorCode::kNone);
}

}  // namespace
}  // namespace chronik::kafka::testing
