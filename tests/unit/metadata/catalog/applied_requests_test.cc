// Requests that come to the catalog again: they are applied once.
#include "metadata/catalog/applied_request_table.h"

#include "metadata/catalog/features.h"
#include "tests/unit/metadata/catalog/catalog_testing.h"

namespace chronik::metadata::test {
namespace {

Uuid id_of(uint8_t n) {
  Uuid id;
  id.bytes[15] = n;
  return id;
}

class Remembering : public ::testing::Test {
 protected:
  Remembering() { apply(&catalog_, InitCluster{"c", newest_levels()}); }
  Outcome allocate(int32_t node, uint64_t session, uint64_t number, Catalog* catalog = nullptr) {
    return (catalog == nullptr ? catalog_ : *catalog).apply({{node, session, number}, AllocateProducerIds{}});
  }
  static constexpr uint64_t kMost = AppliedRequestTable::kRemembered;
  Catalog catalog_;
};

TEST_F(Remembering, ARequestIsAppliedOnce) {
  EXPECT_EQ(allocate(1, 7, 3).first_producer_id, 0);
  EXPECT_EQ(allocate(1, 7, 2).first_producer_id, 1'000) << "they need not come in order";
  const uint64_t version = catalog_.version(), digest = catalog_.digest();
  const Outcome again = allocate(1, 7, 3);
  EXPECT_EQ(again.seen, Seen::kApplied);
  EXPECT_EQ(again.producer_ids, 0);
  EXPECT_FALSE(again.changed);
  EXPECT_EQ(catalog_.version(), version);
  EXPECT_EQ(catalog_.digest(), digest);
  EXPECT_EQ(allocate(2, 7, 3).seen, Seen::kNew) << "of another node";
  EXPECT_EQ(allocate(1, 8, 3).seen, Seen::kNew) << "of its next run";
  EXPECT_EQ(allocate(1, 7, 2).seen, Seen::kApplied) << "it may have been on its way";
  EXPECT_EQ(allocate(1, 9, 1).seen, Seen::kNew);
  EXPECT_EQ(allocate(-1, 0, 0).seen, Seen::kNew);
  EXPECT_EQ(allocate(-1, 0, 0).seen, Seen::kNew) << "nobody waits for it";
}

TEST_F(Remembering, WhatIsRememberedIsBounded) {
  for (uint64_t number = 2; number <= kMost + 2; ++number) EXPECT_EQ(allocate(1, 7, number).seen, Seen::kNew);
  EXPECT_EQ(allocate(1, 7, 1).seen, Seen::kForgotten);
  EXPECT_EQ(allocate(1, 7, 2).seen, Seen::kForgotten);
  EXPECT_EQ(allocate(1, 7, 3).seen, Seen::kApplied);
  EXPECT_EQ(catalog_.applied().by_node().at(1).front().numbers.size(), kMost);
  for (uint64_t session = 8; session < 20; ++session) allocate(1, session, 1);
  EXPECT_EQ(catalog_.applied().by_node().at(1).size(), AppliedRequestTable::kSessions);
}

TEST_F(Remembering, ItIsInSnapshotsAndInTheDigest) {
  for (uint64_t number = 1; number <= kMost + 5; number += number % 3 + 1) allocate(1, 7, number);
  allocate(1, 8, 1'000'000'000'000);
  allocate(2, UINT64_MAX, UINT64_MAX);
  Result<Catalog> loaded = Catalog::load(saved(catalog_));
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  EXPECT_EQ(loaded->digest(), catalog_.digest());
  EXPECT_EQ(allocate(1, 7, 4, &*loaded).seen, allocate(1, 7, 4).seen);
  EXPECT_EQ(allocate(2, UINT64_MAX, UINT64_MAX, &*loaded).seen, Seen::kApplied);
  EXPECT_EQ(allocate(1, 9, 1, &*loaded).seen, Seen::kNew);
  EXPECT_EQ(allocate(1, 9, 1).seen, Seen::kNew);
  EXPECT_EQ(loaded->digest(), catalog_.digest()) << "the older run of node 1 is forgotten by both";

  apply(&catalog_, SyncBatch{{}, {Node{1, "h", 9092, "", id_of(1)}, Node{2, "h", 9093, "", id_of(2)}}});
  const uint64_t digest = catalog_.applied().digest();
  apply(&catalog_, ChangeNodes{{{{}, 2, NodeAction::kLeave, {}}}});
  apply(&catalog_, ChangeNodes{{{{}, 2, NodeAction::kRemove, {}}}});
  EXPECT_FALSE(catalog_.applied().by_node().contains(2));
  EXPECT_NE(catalog_.applied().digest(), digest);
}

}  // namespace
}  // namespace chronik::metadata::test
