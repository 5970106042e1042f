#include "metadata/catalog/catalog.h"

#include <gtest/gtest.h>

#include <set>

#include "metadata/catalog/placement.h"
#include "metadata/catalog/rules.h"

namespace chronik::metadata {
namespace {

Uuid id_of(uint8_t n) {
  Uuid id;
  id.bytes[15] = n;
  return id;
}

NewTopic topic(std::string name, uint8_t id, int32_t partitions = 1, int32_t factor = 1) {
  NewTopic item;
  item.id = id_of(id);
  item.name = std::move(name);
  item.partitions = partitions;
  item.replication_factor = factor;
  return item;
}

class CatalogTest : public ::testing::Test {
 protected:
  CatalogTest() {
    for (const int32_t id : {1, 2, 3})
      run(SyncBatch{{}, {Node{id, "h", 9092, "", id_of(static_cast<uint8_t>(id))}}});
  }
  Outcome run(Body body) {
    resolve(catalog_, {}, &body);
    return catalog_.apply(Command{{}, std::move(body)});
  }
  ItemResult create(NewTopic item) { return run(CreateTopics{{std::move(item)}}).items.at(0); }
  Outcome assign(uint8_t topic, int32_t partition, uint64_t term, int32_t leader) {
    return catalog_.apply(Command{{}, SyncBatch{{{id_of(topic), partition, term, leader}}, {}}});
  }
  PartitionState state(uint8_t topic, size_t partition) {
    return catalog_.find(id_of(topic))->partitions.at(partition);
  }

  Catalog catalog_;
};

TEST_F(CatalogTest, AnImageSharesAllButTheBlockInWhichALeaderChanged) {
  constexpr size_t kTopics = 3 * TopicList::kBlock;
  for (size_t i = 0; i < kTopics; ++i)
    create(topic("t" + std::to_string(1000 + i), static_cast<uint8_t>(i + 1), 1));
  const ImageRef before = catalog_.publish();
  assign(1, 0, 5, 2);
  assign(2, 0, 5, 3);
  const ImageRef after = catalog_.publish();
  size_t shared = 0;
  for (size_t i = 0; i < kTopics; ++i) shared += &before->topics[i] == &after->topics[i] ? 1 : 0;
  EXPECT_EQ(shared, kTopics - TopicList::kBlock);
  EXPECT_EQ(after->topics[1]->partitions[0].leader, 3);
  EXPECT_EQ(before->topics[1]->partitions[0].leader, -1);
  assign(2, 0, 6, 1);  // again after it was published
  EXPECT_EQ(catalog_.publish()->topics[1]->partitions[0].leader, 1);
  EXPECT_EQ(after->topics[1]->partitions[0].leader, 3);
  run(DeleteTopics{{{{}, id_of(1)}}});
  const ImageRef fewer = catalog_.publish();
  EXPECT_EQ(fewer->topics.size(), kTopics - 1);
  EXPECT_EQ(fewer->topics[0]->partitions[0].leader, 1);
  EXPECT_EQ(fewer->find("t1001"), 0u);
  EXPECT_EQ(fewer->find("t1000"), fewer->topics.size());
}

TEST_F(CatalogTest, CreatesDeletesAndExtends) {
  const ItemResult made = create(topic("orders", 10, 4, 2));
  EXPECT_EQ(made.code, CHR_OK);
  EXPECT_EQ(made.topic, id_of(10));
  EXPECT_EQ(made.partitions, 4u);
  EXPECT_EQ(catalog_.topics().partitions(), 4u);

  MorePartitions more;
  more.name = "orders";
  more.total = 6;
  EXPECT_EQ(run(CreatePartitions{{more}}).items.at(0).partitions, 6u);
  EXPECT_EQ(catalog_.find("orders")->replicas.size(), 12u);
  EXPECT_EQ(run(CreatePartitions{{more}}).items.at(0).code, CHR_E_INVALID_ARGUMENT);

  const Outcome gone = run(DeleteTopics{{{{}, id_of(10)}}});
  EXPECT_EQ(gone.items.at(0).code, CHR_OK);
  EXPECT_EQ(gone.deleted, std::vector<Uuid>{id_of(10)});
  EXPECT_EQ(catalog_.find("orders"), nullptr);
  EXPECT_EQ(catalog_.topics().partitions(), 0u);
  EXPECT_EQ(run(DeleteTopics{{{{}, id_of(10)}}}).items.at(0).code, CHR_E_NOT_FOUND);
}

TEST_F(CatalogTest, ChangesConfigs) {
  NewTopic item = topic("t", 10);
  item.configs = {{"b", "1"}, {"a", "2"}};
  create(item);
  const auto alter = [&](std::vector<ConfigChange> changes, uint8_t id = 10) {
    return run(AlterConfigs{{{{}, id_of(id), std::move(changes)}}});
  };
  const auto configs = [&] { return catalog_.find(id_of(10))->configs; };
  const uint64_t digest = catalog_.digest();
  const Outcome out = alter({{"c", "3", false}, {"a", "", true}, {"never", "", true}, {"b", "4", false}});
  EXPECT_EQ(out.items.at(0).code, CHR_OK);
  EXPECT_TRUE(out.changed);
  EXPECT_EQ(configs(), (Configs{{"b", "4"}, {"c", "3"}}));
  EXPECT_NE(catalog_.digest(), digest);
  const Outcome again = alter({{"c", "3", false}});
  EXPECT_EQ(again.items.at(0).code, CHR_OK);
  EXPECT_FALSE(again.changed);
  EXPECT_EQ(alter({{"c", "5", false}, {"c", "6", false}}).items.at(0).code, CHR_OK);
  EXPECT_EQ(configs(), (Configs{{"b", "4"}, {"c", "6"}}));
  EXPECT_EQ(alter({{"c", "5", false}}, 11).items.at(0).code, CHR_E_NOT_FOUND);
  EXPECT_EQ(alter({{"", "5", false}}).items.at(0).code, CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(alter({{"c", std::string(kMaxConfigValueBytes + 1, 'x'), false}}).items.at(0).code,
            CHR_E_INVALID_ARGUMENT);
  std::vector<ConfigChange> many;
  for (size_t i = 0; i < kMaxConfigs; ++i) many.push_back({std::to_string(i), "", false});
  EXPECT_EQ(alter(many).items.at(0).code, CHR_E_INVALID_ARGUMENT);  // with the two that there are
  EXPECT_EQ(configs().size(), 2u);
}

TEST_F(CatalogTest, RefusesBadTopics) {
  ASSERT_EQ(create(topic("a.b", 10)).code, CHR_OK);
  EXPECT_EQ(create(topic("a.b", 11)).code, CHR_E_EXISTS);
  EXPECT_EQ(create(topic("a_b", 11)).code, CHR_E_INVALID_ARGUMENT);
  EXPECT_NE(create(topic("a_b", 11)).message.find("collides with topic 'a.b'"), std::string::npos);
  for (const char* name : {"", ".", "..", "a b", "a/b", "\xC3\xA4"})
    EXPECT_EQ(create(topic(name, 11)).code, CHR_E_INVALID_ARGUMENT) << name;
  EXPECT_EQ(create(topic(std::string(250, 'x'), 11)).code, CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(create(topic(std::string(249, 'x'), 11)).code, CHR_OK);
  EXPECT_EQ(create(topic("p", 12, 0)).code, CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(create(topic("p", 12, kMaxPartitions + 1)).code, CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(create(topic("p", 12, 1, 0)).code, CHR_E_OUT_OF_RANGE);
  EXPECT_EQ(create(topic("p", 12, 1, 4)).code, CHR_E_OUT_OF_RANGE);
  EXPECT_EQ(create(topic("p", 12, 1, 3)).code, CHR_OK);
}

TEST_F(CatalogTest, ChecksAssignmentsOfTheCaller) {
  NewTopic item = topic("t", 10, 2, 2);
  item.replicas = {1, 2, 2};
  EXPECT_EQ(create(item).code, CHR_E_INVALID_ARGUMENT);
  item.replicas = {1, 2, 2, 2};
  EXPECT_EQ(create(item).message, "partition 1 is assigned to node 2 twice");
  item.replicas = {1, 2, 2, 9};
  EXPECT_EQ(create(item).message, "partition 1 is assigned to node 9, which is not known");
  item.replicas = {3, 1, 2, 3};
  EXPECT_EQ(create(item).code, CHR_OK);
  EXPECT_EQ(catalog_.find("t")->replicas, item.replicas);
}

TEST_F(CatalogTest, ASecondAttemptIsTheSameTopicAndNeverBringsItBack) {
  ASSERT_EQ(create(topic("t", 10, 3)).code, CHR_OK);
  const uint64_t version = catalog_.version();
  EXPECT_EQ(create(topic("t", 10, 3)).code, CHR_OK);
  EXPECT_EQ(catalog_.version(), version);
  run(DeleteTopics{{{{}, id_of(10)}}});
  EXPECT_EQ(create(topic("t", 10, 3)).code, CHR_E_CONFLICT);
  EXPECT_EQ(create(topic("t", 11, 3)).code, CHR_OK);
}

TEST_F(CatalogTest, OnlyTheFirstOfTwoProposalsCounts) {
  Body first = CreateTopics{{topic("t", 10)}}, second = CreateTopics{{topic("t", 11)}};
  resolve(catalog_, {}, &first);
  resolve(catalog_, {}, &second);  // both passed on the leader, before either was applied
  EXPECT_EQ(catalog_.apply({{}, first}).items.at(0).code, CHR_OK);
  EXPECT_EQ(catalog_.apply({{}, second}).items.at(0).code, CHR_E_EXISTS);
  EXPECT_EQ(catalog_.find("t")->id, id_of(10));
}

TEST_F(CatalogTest, FencesByTermWithinTopicIdAndPartition) {
  create(topic("t", 10, 2));
  EXPECT_TRUE(assign(10, 0, 5, 1).changed);
  EXPECT_EQ(state(10, 0), (PartitionState{1, 5}));
  EXPECT_EQ(state(10, 1), (PartitionState{-1, 0}));
  EXPECT_EQ(assign(10, 0, 4, 2).fenced, 1u);  // an older one arrives late
  EXPECT_EQ(state(10, 0), (PartitionState{1, 5}));
  EXPECT_FALSE(assign(10, 0, 5, 1).changed);  // twice
  EXPECT_TRUE(assign(10, 0, 6, 2).changed);
  EXPECT_EQ(state(10, 0), (PartitionState{2, 6}));

  // A topic of the same name is another one: terms start anew.
  run(DeleteTopics{{{{}, id_of(10)}}});
  create(topic("t", 11, 2));
  EXPECT_FALSE(assign(10, 0, 7, 1).changed);
  EXPECT_TRUE(assign(11, 0, 1, 3).changed);
  EXPECT_EQ(state(11, 0), (PartitionState{3, 1}));
  EXPECT_FALSE(assign(11, 9, 1, 3).changed);  // no such partition
}

TEST_F(CatalogTest, TwoLeadersInOneTermCostThePartitionItsLeader) {
  using Partitions = std::set<std::pair<Uuid, int32_t>>;
  create(topic("t", 10, 2));
  assign(10, 0, 5, 1);
  EXPECT_EQ(catalog_.topics().rival_of({id_of(10), 0, 5, 2}), 1);
  EXPECT_EQ(catalog_.topics().rival_of({id_of(10), 0, 5, 1}), -1);
  EXPECT_EQ(catalog_.topics().rival_of({id_of(10), 0, 6, 2}), -1);
  EXPECT_EQ(catalog_.topics().rival_of({id_of(10), 7, 5, 2}), -1);
  const Outcome disputed = run(SyncBatch{{{id_of(10), 0, 5, 2}, {id_of(10), 1, 3, 3}}, {}});
  EXPECT_EQ(disputed.fenced, 1u);
  ASSERT_EQ(disputed.disputes.size(), 1u);
  EXPECT_EQ(disputed.disputes[0].first, 1);
  EXPECT_EQ(disputed.disputes[0].second.leader, 2);
  EXPECT_EQ(state(10, 0), (PartitionState{-1, 5}));
  EXPECT_EQ(state(10, 1), (PartitionState{3, 3})) << "what came with it counts";
  EXPECT_EQ(catalog_.topics().disputed(), (Partitions{{id_of(10), 0}}));
  EXPECT_FALSE(assign(10, 0, 5, 1).changed);
  EXPECT_FALSE(assign(10, 0, 5, 3).changed);
  EXPECT_TRUE(assign(10, 0, 6, 2).changed);
  EXPECT_EQ(state(10, 0), (PartitionState{2, 6}));
  EXPECT_TRUE(catalog_.topics().disputed().empty());
  assign(10, 0, 6, 1);
  run(DeleteTopics{{{{}, id_of(10)}}});
  EXPECT_TRUE(catalog_.topics().disputed().empty());
}

TEST_F(CatalogTest, ANodeIsFencedByItsIncarnation) {
  EXPECT_EQ(run(SyncBatch{{}, {Node{2, "elsewhere", 1, "", id_of(99)}}}).fenced, 1u);
  EXPECT_EQ(catalog_.nodes().at(2).host, "h");
  EXPECT_TRUE(run(SyncBatch{{}, {Node{2, "moved", 1, "", id_of(2)}}}).changed);
  EXPECT_EQ(catalog_.nodes().at(2).host, "moved");
}

TEST_F(CatalogTest, ProducerIdsAreNeverGivenTwice) {
  std::set<int64_t> seen;
  for (int i = 0; i < 100; ++i) {
    const Outcome out = run(AllocateProducerIds{});
    for (int64_t id = 0; id < out.producer_ids; ++id)
      EXPECT_TRUE(seen.insert(out.first_producer_id + id).second);
  }
  EXPECT_EQ(seen.size(), 100'000u);
}

TEST_F(CatalogTest, TheFirstClusterIdCounts) {
  EXPECT_TRUE(run(InitCluster{"first", {}}).changed);
  EXPECT_FALSE(run(InitCluster{"second", {}}).changed);
  EXPECT_EQ(catalog_.cluster_id(), "first");
}

TEST_F(CatalogTest, ImagesAreImmutableAndShareWhatDidNotChange) {
  for (uint8_t i = 0; i < 100; ++i) create(topic("t" + std::to_string(i), static_cast<uint8_t>(100 + i)));
  const ImageRef before = catalog_.publish();
  assign(107, 0, 3, 2);
  const ImageRef after = catalog_.publish();
  size_t shared = 0;
  for (size_t i = 0; i < before->topics.size(); ++i) shared += before->topics[i] == after->topics[i] ? 1 : 0;
  EXPECT_EQ(shared, 99u);
  EXPECT_EQ(before->by_id, after->by_id);
  const size_t at = before->find(id_of(107));
  EXPECT_EQ(before->topics[at]->partitions[0], (PartitionState{-1, 0}));
  EXPECT_EQ(after->topics[at]->partitions[0], (PartitionState{2, 3}));
  EXPECT_EQ(before->find("t7"), at);
  EXPECT_EQ(before->find("nothing"), before->topics.size());
  EXPECT_LT(before->version, after->version);
  EXPECT_NE(before->digest, after->digest);
}

TEST_F(CatalogTest, TheDigestIsThatOfTheStateNotOfItsParts) {
  // The same history in another catalog, published at other times, has the same digest at each step.
  Catalog other;
  const auto both = [&](Body body) {
    resolve(catalog_, {}, &body);
    const Command command{{}, body};
    catalog_.apply(command);
    other.apply(command);
    catalog_.publish();
    EXPECT_EQ(catalog_.digest(), other.digest());
    return catalog_.digest();
  };
  Catalog fresh;
  std::swap(catalog_, fresh);
  std::set<uint64_t> digests{other.digest()};
  digests.insert(both(SyncBatch{{}, {Node{1, "h", 1, "r", id_of(1)}}}));
  digests.insert(both(InitCluster{"c", {}}));
  digests.insert(both(CreateTopics{{topic("t", 10, 3)}}));
  digests.insert(both(SyncBatch{{{id_of(10), 1, 4, 1}}, {}}));
  digests.insert(both(AllocateProducerIds{}));
  digests.insert(both(DeleteTopics{{{{}, id_of(10)}}}));
  EXPECT_EQ(digests.size(), 7u);
}

TEST(Placement, SpreadsLeadersAndReplicas) {
  std::map<int32_t, Node> nodes;
  for (int32_t id = 1; id <= 5; ++id) nodes[id] = Node{id, "", 0, "", {}};
  const std::vector<int32_t> placed = place(nodes, 3, 0, 100, 3);
  std::map<int32_t, int> leaders, replicas;
  for (size_t p = 0; p < 100; ++p) {
    const std::set<int32_t> distinct(placed.begin() + static_cast<std::ptrdiff_t>(3 * p),
                                     placed.begin() + static_cast<std::ptrdiff_t>(3 * p + 3));
    EXPECT_EQ(distinct.size(), 3u);
    ++leaders[placed[3 * p]];
    for (const int32_t node : distinct) ++replicas[node];
  }
  for (int32_t id = 1; id <= 5; ++id) {
    EXPECT_EQ(leaders[id], 20);
    EXPECT_EQ(replicas[id], 60);
  }
}

TEST(Placement, NeighboursAreOfDifferentRacks) {
  std::map<int32_t, Node> nodes;
  for (int32_t id = 1; id <= 6; ++id) nodes[id] = Node{id, "", 0, id <= 3 ? "a" : "b", {}};
  const std::vector<int32_t> placed = place(nodes, 0, 0, 6, 2);
  for (size_t p = 0; p < 6; ++p) EXPECT_NE(placed[2 * p] <= 3, placed[2 * p + 1] <= 3);
  EXPECT_EQ(place({{7, Node{7, "", 0, "", {}}}}, 9, 0, 2, 1), (std::vector<int32_t>{7, 7}));
}

TEST(UuidText, IsThatOfKafka) {
  Uuid id;
  EXPECT_EQ(to_text(id), "AAAAAAAAAAAAAAAAAAAAAA");
  for (size_t i = 0; i < 16; ++i) id.bytes[i] = static_cast<uint8_t>(i * 17);
  EXPECT_EQ(to_text(id), "ABEiM0RVZneImaq7zN3u_w");
  std::array<uint8_t, 16> ones;
  ones.fill(0xF8);  // would begin with '-'
  EXPECT_NE(to_text(Uuid::from_random(ones))[0], '-');
  EXPECT_EQ(to_text(Uuid::from_random(ones)).size(), 22u);
}

}  // namespace
}  // namespace chronik::metadata
