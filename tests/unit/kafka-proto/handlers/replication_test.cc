// A partition with three replicas as clients see it: who is in sync, what acks=all asks for, and how requests
// that wait learn that leadership went.
#include "handlers/replication_testing.h"
#include "kafka-proto/messages/describe_cluster.h"
#include "kafka-proto/messages/describe_topic_partitions.h"
#include "kafka-proto/messages/fetch.h"
#include "kafka-proto/messages/metadata.h"
#include "kafka-proto/messages/produce.h"

namespace chronik::kafka::testing {
namespace {

using Ids = std::vector<int32_t>;

TEST_F(ReplicationTest, TheLeaderKnowsWhoIsInSync) {
  add("t");
  EXPECT_EQ(partition("t").isr_nodes, (Ids{1, 2, 3}));
  EXPECT_EQ(produce("t"), ErrorCode::kNone);
  lag("t", 2);
  broker.host.advance(seconds(29));  // a new leader gives the others replica_lag_time_max
  EXPECT_EQ(partition("t").isr_nodes, (Ids{1, 2, 3}));
  broker.host.advance(seconds(2));
  EXPECT_EQ(partition("t").isr_nodes, (Ids{1, 3}));
  EXPECT_EQ(partition("t").offline_replicas, Ids{});
  lag("t", 2, broker.host.now_ns());
  look_again();
  EXPECT_EQ(partition("t").isr_nodes, (Ids{1, 2, 3}));
}

TEST_F(ReplicationTest, WhoIsDownIsOfflineAndNotInSync) {
  add("t");
  broker.set_link(3, false);
  EXPECT_EQ(partition("t").isr_nodes, (Ids{1, 2}));
  EXPECT_EQ(partition("t").offline_replicas, Ids{3});
  EXPECT_EQ(partition("t").replica_nodes, (Ids{1, 2, 3}));
  // Another node than the leader goes by its links.
  broker.consensus.follow(broker.group("t"), 2, 2);
  broker.metadata.set_leader("t", 0, 2, 2);
  broker.host.run();
  EXPECT_EQ(partition("t").leader_id, 2);
  EXPECT_EQ(partition("t").isr_nodes, (Ids{1, 2}));
  EXPECT_EQ(partition("t").offline_replicas, Ids{3});
}

TEST_F(ReplicationTest, ALeaderThatIsDownIsNoLeader) {
  add("t");
  broker.consensus.follow(broker.group("t"), 2, 2);
  broker.metadata.set_leader("t", 0, 2, 2);
  EXPECT_EQ(partition("t").error_code, ErrorCode::kNone);
  EXPECT_EQ(metadata.brokers.size(), 3u);
  broker.set_link(2, false);
  look_again();
  EXPECT_EQ(partition("t").error_code, ErrorCode::kLeaderNotAvailable);
  EXPECT_EQ(partition("t").leader_id, -1);
  EXPECT_EQ(partition("t").leader_epoch, 2);  // clients do not take older metadata for newer
  EXPECT_EQ(metadata.brokers.size(), 2u);
  DescribeTopicPartitionsRequest request;
  request.topics.emplace_back().name = "t";
  const DescribeTopicPartitionsResponse described = client.call<DescribeTopicPartitions>(0, request);
  EXPECT_EQ(described.topics.at(0).partitions.at(0).error_code, ErrorCode::kNone);
  EXPECT_EQ(described.topics[0].partitions[0].leader_id, -1);
  // Nobody is sent to it.
  const std::string records = broker.batch();
  const ProduceResponse produced = client.call<Produce>(10, produce_request("t", 0, records));
  EXPECT_EQ(only(produced).current_leader.leader_id, -1);
  EXPECT_EQ(only(produced).current_leader.leader_epoch, 2);
  EXPECT_TRUE(produced.node_endpoints.empty());
  // Who sees no leader of __meta may be the one that is cut off.
  broker.metadata.set_controller(-1);
  EXPECT_EQ(partition("t").leader_id, -1);
  EXPECT_EQ(metadata.brokers.size(), 3u);
  EXPECT_EQ(metadata.controller_id, 1);  // this node: it keeps changes until there is a leader
}

// A client that hears of a partition without a leader asks again a second later.
TEST_F(ReplicationTest, MetadataWaitsForTheElectionThatFollowsALostNode) {
  add("t");
  broker.consensus.follow(broker.group("t"), 2, 2);
  broker.metadata.set_leader("t", 0, 2, 2);
  broker.set_link(2, false);
  MetadataRequest request;
  request.topics.emplace().emplace_back().name = "t";
  const int32_t waits = client.send<Metadata>(12, request);
  broker.host.advance(milliseconds(100));
  broker.metadata.set_leader("t", 0, 3, 3);
  broker.host.advance(milliseconds(10));
  const MetadataResponse answer = client.receive<Metadata>(12, waits);
  EXPECT_EQ(answer.topics.at(0).partitions.at(0).leader_id, 3);
  EXPECT_EQ(answer.topics.at(0).partitions.at(0).leader_epoch, 3);
}

// Two of three nodes are down, or this one is cut off: what it leads itself is found, and nobody has to guess
// why a connection ended.
TEST_F(ReplicationTest, ANodeWithoutALeaderOfMetaSaysWhatItKnows) {
  add("t");
  broker.add_topic("own");
  broker.consensus.follow(broker.group("t"), 2, 2);
  broker.metadata.set_leader("t", 0, 2, 2);
  broker.metadata.set_controller(-1);
  broker.set_link(2, false);
  broker.set_link(3, false);
  broker.host.advance(seconds(2));
  EXPECT_EQ(partition("own").leader_id, 1);
  EXPECT_EQ(partition("t").error_code, ErrorCode::kLeaderNotAvailable);
  EXPECT_EQ(metadata.controller_id, 1);
  EXPECT_EQ(metadata.brokers.size(), 3u);
  // Nor does a topic that nobody can create now keep its client waiting.
  const uint64_t changes = broker.metadata.changes();
  MetadataRequest request;
  request.topics.emplace().emplace_back().name = "new";
  EXPECT_EQ(client.call<Metadata>(12, request).topics.at(0).error_code, ErrorCode::kLeaderNotAvailable);
  EXPECT_EQ(broker.metadata.changes(), changes);
  EXPECT_TRUE(client.open());
  broker.metadata.set_controller(2);
  EXPECT_EQ(client.call<Metadata>(12, request).topics.at(0).error_code, ErrorCode::kNone);
}

// Clients do not ask again for a controller that they were told of, and not where to find it.
TEST_F(ReplicationTest, TheControllerIsOneOfTheBrokersThatClientsAreToldOf) {
  const auto controller = [&] {
    const DescribeClusterResponse cluster = client.call<DescribeCluster>(2, DescribeClusterRequest());
    MetadataRequest all;
    all.topics.reset();
    metadata = client.call<Metadata>(12, all);
    EXPECT_EQ(cluster.controller_id, metadata.controller_id);
    EXPECT_TRUE(std::ranges::any_of(metadata.brokers, [&](const MetadataResponse::Broker& known) {
      return known.node_id == metadata.controller_id;
    })) << metadata.controller_id;
    return metadata.controller_id;
  };
  broker.metadata.set_controller(3);
  EXPECT_EQ(controller(), 3);
  broker.metadata.set_broker({3, "", 0, ""});  // it leads __meta, and did not say yet where it listens
  EXPECT_EQ(controller(), 1);
  broker.metadata.set_broker({1, "", 0, ""});  // nor did this node
  EXPECT_EQ(controller(), 2);
}

// As soon as a port listens, and for as long as a cluster may take to form.
TEST_F(ReplicationTest, ANodeThatKnowsNoBrokerYetWaitsAndThenTellsOfItself) {
  for (const int32_t id : {1, 2, 3}) broker.metadata.set_broker({id, "", 0, ""});
  broker.metadata.set_controller(-1);
  const auto ask = [&](std::string_view topic) {
    MetadataRequest request;
    request.topics.emplace().emplace_back().name = topic;
    const int32_t id = client.send<Metadata>(12, request);
    broker.host.run();
    EXPECT_FALSE(client.next_frame().has_value());
    return id;
  };
  int32_t asked = ask("made");
  broker.host.advance(milliseconds(300));
  broker.metadata.set_broker({2, "two.example", 9093, ""});
  broker.host.run();  // told of the change, not by the clock
  EXPECT_EQ(client.receive<Metadata>(12, asked).controller_id, 2);
  broker.metadata.set_broker({2, "", 0, ""});
  asked = ask("t");
  broker.host.advance(seconds(1));
  const MetadataResponse alone = client.receive<Metadata>(12, asked);
  ASSERT_EQ(alone.brokers.size(), 1u);
  EXPECT_EQ(alone.brokers[0].node_id, 1);
  EXPECT_EQ(alone.brokers[0].port, broker.metadata.announced()->port);
  EXPECT_EQ(alone.controller_id, 1);
  EXPECT_EQ(alone.topics.at(0).error_code, ErrorCode::kLeaderNotAvailable);
  EXPECT_EQ(client.call<DescribeCluster>(2, DescribeClusterRequest()).brokers.size(), 1u);
  EXPECT_TRUE(client.open());
}

// Its disk is empty, say, and its cluster refuses it: a client that asked it first would ask nobody else.
TEST_F(ReplicationTest, ANodeThatFindsNoClusterSendsClientsOn) {
  TestBroker lost{{.start = false, .links = true}};
  lost.metadata.set_controller(-1);
  lost.start();
  for (const int32_t id : {1, 2, 3}) lost.metadata.set_broker({id, "", 0, ""});
  TestClient asks = lost.client();
  MetadataRequest request;
  request.topics.emplace().emplace_back().name = "t";
  int32_t asked = asks.send<Metadata>(12, request);
  lost.host.advance(seconds(2));
  EXPECT_EQ(asks.receive<Metadata>(12, asked).brokers.size(), 1u) << "it may be about to form";
  lost.host.advance(seconds(10));
  asked = asks.send<Metadata>(12, request);
  lost.host.run();
  EXPECT_FALSE(asks.open());
}

// A failover is when all clients ask at once.
TEST_F(ReplicationTest, ClientsThatWaitForALeaderCostNothingMeanwhile) {
  add("t");
  broker.consensus.follow(broker.group("t"), 2, 2);
  broker.metadata.set_leader("t", 0, 2, 2);
  broker.set_link(2, false);
  MetadataRequest request;
  request.topics.emplace().emplace_back().name = "t";
  std::vector<TestClient> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(broker.client());
    clients.back().send<Metadata>(12, request);
  }
  broker.host.run();
  const uint64_t before = broker.metadata.images();
  broker.host.advance(milliseconds(400));
  EXPECT_EQ(broker.metadata.images(), before);  // nothing changed, nobody looks
  broker.metadata.set_leader("t", 0, 3, 3);
  broker.host.run();
  EXPECT_LE(broker.metadata.images(), before + 5);  // one look for all
  for (TestClient& each : clients)
    EXPECT_EQ(each.receive<Metadata>(12).topics.at(0).partitions.at(0).leader_id, 3);
}

TEST_F(ReplicationTest, FencedBrokersAreShownOnRequest) {
  broker.set_link(3, false);
  DescribeClusterRequest request;
  EXPECT_EQ(client.call<DescribeCluster>(2, request).brokers.size(), 2u);
  request.include_fenced_brokers = true;
  const DescribeClusterResponse all = client.call<DescribeCluster>(2, request);
  ASSERT_EQ(all.brokers.size(), 3u);
  EXPECT_FALSE(all.brokers[1].is_fenced);
  EXPECT_TRUE(all.brokers[2].is_fenced);
}

TEST_F(ReplicationTest, AProduceThatWaitsEndsWithTheLeadership) {
  for (const int16_t acks : {int16_t{-1}, int16_t{1}}) {
    const std::string topic = "t" + std::to_string(acks);
    add(topic);
    broker.consensus.hold_commits(true);
    broker.consensus.hold_disk(true);
    const std::string records = broker.batch();
    client.send<Produce>(10, produce_request(topic, 0, records, acks));
    broker.host.run();
    EXPECT_FALSE(client.next_frame().has_value());
    broker.consensus.follow(broker.group(topic), 3, 7);
    broker.host.run();  // no time passes
    const ProduceResponse response = client.receive<Produce>(10);
    EXPECT_EQ(only(response).error_code, ErrorCode::kNotLeaderOrFollower) << acks;
    EXPECT_EQ(only(response).base_offset, -1);
    EXPECT_EQ(only(response).current_leader.leader_id, 3);
    EXPECT_EQ(only(response).current_leader.leader_epoch, 7);
    ASSERT_EQ(response.node_endpoints.size(), 1u);
    EXPECT_EQ(response.node_endpoints[0].host, "three.example");
    broker.consensus.hold_commits(false);
    broker.consensus.hold_disk(false);
  }
}

// Leadership that moves leaves a moment in which nobody is known to lead.
TEST_F(ReplicationTest, WhoAsksWhileLeadershipMovesIsToldWhereItWent) {
  add("t");
  const std::string records[] = {broker.batch(), broker.batch()};
  broker.consensus.hold_commits(true);
  const int32_t under_way = client.send<Produce>(10, produce_request("t", 0, records[0]));
  broker.host.run();
  broker.consensus.follow(broker.group("t"), -1, 7);
  TestClient other = broker.client();
  const int32_t late = other.send<Produce>(10, produce_request("t", 0, records[1]));
  broker.host.advance(milliseconds(100));
  EXPECT_FALSE(client.next_frame().has_value());
  EXPECT_FALSE(other.next_frame().has_value());
  broker.consensus.follow(broker.group("t"), 3, 7);
  broker.host.run();  // no time passes
  for (const ProduceResponse& response :
       {client.receive<Produce>(10, under_way), other.receive<Produce>(10, late)}) {
    EXPECT_EQ(only(response).error_code, ErrorCode::kNotLeaderOrFollower);
    EXPECT_EQ(only(response).current_leader.leader_id, 3);
    EXPECT_EQ(only(response).base_offset, -1);
  }
}

TEST_F(ReplicationTest, WhoAsksWhileNobodyLeadsWaitsForAMomentOnly) {
  add("t");
  broker.consensus.follow(broker.group("t"), -1, 7);
  const std::string records[] = {broker.batch(), broker.batch()};
  const int32_t id = client.send<Produce>(10, produce_request("t", 0, records[0]));
  broker.host.advance(milliseconds(300));
  EXPECT_EQ(only(client.receive<Produce>(10, id)).error_code, ErrorCode::kNotLeaderOrFollower);
  EXPECT_EQ(only(client.call<Produce>(10, produce_request("t", 0, records[1]))).current_leader.leader_id, -1);
}

TEST_F(ReplicationTest, AFetchThatWaitsEndsWithTheLeadership) {
  add("t");
  FetchRequest request = fetch_request(broker.metadata.topic("t").id, 0, 0);
  request.max_wait_ms = 60'000;
  client.send<Fetch>(16, request);
  broker.host.run();
  EXPECT_FALSE(client.next_frame().has_value());
  broker.consensus.follow(broker.group("t"), -1, 4);
  broker.host.advance(milliseconds(100));
  EXPECT_FALSE(client.next_frame().has_value());
  broker.consensus.follow(broker.group("t"), 2, 4);
  broker.host.run();  // no time passes
  const FetchResponse response = client.receive<Fetch>(16);
  EXPECT_EQ(only(response).error_code, ErrorCode::kNotLeaderOrFollower);
  EXPECT_EQ(only(response).current_leader.leader_id, 2);
  EXPECT_EQ(only(response).current_leader.leader_epoch, 4);
  ASSERT_EQ(response.node_endpoints.size(), 1u);
  EXPECT_EQ(response.node_endpoints[0].port, 9094);
}

// Its client may be willing to wait for minutes, and others may know where the leader went.
TEST_F(ReplicationTest, AFetchDoesNotWaitLongForALeader) {
  add("t");
  FetchRequest request = fetch_request(broker.metadata.topic("t").id, 0, 0);
  request.max_wait_ms = 300'000;
  client.send<Fetch>(16, request);
  broker.host.run();
  broker.consensus.follow(broker.group("t"), -1, 4);
  broker.host.advance(milliseconds(300));
  EXPECT_EQ(only(client.receive<Fetch>(16)).error_code, ErrorCode::kNotLeaderOrFollower);
}

// What a follower is told while it follows is what it goes on with as leader.
TEST_F(ReplicationTest, AFollowerTakesOverWithProducersAndBounds) {
  add("t");
  const std::string group = broker.group("t");
  EXPECT_EQ(produce("t"), ErrorCode::kNone);
  broker.consensus.hold_commits(true);
  const std::string lost = broker.batch({.producer = 5, .epoch = 0, .sequence = 0});
  client.send<Produce>(9, produce_request("t", 0, lost));
  broker.host.run();
  broker.consensus.follow(group, 2, 2);
  broker.consensus.drop_uncommitted(group);
  broker.host.run();
  EXPECT_EQ(only(client.receive<Produce>(9)).error_code, ErrorCode::kNotLeaderOrFollower);
  // The new leader got the batch of another producer instead.
  const std::string kept = broker.batch({.producer = 6, .epoch = 0, .sequence = 0});
  chr_entry_header header{};
  header.kind = CHR_ENTRY_DATA;
  header.term = 2;
  header.index = broker.consensus.group(group).log.back().header.index + 1;
  header.base_offset = 1;
  header.records = 1;
  header.bytes = kept.size();
  broker.consensus.receive(group, header, kept);
  broker.host.run();
  broker.consensus.hold_commits(false);
  broker.consensus.elect(group, 3);
  broker.host.run();
  const auto again = [&](int64_t producer, int32_t sequence) {
    const std::string records = broker.batch({.producer = producer, .epoch = 0, .sequence = sequence});
    return client.call<Produce>(9, produce_request("t", 0, records)).responses[0].partition_responses[0];
  };
  EXPECT_EQ(again(6, 0).base_offset, 1);  // known
  EXPECT_EQ(again(6, 1).base_offset, 2);
  EXPECT_EQ(again(5, 0).base_offset, 3);  // never there
}

}  // namespace
}  // namespace chronik::kafka::testing
