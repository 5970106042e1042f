// The catalog's part in moving partitions and in nodes that come and go.
#include <gtest/gtest.h>

#include "metadata/catalog/catalog.h"
#include "metadata/catalog/evacuation.h"
#include "metadata/catalog/rules.h"
#include "tests/unit/metadata/catalog/catalog_testing.h"

namespace chronik::metadata {
namespace {

using Ids = std::vector<int32_t>;

Uuid id_of(uint8_t n) {
  Uuid id;
  id.bytes[15] = n;
  return id;
}

class ReassignmentTest : public ::testing::Test {
 protected:
  ReassignmentTest() {
    for (const int32_t id : {1, 2, 3, 4, 5}) add(id);
    run(CreateTopics{{{{}, id_of(10), "t", 3, 2, {1, 2, 2, 3, 3, 1}, {}}}});
  }
  void add(int32_t id) {
    run(SyncBatch{{}, {Node{id, "h", 9092, "", id_of(static_cast<uint8_t>(id)), "r:1", false}}});
  }
  Outcome run(Body body, const ClusterView& view = {}) {
    resolve(catalog_, view, &body);
    const uint64_t before = catalog_.version();
    Outcome out = catalog_.apply(Command{{}, std::move(body)});
    EXPECT_EQ(out.changed, catalog_.version() != before);
    for (int32_t id = 1; id <= 6; ++id) EXPECT_EQ(catalog_.topics().replicas_on(id), counted_on(id)) << id;
    return out;
  }
  uint64_t counted_on(int32_t node) const {
    uint64_t count = 0;
    catalog_.topics().each([&](const Topic& topic) {
      for (size_t p = 0; p < topic.partitions.size(); ++p)
        count += topic.may_be_on(static_cast<int32_t>(p), node) ? 1 : 0;
    });
    return count;
  }
  chr_status reassign(int32_t partition, Ids target, bool same_factor = false) {
    return run(AlterReassignments{{{{}, id_of(10), partition, false, same_factor, std::move(target)}}})
        .items[0]
        .code;
  }
  chr_status cancel(int32_t partition) {
    return run(AlterReassignments{{{{}, id_of(10), partition, true, false, {}}}}).items[0].code;
  }
  chr_status finish(int32_t partition, Ids replicas) {
    return run(FinishReassignments{{{{}, id_of(10), partition, std::move(replicas)}}}).items[0].code;
  }
  chr_status change(int32_t node, NodeAction action, std::string raft = "") {
    return run(ChangeNodes{{{{}, node, action, std::move(raft)}}}).items[0].code;
  }
  const Topic& topic() { return *catalog_.find(id_of(10)); }
  Ids replicas(size_t partition) {
    const auto nodes = topic().replicas_of(partition);
    return {nodes.begin(), nodes.end()};
  }
  const OngoingReassignment& move(int32_t partition) { return *topic().reassignment_of(partition); }

  Catalog catalog_;
};

TEST(TopicReplicas, AreReplacedInPlaceWhereTheirNumberStays) {
  Topic topic;
  topic.replication_factor = 2;
  topic.partitions.resize(3);
  topic.replicas = {1, 2, 2, 3, 3, 1};
  const int32_t* const place = topic.replicas.data();
  topic.set_replicas(1, Ids{5, 4});
  EXPECT_EQ(topic.replicas, (Ids{1, 2, 5, 4, 3, 1}));
  EXPECT_EQ(topic.replicas.data(), place);
  EXPECT_TRUE(topic.ends.empty());
  topic.set_replicas(1, Ids{6});
  EXPECT_EQ(topic.ends, (std::vector<uint32_t>{2, 3, 5}));
  topic.set_replicas(1, Ids{7});
  EXPECT_EQ(topic.replicas, (Ids{1, 2, 7, 3, 1}));
  topic.set_replicas(1, Ids{7, 8});
  EXPECT_TRUE(topic.ends.empty());
}

TEST_F(ReassignmentTest, ATargetIsKeptUntilItsLeaderSaysThatItIsReached) {
  EXPECT_EQ(reassign(1, {4, 5, 2}), CHR_OK);
  EXPECT_EQ(replicas(1), (Ids{2, 3}));
  EXPECT_EQ(move(1), (OngoingReassignment{{4, 5, 2}, {}}));
  EXPECT_TRUE(topic().may_be_on(1, 5));
  EXPECT_EQ(finish(1, {4, 5}), CHR_E_CONFLICT);  // not the target
  EXPECT_EQ(finish(0, {4, 5}), CHR_E_CONFLICT);  // not moving
  EXPECT_EQ(finish(1, {4, 5, 2}), CHR_OK);
  EXPECT_EQ(finish(1, {4, 5, 2}), CHR_OK);  // a second attempt
  EXPECT_EQ(replicas(0), (Ids{1, 2}));
  EXPECT_EQ(replicas(1), (Ids{4, 5, 2}));
  EXPECT_EQ(replicas(2), (Ids{3, 1}));
  EXPECT_TRUE(topic().reassignments.empty());
  EXPECT_FALSE(topic().may_be_on(1, 3));
  // New partitions have as many replicas as the first one.
  MorePartitions more;
  more.name = "t";
  more.total = 5;
  EXPECT_EQ(run(CreatePartitions{{more}}).items[0].code, CHR_OK);
  EXPECT_EQ(replicas(4).size(), 2u);
  EXPECT_EQ(replicas(1).size(), 3u);
  // Uniform again, it is kept as if nothing had been.
  EXPECT_EQ(reassign(1, {4, 5}), CHR_OK);
  EXPECT_EQ(finish(1, {4, 5}), CHR_OK);
  EXPECT_TRUE(topic().ends.empty());
  EXPECT_EQ(replicas(4).size(), 2u);
}

TEST_F(ReassignmentTest, WhoeverMayBeAMemberIsNeverForgotten) {
  EXPECT_EQ(cancel(0), CHR_E_CONFLICT);
  EXPECT_EQ(reassign(0, {3, 4}), CHR_OK);
  EXPECT_EQ(reassign(0, {4, 5}), CHR_OK);
  EXPECT_EQ(move(0), (OngoingReassignment{{4, 5}, {3}}));
  EXPECT_EQ(cancel(0), CHR_OK);
  EXPECT_EQ(move(0), (OngoingReassignment{{1, 2}, {3, 4, 5}}));
  EXPECT_EQ(cancel(0), CHR_E_CONFLICT);
  EXPECT_EQ(reassign(0, {2, 3}), CHR_OK);
  EXPECT_EQ(move(0), (OngoingReassignment{{2, 3}, {4, 5}}));
  EXPECT_EQ(cancel(0), CHR_OK);
  EXPECT_EQ(finish(0, {1, 2}), CHR_OK);
  EXPECT_EQ(replicas(0), (Ids{1, 2}));
  EXPECT_TRUE(topic().reassignments.empty());
}

TEST_F(ReassignmentTest, AnotherOrderIsAMoveAndTheSameIsNone) {
  const uint64_t before = topic().digest, digest = catalog_.digest();
  EXPECT_EQ(reassign(0, {1, 2}), CHR_OK);
  EXPECT_EQ(catalog_.digest(), digest);
  EXPECT_EQ(reassign(0, {2, 1}), CHR_OK);
  EXPECT_EQ(move(0), (OngoingReassignment{{2, 1}, {}}));
  EXPECT_EQ(finish(0, {2, 1}), CHR_OK);
  EXPECT_EQ(replicas(0), (Ids{2, 1}));
  EXPECT_NE(topic().digest, before);
  EXPECT_EQ(reassign(0, {1, 2}), CHR_OK);
  EXPECT_EQ(finish(0, {1, 2}), CHR_OK);
  EXPECT_EQ(topic().digest, before);
}

// A command that names a partition again and again, or all of them, makes the topic's digest once, at its
// end: the one that a snapshot of it would give.
TEST_F(ReassignmentTest, OneCommandMovesManyPartitions) {
  const auto expect_true_digest = [&] {
    const Result<Catalog> restored = Catalog::load(test::saved(catalog_));
    ASSERT_TRUE(restored) << restored.error().message;
    EXPECT_EQ(restored->find(id_of(10))->digest, topic().digest);
  };
  AlterReassignments many;
  for (int i = 0; i < 9; ++i) many.items.push_back({{}, id_of(10), i % 3, false, false, {3 + i / 3, 2}});
  const Outcome out = run(many);
  EXPECT_EQ(out.items.size(), 9u);
  EXPECT_TRUE(out.changed);
  for (int32_t partition = 0; partition < 3; ++partition) EXPECT_EQ(move(partition).target, (Ids{5, 2}));
  expect_true_digest();
  run(FinishReassignments{{{{}, id_of(10), 0, {5, 2}}, {{}, id_of(10), 2, {5, 2}}}});
  EXPECT_EQ(topic().reassignments.size(), 1u);
  expect_true_digest();
}

TEST_F(ReassignmentTest, Refusals) {
  EXPECT_EQ(reassign(3, {1}), CHR_E_NOT_FOUND);
  EXPECT_EQ(reassign(-1, {1}), CHR_E_NOT_FOUND);
  EXPECT_EQ(reassign(0, {}), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(reassign(0, {1, 1}), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(reassign(0, {1, 9}), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(reassign(0, Ids(33, 1)), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(reassign(0, {1}, true), CHR_E_OUT_OF_RANGE);
  EXPECT_EQ(reassign(0, {3, 4}, true), CHR_OK);
  const auto missing = run(AlterReassignments{{{{}, id_of(77), 0, false, false, {1}}}});
  EXPECT_EQ(missing.items[0].code, CHR_E_NOT_FOUND);
}

TEST_F(ReassignmentTest, ANodeIsAddedWithItsAddressAndRegistersItself) {
  EXPECT_EQ(change(6, NodeAction::kAdd), CHR_E_INVALID_ARGUMENT);  // where is it?
  EXPECT_EQ(change(6, NodeAction::kAdd, "six:9"), CHR_OK);
  EXPECT_EQ(change(6, NodeAction::kAdd, "six:9"), CHR_E_EXISTS);
  EXPECT_TRUE(catalog_.nodes().at(6).incarnation.zero());
  run(SyncBatch{{}, {Node{6, "six", 1, "", id_of(6), "", false}}});
  EXPECT_EQ(catalog_.nodes().at(6).incarnation, id_of(6));
  EXPECT_EQ(catalog_.nodes().at(6).raft, "six:9");
  EXPECT_EQ(run(SyncBatch{{}, {Node{6, "six", 1, "", id_of(66), "", false}}}).fenced, 1u);
}

TEST_F(ReassignmentTest, ANodeLeavesOnceNothingIsOnIt) {
  EXPECT_EQ(catalog_.topics().replicas_on(3), 2u);
  EXPECT_EQ(change(3, NodeAction::kRemove), CHR_E_CONFLICT);  // was not told to leave
  EXPECT_EQ(change(9, NodeAction::kLeave), CHR_E_NOT_FOUND);
  EXPECT_EQ(change(3, NodeAction::kLeave), CHR_OK);
  EXPECT_EQ(change(3, NodeAction::kRemove), CHR_E_CONFLICT);
  EXPECT_EQ(reassign(1, {3, 4}), CHR_E_INVALID_ARGUMENT);  // nothing new is placed on it
  add(3);                                                  // what it says of itself changes nothing of that
  EXPECT_TRUE(catalog_.nodes().at(3).leaving);
  NewTopic wide{{}, id_of(11), "wide", 40, 4, {}, {}};
  EXPECT_EQ(run(CreateTopics{{wide}}).items[0].code, CHR_OK);
  for (const int32_t node : catalog_.find("wide")->replicas) EXPECT_NE(node, 3);
  wide = {{}, id_of(12), "wider", 1, 5, {}, {}};
  EXPECT_EQ(run(CreateTopics{{wide}}).items[0].code, CHR_E_OUT_OF_RANGE);
  EXPECT_EQ(reassign(1, {2, 4}), CHR_OK);
  EXPECT_EQ(finish(1, {2, 4}), CHR_OK);
  EXPECT_EQ(reassign(2, {4, 1}), CHR_OK);
  EXPECT_EQ(change(3, NodeAction::kRemove), CHR_E_CONFLICT);  // may still be a member
  EXPECT_EQ(finish(2, {4, 1}), CHR_OK);
  EXPECT_EQ(change(3, NodeAction::kRemove), CHR_OK);
  EXPECT_FALSE(catalog_.nodes().contains(3));
  EXPECT_EQ(run(SyncBatch{{}, {Node{3, "h", 9092, "", id_of(3), "r:1", false}}}).fenced, 1u);
  EXPECT_EQ(change(3, NodeAction::kAdd, "r:3"), CHR_OK);  // may come back with another disk
  run(SyncBatch{{}, {Node{3, "h", 9092, "", id_of(33), "", false}}});
  EXPECT_EQ(catalog_.nodes().at(3).incarnation, id_of(33));
}

TEST_F(ReassignmentTest, LeavingIsTakenBackByAddingAgain) {
  EXPECT_EQ(change(3, NodeAction::kLeave), CHR_OK);
  EXPECT_EQ(change(3, NodeAction::kAdd), CHR_OK);
  EXPECT_FALSE(catalog_.nodes().at(3).leaving);
  for (const int32_t node : {1, 2, 3}) EXPECT_EQ(change(node, NodeAction::kLeave), CHR_OK);
  const auto refused = run(ChangeNodes{{{{}, 4, NodeAction::kLeave, ""}}}).items[0];
  EXPECT_EQ(refused.code, CHR_E_CONFLICT);
  EXPECT_EQ(
      refused.message,
      "t/0 has 2 replicas; without node 4 there are 1 nodes: add another node first, or move it to fewer");
  run(DeleteTopics{{{{}, id_of(10)}}});
  EXPECT_EQ(change(4, NodeAction::kLeave), CHR_OK);
  EXPECT_EQ(change(5, NodeAction::kLeave), CHR_E_INVALID_ARGUMENT);  // the last one
}

// Each replica that goes finds a node in its place; a bounded number is under way at a time.
TEST_F(ReassignmentTest, ANodeIsEvacuatedOntoTheOthers) {
  run(CreateTopics{{{{}, id_of(11), "wide", 30, 3, {}, {}}}});
  const uint64_t had = catalog_.topics().replicas_on(3);
  ASSERT_GT(had, 12u);
  EXPECT_EQ(change(3, NodeAction::kLeave), CHR_OK);
  const std::set<int32_t> live = {1, 2, 3, 4};
  uint64_t rounds = 0;
  for (; catalog_.topics().replicas_on(3) > 0; ++rounds) {
    ASSERT_LT(rounds, 20u);
    const AlterReassignments moves = evacuate(catalog_, 3, live, 8);
    ASSERT_FALSE(moves.items.empty());
    EXPECT_LE(moves.items.size(), 8u);
    for (const ItemResult& item : run(moves).items) EXPECT_EQ(item.code, CHR_OK) << item.message;
    EXPECT_TRUE(evacuate(catalog_, 3, live, moves.items.size()).items.empty());
    for (const Reassignment& item : moves.items) {
      const auto now = catalog_.find(item.id)->replicas_of(static_cast<size_t>(item.partition));
      for (size_t i = 0; i < now.size(); ++i) {
        EXPECT_EQ(item.replicas[i] == now[i], now[i] != 3);
      }
      EXPECT_EQ(run(FinishReassignments{{{{}, item.id, item.partition, item.replicas}}}).items[0].code,
                CHR_OK);
    }
  }
  EXPECT_GE(rounds, had / 8);
  EXPECT_EQ(change(3, NodeAction::kRemove), CHR_OK);
}

TEST_F(ReassignmentTest, AnEvacuationPrefersLiveNodesOtherRacksAndThoseWithLittle) {
  for (const int32_t id : {1, 2, 3, 4, 5})
    run(SyncBatch{{},
                  {Node{id, "h", 1, id <= 3 ? "a" : "b", id_of(static_cast<uint8_t>(id)), "r:1", false}}});
  EXPECT_EQ(change(1, NodeAction::kLeave), CHR_OK);
  const auto target = [&](std::set<int32_t> live) {
    return evacuate(catalog_, 1, live, 1).items.at(0).replicas;  // of t/0, which is on 1 and 2
  };
  EXPECT_EQ(target({2, 3, 4}), (Ids{4, 2}));
  EXPECT_EQ(target({2, 3}), (Ids{3, 2}));
  run(CreateTopics{{{{}, id_of(12), "more", 2, 1, {4, 4}, {}}}});
  EXPECT_EQ(target({2, 3, 4, 5}), (Ids{5, 2}));
}

TEST_F(ReassignmentTest, WhatIsDownIsUsedOnlyWhereTheOthersAreTooFew) {
  const ClusterView view{{1, 2, 4}, {}};
  NewTopic item{{}, id_of(11), "a", 30, 3, {}, {}};
  EXPECT_EQ(run(CreateTopics{{item}}, view).items[0].code, CHR_OK);
  for (const int32_t node : catalog_.find("a")->replicas) EXPECT_TRUE(view.live.contains(node));
  item = {{}, id_of(12), "b", 30, 4, {}, {}};
  EXPECT_EQ(run(CreateTopics{{item}}, view).items[0].code, CHR_OK);
  EXPECT_EQ(
      std::set<int32_t>(catalog_.find("b")->replicas.begin(), catalog_.find("b")->replicas.end()).size(), 5u);
}

TEST_F(ReassignmentTest, WhoIsExpectedMayBeWaitedFor) {
  const ClusterView view{{1, 2, 3, 4, 5}, {5, 6, 7}};
  const auto verdict = [&](int32_t factor, Ids assignment = {}) {
    Body body = CreateTopics{{{{}, id_of(11), "a", 1, factor, std::move(assignment), {}}}};
    resolve(catalog_, view, &body);
    return std::get<CreateTopics>(body).items[0].verdict;
  };
  EXPECT_EQ(verdict(5).code, CHR_OK);
  EXPECT_EQ(verdict(6).code, CHR_E_UNAVAILABLE);
  EXPECT_EQ(verdict(6).message,
            "the replication factor is 6, but only 5 nodes are known; node 6 is expected, and did not "
            "register yet");
  EXPECT_EQ(verdict(7).code, CHR_E_UNAVAILABLE);
  EXPECT_EQ(verdict(8).code, CHR_E_OUT_OF_RANGE);
  EXPECT_EQ(verdict(0).code, CHR_E_OUT_OF_RANGE);
  EXPECT_EQ(verdict(2, {1, 7}).code, CHR_E_UNAVAILABLE);
  EXPECT_EQ(verdict(2, {1, 8}).code, CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(change(6, NodeAction::kAdd, "six:9"), CHR_OK);
  EXPECT_EQ(verdict(6).code, CHR_OK);
}

}  // namespace
}  // namespace chronik::metadata
