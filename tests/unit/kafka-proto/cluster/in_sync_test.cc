// What a node says of others: who is up, and which replicas of partitions that others lead are in sync.
#include <chronik/testing/fake_liveness.hpp>

#include "handlers/replication_testing.h"
#include "kafka-proto/cluster/in_sync.h"
#include "kafka-proto/messages/describe_topic_partitions.h"
#include "kafka-proto/messages/metadata.h"
#include "kafka-proto/wire/writer.h"

namespace chronik::kafka::testing {
namespace {

using chronik::testing::FakeLiveness;
using Ids = std::vector<int32_t>;

class InSyncTest : public ReplicationTest {
 protected:
  InSyncTest() { broker.features.add("chronik.version", 1, 2, 2); }
  // As a leader tells it: of one partition.
  void told(int32_t from, const chr_uuid& topic, int32_t epoch, const Ids& nodes, int64_t number = 0) {
    passed_on(from, from, topic, epoch, nodes, {1, 2, 3}, number);
  }
  // As another node passes it on.
  void passed_on(int32_t from, int32_t leader, const chr_uuid& topic, int32_t epoch, const Ids& nodes,
                 const Ids& linked, int64_t number = 0) {
    Writer out;
    head(out, number, 1);
    out.uuid(topic);
    out.int32(0);
    out.int32(epoch);
    out.array_length(nodes.size(), false);
    for (const int32_t node : nodes) out.int32(node);
    tail(out, leader, linked);
    deliver(from, out);
  }
  void told_nothing(int32_t from) {
    Writer out;
    head(out, InSync::kAll, 0);
    tail(out, from, {1, 2, 3});
    deliver(from, out);
  }
  static void head(Writer& out, int64_t number, size_t count) {
    out.int8(1);
    out.int8(static_cast<int8_t>(PeerFrame::kInSync));
    out.int64(number);
    out.array_length(count, false);
  }
  void tail(Writer& out, int32_t leader, const Ids& linked) {
    out.int32(leader);
    out.int64(stamp++);
    out.array_length(linked.size(), false);
    for (const int32_t node : linked) out.int32(node);
  }
  void deliver(int32_t from, Writer& out) {
    const std::vector<uint8_t> bytes = std::move(out).finish().copy();
    broker.host.deliver("kafka", from, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    broker.host.run();
  }
  // What was told of partitions in sync since the last call: the frames to one node.
  std::vector<std::string> frames_to(int32_t node) {
    std::vector<std::string> out;
    for (const FakeHost::Frame& frame : std::exchange(broker.host.frames(), {}))
      if (frame.to == node && frame.bytes.starts_with("\x01\x03")) out.push_back(frame.bytes);
    return out;
  }
  chr_uuid led_by_node_2() {
    add("t");
    broker.consensus.follow(broker.group("t"), 2, 2);
    broker.metadata.set_leader("t", 0, 2, 2);
    broker.host.run();
    return broker.metadata.topic("t").id;
  }
  // Those in sync of the first item: their number, then each.
  static std::string nodes_in(const std::string& frame) {
    constexpr size_t kAt = 14 + 24;  // behind the head, a topic, a partition and an epoch
    return frame.substr(kAt, 4 + 4 * static_cast<size_t>(frame.at(kAt + 3)));
  }
  int64_t stamp = 1;
};

TEST_F(InSyncTest, WhatTheLeaderSaysHolds) {
  const chr_uuid topic = led_by_node_2();
  EXPECT_EQ(partition("t").isr_nodes, (Ids{1, 2, 3}));
  told(2, topic, 2, {2, 3});
  EXPECT_EQ(partition("t").isr_nodes, (Ids{2, 3}));
  EXPECT_EQ(partition("t").offline_replicas, Ids{});
  DescribeTopicPartitionsRequest request;
  request.topics.emplace_back().name = "t";
  EXPECT_EQ(client.call<DescribeTopicPartitions>(0, request).topics.at(0).partitions.at(0).isr_nodes,
            (Ids{2, 3}));
  told(3, topic, 2, {3});  // leads nothing
  EXPECT_EQ(partition("t").isr_nodes, (Ids{2, 3}));
  told(2, topic, 1, {2});  // in an epoch that is over
  EXPECT_EQ(partition("t").isr_nodes, (Ids{1, 2, 3}));
  told(2, topic, 2, {2});
  EXPECT_EQ(partition("t").isr_nodes, Ids{2});
  told(2, topic, 2, {});
  EXPECT_EQ(partition("t").isr_nodes, (Ids{1, 2, 3}));
  told(2, topic, 2, {2});
  told_nothing(2);
  EXPECT_EQ(partition("t").isr_nodes, (Ids{1, 2, 3}));
  told(2, topic, 2, {2, 1});
  broker.set_link(2, false);
  broker.set_link(2, true);
  EXPECT_EQ(partition("t").isr_nodes, (Ids{1, 2, 3})) << "it is told anew";
}

TEST_F(InSyncTest, ALeaderTellsWhoIsBehind) {
  add("t");
  look_again();
  EXPECT_TRUE(frames_to(2).empty());
  broker.set_link(3, false);
  look_again();
  std::vector<std::string> told = frames_to(2);
  ASSERT_EQ(told.size(), 1u);
  const std::string two("\0\0\0\x02\0\0\0\x01\0\0\0\x02", 12);
  EXPECT_EQ(nodes_in(told[0]), two) << "in sync are nodes 1 and 2";
  look_again();
  EXPECT_TRUE(frames_to(2).empty()) << "once";
  broker.host.advance(seconds(10));
  told = frames_to(2);
  ASSERT_EQ(told.size(), 1u) << "but for frames that are lost";
  EXPECT_EQ(told[0][9], InSync::kAll);
  EXPECT_EQ(nodes_in(told[0]), two);
  broker.set_link(3, true);
  look_again();
  told = frames_to(2);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(nodes_in(told[0]), std::string(4, '\0')) << "all are";
}

// What the log says of members and what the catalog says of replicas may differ for a moment.
TEST_F(InSyncTest, AMemberThatIsNoReplicaStandsForNone) {
  add("t");
  auto& group = const_cast<FakeConsensus::Group&>(broker.consensus.group(broker.group("t")));
  group.voters = {1, 2, 4};
  broker.set_link(4, true);
  look_again();
  const std::vector<std::string> told = frames_to(2);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(nodes_in(told[0])[3], 3) << "nodes 1, 2 and 4, and not node 3";
}

TEST_F(InSyncTest, WhoLeadsNoMoreTakesItBack) {
  add("t");
  broker.set_link(3, false);
  look_again();
  EXPECT_EQ(frames_to(2).size(), 1u);
  broker.consensus.follow(broker.group("t"), 2, 2);
  look_again();
  const std::vector<std::string> told = frames_to(2);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(nodes_in(told[0]), std::string(4, '\0'));
}

// The link between nodes 1 and 2 is broken, node 3 reaches both.
TEST_F(InSyncTest, OthersPassOnWhatALeaderSaysThatIsNotLinked) {
  const chr_uuid topic = led_by_node_2();
  passed_on(3, 2, topic, 2, {2, 3}, {1, 3});
  EXPECT_EQ(partition("t").isr_nodes, (Ids{1, 2, 3})) << "node 2 is linked, as it says, and tells by itself";
  broker.set_link(2, false);
  broker.host.advance(seconds(1));
  EXPECT_EQ(partition("t").isr_nodes, (Ids{1, 3})) << "node 2 is down, for this broker without liveness";
  passed_on(3, 2, topic, 2, {2, 3}, {3});
  EXPECT_EQ(partition("t").isr_nodes, Ids{3});
  stamp -= 2;  // it went another way, and took longer
  passed_on(3, 2, topic, 2, {1, 2, 3}, {3});
  EXPECT_EQ(partition("t").isr_nodes, Ids{3});
  stamp += 2;
  passed_on(3, 2, topic, 2, {1, 3}, {3});
  EXPECT_EQ(partition("t").isr_nodes, (Ids{1, 3}));
  passed_on(3, 2, topic, 2, {3}, {3});
  broker.set_link(2, true);
  EXPECT_EQ(partition("t").isr_nodes, (Ids{1, 2, 3})) << "it is told anew";
}

// Node 2 is broken off from node 3, node 1 reaches both.
TEST_F(InSyncTest, WhatALeaderSaysIsPassedOnOnce) {
  const chr_uuid topic = led_by_node_2();
  look_again();
  broker.host.frames().clear();
  told(2, topic, 2, {1, 2});
  EXPECT_TRUE(frames_to(3).empty()) << "node 3 was told";
  passed_on(2, 2, topic, 2, {1, 2}, {1});
  const std::vector<std::string> told = frames_to(3);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(nodes_in(told[0]), std::string("\0\0\0\x02\0\0\0\x01\0\0\0\x02", 12));
  broker.set_link(3, false);
  broker.set_link(3, true);
  EXPECT_EQ(frames_to(3).size(), 2u) << "this node's own, and those of node 2";
  broker.set_link(3, false);
  passed_on(2, 2, topic, 2, {}, {1});
  broker.set_link(3, true);
  EXPECT_EQ(frames_to(3).size(), 2u) << "all of node 2 are in sync again";
  passed_on(3, 2, topic, 2, {1, 2}, {});
  EXPECT_TRUE(frames_to(2).empty());
  EXPECT_TRUE(frames_to(3).empty()) << "it goes no further";
}

TEST_F(InSyncTest, WhatCannotBeReadIsDropped) {
  const chr_uuid topic = led_by_node_2();
  Writer cut;
  head(cut, 0, 1);
  cut.uuid(topic);
  cut.int32(0);
  cut.int32(2);
  cut.array_length(1000, false);
  deliver(2, cut);
  EXPECT_TRUE(broker.host.logged("was dropped: it cannot be read"));
  EXPECT_EQ(partition("t").isr_nodes, (Ids{1, 2, 3}));
}

// A node of before the level would warn of each frame.
TEST_F(ReplicationTest, BelowTheLevelNothingIsToldOfReplicas) {
  add("t");
  broker.host.frames().clear();
  broker.set_link(3, false);
  broker.host.advance(seconds(11));
  for (const FakeHost::Frame& frame : broker.host.frames()) EXPECT_FALSE(frame.bytes.starts_with("\x01\x03"));
}

class UpTest : public ::testing::Test {
 protected:
  UpTest() {
    broker.start();
    broker.metadata.set_broker({2, "two.example", 9094, "r2"});
    broker.metadata.set_broker({3, "three.example", 9096, ""});
    for (const int32_t peer : {2, 3}) broker.set_link(peer, true);
    client.emplace(broker.client());
    broker.host.run();
  }
  MetadataResponse ask() {
    MetadataRequest request;
    request.topics.emplace().emplace_back().name = "t";
    return client->call<Metadata>(12, request);
  }

  TestBroker broker{{.start = false, .links = true}};
  FakeLiveness liveness{&broker.host, &broker.metadata};
  std::optional<TestClient> client;
};

// Its own link is broken; others reach it, and so do clients.
TEST_F(UpTest, ABrokenLinkMakesNoNodeLookGone) {
  broker.add_topic("t", 1, {}, 3);
  broker.consensus.follow(broker.group("t"), 2, 2);
  broker.metadata.set_leader("t", 0, 2, 2);
  broker.set_link(2, false);
  broker.host.advance(seconds(1));
  MetadataResponse answer = ask();
  EXPECT_EQ(answer.brokers.size(), 3u);
  EXPECT_EQ(answer.topics.at(0).partitions.at(0).leader_id, 2);
  EXPECT_EQ(answer.topics[0].partitions[0].offline_replicas, Ids{});
  broker.set_link(2, true);
  liveness.set_up(2, false);
  broker.host.advance(seconds(1));
  answer = ask();
  EXPECT_EQ(answer.brokers.size(), 2u);
  EXPECT_EQ(answer.topics.at(0).partitions.at(0).leader_id, -1);
  EXPECT_EQ(answer.topics[0].partitions[0].offline_replicas, Ids{2});
}

}  // namespace
}  // namespace chronik::kafka::testing
