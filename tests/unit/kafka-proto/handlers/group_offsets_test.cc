// Coordinators are found, and committed offsets come back, over every version.
#include "kafka-proto/coordinator/place.h"
#include "kafka-proto/messages/create_topics.h"
#include "kafka-proto/messages/find_coordinator.h"
#include "kafka-proto/messages/list_groups.h"
#include "kafka-proto/messages/metadata.h"
#include "kafka-proto/messages/offset_commit.h"
#include "kafka-proto/messages/offset_fetch.h"
#include "server/broker_testing.h"

namespace chronik::kafka::testing {
namespace {

constexpr std::string_view kTopic = "__consumer_offsets";

class GroupOffsetsTest : public ::testing::Test {
 protected:
  explicit GroupOffsetsTest(int16_t level = 3, int64_t max_metadata = 4096) {
    broker.host.config_int("offset_metadata_max_bytes", max_metadata);
    broker.features.add("chronik.version", 1, 3, level);
    broker.start();
    client.emplace(broker.client());
    orders = broker.add_topic("orders", 3);
  }

  FindCoordinatorResponse find(int16_t version, std::vector<std::string_view> keys, int8_t type = 0) {
    FindCoordinatorRequest request;
    request.key_type = type;
    if (version >= 4) {
      request.coordinator_keys = std::move(keys);
    } else {
      request.key = keys.at(0);
    }
    return client->call<FindCoordinator>(version, request);
  }
  void make_topic() { ASSERT_EQ(find(0, {"g"}).error_code, ErrorCode::kNone); }

  OffsetCommitRequest commit_request(std::string_view group, int64_t offset, int32_t partition = 0) {
    OffsetCommitRequest request;
    request.group_id = group;
    auto& topic = request.topics.emplace_back();
    topic.name = "orders";
    topic.topic_id = orders;
    auto& row = topic.partitions.emplace_back();
    row.partition_index = partition;
    row.committed_offset = offset;
    row.committed_leader_epoch = 4;
    row.committed_metadata = "meta";
    return request;
  }
  ErrorCode commit(int16_t version, const OffsetCommitRequest& request) {
    const auto response = client->call<OffsetCommit>(version, request);
    return response.topics.at(0).partitions.at(0).error_code;
  }
  // Of one partition, in the form of the version.
  struct Fetched {
    ErrorCode error;  // of the group, or where there is none of the partition
    int64_t offset;
    int32_t epoch;
    std::string metadata;
  };
  Fetched fetch(int16_t version, std::string_view group, int32_t partition = 0) {
    OffsetFetchRequest request;
    if (version >= 8) {
      auto& asked = request.groups.emplace_back();
      asked.group_id = group;
      auto& topic = asked.topics.emplace().emplace_back();
      topic.name = "orders";
      topic.topic_id = orders;
      topic.partition_indexes = {partition};
    } else {
      request.group_id = group;
      auto& topic = request.topics.emplace().emplace_back();
      topic.name = "orders";
      topic.partition_indexes = {partition};
    }
    const auto response = client->call<OffsetFetch>(version, request);
    const auto read = [](ErrorCode of_group, const auto& topics) {
      if (topics.empty()) return Fetched{of_group, -2, -2, ""};
      const auto& row = topics.at(0).partitions.at(0);
      return Fetched{of_group != ErrorCode::kNone ? of_group : row.error_code, row.committed_offset,
                     row.committed_leader_epoch, std::string(row.metadata.value_or("null"))};
    };
    if (version >= 8) return read(response.groups.at(0).error_code, response.groups.at(0).topics);
    return read(response.error_code, response.topics);
  }
  // The Raft group of its partition.
  std::string home(std::string_view group) {
    return broker.group(std::string(kTopic), partition_of_key(group, 5));
  }

  TestBroker broker{{.start = false}};
  std::optional<TestClient> client;
  chr_uuid orders{};
};

TEST_F(GroupOffsetsTest, TheFirstGroupMakesTheTopic) {
  EXPECT_FALSE(broker.metadata.has_topic(std::string(kTopic)));
  const FindCoordinatorResponse found = find(3, {"g"});
  EXPECT_EQ(found.error_code, ErrorCode::kNone);
  EXPECT_EQ(found.error_message, "NONE");
  EXPECT_EQ(found.node_id, 1);
  EXPECT_EQ(found.host, "127.0.0.1");
  EXPECT_EQ(found.port, 9092);
  const FakeMetadata::Topic& topic = broker.metadata.topic(std::string(kTopic));
  EXPECT_EQ(topic.partitions(), 50u);
  EXPECT_EQ(topic.replicas[0], (FakeMetadata::Nodes{1}));
  EXPECT_EQ(topic.configs, (std::map<std::string, std::string>{{"chronik.internal", "true"},
                                                               {"cleanup.policy", "compact"},
                                                               {"compression.type", "producer"},
                                                               {"segment.bytes", "104857600"}}));
  MetadataRequest request;
  request.topics.emplace().emplace_back().name = kTopic;
  EXPECT_TRUE(client->call<Metadata>(12, request).topics.at(0).is_internal);
}

TEST_F(GroupOffsetsTest, AskingForTheTopicMakesItWhereTopicsAreMadeByAsking) {
  MetadataRequest request;
  request.topics.emplace().emplace_back().name = kTopic;
  request.allow_auto_topic_creation = false;
  EXPECT_EQ(client->call<Metadata>(12, request).topics.at(0).error_code, ErrorCode::kUnknownTopicOrPartition);
  request.allow_auto_topic_creation = true;
  const auto made = client->call<Metadata>(12, request).topics.at(0);
  EXPECT_EQ(made.error_code, ErrorCode::kNone);
  EXPECT_EQ(made.partitions.size(), 50u);
  EXPECT_TRUE(broker.metadata.topic(std::string(kTopic)).configs.contains("chronik.internal"));
}

// With settings of its own it would hold no groups.
TEST_F(GroupOffsetsTest, NoClientMakesTheTopic) {
  CreateTopicsRequest request;
  auto& topic = request.topics.emplace_back();
  topic.name = kTopic;
  topic.num_partitions = 1;
  topic.replication_factor = 1;
  request.timeout_ms = 1'000;
  EXPECT_EQ(client->call<CreateTopics>(7, request).topics.at(0).error_code,
            ErrorCode::kInvalidTopicException);
  EXPECT_FALSE(broker.metadata.has_topic(std::string(kTopic)));
  make_topic();
  EXPECT_EQ(client->call<CreateTopics>(7, request).topics.at(0).error_code, ErrorCode::kTopicAlreadyExists);
}

TEST_F(GroupOffsetsTest, EachVersionFindsTheCoordinator) {
  for (int16_t version = 0; version <= 6; ++version) {
    const FindCoordinatorResponse found = find(version, {"g", "", "g"});
    if (version < 4) {
      EXPECT_EQ(found.node_id, 1) << version;
      continue;
    }
    ASSERT_EQ(found.coordinators.size(), 3u);
    EXPECT_EQ(found.coordinators[1].key, "");
    for (const auto& row : found.coordinators) {
      EXPECT_EQ(row.error_code, ErrorCode::kNone);
      EXPECT_EQ(row.error_message, "");
      EXPECT_EQ(row.node_id, 1);
      EXPECT_EQ(row.port, 9092);
    }
  }
}

TEST_F(GroupOffsetsTest, OtherKeysHaveNoCoordinator) {
  constexpr int8_t kTransaction = 1, kShare = 2;
  for (int16_t version = 1; version <= 6; ++version) {
    const auto error = [&](std::string_view key, int8_t type) {
      const FindCoordinatorResponse found = find(version, {key}, type);
      const auto node = version < 4 ? found.node_id : found.coordinators.at(0).node_id;
      EXPECT_EQ(node, -1);
      return version < 4 ? found.error_code : found.coordinators.at(0).error_code;
    };
    EXPECT_EQ(error("t", kTransaction), ErrorCode::kCoordinatorNotAvailable);
    EXPECT_EQ(error("g:AAAAAAAAAAAAAAAAAAAAAQ:0", kShare),
              version < 6 ? ErrorCode::kInvalidRequest : ErrorCode::kCoordinatorNotAvailable);
    EXPECT_EQ(error("bad", kShare), ErrorCode::kInvalidRequest);
    for (const int8_t type : {int8_t{3}, int8_t{-1}, int8_t{127}})
      EXPECT_EQ(error("g", type), ErrorCode::kInvalidRequest);
  }
  EXPECT_FALSE(broker.metadata.has_topic(std::string(kTopic)));
}

// An election takes less than the pause after which a client asks again.
TEST_F(GroupOffsetsTest, ACoordinatorThatIsBeingElectedIsWaitedFor) {
  make_topic();
  for (int32_t i = 0; i < 5; ++i) broker.metadata.set_leader(std::string(kTopic), i, -1, 2);
  FindCoordinatorRequest request;
  request.key = "g";
  client->send<FindCoordinator>(2, request);
  broker.host.advance(milliseconds(100));
  EXPECT_FALSE(client->next_frame().has_value());
  for (int32_t i = 0; i < 5; ++i) broker.metadata.set_leader(std::string(kTopic), i, 1, 3);
  broker.host.run();
  EXPECT_EQ(client->receive<FindCoordinator>(2).node_id, 1);
  for (int32_t i = 0; i < 5; ++i) broker.metadata.set_leader(std::string(kTopic), i, -1, 4);
  client->send<FindCoordinator>(2, request);
  broker.host.advance(seconds(1));
  EXPECT_EQ(client->receive<FindCoordinator>(2).error_code, ErrorCode::kCoordinatorNotAvailable);
}

TEST_F(GroupOffsetsTest, WhatIsCommittedComesBackInEveryVersion) {
  make_topic();
  for (int16_t version = 2; version <= 10; ++version) {
    ASSERT_EQ(commit(version, commit_request("g", 100 + version)), ErrorCode::kNone) << version;
    for (int16_t read = 1; read <= 10; ++read) {
      const Fetched fetched = fetch(read, "g");
      EXPECT_EQ(fetched.error, ErrorCode::kNone);
      EXPECT_EQ(fetched.offset, 100 + version) << version << " " << read;
      EXPECT_EQ(fetched.epoch, version >= 6 && read >= 5 ? 4 : -1) << version << " " << read;
      EXPECT_EQ(fetched.metadata, "meta");
    }
  }
}

// Any other answer ends some clients, or makes them begin anew.
TEST_F(GroupOffsetsTest, NothingCommittedIsMinusOneWithoutAnError) {
  make_topic();
  ASSERT_EQ(commit(8, commit_request("g", 5)), ErrorCode::kNone);
  for (int16_t version = 1; version <= 10; ++version) {
    for (const auto& [group, partition] : {std::pair("g", 1), std::pair("g", 99), std::pair("nobody", 0)}) {
      const Fetched fetched = fetch(version, group, partition);
      EXPECT_EQ(fetched.error, ErrorCode::kNone) << version;
      EXPECT_EQ(fetched.offset, -1);
      EXPECT_EQ(fetched.epoch, -1);
      EXPECT_EQ(fetched.metadata, "");
    }
  }
  OffsetFetchRequest request;
  request.group_id = "g";
  request.topics.emplace().emplace_back().name = "nope";
  request.topics->at(0).partition_indexes = {0};
  const auto unknown = client->call<OffsetFetch>(7, request).topics.at(0).partitions.at(0);
  EXPECT_EQ(unknown.error_code, ErrorCode::kNone);
  EXPECT_EQ(unknown.committed_offset, -1);
}

// The topic is not there, so no node coordinates the group: version 1 has no other place for it than partitions.
TEST_F(GroupOffsetsTest, AnErrorOfTheGroupIsWhereTheVersionHasRoomForIt) {
  for (int16_t version = 1; version <= 10; ++version) {
    const Fetched fetched = fetch(version, "g");
    EXPECT_EQ(fetched.error, ErrorCode::kNotCoordinator) << version;
    EXPECT_EQ(fetched.offset, version == 1 ? -1 : -2) << version;  // -2: there is no row
  }
  EXPECT_EQ(commit(8, commit_request("g", 5)), ErrorCode::kNotCoordinator);
}

TEST_F(GroupOffsetsTest, AllTopicsOfSeveralGroups) {
  make_topic();
  for (const int32_t partition : {2, 0}) commit(8, commit_request("a", 10 + partition, partition));
  commit(8, commit_request("b", 7));
  OffsetFetchRequest request;
  for (const std::string_view group : {"a", "b", "nobody"}) {
    request.groups.emplace_back().group_id = group;
    request.groups.back().topics.reset();
  }
  for (int16_t version = 8; version <= 10; ++version) {
    const OffsetFetchResponse response = client->call<OffsetFetch>(version, request);
    ASSERT_EQ(response.groups.size(), 3u);
    const auto& a = response.groups[0].topics.at(0);
    EXPECT_EQ(version < 10 ? a.name == "orders" : same(a.topic_id, orders), true);
    ASSERT_EQ(a.partitions.size(), 2u);
    EXPECT_EQ(a.partitions[0].committed_offset, 10);
    EXPECT_EQ(a.partitions[1].committed_offset, 12);
    EXPECT_EQ(response.groups[1].topics.at(0).partitions.at(0).committed_offset, 7);
    EXPECT_TRUE(response.groups[2].topics.empty());
    EXPECT_EQ(response.groups[2].error_code, ErrorCode::kNone);
  }
}

// An offset is hundreds of times as long as what asks for it.
TEST_F(GroupOffsetsTest, WhatIsNamedTwiceIsAnsweredOnce) {
  make_topic();
  const std::string metadata(4096, 'm');
  OffsetCommitRequest committed = commit_request("g", 5);
  committed.topics[0].partitions[0].committed_metadata = metadata;
  ASSERT_EQ(commit(8, committed), ErrorCode::kNone);
  for (int16_t version = 1; version <= 10; ++version) {
    OffsetFetchRequest request;
    const auto name_often = [&](auto& topics) {
      for (int i = 0; i < 2; ++i) {
        auto& topic = topics.emplace_back();
        topic.name = "orders";
        if constexpr (requires { topic.topic_id; }) topic.topic_id = orders;
        topic.partition_indexes.assign(50'000, 0);
        topic.partition_indexes.push_back(1 + i);
      }
    };
    const auto count = [](const auto& topics) {
      ASSERT_EQ(topics.size(), 2u);
      ASSERT_EQ(topics[0].partitions.size(), 2u);
      EXPECT_EQ(topics[0].partitions[0].committed_offset, 5);
      EXPECT_EQ(topics[0].partitions[1].partition_index, 1);
      ASSERT_EQ(topics[1].partitions.size(), 1u);
      EXPECT_EQ(topics[1].partitions[0].partition_index, 2);
    };
    request.group_id = "g";
    if (version < 8) {
      name_often(request.topics.emplace());
    } else {
      name_often(request.groups.emplace_back().topics.emplace());
      request.groups[0].group_id = "g";
    }
    const OffsetFetchResponse response = client->call<OffsetFetch>(version, request);
    version < 8 ? count(response.topics) : count(response.groups.at(0).topics);
  }
  OffsetFetchRequest all;
  for (int i = 0; i < 60'000; ++i) {
    all.groups.emplace_back().group_id = "g";
    all.groups.back().topics.reset();
  }
  const OffsetFetchResponse response = client->call<OffsetFetch>(9, all);
  ASSERT_EQ(response.groups.size(), 1u);
  EXPECT_EQ(response.groups[0].topics.at(0).partitions.at(0).metadata.value_or(""), metadata);
}

TEST_F(GroupOffsetsTest, PartitionsThatDoNotExistAreToldAndOthersCommitted) {
  make_topic();
  OffsetCommitRequest request = commit_request("g", 5);
  for (const int32_t partition : {3, -1}) {
    request.topics[0].partitions.push_back(request.topics[0].partitions[0]);
    request.topics[0].partitions.back().partition_index = partition;
  }
  request.topics.push_back(request.topics[0]);
  request.topics[1].name = "nope";
  request.topics.emplace_back().name = "orders";  // without partitions
  const OffsetCommitResponse response = client->call<OffsetCommit>(8, request);
  ASSERT_EQ(response.topics.size(), 2u);
  EXPECT_EQ(response.topics[0].partitions[0].error_code, ErrorCode::kNone);
  for (const size_t i : {1, 2})
    EXPECT_EQ(response.topics[0].partitions[i].error_code, ErrorCode::kUnknownTopicOrPartition);
  for (const auto& row : response.topics[1].partitions)
    EXPECT_EQ(row.error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(fetch(5, "g").offset, 5);
  request = commit_request("g", 6);
  request.topics[0].topic_id = {{1}};
  EXPECT_EQ(commit(10, request), ErrorCode::kUnknownTopicId);
}

TEST_F(GroupOffsetsTest, MetadataIsBoundedAndMayBeNull) {
  make_topic();
  const std::string most(4096, 'm'), more(4097, 'm'), much(1 << 20, 'm');
  OffsetCommitRequest request = commit_request("g", 5);
  for (const std::string& metadata : {more, much}) {
    request.topics[0].partitions[0].committed_metadata = metadata;
    EXPECT_EQ(commit(8, request), ErrorCode::kOffsetMetadataTooLarge);
  }
  request.topics[0].partitions[0].committed_metadata = most;
  EXPECT_EQ(commit(8, request), ErrorCode::kNone);
  EXPECT_EQ(fetch(5, "g").metadata, most);
  request.topics[0].partitions[0].committed_metadata.reset();
  EXPECT_EQ(commit(8, request), ErrorCode::kNone);
  EXPECT_EQ(fetch(5, "g").metadata, "");
}

// Whom the group does not know is told that first.
TEST_F(GroupOffsetsTest, TooMuchMetadataIsLookedAtLast) {
  make_topic();
  ASSERT_EQ(commit(8, commit_request("g", 5)), ErrorCode::kNone);
  const std::string more(4097, 'm');
  OffsetCommitRequest request = commit_request("g", 6);
  request.topics[0].partitions[0].committed_metadata = more;
  request.member_id = "nobody";
  request.generation_id_or_member_epoch = 3;
  EXPECT_EQ(commit(8, request), ErrorCode::kUnknownMemberId);
  EXPECT_EQ(fetch(5, "g").offset, 5);
}

// Which a client says in milliseconds, up to the last.
TEST_F(GroupOffsetsTest, ARetentionTimeMayBeAnyTime) {
  make_topic();
  OffsetCommitRequest request = commit_request("g", 5);
  request.retention_time_ms = INT64_MAX;
  EXPECT_EQ(commit(2, request), ErrorCode::kNone);
  broker.host.advance(std::chrono::minutes(20));  // offsets that are over are looked for
  EXPECT_EQ(fetch(5, "g").offset, 5);
}

class LittleMetadataTest : public GroupOffsetsTest {
 protected:
  LittleMetadataTest() : GroupOffsetsTest(3, 2) {}
};

TEST_F(LittleMetadataTest, TheNodeSaysHowMuch) {
  make_topic();
  EXPECT_EQ(commit(8, commit_request("g", 5)), ErrorCode::kOffsetMetadataTooLarge);
}

TEST_F(GroupOffsetsTest, AGenerationIsNotBelieved) {
  make_topic();
  OffsetCommitRequest request = commit_request("g", 5);
  request.member_id = "m";
  request.generation_id_or_member_epoch = 3;
  EXPECT_EQ(commit(8, request), ErrorCode::kIllegalGeneration);
  EXPECT_EQ(commit(9, request), ErrorCode::kGroupIdNotFound);
  EXPECT_EQ(commit(8, commit_request("g", 5)), ErrorCode::kNone);
  EXPECT_EQ(commit(8, request), ErrorCode::kUnknownMemberId);
  EXPECT_EQ(commit(8, commit_request("", 5)), ErrorCode::kNone);  // as old clients
}

// A topic that was made anew has nothing committed: that went with the one of before.
TEST_F(GroupOffsetsTest, ATopicThatWasMadeAnewIsAnotherOne) {
  make_topic();
  commit(8, commit_request("g", 5));
  broker.metadata.remove_topic("orders");
  broker.host.advance(milliseconds(20));  // a pass over the groups
  EXPECT_EQ(fetch(10, "g").error, ErrorCode::kUnknownTopicId);
  EXPECT_EQ(fetch(9, "g").offset, -1);
  orders = broker.add_topic("orders", 3);
  EXPECT_EQ(fetch(10, "g").error, ErrorCode::kNone);
  EXPECT_EQ(fetch(10, "g").offset, -1);
  commit(10, commit_request("g", 6));
  EXPECT_EQ(fetch(10, "g").offset, 6);
}

TEST_F(GroupOffsetsTest, ACoordinatorThatLeadsNoMoreSaysSo) {
  make_topic();
  const std::string group = home("g");
  broker.consensus.hold_commits(true);
  client->send<OffsetCommit>(8, commit_request("g", 5));
  broker.host.run();
  EXPECT_FALSE(client->next_frame().has_value());
  broker.consensus.follow(group, 2, 2);
  broker.host.run();
  EXPECT_EQ(client->receive<OffsetCommit>(8).topics.at(0).partitions.at(0).error_code,
            ErrorCode::kNotCoordinator);
  EXPECT_EQ(fetch(7, "g").error, ErrorCode::kNotCoordinator);
  // Elected anew, and not there yet.
  broker.consensus.elect(group);
  broker.host.run();
  EXPECT_EQ(fetch(7, "g").error, ErrorCode::kNotCoordinator);
  broker.consensus.commit(group);
  broker.host.run();
  EXPECT_EQ(fetch(7, "g").offset, 5);  // the new leader had it
}

TEST_F(GroupOffsetsTest, MoreReplicasComeWhenNodesJoinAndEachIsPreferredSomewhere) {
  make_topic();
  const auto replicas = [&](int32_t partition) {
    FakeMetadata::Nodes nodes =
        broker.metadata.topic(std::string(kTopic)).replicas.at(static_cast<size_t>(partition));
    std::ranges::sort(nodes);
    return nodes;
  };
  FakeMetadata::Nodes expected = {1};
  for (const int32_t node : {2, 3, 4}) {
    broker.metadata.set_broker({node, "other", 9092, ""});
    broker.host.run();
    if (node <= 3) expected.push_back(node);
    for (int32_t i = 0; i < 5; ++i) EXPECT_EQ(replicas(i), expected) << node << " " << i;
  }
  std::set<int32_t> preferred;
  for (const FakeMetadata::Nodes& nodes : broker.metadata.topic(std::string(kTopic)).replicas)
    preferred.insert(nodes.at(0));
  EXPECT_EQ(preferred, (std::set<int32_t>{1, 2, 3}));
}

class BelowTheLevelTest : public GroupOffsetsTest {
 protected:
  BelowTheLevelTest() : GroupOffsetsTest(2) {}
};

// Nodes of before cannot read what would be written.
TEST_F(BelowTheLevelTest, NoGroupIsCoordinated) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(find(2, {"g"}).error_code, ErrorCode::kCoordinatorNotAvailable);
    EXPECT_EQ(commit(8, commit_request("g", 5)), ErrorCode::kCoordinatorNotAvailable);
  }
  EXPECT_FALSE(broker.metadata.has_topic(std::string(kTopic)));
  const auto says_why = [](const auto& line) {
    return line.message.find("chronik.version") != std::string::npos;
  };
  EXPECT_EQ(std::ranges::count_if(broker.host.logs(), says_why), 1);
}

// As much as a turn of the shard has no time for.
TEST_F(GroupOffsetsTest, AListOfThousandsIsMadeOnABlockingThread) {
  make_topic();
  constexpr size_t kGroups = 2'100;
  for (size_t i = 0; i < kGroups; ++i)
    ASSERT_EQ(commit(2, commit_request("g" + std::to_string(i), 1)), ErrorCode::kNone);
  broker.host.hold_blocking(true);
  client->send<ListGroups>(4, {});
  broker.host.run();
  EXPECT_FALSE(client->next_frame().has_value());
  broker.host.hold_blocking(false);
  broker.host.run();
  EXPECT_EQ(client->receive<ListGroups>(4).groups.size(), kGroups);
}

}  // namespace
}  // namespace chronik::kafka::testing
