// CreateTopics, CreatePartitions, DeleteTopics, Metadata, DescribeTopicPartitions: the catalog over the wire.
#include <fmt/format.h>

#include <numeric>

#include "kafka-proto/messages/create_partitions.h"
#include "kafka-proto/messages/create_topics.h"
#include "kafka-proto/messages/delete_topics.h"
#include "kafka-proto/messages/describe_topic_partitions.h"
#include "kafka-proto/messages/metadata.h"
#include "kafka-proto/messages/produce.h"
#include "server/broker_testing.h"

namespace chronik::kafka::testing {
namespace {

class TopicsTest : public ::testing::Test {
 protected:
  CreateTopicsRequest::Topic wanted(std::string_view name, int32_t partitions = 1, int16_t factor = 1) {
    CreateTopicsRequest::Topic topic;
    topic.name = name;
    topic.num_partitions = partitions;
    topic.replication_factor = factor;
    return topic;
  }
  CreateTopicsRequest::Topic assigned(std::vector<std::pair<int32_t, std::vector<int32_t>>> partitions) {
    CreateTopicsRequest::Topic topic = wanted("placed", -1, -1);
    for (auto& [index, brokers] : partitions) {
      auto& assignment = topic.assignments.emplace_back();
      assignment.partition_index = index;
      assignment.broker_ids = std::move(brokers);
    }
    return topic;
  }
  CreateTopicsResponse create(std::vector<CreateTopicsRequest::Topic> topics, int16_t version = 7,
                              bool validate_only = false) {
    CreateTopicsRequest request;
    request.topics = std::move(topics);
    request.timeout_ms = 1000;
    request.validate_only = validate_only;
    return client.call<CreateTopics>(version, request);
  }
  ErrorCode code(CreateTopicsRequest::Topic topic) {
    const CreateTopicsResponse response = create({std::move(topic)});
    const auto& out = response.topics.at(0);
    if (out.error_code != ErrorCode::kNone) {
      EXPECT_EQ(out.error_message.has_value(), out.error_code != ErrorCode::kRequestTimedOut);
      EXPECT_EQ(out.num_partitions, -1);
      EXPECT_TRUE(is_zero(out.topic_id));
    }
    return out.error_code;
  }
  MetadataResponse metadata(std::vector<std::string_view> names, int16_t version = 12,
                            bool auto_create = false) {
    MetadataRequest request;
    request.topics.emplace();
    for (const std::string_view name : names) request.topics->emplace_back().name = name;
    request.allow_auto_topic_creation = auto_create;
    return client.call<Metadata>(version, request);
  }

  TestBroker broker;
  TestClient client = broker.client();
};

TEST_F(TopicsTest, CreatesOverAllVersions) {
  for (int16_t version = 2; version <= 7; ++version) {
    const std::string name = "topic-" + std::to_string(version);
    const auto response =
        create({wanted(name, version < 4 ? 2 : -1, version < 4 ? int16_t{1} : int16_t{-1})}, version);
    const auto& out = response.topics.at(0);
    EXPECT_EQ(out.error_code, ErrorCode::kNone);
    EXPECT_TRUE(broker.metadata.has_topic(name));
    if (version >= 5) {
      EXPECT_EQ(out.num_partitions, 1);
      EXPECT_EQ(out.replication_factor, 1);
      EXPECT_GT(out.configs->size(), 5u);
    }
    if (version >= 7) {
      EXPECT_FALSE(is_zero(out.topic_id));
    }
  }
}

TEST_F(TopicsTest, RefusesAsKafkaDoes) {
  broker.add_topic("there");
  broker.add_topic("a.b");
  EXPECT_EQ(code(wanted("there")), ErrorCode::kTopicAlreadyExists);
  EXPECT_EQ(code(wanted("a_b")), ErrorCode::kInvalidTopicException);
  EXPECT_EQ(code(wanted("a.c")), ErrorCode::kNone);
  for (const char* name : {"", ".", "..", "a b", "a/b", "\xc3\xa4"})
    EXPECT_EQ(code(wanted(name)), ErrorCode::kInvalidTopicException) << name;
  EXPECT_EQ(code(wanted(std::string(250, 'x'))), ErrorCode::kInvalidTopicException);
  EXPECT_EQ(code(wanted(std::string(249, 'x'))), ErrorCode::kNone);
  EXPECT_EQ(code(wanted("n", 0)), ErrorCode::kInvalidPartitions);
  EXPECT_EQ(code(wanted("n", -2)), ErrorCode::kInvalidPartitions);
  EXPECT_EQ(code(wanted("n", 1'000'000)), ErrorCode::kPolicyViolation);
  EXPECT_EQ(code(wanted("n", 1, 0)), ErrorCode::kInvalidReplicationFactor);
  EXPECT_EQ(code(wanted("n", 1, 3)), ErrorCode::kInvalidReplicationFactor);
  EXPECT_EQ(code(assigned({{0, {9}}})), ErrorCode::kInvalidReplicaAssignment);
  EXPECT_EQ(code(assigned({{0, {1}}, {2, {1}}})), ErrorCode::kInvalidReplicaAssignment);
  EXPECT_EQ(code(assigned({{0, {1}}, {0, {1}}})), ErrorCode::kInvalidReplicaAssignment);
  EXPECT_EQ(code(assigned({{0, {1, 1}}})), ErrorCode::kInvalidReplicaAssignment);
  EXPECT_EQ(code(assigned({{0, {}}})), ErrorCode::kInvalidReplicaAssignment);
  EXPECT_EQ(code(assigned({{0, {1}}, {1, {1, 9}}})), ErrorCode::kInvalidReplicaAssignment);
  CreateTopicsRequest::Topic both = assigned({{0, {1}}});
  both.num_partitions = 1;
  EXPECT_EQ(code(both), ErrorCode::kInvalidRequest);
  EXPECT_EQ(code(assigned({{1, {1}}, {0, {1}}})), ErrorCode::kNone);
  EXPECT_EQ(broker.metadata.topic("placed").partitions(), 2u);
}

// The check of an assignment compares the replicas of a partition with one another:
// their number is looked at first.
TEST_F(TopicsTest, AnAssignmentOfManyBrokersIsRefusedAtOnce) {
  for (const int32_t count : {33, 100'000}) {
    std::vector<int32_t> ids(static_cast<size_t>(count));
    std::iota(ids.begin(), ids.end(), 0);
    const CreateTopicsResponse response = create({assigned({{0, ids}})});
    EXPECT_EQ(response.topics.at(0).error_code, ErrorCode::kInvalidReplicaAssignment);
    EXPECT_EQ(response.topics[0].error_message,
              fmt::format("a partition has at most 32 replicas, not {}", count));
  }
  std::vector<std::pair<int32_t, std::vector<int32_t>>> partitions;
  for (int32_t i = 0; i <= 10'000; ++i) partitions.push_back({i, {1}});
  EXPECT_EQ(code(assigned(partitions)), ErrorCode::kPolicyViolation);
  EXPECT_EQ(create({wanted("a", 9'999), wanted("b", 2)}).topics.at(0).error_code,
            ErrorCode::kPolicyViolation);
  // What is named twice is refused for that, and does not count.
  const CreateTopicsResponse twice = create({wanted("a", 9'999), wanted("a", 9'999), wanted("b", 2)});
  ASSERT_EQ(twice.topics.size(), 2u);
  EXPECT_EQ(twice.topics[0].error_code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(twice.topics[1].error_code, ErrorCode::kNone);
  partitions.pop_back();
  EXPECT_EQ(code(assigned(partitions)), ErrorCode::kNone);
}

TEST_F(TopicsTest, ConfigsHaveAnEffectOrAreRefused) {
  const auto with = [&](std::string_view name, std::optional<std::string_view> value) {
    CreateTopicsRequest::Topic topic = wanted("configured");
    topic.configs.emplace_back().name = name;
    topic.configs[0].value = value;
    return topic;
  };
  EXPECT_EQ(code(with("no.such.config", "1")), ErrorCode::kInvalidConfig);
  EXPECT_EQ(code(with("retention.ms", "soon")), ErrorCode::kInvalidConfig);
  EXPECT_EQ(code(with("retention.ms", std::nullopt)), ErrorCode::kInvalidConfig);
  CreateTopicsRequest::Topic twice = with("retention.ms", "1");
  twice.configs.push_back(twice.configs[0]);
  twice.configs[1].value = "2000";
  EXPECT_EQ(code(twice), ErrorCode::kNone);  // the last one counts
  EXPECT_EQ(broker.metadata.topic("configured").configs.at("retention.ms"), "2000");
}

TEST_F(TopicsTest, ValidatingChangesNothingAndRepeatsAreOneRow) {
  EXPECT_EQ(create({wanted("v", 3)}, 7, true).topics.at(0).num_partitions, 3);
  EXPECT_FALSE(broker.metadata.has_topic("v"));
  const auto response = create({wanted("d"), wanted("ok"), wanted("d")});
  ASSERT_EQ(response.topics.size(), 2u);
  EXPECT_EQ(response.topics[0].error_code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(response.topics[1].error_code, ErrorCode::kNone);
  broker.metadata.answer_changes(CHR_E_TIMEOUT);
  EXPECT_EQ(code(wanted("late")), ErrorCode::kRequestTimedOut);
}

TEST_F(TopicsTest, CreatesPartitions) {
  broker.add_topic("t", 2);
  const auto grow = [&](std::string_view name, int32_t count, std::vector<std::vector<int32_t>> brokers = {},
                        int16_t version = 3) {
    CreatePartitionsRequest request;
    request.timeout_ms = 1000;
    auto& topic = request.topics.emplace_back();
    topic.name = name;
    topic.count = count;
    topic.assignments.reset();
    for (auto& ids : brokers) {
      if (!topic.assignments.has_value()) topic.assignments.emplace();
      topic.assignments->emplace_back().broker_ids = ids;
    }
    return client.call<CreatePartitions>(version, request).results.at(0).error_code;
  };
  EXPECT_EQ(grow("x", 3), ErrorCode::kUnknownTopicOrPartition);
  for (const int32_t count : {2, 1, 0, -1}) EXPECT_EQ(grow("t", count), ErrorCode::kInvalidPartitions);
  EXPECT_EQ(grow("t", 4, {{1}}), ErrorCode::kInvalidReplicaAssignment);
  EXPECT_EQ(grow("t", 3, {{9}}), ErrorCode::kInvalidReplicaAssignment);
  EXPECT_EQ(grow("t", 3, {{1, 1}}), ErrorCode::kInvalidReplicaAssignment);
  int32_t count = 2;
  for (int16_t version = 0; version <= 3; ++version)
    EXPECT_EQ(grow("t", ++count, {}, version), ErrorCode::kNone);
  // The new ones serve.
  const std::string records = broker.batch();
  EXPECT_EQ(only(client.call<Produce>(9, produce_request("t", 5, records))).error_code, ErrorCode::kNone);
}

TEST_F(TopicsTest, DeletesByNameAndId) {
  const chr_uuid a = broker.add_topic("a"), b = broker.add_topic("b");
  const auto remove = [&](std::vector<std::pair<std::optional<std::string_view>, chr_uuid>> topics) {
    DeleteTopicsRequest request;
    request.timeout_ms = 1000;
    for (const auto& [name, id] : topics) {
      auto& topic = request.topics.emplace_back();
      topic.name = name;
      topic.topic_id = id;
    }
    return client.call<DeleteTopics>(6, request).responses;
  };
  chr_uuid unknown{};
  unknown.b[0] = 1;
  EXPECT_EQ(remove({{"a", a}}).at(0).error_code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(remove({{std::nullopt, {}}}).at(0).error_code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(remove({{"x", {}}}).at(0).error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(remove({{std::nullopt, unknown}}).at(0).error_code, ErrorCode::kUnknownTopicId);
  for (const auto& rows : {remove({{"a", {}}, {"a", {}}}), remove({{std::nullopt, a}, {std::nullopt, a}}),
                           remove({{std::nullopt, a}, {"a", {}}})}) {
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows[0].error_code, ErrorCode::kInvalidRequest);
  }
  const auto done = remove({{"a", {}}, {std::nullopt, b}});
  ASSERT_EQ(done.size(), 2u);
  for (const auto& row : done) EXPECT_EQ(row.error_code, ErrorCode::kNone);
  EXPECT_TRUE(same(done[0].topic_id, a));
  EXPECT_EQ(done[1].name, "b");
  for (int16_t version = 1; version <= 5; ++version) {
    broker.add_topic("c");
    DeleteTopicsRequest request;
    request.topic_names = {"c", "d", "d"};
    request.timeout_ms = 1000;
    const auto rows = client.call<DeleteTopics>(version, request).responses;
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows[0].error_code, ErrorCode::kNone);
    EXPECT_EQ(rows[1].error_code, ErrorCode::kInvalidRequest);
  }
}

TEST_F(TopicsTest, MetadataOverAllVersions) {
  const chr_uuid id = broker.add_topic("t", 2);
  broker.metadata.set_broker({1, "here.example", 9092, "r1"});
  broker.host.run();
  for (int16_t version = 0; version <= 13; ++version) {
    MetadataRequest request;
    if (version == 0) {
      request.topics.emplace();
    } else {
      request.topics.reset();
    }
    const MetadataResponse all = client.call<Metadata>(version, request);
    ASSERT_EQ(all.topics.size(), 1u) << version;
    EXPECT_EQ(all.topics[0].name, "t");
    ASSERT_EQ(all.topics[0].partitions.size(), 2u);
    EXPECT_EQ(all.topics[0].partitions[1].leader_id, 1);
    EXPECT_EQ(all.topics[0].partitions[1].replica_nodes, std::vector<int32_t>{1});
    ASSERT_EQ(all.brokers.size(), 1u);
    EXPECT_EQ(all.brokers[0].host, "here.example");
    if (version >= 1) {
      EXPECT_EQ(all.controller_id, 1);
      EXPECT_EQ(all.brokers[0].rack, "r1");
      EXPECT_TRUE(metadata({}, version).topics.empty());
    }
    if (version >= 2) {
      EXPECT_EQ(all.cluster_id, "fake-cluster-id-22char");
    }
    if (version >= 7) {
      EXPECT_EQ(all.topics[0].partitions[0].leader_epoch, 1);
    }
    if (version >= 10) {
      EXPECT_TRUE(same(all.topics[0].topic_id, id));
    }
    EXPECT_EQ(all.topics[0].topic_authorized_operations, INT32_MIN);
  }
}

TEST_F(TopicsTest, MetadataTellsOfAnIdOnceWhateverNameStandsBesideIt) {
  const chr_uuid id = broker.add_topic("t");
  MetadataRequest request;
  request.topics.emplace();
  for (const std::string_view name : {"a", "b", "c"}) {
    request.topics->emplace_back().name = name;
    request.topics->back().topic_id = id;
  }
  const MetadataResponse response = client.call<Metadata>(12, request);
  ASSERT_EQ(response.topics.size(), 1u);
  EXPECT_EQ(response.topics[0].name, "t");
}

TEST_F(TopicsTest, MetadataByIdAndOfWhatIsNotThere) {
  const chr_uuid id = broker.add_topic("t");
  const auto ask = [&](std::optional<std::string_view> name, chr_uuid topic, int16_t version) {
    MetadataRequest request;
    request.topics.emplace();
    request.topics->emplace_back().name = name;
    request.topics->back().topic_id = topic;
    request.allow_auto_topic_creation = false;
    request.include_topic_authorized_operations = true;
    return client.call<Metadata>(version, request).topics.at(0);
  };
  chr_uuid unknown{};
  unknown.b[0] = 1;
  EXPECT_EQ(ask(std::nullopt, id, 12).name, "t");
  EXPECT_EQ(ask(std::nullopt, id, 12).topic_authorized_operations, 3576);  // as Kafka without an authorizer
  EXPECT_EQ(ask(std::nullopt, unknown, 13).error_code, ErrorCode::kUnknownTopicId);
  EXPECT_EQ(ask("t", unknown, 13).error_code, ErrorCode::kUnknownTopicId);
  EXPECT_FALSE(ask("t", unknown, 13).name.has_value());
  EXPECT_EQ(ask("t", id, 10).error_code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(ask("x", {}, 12).error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(ask("a b", {}, 12).error_code, ErrorCode::kInvalidTopicException);
  broker.metadata.set_controller(-1);  // a node that has just started: it may not know all topics
  EXPECT_EQ(ask("x", {}, 12).error_code, ErrorCode::kLeaderNotAvailable);
  EXPECT_EQ(ask("t", {}, 12).error_code, ErrorCode::kNone);
  broker.metadata.set_controller(1);
  EXPECT_EQ(metadata({"t", "t"}).topics.size(), 1u);
  broker.metadata.set_leader("t", 0, -1, 3);
  EXPECT_EQ(ask("t", {}, 12).partitions.at(0).error_code, ErrorCode::kLeaderNotAvailable);
}

TEST_F(TopicsTest, MetadataCreatesWhatAllMayAskFor) {
  EXPECT_EQ(metadata({"no"}, 12, false).topics.at(0).error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_FALSE(broker.metadata.has_topic("no"));
  metadata({"a b", ""}, 12, true);
  EXPECT_EQ(broker.metadata.changes(), 0u);
  const MetadataResponse made = metadata({"yes", "yes"}, 12, true);
  EXPECT_TRUE(broker.metadata.has_topic("yes"));
  EXPECT_EQ(made.topics.at(0).error_code, ErrorCode::kNone);
  metadata({"old"}, 3);  // before version 4 every request allows it
  EXPECT_TRUE(broker.metadata.has_topic("old"));
  broker.metadata.answer_changes(CHR_E_UNAVAILABLE);
  EXPECT_EQ(metadata({"later"}, 12, true).topics.at(0).error_code, ErrorCode::kUnknownTopicOrPartition);
}

// Whatever keeps something in them makes them, with as many partitions as it needs.
TEST_F(TopicsTest, NobodyMakesAnInternalTopicByAskingForIt) {
  for (const std::string_view name :
       {"__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata"}) {
    MetadataRequest request;
    request.topics.emplace().emplace_back().name = name;
    const MetadataResponse asked = client.call<Metadata>(12, request);
    EXPECT_EQ(asked.topics.at(0).error_code, ErrorCode::kUnknownTopicOrPartition) << name;
    EXPECT_FALSE(broker.metadata.has_topic(std::string(name)));
  }
  EXPECT_EQ(create({wanted("__cluster_metadata")}).topics.at(0).error_code, ErrorCode::kInvalidRequest);
  // Nor does anybody write to one that is there, whatever they call themselves.
  broker.add_topic("__share_group_state");
  for (const std::string_view name : {"tester", "__admin_client"}) {
    const std::string records = broker.batch();
    client.wire().send(
        to_text(encode_request(int16_t{9}, 77, name, produce_request("__share_group_state", 0, records))));
    broker.host.run();
    EXPECT_EQ(only(client.receive<Produce>(9, 77)).error_code, ErrorCode::kInvalidTopicException);
  }
  MetadataRequest request;
  request.topics.emplace().emplace_back().name = "__share_group_state";
  EXPECT_TRUE(client.call<Metadata>(12, request).topics.at(0).is_internal);
}

TEST_F(TopicsTest, MetadataWaitsALittleForTheFirstLeader) {
  broker.metadata.lead_new_topics(false);
  const auto ask = [&](std::string_view name) {
    MetadataRequest request;
    request.topics.emplace();
    request.topics->emplace_back().name = name;
    client.send<Metadata>(12, request);
    broker.host.run();
    EXPECT_FALSE(client.next_frame().has_value());
  };
  ask("elected");
  broker.metadata.set_leader("elected", 0, 1, 4);
  broker.host.advance(milliseconds(2));
  EXPECT_EQ(client.receive<Metadata>(12).topics.at(0).partitions.at(0).leader_epoch, 4);
  ask("leaderless");
  broker.host.advance(milliseconds(600));
  EXPECT_EQ(client.receive<Metadata>(12).topics.at(0).partitions.at(0).error_code,
            ErrorCode::kLeaderNotAvailable);
}

TEST_F(TopicsTest, DescribesTopicsPageByPage) {
  broker.add_topic("a", 3);
  broker.add_topic("b", 2);
  const auto ask = [&](std::vector<std::string_view> names, int32_t limit,
                       std::optional<std::pair<std::string_view, int32_t>> from = {}) {
    DescribeTopicPartitionsRequest request;
    for (const std::string_view name : names) request.topics.emplace_back().name = name;
    request.response_partition_limit = limit;
    if (from.has_value()) {
      request.cursor.emplace().topic_name = from->first;
      request.cursor->partition_index = from->second;
    }
    return client.call<DescribeTopicPartitions>(0, request);
  };
  auto page = ask({"b", "a", "x", "a b"}, 100);
  ASSERT_EQ(page.topics.size(), 4u);
  EXPECT_EQ(page.topics[0].name, "a");
  EXPECT_EQ(page.topics[0].topic_authorized_operations, 3576);
  EXPECT_EQ(page.topics[1].error_code, ErrorCode::kInvalidTopicException);
  EXPECT_EQ(page.topics[3].error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_FALSE(page.next_cursor.has_value());
  page = ask({"a", "b"}, 2);
  EXPECT_EQ(page.topics.at(0).partitions.size(), 2u);
  ASSERT_TRUE(page.next_cursor.has_value());
  EXPECT_EQ(page.next_cursor->partition_index, 2);
  page = ask({"a", "b"}, 3);
  EXPECT_EQ(page.topics.size(), 1u);
  EXPECT_EQ(page.next_cursor->topic_name, "b");
  EXPECT_EQ(page.next_cursor->partition_index, 0);
  page = ask({}, 2, {{"a", 2}});
  ASSERT_EQ(page.topics.size(), 2u);
  EXPECT_EQ(page.topics[0].partitions.at(0).partition_index, 2);
  EXPECT_EQ(page.topics[1].partitions.size(), 1u);
  EXPECT_EQ(page.next_cursor->partition_index, 1);
  EXPECT_TRUE(ask({"a"}, 5, {{"a", 10}}).topics.at(0).partitions.empty());
  EXPECT_EQ(ask({"a"}, 5, {{"a", -1}}).topics.at(0).error_code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(ask({"a"}, 5, {{"b", 0}}).topics.at(0).error_code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(ask({"a"}, 0).topics.at(0).partitions.size(), 1u);
}

// Where nothing else is said: three replicas, or as many as there are nodes where those are fewer.
TEST(DefaultReplicasTest, AreThreeOrAllNodes) {
  for (const int32_t nodes : {1, 2, 3, 5}) {
    TestBroker broker({.start = false});
    broker.host.config_int("default_replication_factor", 0);
    for (int32_t id = 2; id <= nodes; ++id) broker.metadata.set_broker({id, "h", 1, ""});
    broker.start();
    TestClient client = broker.client();
    CreateTopicsRequest request;
    request.topics.emplace_back().name = "t";
    request.topics[0].num_partitions = 1;
    request.topics[0].replication_factor = -1;
    EXPECT_EQ(client.call<CreateTopics>(7, request).topics.at(0).replication_factor, std::min(nodes, 3));
    MetadataRequest asked;
    asked.topics.emplace().emplace_back().name = "auto";
    client.call<Metadata>(12, asked);
    EXPECT_EQ(broker.metadata.topic("auto").replicas.at(0).size(), static_cast<size_t>(std::min(nodes, 3)));
  }
}

// The leader of the catalog waited for nodes that are expected, and they did not come.
TEST_F(TopicsTest, NodesThatDidNotRegisterInTimeAreTooFew) {
  broker.metadata.answer_items(CHR_E_UNAVAILABLE);
  CreateTopicsRequest request;
  request.timeout_ms = 1'000;
  request.topics.push_back(wanted("t", 1, 3));
  request.topics.push_back(assigned({{0, {1, 2}}}));
  const CreateTopicsResponse response = client.call<CreateTopics>(7, request);
  EXPECT_EQ(response.topics.at(0).error_code, ErrorCode::kInvalidReplicationFactor);
  EXPECT_FALSE(response.topics[0].error_message->empty());
  EXPECT_EQ(response.topics.at(1).error_code, ErrorCode::kInvalidReplicaAssignment);
}

}  // namespace
}  // namespace chronik::kafka::testing
