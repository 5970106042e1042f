// Partitions that move to other nodes, elections of preferred leaders, and the quorum of the catalog, as
// clients and tools see them.
#include <fmt/format.h>

#include "server/broker_testing.h"

#include "kafka-proto/messages/alter_partition_reassignments.h"
#include "kafka-proto/messages/describe_quorum.h"
#include "kafka-proto/messages/elect_leaders.h"
#include "kafka-proto/messages/list_partition_reassignments.h"
#include "kafka-proto/messages/metadata.h"
#include "kafka-proto/wire/writer.h"

namespace chronik::kafka::testing {
namespace {

using Ids = std::vector<int32_t>;

class ReassignTest : public ::testing::Test {
 protected:
  ReassignTest() {
    for (const int32_t node : {2, 3, 4}) {
      broker.metadata.set_broker(
          {node, "host", static_cast<uint16_t>(9090 + node), "", fmt::format("raft:{}", node)});
      broker.set_link(node, true);
    }
    broker.add_topic("t", 1, {}, 3);  // on 1, 2 and 3
  }
  AlterPartitionReassignmentsResponse::Partition alter(std::optional<Ids> target,
                                                       std::string_view topic = "t", int32_t partition = 0,
                                                       bool any_factor = true) {
    AlterPartitionReassignmentsRequest request;
    request.timeout_ms = 5'000;
    request.allow_replication_factor_change = any_factor;
    auto& t = request.topics.emplace_back();
    t.name = topic;
    t.partitions.emplace_back().partition_index = partition;
    t.partitions.back().replicas = std::move(target);
    answer = client.call<AlterPartitionReassignments>(1, request);
    EXPECT_EQ(answer.error_code, ErrorCode::kNone);
    return answer.responses.at(0).partitions.at(0);
  }
  std::vector<ListPartitionReassignmentsResponse::Partition> list() {
    listed = client.call<ListPartitionReassignments>(0, {});
    return listed.topics.empty() ? std::vector<ListPartitionReassignmentsResponse::Partition>()
                                 : listed.topics[0].partitions;
  }
  MetadataResponse::Partition partition() {
    MetadataRequest request;
    request.topics.emplace().emplace_back().name = "t";
    metadata = client.call<Metadata>(12, request);
    return metadata.topics.at(0).partitions.at(0);
  }
  // The catalog moves it there in one turn.
  chr_status finish_with(Ids nodes) {
    chr_reassignment item{broker.metadata.topic("t").id,       0, 0, nodes.data(),
                          static_cast<uint32_t>(nodes.size()), 0};
    chr_change_result result{};
    chr_done done{};
    broker.host.on_shard(0, [&] {
      broker.metadata.alter_reassignments(&item, 1, 0, &result, broker.host.begin(&done), nullptr);
      broker.metadata.finish_reassignments(&item, 1, 0, &result, broker.host.begin(&done), nullptr);
    });
    return result.code;
  }
  const FakeConsensus::Group& group() { return broker.consensus.group(broker.group("t")); }

  TestBroker broker{{.links = true}};
  TestClient client = broker.client();
  AlterPartitionReassignmentsResponse answer;
  ListPartitionReassignmentsResponse listed;
  MetadataResponse metadata;
};

TEST_F(ReassignTest, TheLeaderPursuesTheTargetAndTheCatalogShowsIt) {
  broker.consensus.hold_changes(true);
  EXPECT_EQ(alter(Ids{4, 1}).error_code, ErrorCode::kNone);
  ASSERT_EQ(list().size(), 1u);
  EXPECT_EQ(list()[0].replicas, (Ids{4, 1, 2, 3}));
  EXPECT_EQ(list()[0].adding_replicas, Ids{4});
  EXPECT_EQ(list()[0].removing_replicas, (Ids{2, 3}));
  EXPECT_EQ(partition().replica_nodes, (Ids{4, 1, 2, 3}));
  ASSERT_TRUE(group().change.has_value());
  EXPECT_EQ(group().change->target, (Ids{4, 1}));
  broker.consensus.step_change(broker.group("t"));
  broker.consensus.step_change(broker.group("t"));
  broker.host.run();
  EXPECT_TRUE(list().empty());
  EXPECT_EQ(partition().replica_nodes, (Ids{4, 1}));
  EXPECT_EQ(partition().leader_id, 1);
}

// What is hosted follows what became of topics; leaders are no part of it.
TEST_F(ReassignTest, AChangeCostsAsMuchAsTheTopicsThatItIsAbout) {
  broker.add_topic("other", 100, {}, 3);
  const auto read = [&](const auto& change) {
    const uint64_t before = broker.metadata.partitions_read();
    change();
    broker.host.run();
    return broker.metadata.partitions_read() - before;
  };
  EXPECT_EQ(read([&] { broker.metadata.set_leader("other", 7, 3, 9); }), 0u);
  EXPECT_EQ(read([&] { broker.metadata.set_controller(3); }), 0u);
  EXPECT_EQ(read([&] { broker.metadata.add_topic("new", 5); }), 5u);
  EXPECT_EQ(read([&] { broker.metadata.remove_topic("new"); }), 0u);
  broker.consensus.hold_changes(true);
  EXPECT_EQ(alter(Ids{4, 1}).error_code, ErrorCode::kNone);  // which is about one partition
  EXPECT_TRUE(group().change.has_value());
}

TEST_F(ReassignTest, ANewLeaderGoesOnAndALostRequestIsMadeAgain) {
  broker.consensus.hold_changes(true);
  EXPECT_EQ(alter(Ids{4, 1}).error_code, ErrorCode::kNone);
  broker.consensus.follow(broker.group("t"), 2, 2);
  broker.host.run();
  EXPECT_FALSE(group().change.has_value());
  broker.consensus.elect(broker.group("t"), 3);
  broker.host.run();
  ASSERT_TRUE(group().change.has_value());
  broker.metadata.answer_changes(CHR_E_TIMEOUT);
  broker.consensus.step_change(broker.group("t"));
  broker.consensus.step_change(broker.group("t"));
  broker.host.advance(milliseconds(1));
  EXPECT_EQ(list().size(), 1u);
  broker.metadata.answer_changes(CHR_OK);
  broker.host.advance(milliseconds(600));
  EXPECT_TRUE(list().empty());
}

TEST_F(ReassignTest, WhatIsTakenBackIsUndoneByTheLeader) {
  broker.consensus.hold_changes(true);
  EXPECT_EQ(alter(std::nullopt).error_code, ErrorCode::kNoReassignmentInProgress);
  EXPECT_EQ(alter(Ids{4, 1}).error_code, ErrorCode::kNone);
  EXPECT_EQ(alter(std::nullopt).error_code, ErrorCode::kNone);
  // The learner is gone as soon as the leader was told: the members are what they were.
  EXPECT_TRUE(list().empty());
  EXPECT_EQ(partition().replica_nodes, (Ids{1, 2, 3}));
  EXPECT_EQ(group().voters, (Ids{1, 2, 3}));
}

// It finds them there already, and does not know that its successor moves them.
TEST_F(ReassignTest, WhoHasASuccessorDoesNotSayThatReplicasAreInPlace) {
  broker.consensus.hold_changes(true);
  EXPECT_EQ(alter(Ids{4, 1}).error_code, ErrorCode::kNone);
  broker.consensus.end_barriers_with(CHR_E_NOT_LEADER);
  EXPECT_EQ(alter(std::nullopt).error_code, ErrorCode::kNone);
  EXPECT_EQ(list().size(), 1u);
  broker.consensus.end_barriers_with(CHR_OK);
  broker.host.advance(milliseconds(600));
  EXPECT_TRUE(list().empty());
}

TEST_F(ReassignTest, WhatIsJointIsLeftForwardsAndThenBack) {
  broker.consensus.hold_changes(true);
  EXPECT_EQ(alter(Ids{4, 1}).error_code, ErrorCode::kNone);
  broker.consensus.step_change(broker.group("t"));
  EXPECT_EQ(alter(std::nullopt).error_code, ErrorCode::kNone);
  ASSERT_EQ(list().size(), 1u);
  EXPECT_EQ(list()[0].adding_replicas, Ids{});
  EXPECT_EQ(list()[0].removing_replicas, Ids{4});
  broker.consensus.hold_changes(false);
  broker.consensus.step_change(broker.group("t"));
  EXPECT_EQ(group().voters, (Ids{4, 1}));
  broker.host.advance(milliseconds(600));
  EXPECT_EQ(group().voters, (Ids{1, 2, 3}));
  EXPECT_TRUE(list().empty());
}

// What it says may be long over, and the members where another target took them since.
TEST_F(ReassignTest, ACatalogThatIsBehindIsNotGoneBy) {
  broker.consensus.hold_changes(true);
  broker.metadata.set_controller(-1);
  EXPECT_EQ(alter(Ids{4, 1}).error_code, ErrorCode::kNone);
  broker.host.advance(seconds(1));
  EXPECT_FALSE(group().change.has_value());
  broker.metadata.set_controller(1);
  broker.host.advance(seconds(1));
  ASSERT_TRUE(group().change.has_value());
  EXPECT_EQ(group().change->target, (Ids{4, 1}));
}

// One that went by such a catalog all the same: nobody else would bring the replicas back.
TEST_F(ReassignTest, MembersThatAreNotTheReplicasBecomeThem) {
  broker.consensus.hold_changes(true);
  EXPECT_EQ(alter(Ids{4, 1}).error_code, ErrorCode::kNone);
  broker.metadata.answer_changes(CHR_E_TIMEOUT);  // nobody hears that the members are there
  broker.consensus.step_change(broker.group("t"));
  broker.consensus.step_change(broker.group("t"));
  broker.host.run();
  broker.metadata.answer_changes(CHR_OK);
  ASSERT_EQ(finish_with({1, 2, 3}), CHR_OK);
  broker.consensus.hold_changes(false);
  broker.host.advance(seconds(1));
  ASSERT_TRUE(list().empty());
  EXPECT_EQ(group().voters, (Ids{4, 1})) << "they may be newer than the catalog";
  broker.host.advance(seconds(6));
  EXPECT_EQ(group().voters, (Ids{1, 2, 3}));
  EXPECT_TRUE(broker.host.logged("are made what the catalog says: (1 2 3)"));
}

TEST_F(ReassignTest, RefusalsHaveKafkasCodes) {
  EXPECT_EQ(alter(Ids{1}, "nowhere").error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(alter(Ids{1}, "t", 7).error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(alter(Ids{1, 9}).error_code, ErrorCode::kInvalidReplicaAssignment);
  EXPECT_EQ(alter(Ids{1, 2}, "t", 0, false).error_code, ErrorCode::kInvalidReplicationFactor);
  EXPECT_FALSE(answer.allow_replication_factor_change);
  EXPECT_EQ(alter(Ids{1, 2, 4}, "t", 0, false).error_code, ErrorCode::kNone);
  broker.metadata.answer_changes(CHR_E_UNAVAILABLE);
  AlterPartitionReassignmentsRequest request;
  auto& topic = request.topics.emplace_back();
  topic.name = "t";
  topic.partitions.emplace_back().replicas = Ids{1};
  EXPECT_EQ(client.call<AlterPartitionReassignments>(0, request).error_code, ErrorCode::kRequestTimedOut);
}

TEST_F(ReassignTest, ANodeJoinsWhatItIsToHoldAndDeletesWhatItIsNot) {
  // A topic on the other nodes only.
  const chr_uuid id = broker.metadata.add_topic("far", 1, 1);
  broker.host.run();
  const auto set = [&](Ids target, uint32_t flags) {
    chr_reassignment item{id, 0, flags, target.data(), static_cast<uint32_t>(target.size()), 0};
    chr_change_result result{};
    chr_done done{};
    broker.host.on_shard(0, [&] {
      broker.metadata.alter_reassignments(&item, 1, 0, &result, broker.host.begin(&done), nullptr);
    });
    broker.host.run();
    return result.code;
  };
  ASSERT_EQ(set({2}, 0), CHR_OK);  // from 1 to 2
  // This node led it, and hands over; the next leader says that it is done.
  EXPECT_EQ(broker.consensus.group(broker.group("far")).leader, 2);
  const Ids now = {2};
  chr_reassignment finished{id, 0, 0, now.data(), 1, 0};
  chr_change_result result{};
  chr_done done{};
  broker.host.on_shard(0, [&] {
    broker.metadata.finish_reassignments(&finished, 1, 0, &result, broker.host.begin(&done), nullptr);
  });
  broker.host.run();
  ASSERT_EQ(result.code, CHR_OK);
  EXPECT_FALSE(broker.consensus.has(broker.group("far")));
  // And back: it joins the group of the others.
  broker.consensus.auto_elect(false);
  ASSERT_EQ(set({2, 1}, 0), CHR_OK);
  ASSERT_TRUE(broker.consensus.has(broker.group("far")));
  EXPECT_TRUE(broker.consensus.group(broker.group("far")).voters.empty());  // opened without voters
}

TEST_F(ReassignTest, AReplicaThatComesBackBeforeItWasDeletedOpensAfterwards) {
  // The catalog says in one turn that the partition goes from this node and comes back.
  broker.consensus.follow(broker.group("t"), 2, 2);
  broker.host.run();
  ASSERT_EQ(finish_with({2, 3}), CHR_OK);
  // Only until the directory looked, not until the group is gone.
  broker.metadata.on_told = [&] { ASSERT_EQ(finish_with({2, 3, 1}), CHR_OK); };
  broker.host.run();
  broker.host.advance(seconds(1));
  ASSERT_TRUE(broker.consensus.has(broker.group("t")));
  EXPECT_TRUE(group().open);
}

class ElectTest : public ReassignTest {
 protected:
  std::vector<ElectLeadersResponse::Topic> elect(std::optional<std::vector<std::string_view>> topics,
                                                 int8_t type = 0, int16_t version = 2) {
    ElectLeadersRequest request;
    request.election_type = type;
    request.timeout_ms = 1'000;
    std::optional<std::vector<ElectLeadersRequest::Topic>> wanted;
    if (topics.has_value()) {
      wanted.emplace();
      for (const std::string_view topic : *topics) {
        wanted->emplace_back().topic = topic;
        wanted->back().partitions = {0};
      }
    }
    request.topic_partitions = std::move(wanted);
    const int32_t id = client.send<ElectLeaders>(version, request);
    broker.host.run();
    if (during) during();
    elected = client.receive<ElectLeaders>(version, id);
    return elected.replica_election_results;
  }
  std::optional<std::string> frame_to(int32_t node) {
    for (const FakeHost::Frame& frame : std::exchange(broker.host.frames(), {}))
      if (frame.channel == "kafka" && frame.to == node) return frame.bytes;
    return std::nullopt;
  }

  ElectLeadersResponse elected;
  std::function<void()> during;
};

TEST_F(ElectTest, ThisNodeHandsOverWhatItLeadsAndOthersPrefer) {
  EXPECT_EQ(elect({{"t"}})[0].partition_result[0].error_code, ErrorCode::kElectionNotNeeded);
  // Of all of them, those that need none are not told.
  EXPECT_TRUE(elect(std::nullopt).at(0).partition_result.empty());
  alter(Ids{2, 1, 3});
  ASSERT_EQ(partition().leader_id, 1);
  for (const int16_t version : {int16_t{0}, int16_t{1}, int16_t{2}}) {
    broker.consensus.elect(broker.group("t"));
    broker.metadata.set_leader("t", 0, 1, 3);
    broker.host.run();
    const auto results = elect(std::nullopt, 0, version);
    ASSERT_EQ(results.size(), 1u) << version;
    EXPECT_EQ(results[0].topic, "t");
    EXPECT_EQ(results[0].partition_result[0].error_code, ErrorCode::kNone);
    EXPECT_EQ(group().leader, 2);
  }
}

TEST_F(ElectTest, WhatCannotBeIsSaid) {
  EXPECT_EQ(elect({{"nowhere"}})[0].partition_result[0].error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(elect({{"t"}}, 1)[0].partition_result[0].error_code, ErrorCode::kElectionNotNeeded);
  broker.metadata.set_leader("t", 0, -1, 4);
  const auto unclean = elect({{"t"}}, 1);
  EXPECT_EQ(unclean[0].partition_result[0].error_code, ErrorCode::kEligibleLeadersNotAvailable);
  EXPECT_NE(unclean[0].partition_result[0].error_message->find("unclean elections do not exist"),
            std::string_view::npos);
  EXPECT_EQ(elect({{"t"}})[0].partition_result[0].error_code, ErrorCode::kLeaderNotAvailable);
  EXPECT_EQ(elect({{"t"}}, 7).at(0).partition_result.at(0).error_code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(elected.error_code, ErrorCode::kInvalidRequest);
  alter(Ids{2, 1, 3});
  broker.metadata.set_leader("t", 0, 1, 5);
  broker.set_link(2, false);
  EXPECT_EQ(elect({{"t"}})[0].partition_result[0].error_code, ErrorCode::kPreferredLeaderNotAvailable);
}

// What the catalog knew last is not what is true.
TEST_F(ElectTest, ALeaderThatIsDownLeadsNothing) {
  alter(Ids{2, 1, 3});
  broker.consensus.follow(broker.group("t"), 2, 9);
  broker.metadata.set_leader("t", 0, 2, 9);
  broker.set_link(2, false);
  broker.host.advance(seconds(1));
  EXPECT_EQ(elect({{"t"}})[0].partition_result[0].error_code, ErrorCode::kPreferredLeaderNotAvailable);
  EXPECT_EQ(elect({{"t"}}, 1)[0].partition_result[0].error_code, ErrorCode::kEligibleLeadersNotAvailable);
  ASSERT_EQ(elect(std::nullopt).size(), 1u);
  EXPECT_EQ(elected.replica_election_results[0].partition_result[0].error_code,
            ErrorCode::kPreferredLeaderNotAvailable);
}

TEST_F(ElectTest, LeadershipThatWentElsewhereIsNoSuccess) {
  alter(Ids{2, 1, 3});
  broker.consensus.elect(broker.group("t"));
  broker.metadata.set_leader("t", 0, 1, 3);
  broker.host.run();
  broker.consensus.hold_transfers(true);
  during = [&] {
    broker.consensus.follow(broker.group("t"), -1, 20);
    broker.consensus.finish_transfer(broker.group("t"), 3);
    broker.host.run();
  };
  EXPECT_EQ(elect({{"t"}})[0].partition_result[0].error_code, ErrorCode::kPreferredLeaderNotAvailable);
}

TEST_F(ElectTest, TheNodeThatLeadsIsAskedAndItsAnswerCounts) {
  broker.metadata.set_leader("t", 0, 3, 9);  // the preferred one is this node
  std::string asked;
  during = [&] {
    EXPECT_FALSE(client.next_frame().has_value());
    asked = frame_to(3).value_or("");
    ASSERT_FALSE(asked.empty());
    std::string reply = asked.substr(0, 14);  // its head; one code instead of one item
    reply[1] = 2;
    broker.host.deliver("kafka", 2, reply + std::string("\0\0", 2));  // from somebody else: ignored
    broker.host.run();
    EXPECT_FALSE(client.next_frame().has_value());
    broker.host.deliver("kafka", 3, reply + std::string("\0\0", 2));
    broker.host.run();
  };
  EXPECT_EQ(elect({{"t"}})[0].partition_result[0].error_code, ErrorCode::kNone);
  during = [&] {
    broker.set_link(3, false);
    broker.set_link(3, true);
  };
  EXPECT_EQ(elect({{"t"}})[0].partition_result[0].error_code, ErrorCode::kLeaderNotAvailable);
  during = [&] { broker.host.advance(seconds(1)); };
  EXPECT_EQ(elect({{"t"}})[0].partition_result[0].error_code, ErrorCode::kRequestTimedOut);
}

TEST_F(ElectTest, AnotherNodeAsksThisOne) {
  alter(Ids{2, 1, 3});
  broker.host.frames().clear();
  Writer out;
  out.int8(1);
  out.int8(1);
  out.int64(77);
  out.array_length(2, false);
  out.uuid(broker.metadata.topic("t").id);
  out.int32(0);
  out.uuid(broker.metadata.topic("t").id);
  out.int32(5);
  const std::vector<uint8_t> frame = std::move(out).finish().copy();
  broker.host.deliver("kafka", 4, {reinterpret_cast<const char*>(frame.data()), frame.size()});
  broker.host.run();
  EXPECT_EQ(group().leader, 2);
  const std::string reply = frame_to(4).value_or("");
  ASSERT_EQ(reply.size(), 18u);
  EXPECT_EQ(reply.substr(0, 2), std::string("\1\2"));
  EXPECT_EQ(reply[9], 77);
  EXPECT_EQ(reply.substr(14), std::string("\0\0\0\6", 4));  // done; NOT_LEADER_OR_FOLLOWER
  // Garbage is dropped with a line.
  const std::string ask(reinterpret_cast<const char*>(frame.data()), frame.size());
  for (const std::string& bad : {std::string(), std::string("\2\1"), std::string(40, '\x7f'), ask + "x"}) {
    broker.host.clear_logs();
    broker.host.deliver("kafka", 4, bad);
    broker.host.run();
    EXPECT_TRUE(broker.host.logged("a frame about elections was dropped")) << bad.size();
  }
}

TEST_F(ReassignTest, TheQuorumOfTheCatalog) {
  broker.metadata.quorum = {
      {1, 1, 40, 1'700'000'000'000, 1'700'000'000'000, {}}, {2, 1, 39, 5, 6, {}}, {4, 0, 7, -1, -1, {}}};
  broker.metadata.quorum[1].incarnation.b[3] = 9;
  broker.metadata.quorum_term = 6;
  broker.metadata.quorum_commit = 39;
  DescribeQuorumRequest request;
  request.topics.emplace_back().topic_name = "__cluster_metadata";
  request.topics[0].partitions.emplace_back();
  for (int16_t version = 0; version <= 2; ++version) {
    const DescribeQuorumResponse response = client.call<DescribeQuorum>(version, request);
    EXPECT_EQ(response.error_code, ErrorCode::kNone);
    ASSERT_EQ(response.topics.size(), 1u);
    const auto& out = response.topics[0].partitions.at(0);
    EXPECT_EQ(out.leader_id, 1);
    EXPECT_EQ(out.leader_epoch, 6);
    EXPECT_EQ(out.high_watermark, 40);
    ASSERT_EQ(out.current_voters.size(), 2u);
    EXPECT_EQ(out.current_voters[1].log_end_offset, 40);
    EXPECT_EQ(out.current_voters[1].last_fetch_timestamp, version == 0 ? -1 : 5);
    EXPECT_EQ(out.current_voters[1].replica_directory_id.b[3], version == 2 ? 9 : 0);
    ASSERT_EQ(out.observers.size(), 1u);
    if (version < 2) continue;
    ASSERT_EQ(response.nodes.size(), 4u);
    EXPECT_TRUE(response.nodes[0].listeners.empty());  // this one said no address
    EXPECT_EQ(response.nodes[1].listeners.at(0).host, "raft");
    EXPECT_EQ(response.nodes[1].listeners.at(0).port, 2);
  }
  request.topics[0].topic_name = "t";
  EXPECT_EQ(client.call<DescribeQuorum>(2, request).topics.at(0).partitions.at(0).error_code,
            ErrorCode::kUnknownTopicOrPartition);
  request.topics[0].topic_name = "__cluster_metadata";
  broker.metadata.answer_changes(CHR_E_UNAVAILABLE);
  EXPECT_EQ(client.call<DescribeQuorum>(2, request).error_code, ErrorCode::kRequestTimedOut);
}

}  // namespace
}  // namespace chronik::kafka::testing
