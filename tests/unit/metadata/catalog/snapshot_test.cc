#include <gtest/gtest.h>

#include "metadata/catalog/catalog.h"
#include "metadata/catalog/rules.h"

namespace chronik::metadata {
namespace {

Uuid id_of(uint8_t n) {
  Uuid id;
  id.bytes.fill(n);
  return id;
}

class SnapshotTest : public testing::Test {
 protected:
  SnapshotTest() {
    run(InitCluster{"cluster", {{"chronik.version", 2}}});
    for (const int32_t id : {1, 2, 3})
      run(SyncBatch{{}, {Node{id, "h" + std::to_string(id), 9092, "r", id_of(1), "h:1"}}});
    for (uint8_t i = 1; i <= 40; ++i)
      run(CreateTopics{
          {{{}, id_of(i), "topic-" + std::to_string(i), i, 3, {}, {{"k", std::string(i, 'v')}}}}});
    run(SyncBatch{{{id_of(7), 3, 12, 2}, {id_of(8), 0, 1, 1}}, {}});
    run(DeleteTopics{{{{}, id_of(9)}}});
    run(AllocateProducerIds{});
    run(AlterReassignments{
        {{{}, id_of(20), 4, false, false, {2, 3}}, {{}, id_of(21), 0, false, false, {3, 1}}}});
    run(FinishReassignments{{{{}, id_of(20), 4, {2, 3}}}});
    run(AlterReassignments{{{{}, id_of(21), 0, true, false, {}}}});
    run(ChangeNodes{{{{}, 5, NodeAction::kAdd, "h5:1"}}});
    run(ChangeNodes{{{{}, 5, NodeAction::kLeave, ""}}});
    run(ChangeNodes{{{{}, 5, NodeAction::kRemove, ""}}});
    run(ChangeRecords{{{{}, "s", "k", "v", false, std::nullopt}, {{}, "s", "l", "", false, 0}}});
    EXPECT_EQ(catalog_.topics().size(), 39u);
  }
  void run(Body body) {
    resolve(catalog_, {}, &body);
    catalog_.apply(Command{{}, std::move(body)});
  }
  std::string saved() const {
    std::string bytes;
    EXPECT_TRUE(catalog_.save([&](std::string_view piece) {
      bytes += piece;
      return true;
    }));
    return bytes;
  }
  Catalog catalog_;
};

TEST_F(SnapshotTest, RoundTripsToTheSameState) {
  for (const int32_t leader : {1, 3}) run(SyncBatch{{{catalog_.find("topic-8")->id, 1, 99, leader}}, {}});
  const std::string bytes = saved();
  Result<Catalog> loaded = Catalog::load(bytes);
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  EXPECT_EQ(loaded->digest(), catalog_.digest());
  EXPECT_EQ(loaded->version(), catalog_.version());
  EXPECT_EQ(loaded->topics().partitions(), catalog_.topics().partitions());
  EXPECT_EQ(loaded->find("topic-7")->partitions[3], (PartitionState{2, 12}));
  EXPECT_TRUE(loaded->topics().was_deleted(id_of(9)));
  EXPECT_EQ(loaded->topics().disputed().size(), 1u);
  EXPECT_EQ(loaded->topics().disputed(), catalog_.topics().disputed());
  EXPECT_EQ(loaded->find("topic-20")->replicas_of(4).size(), 2u);
  EXPECT_EQ(loaded->find("topic-21")->reassignments, catalog_.find("topic-21")->reassignments);
  EXPECT_EQ(loaded->removed_nodes(), std::set<int32_t>{5});
  // And goes on as the original does.
  const Command next{{}, AllocateProducerIds{}};
  EXPECT_EQ(loaded->apply(next).first_producer_id, catalog_.apply(next).first_producer_id);
  EXPECT_EQ(loaded->digest(), catalog_.digest());
  std::swap(catalog_, *loaded);
  EXPECT_NE(saved(), bytes);
}

TEST_F(SnapshotTest, DamageIsFound) {
  const std::string bytes = saved();
  for (size_t n = 0; n < bytes.size(); n += 7)
    EXPECT_FALSE(Catalog::load(std::string_view(bytes).substr(0, n)).has_value());
  EXPECT_FALSE(Catalog::load(bytes + "x").has_value());
  std::string newer = bytes;
  newer[4] = 4;
  EXPECT_EQ(Catalog::load(newer).error().code, Code::kUnsupported);
  EXPECT_NE(Catalog::load(newer).error().message.find("format 4"), std::string::npos);
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    EXPECT_FALSE(Catalog::load(flipped).has_value()) << "byte " << at;
  }
}

TEST_F(SnapshotTest, AFullSinkEndsIt) {
  int pieces = 0;
  EXPECT_FALSE(catalog_.save([&](std::string_view) { return ++pieces < 5; }));
  EXPECT_EQ(pieces, 5);
}

}  // namespace
}  // namespace chronik::metadata
