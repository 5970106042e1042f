// One node: changes, their results and when they complete; start, stop and restart; what stops the node.
#include <chronik/draft/internal_topics.h>
#include <gtest/gtest.h>

#include "metadata/model/command.h"
#include "metadata/service/home_shard.h"
#include "metadata/wire/codec.h"
#include "tests/unit/metadata/node.h"

namespace chronik::metadata::test {
namespace {

class OneNode : public ::testing::Test {
 protected:
  OneNode() { node_.start_as_leader(); }
  TestNode node_;
};

TEST_F(OneNode, NamesTheClusterAndBindsTheDataDirectory) {
  EXPECT_EQ(node_.cluster_id().size(), 22u);
  EXPECT_EQ(node_.host.cluster_id(), node_.cluster_id());
  EXPECT_EQ(node_.table->controller(node_.self), 1);
}

TEST_F(OneNode, CreatesDeletesExtendsAndAllocates) {
  const auto made = node_.create({TestNode::new_topic("orders", 3), TestNode::new_topic("a b")});
  EXPECT_FALSE(made->done);
  node_.host.run();
  ASSERT_TRUE(made->done);
  EXPECT_EQ(made->completion.code, CHR_OK);
  EXPECT_EQ(made->code(0), CHR_OK);
  EXPECT_EQ(made->results[0].n_partitions, 3u);
  EXPECT_EQ(made->code(1), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(made->message(1), "the topic name may hold only ASCII letters and digits, '.', '_' and '-'");
  const std::optional<chr_topic> topic = node_.topic("orders");
  ASSERT_TRUE(topic.has_value());
  EXPECT_EQ(std::memcmp(topic->id.b, made->results[0].topic.b, 16), 0);

  const auto more = node_.extend("orders", 5);
  node_.host.run();
  EXPECT_EQ(more->code(), CHR_OK);
  EXPECT_EQ(node_.topic("orders")->n_partitions, 5u);

  const auto first = node_.allocate(), second = node_.allocate();
  node_.host.run();
  EXPECT_EQ(first->completion.u[1], 1'000u);
  EXPECT_EQ(second->completion.u[0], first->completion.u[0] + 1'000);

  const auto gone = node_.remove({topic->id, topic->id});
  node_.host.run();
  EXPECT_EQ(gone->code(0), CHR_OK);
  EXPECT_EQ(gone->code(1), CHR_E_NOT_FOUND);
  EXPECT_FALSE(node_.topic("orders").has_value());
}

TEST_F(OneNode, WhatCompletedIsVisible) {
  const auto made = node_.create("orders");
  bool visible = false;
  made->when_done = [&] { visible = node_.topic("orders").has_value(); };
  node_.host.run();
  ASSERT_TRUE(made->done);
  EXPECT_TRUE(visible);
}

TEST_F(OneNode, ValidateOnlyAndHopelessChangesProposeNothing) {
  const uint64_t before = node_.consensus.proposals();
  const auto valid = node_.create({TestNode::new_topic("orders", 3)}, true);
  const auto hopeless = node_.create("", 1);
  const auto factor = node_.create("t", 1, 2);
  const auto missing = node_.extend("nothing", 4);
  node_.host.run();
  EXPECT_EQ(valid->code(), CHR_OK);
  EXPECT_EQ(valid->results[0].n_partitions, 3u);
  EXPECT_EQ(hopeless->code(), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(factor->code(), CHR_E_OUT_OF_RANGE);
  EXPECT_EQ(factor->message(), "the replication factor is 2, but only 1 nodes are known");
  EXPECT_EQ(missing->code(), CHR_E_NOT_FOUND);
  EXPECT_EQ(node_.consensus.proposals(), before);
  EXPECT_FALSE(node_.topic("orders").has_value());
}

TEST_F(OneNode, MorePartitionsTakeAnAssignmentOfTheRightLengthOnly) {
  node_.create("orders", 2);
  node_.host.run();
  const auto too_short = node_.extend("orders", 5, {1, 1});
  const auto too_long = node_.extend("orders", 5, {1, 1, 1, 1});
  const auto stranger = node_.extend("orders", 3, {7});
  const auto right = node_.extend("orders", 4, {1, 1});
  node_.host.run();
  EXPECT_EQ(too_short->code(), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(too_long->code(), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(stranger->code(), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(right->code(), CHR_OK);
  EXPECT_EQ(node_.topic("orders")->n_partitions, 4u);
}

TEST_F(OneNode, ConfigsAndAssignmentsAreKept) {
  const chr_config_entry configs[] = {{to_abi("retention.ms"), to_abi("1000")}, {to_abi("a"), to_abi("b")}};
  const int32_t assignment[] = {1, 1};
  chr_new_topic item = TestNode::new_topic("t", 2);
  item.configs = configs;
  item.n_configs = 2;
  item.assignment = assignment;
  const auto made = node_.create({item});
  node_.host.run();
  ASSERT_EQ(made->code(), CHR_OK);
  chr_catalog* image = node_.table->catalog(node_.self);
  chr_config_entry entry{};
  ASSERT_EQ(node_.table->config_at(node_.self, image, 0, 1, &entry), CHR_OK);
  EXPECT_EQ(from_abi(entry.key), "retention.ms");
  EXPECT_EQ(from_abi(entry.value), "1000");
  EXPECT_EQ(node_.table->config_at(node_.self, image, 0, 2, &entry), CHR_E_OUT_OF_RANGE);
  node_.table->release(node_.self, image);
  EXPECT_EQ(node_.replicas("t", 1), std::vector<int32_t>{1});
}

TEST_F(OneNode, WhoMakesATopicSaysWhetherItIsInternal) {
  const chr_config_entry config{to_abi(CHR_INTERNAL_CONFIG), to_abi("true")};
  chr_new_topic internal = TestNode::new_topic("mine");
  internal.configs = &config;
  internal.n_configs = 1;
  const auto made = node_.create({internal, TestNode::new_topic("__consumer_offsets")});
  node_.host.run();
  EXPECT_EQ(node_.topic("mine")->internal, 1u);
  EXPECT_EQ(node_.topic("__consumer_offsets")->internal, 0u);
}

TEST_F(OneNode, AnUnclearOutcomeIsTriedAgainAndCountsOnce) {
  node_.consensus.hold_commits(true);
  const auto made = node_.create("orders");
  node_.host.run();
  node_.host.advance(100ms);
  EXPECT_FALSE(made->done);
  node_.consensus.follow("__meta", -1, 2);  // it may or may not be in the next leader's log: here it is
  node_.host.run();
  node_.consensus.hold_commits(false);
  node_.elect();
  node_.consensus.commit("__meta");
  node_.host.advance(10ms);
  ASSERT_TRUE(made->done);
  EXPECT_EQ(made->code(), CHR_OK);  // and not EXISTS, which the second attempt alone would have said
  EXPECT_EQ(node_.topic("orders")->n_partitions, 1u);
}

TEST_F(OneNode, ALostProposalIsMadeAgain) {
  node_.consensus.hold_commits(true);
  const auto made = node_.create("orders");
  const auto ids = node_.allocate();
  node_.host.run();
  node_.consensus.follow("__meta", -1, 2);
  node_.consensus.drop_uncommitted("__meta");
  node_.host.advance(1s);
  EXPECT_FALSE(made->done);
  node_.consensus.hold_commits(false);
  node_.elect();
  EXPECT_EQ(made->code(), CHR_OK);
  EXPECT_TRUE(ids->done);
}

TEST_F(OneNode, DeadlinesSayWhetherAnythingWasTried) {
  node_.consensus.hold_commits(true);
  const auto asked = node_.create({TestNode::new_topic("orders")}, false, kSecond);
  node_.host.advance(999ms);
  EXPECT_FALSE(asked->done);
  node_.host.advance(2ms);
  ASSERT_TRUE(asked->done);
  EXPECT_EQ(asked->completion.code, CHR_E_TIMEOUT);

  node_.consensus.follow("__meta", -1, 2);
  const auto leaderless = node_.create({TestNode::new_topic("t")}, false, kSecond);
  node_.host.advance(1001ms);
  ASSERT_TRUE(leaderless->done);
  EXPECT_EQ(leaderless->completion.code, CHR_E_UNAVAILABLE);
}

TEST_F(OneNode, WithoutPatienceItIsStillDone) {
  const auto made = node_.create({TestNode::new_topic("orders")}, false, 0);
  node_.host.run();
  EXPECT_TRUE(made->done);
  EXPECT_TRUE(node_.topic("orders").has_value());
}

TEST_F(OneNode, ARequestIsBounded) {
  const uint64_t before = node_.consensus.proposals();
  std::vector<chr_new_topic> topics(3, TestNode::new_topic("", 5'000));
  const std::vector<std::string> names = {"a", "b", "c"};
  for (size_t i = 0; i < 3; ++i) topics[i].name = to_abi(names[i]);
  const auto made = node_.create(topics);
  node_.host.run();
  EXPECT_EQ(made->code(1), CHR_OK);
  EXPECT_EQ(made->code(2), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(made->message(2), "more than 10000 partitions in one request");
  // More bytes than an entry may have: refused whole, and not tried for ever.
  const std::string value(kMaxConfigValueBytes, 'v');
  std::vector<std::string> keys;
  std::vector<chr_config_entry> configs;
  for (int i = 0; i < 200; ++i) keys.push_back("key-" + std::to_string(i));
  for (const std::string& key : keys) configs.push_back({to_abi(key), to_abi(value)});
  chr_new_topic big = TestNode::new_topic("big");
  big.configs = configs.data();
  big.n_configs = static_cast<uint32_t>(configs.size());
  const auto refused = node_.create({big});
  node_.host.run();
  ASSERT_TRUE(refused->done);
  EXPECT_EQ(refused->code(), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(refused->message(), "the change is too large; ask for fewer items at once");
  EXPECT_EQ(node_.consensus.proposals(), before + 1);
}

TEST_F(OneNode, WatchersAreToldOfCatalogAndLeaders) {
  int told = 0;
  const chr_catalog_fn fn = [](void* context) { ++*static_cast<int*>(context); };
  node_.host.on_shard(0, [&] { node_.table->watch(node_.self, fn, &told); });
  node_.host.run();
  EXPECT_EQ(told, 1);
  const auto made = node_.create("orders");
  node_.host.run();
  const int after_create = told;
  EXPECT_GT(after_create, 1);
  node_.role("orders", 0, 5, 2);
  node_.host.run();
  EXPECT_GT(told, after_create);
  const int before = told;
  node_.host.on_shard(0, [&] { node_.table->unwatch(node_.self, fn, &told); });
  node_.role("orders", 0, 6, 1);
  node_.host.run();
  EXPECT_EQ(told, before);
}

TEST_F(OneNode, LeadersAreTheNewerOfCatalogAndConsensus) {
  const auto made = node_.create("t");
  node_.host.run();
  EXPECT_EQ(node_.leader("t"), (std::pair<int32_t, uint64_t>{-1, 0}));
  node_.role("t", 0, 3, 1);
  node_.host.advance(30ms);
  EXPECT_EQ(node_.leader("t"), (std::pair<int32_t, uint64_t>{1, 3}));
  // Consensus knows a newer term whose leader it does not know: better none than the old one.
  node_.role("t", 0, 4, -1);
  EXPECT_EQ(node_.leader("t"), (std::pair<int32_t, uint64_t>{-1, 4}));
  node_.role("t", 0, 4, 2);
  EXPECT_EQ(node_.leader("t"), (std::pair<int32_t, uint64_t>{2, 4}));
  node_.role("t", 0, 4, -1);
  EXPECT_EQ(node_.leader("t").first, -1);  // lost, in the same term
  // A hint that is older than the catalog does not count.
  node_.role("t", 0, 2, 2);
  EXPECT_EQ(node_.leader("t"), (std::pair<int32_t, uint64_t>{1, 3}));
  node_.role("t", 0, 3, -1);  // this node stepped down, and nobody else leads yet
  EXPECT_EQ(node_.leader("t"), (std::pair<int32_t, uint64_t>{-1, 3}));
}

TEST_F(OneNode, ARestartFindsItsCatalogInTheSnapshot) {
  const auto made = node_.create("orders", 3);
  node_.host.run();
  node_.role("orders", 1, 4, 1);
  node_.host.advance(10ms);
  const std::string cluster = node_.cluster_id();
  node_.stop();
  node_.host.expect_idle();
  node_.start();
  EXPECT_EQ(node_.cluster_id(), cluster);
  EXPECT_EQ(node_.topic("orders")->n_partitions, 3u);
  EXPECT_EQ(node_.table->controller(node_.self), -1);
  EXPECT_EQ(node_.host.health("catalog"), CHR_HEALTH_NOT_READY);
  node_.elect();
  EXPECT_EQ(node_.cluster_id(), cluster);
  EXPECT_EQ(node_.host.health("catalog"), CHR_HEALTH_READY);
  EXPECT_TRUE(node_.host.fatals().empty());
}

TEST_F(OneNode, StopEndsWhatWaits) {
  node_.consensus.hold_commits(true);
  const auto made = node_.create("orders");
  node_.host.run();
  node_.stop();
  ASSERT_TRUE(made->done);
  EXPECT_EQ(made->completion.code, CHR_E_SHUTTING_DOWN);
  node_.host.expect_idle();
}

// The host delivers frames until the instance is gone.
TEST(HomeShard, DropsWhatComesAfterItsEnd) {
  FakeHost host;
  HomeShard home(Host(host.core()), 0);
  chr_done done{};
  done.code = 99;
  bool ran = false;
  home.post([&] { ran = true; });
  home.finish_stop(host.begin(&done));
  EXPECT_EQ(done.code, 99);
  host.run();
  EXPECT_TRUE(ran);
  EXPECT_EQ(done.code, CHR_OK);
  home.post([&] { FAIL() << "ran after the end"; });
  host.run();
}

TEST_F(OneNode, HealthFollowsTheLeaderOfMeta) {
  EXPECT_EQ(node_.host.health("catalog"), CHR_HEALTH_READY);
  node_.consensus.follow("__meta", -1, 2);
  EXPECT_EQ(node_.host.health("catalog"), CHR_HEALTH_DEGRADED);
  EXPECT_EQ(node_.table->controller(node_.self), -1);
  node_.elect();
  EXPECT_EQ(node_.host.health("catalog"), CHR_HEALTH_READY);
}

// Its record has an address and no incarnation yet: it is no stranger.
TEST(Start, ANodeThatWasAddedAndDidNotRegisterYetGoesOn) {
  TestNode node;
  node.start();
  NodeChange added;
  added.node = 1;
  added.raft = "one.example:9192";
  chr_entry_header header{};
  header.index = header.term = 1;
  header.kind = CHR_ENTRY_COMMAND;
  node.consensus.receive("__meta", header, encode(Command{{}, ChangeNodes{{added}}}));
  node.host.advance(10ms);
  EXPECT_TRUE(node.host.fatals().empty());
}

TEST(Start, IsNotReadyBeforeTheFirstElection) {
  TestNode node;
  node.start();
  EXPECT_EQ(node.host.health("catalog"), CHR_HEALTH_NOT_READY);
  EXPECT_EQ(node.cluster_id(), "");
  EXPECT_EQ(node.table->controller(node.self), -1);
}

TEST(Start, ADataDirectoryOfAnotherClusterStopsTheNode) {
  TestNode node;
  ASSERT_TRUE(Host(node.host.core()).adopt_cluster("another-cluster").has_value());
  node.start_as_leader();
  ASSERT_EQ(node.host.fatals().size(), 1u);
  EXPECT_NE(node.host.fatals()[0].find("belongs to another cluster than " + node.cluster_id()),
            std::string::npos);
  EXPECT_NE(node.host.health("catalog"), CHR_HEALTH_READY);
}

class Hostile : public OneNode {
 protected:
  void receive(const std::string& payload, uint32_t kind = CHR_ENTRY_COMMAND) {
    const auto& group = node_.consensus.group("__meta");
    chr_entry_header header{};
    header.index = group.log.back().header.index + 1;
    header.term = group.term;
    header.kind = kind;
    node_.consensus.receive("__meta", header, payload);
    node_.host.run();
  }
};

TEST_F(Hostile, AnEntryThatIsNoCommandStopsTheNode) {
  receive("garbage");
  ASSERT_FALSE(node_.host.fatals().empty());
  EXPECT_NE(node_.host.fatals()[0].find("of __meta cannot be applied"), std::string::npos);
}

TEST_F(Hostile, AnEntryOfAnUnknownKindStopsTheNode) {
  receive("", CHR_ENTRY_DATA);
  EXPECT_FALSE(node_.host.fatals().empty());
}

TEST_F(Hostile, AnotherIncarnationOfThisNodeStopsIt) {
  TestNode late(2, {1, 2});
  late.start();
  chr_entry_header header{};
  header.index = 1;
  header.term = 1;
  header.kind = CHR_ENTRY_COMMAND;
  late.consensus.receive("__meta", header,
                         encode(Command{{}, SyncBatch{{}, {Node{2, "h", 1, "", Uuid::from_random({9})}}}}));
  late.host.run();
  EXPECT_TRUE(late.host.fatals().empty()) << "what follows may be that it was removed, and added again";
  late.elect();
  ASSERT_FALSE(late.host.fatals().empty());
  EXPECT_NE(late.host.fatals()[0].find("give this one an id of its own"), std::string::npos);
}

}  // namespace
}  // namespace chronik::metadata::test
