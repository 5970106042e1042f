// Three nodes that share one __meta.
#include <gtest/gtest.h>

#include <random>

#include "metadata/wire/codec.h"
#include "tests/unit/metadata/service/cluster.h"

namespace chronik::metadata::test {
namespace {

TEST_F(Cluster, AllAgreeOnIdNodesAndController) {
  settle();
  for (const int32_t id : {1, 2, 3}) {
    EXPECT_EQ(node(id).cluster_id(), node(1).cluster_id());
    EXPECT_EQ(node(id).cluster_id().size(), 22u);
    EXPECT_EQ(node(id).host.cluster_id(), node(1).cluster_id());
    EXPECT_EQ(node(id).table->controller(node(id).self), 1);
    EXPECT_EQ(node(id).host.health("catalog"), CHR_HEALTH_READY);
    chr_catalog* image = node(id).table->catalog(node(id).self);
    EXPECT_EQ(node(id).table->n_brokers(node(id).self, image), 3u);
    node(id).table->release(node(id).self, image);
  }
}

TEST_F(Cluster, AChangeIsForwardedAndVisibleWhereItWasAskedForWhenItCompletes) {
  settle();
  const auto made = node(3).create("orders", 6, 3);
  for (int i = 0; i < 100 && !made->done; ++i) {
    advance(1ms);
    EXPECT_EQ(made->done, made->done && node(3).topic("orders").has_value());
  }
  ASSERT_EQ(made->code(), CHR_OK);
  advance(5ms);
  for (const int32_t id : {1, 2, 3}) {
    EXPECT_EQ(node(id).topic("orders")->n_partitions, 6u);
    EXPECT_EQ(node(id).replicas("orders", 4), node(1).replicas("orders", 4));
  }
  const auto again = node(2).create("orders", 6, 3),
             valid = node(2).create({TestNode::new_topic("t", 2, 3)}, true);
  advance(5ms);
  EXPECT_EQ(again->code(), CHR_E_EXISTS);
  EXPECT_EQ(valid->code(), CHR_OK);
}

TEST_F(Cluster, NothingIsForwardedTwice) {
  settle();
  // Node 3 believes that node 2 leads, node 2 that node 1 does.
  node(3).consensus.follow("__meta", 2, term_);
  const auto made = node(3).create("orders", 1, 1);
  const uint64_t before = frames_;
  advance(40ms);
  EXPECT_FALSE(made->done);
  // Asked node 2, which refused: this once, and every 10 ms how far the catalog is.
  EXPECT_EQ(frames_ - before, 2u * (1 + 4));
  EXPECT_FALSE(node(1).topic("orders").has_value());
  node(3).consensus.follow("__meta", 1, term_);
  advance(100ms);
  EXPECT_EQ(made->code(), CHR_OK);
}

TEST_F(Cluster, LostFramesCostATryNotTheChange) {
  settle();
  losing_ = true;
  const auto made = node(2).create("orders", 1, 3);
  advance(20ms);
  losing_ = false;
  EXPECT_FALSE(made->done);
  advance(1000ms);
  EXPECT_EQ(made->code(), CHR_OK);
}

TEST_F(Cluster, AFrameThatComesTwiceIsNotJudgedByWhatItDid) {
  settle();
  const auto made = node(1).create("orders", 1, 1);
  advance(5ms);
  const chr_uuid id = node(1).topic("orders")->id;
  cut_off_ = {3};  // the asking node does not see the commit yet
  keep_ = 3;
  const auto removed = node(3).remove({id});
  advance(5ms);
  ASSERT_FALSE(node(1).topic("orders").has_value());
  for (const FakeHost::Frame& frame : std::exchange(kept_, {}))
    node(frame.to).host.deliver("metadata", 3, frame.bytes);
  advance(5ms);
  EXPECT_FALSE(removed->done);
  const uint64_t seen = node(3).consensus.group("__meta").log.back().header.index;
  for (const auto& entry : node(1).consensus.group("__meta").log)
    if (entry.header.index > seen) node(3).consensus.receive("__meta", entry.header, *entry.payload);
  advance(5ms);
  EXPECT_EQ(removed->code(), CHR_OK) << removed->message();
}

TEST_F(Cluster, AChangeThatTheOldLeaderCommittedIsNotRefusedByTheNewOne) {
  settle();
  cut_off_ = {3};  // the asking node does not see the commit
  const auto made = node(3).create("orders", 1, 1);
  advance(5ms);
  ASSERT_TRUE(node(2).topic("orders").has_value());
  EXPECT_FALSE(made->done);
  hand_over_unseen();
  ASSERT_TRUE(made->done);
  EXPECT_EQ(made->code(), CHR_OK) << made->message();
}

TEST_F(Cluster, ADeletionThatTheOldLeaderCommittedIsNotRefusedByTheNewOne) {
  settle();
  const auto made = node(3).create("orders", 1, 1);
  advance(5ms);
  cut_off_ = {3};
  const auto gone = node(3).remove({node(3).topic("orders")->id});
  advance(5ms);
  ASSERT_FALSE(node(2).topic("orders").has_value());
  EXPECT_FALSE(gone->done);
  hand_over_unseen();
  ASSERT_TRUE(gone->done);
  EXPECT_EQ(gone->code(), CHR_OK) << gone->message();
}

TEST_F(Cluster, WhatTheLeaderCouldNotReadIsRefusedAtOnce) {
  settle();
  const std::string value(kMaxConfigValueBytes, 'v');
  std::vector<std::string> keys;
  std::vector<chr_config_entry> configs;
  for (int i = 0; i < 200; ++i) keys.push_back("key-" + std::to_string(i));
  for (const std::string& key : keys) configs.push_back({to_abi(key), to_abi(value)});
  chr_new_topic big = TestNode::new_topic("big");
  big.configs = configs.data();
  big.n_configs = static_cast<uint32_t>(configs.size());
  const auto refused = node(2).create({big});
  step();
  ASSERT_TRUE(refused->done);
  EXPECT_EQ(refused->code(), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(refused->message(), "the change is too large; ask for fewer items at once");
  EXPECT_FALSE(node(1).host.logged("A frame of metadata was dropped"));
}

TEST_F(Cluster, ANodeThatLeadsTellsTheLeaderOfMeta) {
  settle();
  const auto made = node(1).create("test", 1, 3);
  advance(10ms);
  no_leader();
  node(2).role("test", 0, 1, 2);
  advance(250ms);
  EXPECT_TRUE(
      node(2).host.logged("Failed to update partition assignment (attempt 2): No leader elected yet."));
  elect(3);
  advance(20ms);
  EXPECT_TRUE(node(2).host.logged("Updated partition assignment: test/0 leader is now node 2 (attempt 3)"));
  for (const int32_t id : {1, 2, 3}) EXPECT_EQ(node(id).leader("test"), (std::pair<int32_t, uint64_t>{2, 1}));
}

TEST_F(Cluster, ANodeThatAPartitionLeftNamesNoOlderLeaderThanItDid) {
  using Named = std::pair<int32_t, uint64_t>;
  settle();
  const auto made = node(1).create("test", 1, 1);
  advance(10ms);
  const int32_t leader = node(1).replicas("test", 0)[0];
  TestNode& other = node(leader % 3 + 1);
  node(leader).role("test", 0, 1, leader);
  advance(200ms);
  EXPECT_EQ(other.leader("test"), Named(leader, 1));
  other.role("test", 0, 1, -1);  // its group closes
  EXPECT_EQ(other.leader("test"), Named(leader, 1));
  other.role("test", 0, 3, leader);
  EXPECT_EQ(other.leader("test"), Named(leader, 3));
  other.role("test", 0, 3, -1);
  EXPECT_EQ(other.leader("test"), Named(-1, 3));
  node(leader).role("test", 0, 3, leader);
  advance(200ms);
  EXPECT_EQ(other.leader("test"), Named(leader, 3));
  other.role("test", 0, 4, -1);  // a term that nobody led
  EXPECT_EQ(other.leader("test"), Named(leader, 3));
}

TEST_F(Cluster, TwentyTopicsOfFivePartitionsCostAHandfulOfProposals) {
  settle();
  for (int i = 0; i < 20; ++i) node(1).create("topic-" + std::to_string(i), 5, 3);
  advance(50ms);
  const uint64_t before = node(1).consensus.proposals();
  for (int i = 0; i < 20; ++i) {
    const std::string topic = "topic-" + std::to_string(i);
    for (int32_t p = 0; p < 5; ++p) {
      const int32_t leader = 1 + (i + p) % 3;
      for (const int32_t id : {1, 2, 3}) node(id).role(topic, p, 1, leader);
    }
    if (i % 4 == 0) advance(1ms);
  }
  advance(200ms);
  for (const int32_t id : {1, 2, 3}) EXPECT_EQ(node(id).host.metric("chronik_meta_sync_intents"), 0);
  EXPECT_EQ(node(3).leader("topic-19", 4).first, 1 + (19 + 4) % 3);
  EXPECT_LE(node(1).consensus.proposals() - before, 6u);
}

// All nodes wake up at once, spread over 20 ms, and the leader takes what comes together as one entry.
TEST_F(Cluster, ANewLeaderOfMetaCostsAFewProposalsForAHundredGroups) {
  settle();
  const auto made = node(1).create("wide", 100, 3);
  advance(50ms);
  for (int round = 0; round < 5; ++round) {
    no_leader();
    for (int32_t p = 0; p < 100; ++p) {
      const int32_t leader = 1 + (p + round) % 3;
      for (const int32_t id : {1, 2, 3}) node(id).role("wide", p, static_cast<uint64_t>(round + 1), leader);
    }
    advance(50ms);
    const int32_t next = 1 + round % 3;
    const uint64_t before = node(next).consensus.proposals();
    elect(next);
    advance(300ms);
    for (const int32_t id : {1, 2, 3}) EXPECT_EQ(node(id).host.metric("chronik_meta_sync_intents"), 0);
    EXPECT_LE(node(next).consensus.proposals() - before, 4u);
    EXPECT_EQ(node(2).leader("wide", 99), node(3).leader("wide", 99));
  }
}

// Leaders come one by one, as after the loss of a node; what is not urgent is spaced out.
TEST_F(Cluster, ATrickleOfLeadersCostsAHandfulOfProposals) {
  settle();
  const auto made = node(1).create("wide", 100, 3);
  advance(1s);
  const uint64_t before = node(1).consensus.proposals();
  for (int32_t p = 0; p < 100; ++p) {
    for (const int32_t id : {1, 2, 3}) node(id).role("wide", p, 2, 1 + p % 3);
    advance(8ms);
  }
  advance(500ms);
  for (const int32_t id : {1, 2, 3}) EXPECT_EQ(node(id).host.metric("chronik_meta_sync_intents"), 0);
  EXPECT_LE(node(1).consensus.proposals() - before, 8u);
}

TEST_F(Cluster, TheLeaderThatGoesFailsWhatItHadNotProposedYet) {
  settle();
  const auto made = node(1).create("wide", 2, 3);
  advance(1s);
  node(1).consensus.hold_commits(true);
  node(2).role("wide", 0, 1, 2);
  advance(5ms);
  node(3).role("wide", 1, 1, 3);  // waits for the entry that is on its way
  advance(5ms);
  node(1).consensus.hold_commits(false);
  no_leader();
  advance(5ms);
  elect(3);
  advance(100ms);
  EXPECT_EQ(node(1).leader("wide", 0).first, 2);
  EXPECT_EQ(node(1).leader("wide", 1).first, 3);
}

TEST_F(Cluster, ALinkThatComesBackWakesTheSync) {
  settle();
  const auto made = node(1).create("test", 1, 3);
  advance(10ms);
  losing_ = true;
  node(2).role("test", 0, 1, 2);
  advance(10ms);
  node(2).host.set_link("metadata", 1, false);
  advance(10ms);
  EXPECT_TRUE(node(2).host.logged("(attempt 1): The link to node 1 was lost. Retrying in 100ms..."));
  losing_ = false;
  node(2).host.set_link("metadata", 1, true);
  advance(30ms);
  EXPECT_TRUE(node(2).host.logged("Updated partition assignment: test/0 leader is now node 2 (attempt 2)"));
}

TEST_F(Cluster, ASilentLeaderTimesOut) {
  settle();
  const auto made = node(1).create("test", 1, 3);
  advance(10ms);
  losing_ = true;
  node(2).role("test", 0, 1, 2);
  advance(1010ms);
  losing_ = false;
  EXPECT_TRUE(node(2).host.logged("(attempt 1): Node 1 did not answer in time. Retrying in 100ms..."));
  advance(110ms);
  EXPECT_TRUE(node(2).host.logged("(attempt 2)"));
  EXPECT_EQ(node(3).leader("test"), (std::pair<int32_t, uint64_t>{2, 1}));
}

TEST_F(Cluster, HostileFramesAreDropped) {
  settle();
  const auto made = node(1).create("test", 1, 3);
  advance(10ms);
  const Uuid topic = Uuid::from_abi(node(1).topic("test")->id);
  const std::string spoof = encode(Frame{SyncFrame{1, {{{topic, 0, 9, 3}}, {}}}});
  node(1).host.deliver("metadata", 2, spoof);  // node 2 speaks for node 3
  const std::string foreign = encode(Frame{ChangeFrame{{{3, 1, 1}, DeleteTopics{{{{}, topic}}}}, 2, false}});
  node(1).host.deliver("metadata", 2, foreign);
  std::mt19937_64 random(7);
  for (int i = 0; i < 2'000; ++i) {
    std::string bytes(random() % 64, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    node(1).host.deliver("metadata", 2, bytes);
  }
  advance(50ms);
  EXPECT_EQ(node(1).leader("test"), (std::pair<int32_t, uint64_t>{-1, 0}));
  EXPECT_TRUE(node(1).topic("test").has_value());
  EXPECT_TRUE(node(1).host.logged("A frame of metadata was dropped"));
  EXPECT_TRUE(node(1).host.fatals().empty());
  const auto after = node(2).create("after", 1, 3);
  advance(10ms);
  EXPECT_EQ(after->code(), CHR_OK);
}

TEST_F(Cluster, DigestsAgreeAndADifferenceIsTold) {
  settle();
  const auto made = node(2).create("orders", 6, 3);
  advance(10ms);
  const uint64_t before = frames_;
  advance(31s);
  EXPECT_GE(frames_ - before, 6u);
  for (const int32_t id : {1, 2, 3}) EXPECT_EQ(node(id).host.metric("chronik_meta_digest_mismatch_total"), 0);
  // The next entry says something else on node 3.
  cut_off_ = {3};
  const auto first = node(1).create("a", 1, 1);
  advance(5ms);
  chr_entry_header header = node(1).consensus.group("__meta").log.back().header;
  node(3).consensus.receive("__meta", header, encode(Command{{}, AllocateProducerIds{}}));
  advance(31s);
  EXPECT_GE(node(1).host.metric("chronik_meta_digest_mismatch_total"), 1);
  EXPECT_TRUE(node(1).host.logged("CRITICAL: The catalog of node 3 differs from this one at entry"));
}

// ---- the first seconds, and the quorum ----

class Starting : public Cluster {
 protected:
  // Node 3 runs and is linked, and its record is held back.
  Starting() {
    cut_off_ = {3};
    node(1).consensus.on_commit = [this](const std::string& name, const chr_entry_header& header,
                                         const std::string& payload) {
      if (leader_ == 1) replicate(name, header, payload);
    };
    node(3).host.set_link("metadata", 1, false);
    leader_ = 1;
    ++term_;
    node(2).consensus.follow("__meta", 1, term_);
    node(1).consensus.elect("__meta", term_);
    advance(50ms);
  }
  void let_in() {
    cut_off_.clear();
    for (const auto& entry : node(1).consensus.group("__meta").log)
      if (entry.header.kind == CHR_ENTRY_COMMAND)
        node(3).consensus.receive("__meta", entry.header, *entry.payload);
    node(3).consensus.follow("__meta", 1, term_);
    node(3).host.set_link("metadata", 1, true);
  }
};

TEST_F(Starting, ATopicWaitsForTheNodesThatAreConfigured) {
  const auto made = node(2).create("t", 3, 3), small = node(2).create("small", 1, 2);
  advance(800ms);
  EXPECT_FALSE(made->done);
  EXPECT_TRUE(small->done);
  EXPECT_EQ(node(1).create("much", 1, 4)->done, false);
  let_in();
  advance(200ms);
  ASSERT_TRUE(made->done);
  EXPECT_EQ(made->code(), CHR_OK) << made->message();
  EXPECT_EQ(node(2).replicas("t", 0).size(), 3u);
}

TEST_F(Starting, AndSaysWhyOnceTimeIsUp) {
  const auto made = node(2).create({TestNode::new_topic("t", 1, 3), TestNode::new_topic("u", 1, 2)});
  const auto hopeless = node(2).create("v", 1, 4);
  const auto valid = node(2).create({TestNode::new_topic("w", 1, 3)}, true);
  advance(100ms);
  ASSERT_TRUE(hopeless->done);
  EXPECT_EQ(hopeless->code(), CHR_E_OUT_OF_RANGE);
  advance(3s);
  EXPECT_FALSE(made->done);
  advance(2s);  // 5 s less what its answer may need
  ASSERT_TRUE(made->done);
  EXPECT_EQ(made->completion.code, CHR_OK);
  EXPECT_EQ(made->code(0), CHR_E_UNAVAILABLE);
  EXPECT_EQ(made->message(0),
            "the replication factor is 3, but only 2 nodes are known; node 3 is expected, and did not "
            "register yet");
  EXPECT_EQ(made->code(1), CHR_OK);
  EXPECT_FALSE(node(2).topic("t").has_value());
  EXPECT_TRUE(node(2).topic("u").has_value());
  EXPECT_EQ(valid->code(), CHR_E_UNAVAILABLE);
}

TEST_F(Starting, ANodeThatIsBehindNamesNoControllerAndIsNotReady) {
  node(3).consensus.follow("__meta", 1, term_);
  node(3).host.set_link("metadata", 1, true);
  advance(2s);
  EXPECT_EQ(node(3).table->controller(node(3).self), -1);
  EXPECT_EQ(node(3).host.health("catalog"), CHR_HEALTH_NOT_READY);
  EXPECT_EQ(node(2).table->controller(node(2).self), 1);
  let_in();
  advance(50ms);
  EXPECT_EQ(node(3).table->controller(node(3).self), 1);
  EXPECT_EQ(node(3).host.health("catalog"), CHR_HEALTH_READY);
}

// The others hear of it before the first entry of its term is committed.
TEST_F(Cluster, WhoAskedANewLeaderTooEarlyAsksAgainSoon) {
  settle();
  EXPECT_EQ(node(3).table->controller(node(3).self), 1);
  leader_ = 2;
  for (const int32_t id : {1, 3}) node(id).consensus.follow("__meta", 2, term_ + 1);
  step();
  EXPECT_EQ(node(3).table->controller(node(3).self), -1);
  elect(2);
  advance(20ms);
  EXPECT_EQ(node(3).table->controller(node(3).self), 2);
}

TEST_F(Cluster, ANodeThatIsDownDoesNotStopTopicsFromBeingMade) {
  settle();
  node(1).host.set_link("metadata", 3, false);
  advance(5ms);
  const auto made = node(2).create("t", 3, 3), small = node(2).create("small", 10, 2);
  advance(5ms);
  EXPECT_EQ(made->code(), CHR_OK);
  ASSERT_EQ(small->code(), CHR_OK);
  for (int32_t p = 0; p < 10; ++p)
    for (const int32_t replica : node(1).replicas("small", p)) EXPECT_NE(replica, 3);
}

class QuorumTest : public Cluster {
 protected:
  struct Asked {
    std::vector<chr_quorum_member> members = std::vector<chr_quorum_member>(2);
    chr_quorum quorum{};
    chr_done done{};
    bool finished() const { return done.token != 0; }
  };
  std::shared_ptr<Asked> ask(int32_t id, std::chrono::milliseconds timeout = 2s) {
    auto asked = std::make_shared<Asked>();
    asked->quorum.struct_size = sizeof asked->quorum;
    asked->quorum.members = asked->members.data();
    asked->quorum.n_members = static_cast<uint32_t>(asked->members.size());
    node(id).host.on_shard(0, [&] {
      const uint64_t token = node(id).host.begin(&asked->done);
      node(id).table->describe_quorum(node(id).self, static_cast<uint64_t>(timeout.count()) * 1'000'000,
                                      &asked->quorum, token, nullptr);
    });
    return asked;
  }
};

TEST_F(QuorumTest, TheLeaderIsAskedFromEverywhere) {
  settle();
  for (const int32_t id : {1, 2, 3}) {
    const auto asked = ask(id);
    advance(5ms);
    ASSERT_TRUE(asked->finished()) << id;
    EXPECT_EQ(asked->done.code, CHR_OK);
    EXPECT_EQ(asked->quorum.leader, 1);
    EXPECT_EQ(asked->quorum.term, term_);
    EXPECT_EQ(asked->quorum.n_members, 3u);  // more than there was room for
    EXPECT_EQ(asked->members[1].id, 2);
    EXPECT_EQ(asked->members[1].voter, 1u);
    EXPECT_EQ(asked->members[1].incarnation.b[0], 2);
    EXPECT_GT(asked->members[1].heard_ms, node(1).host.unix_start_ms);
    EXPECT_EQ(asked->quorum.commit_index, asked->members[0].match_index);
  }
}

TEST_F(QuorumTest, WithoutALeaderItWaitsForOneAndThenGivesUp) {
  settle();
  no_leader();
  const auto late = ask(2), never = ask(2, 100ms);
  advance(150ms);
  EXPECT_FALSE(late->finished());
  ASSERT_TRUE(never->finished());
  EXPECT_EQ(never->done.code, CHR_E_UNAVAILABLE);
  elect(3);
  advance(10ms);
  ASSERT_TRUE(late->finished());
  EXPECT_EQ(late->quorum.leader, 3);
  losing_ = true;
  const auto lost = ask(2);
  advance(10ms);
  losing_ = false;
  EXPECT_FALSE(lost->finished());
  advance(1100ms);
  ASSERT_TRUE(lost->finished());
  EXPECT_EQ(lost->done.code, CHR_OK);
}

}  // namespace
}  // namespace chronik::metadata::test
