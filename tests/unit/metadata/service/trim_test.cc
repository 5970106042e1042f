// The log of __meta gets shorter, and a node that lacks what was deleted gets a snapshot.
#include <gtest/gtest.h>

#include "metadata/wire/codec.h"
#include "tests/unit/metadata/service/cluster.h"

namespace chronik::metadata::test {
namespace {

constexpr int64_t kEntries = 40;

class Trimmed : public ::testing::Test {
 protected:
  Trimmed() { node_.host.config_int("snapshot_entries", kEntries); }
  const FakeConsensus::Group& meta() { return node_.consensus.group("__meta"); }
  void make_topics(int n) {
    for (int i = 0; i < n; ++i) {
      const auto made = node_.create("topic-" + std::to_string(made_++));
      node_.host.run();
      ASSERT_EQ(made->code(), CHR_OK);
    }
  }
  TestNode node_;
  int made_ = 0;
};

TEST_F(Trimmed, ByEntries) {
  node_.start_as_leader();
  make_topics(kEntries / 2);
  EXPECT_EQ(meta().snapshot_index, 0u);
  make_topics(10 * kEntries);
  EXPECT_LE(meta().log.size(), static_cast<size_t>(kEntries));
  EXPECT_GT(meta().snapshot_index, 9u * kEntries);
  node_.stop();
  node_.start();
  EXPECT_TRUE(node_.topic("topic-0").has_value());
  EXPECT_TRUE(node_.topic("topic-" + std::to_string(made_ - 1)).has_value());
}

// Each entry is far from the limit of entries, and a restart counts anew: what is stored counts.
TEST_F(Trimmed, ByBytesWhoeverWroteThem) {
  constexpr int64_t kBytes = 64 << 10;
  node_.host.config_int("snapshot_entries", 10'000);
  node_.host.config_int("snapshot_bytes", kBytes);
  for (int restart = 0; restart < 20; ++restart) {
    node_.start_as_leader();
    std::vector<std::string> names;
    std::vector<chr_new_topic> topics;
    for (int i = 0; i < 200; ++i) names.push_back(std::string(100, 'x') + std::to_string(made_++));
    for (const std::string& name : names) topics.push_back(TestNode::new_topic(name));
    const auto made = node_.create(topics);
    node_.host.run();
    ASSERT_EQ(made->code(), CHR_OK);
    node_.stop();
    uint64_t bytes = 0;
    for (const auto& entry : meta().log) bytes += entry.header.bytes;
    ASSERT_LT(bytes, kBytes + (40u << 10)) << restart;
  }
  EXPECT_LT(meta().log.size(), 10u);
}

TEST_F(Trimmed, NotAgainForEachEntryWhileAMemberIsWaitedFor) {
  constexpr int64_t kBytes = 64 << 10;
  node_.host.config_int("snapshot_entries", 800);
  node_.host.config_int("snapshot_bytes", kBytes);
  node_.consensus.hold_trims(true);
  node_.start_as_leader();
  make_topics(3'000);
  EXPECT_GE(node_.consensus.trims(), 3u);
  EXPECT_LE(node_.consensus.trims(), 35u);
}

class Jump : public Cluster {
 protected:
  Jump() : Cluster(kEntries) { settle(); }
  chr_uuid make(std::string_view name) {
    const auto made = node(1).create(name, 1, 1);
    advance(5ms);
    EXPECT_EQ(made->code(), CHR_OK) << made->message();
    return made->results[0].topic;
  }
  // More deletions than the catalog remembers, and a log that was trimmed behind them.
  void delete_many() {
    for (int round = 0; round < 3; ++round) {
      std::vector<std::string> names;
      std::vector<chr_new_topic> topics;
      for (int i = 0; i < 400; ++i) names.push_back("short-" + std::to_string(i));
      for (const std::string& name : names) topics.push_back(TestNode::new_topic(name));
      const auto made = node(1).create(topics);
      advance(5ms);
      std::vector<chr_uuid> ids;
      for (const chr_change_result& result : made->results) ids.push_back(result.topic);
      const auto gone = node(1).remove(ids);
      advance(5ms);
      ASSERT_EQ(gone->code(), CHR_OK);
    }
  }
  void trim() {
    for (int64_t i = 0; i <= kEntries; ++i) {
      const auto allocated = node(1).allocate();
      advance(1ms);
    }
    ASSERT_GT(node(1).consensus.group("__meta").snapshot_index, 0u);
  }
  void install() {
    cut_off_.clear();
    node(3).consensus.install("__meta", node(1).consensus.group("__meta"));
    for (const auto& entry : node(1).consensus.group("__meta").log)
      if (entry.header.index > node(3).consensus.group("__meta").commit)
        node(3).consensus.receive("__meta", entry.header, *entry.payload);
    advance(20ms);
  }
  void expect_one_catalog() {
    make("last");  // the next entry that all apply
    advance(31s);  // digests are told
    for (const int32_t id : {1, 2, 3}) {
      EXPECT_EQ(node(id).host.metric("chronik_meta_digest_mismatch_total"), 0) << id;
      EXPECT_TRUE(node(id).host.fatals().empty());
      EXPECT_EQ(node(id).host.metric("chronik_metadata_topics"),
                node(1).host.metric("chronik_metadata_topics"));
    }
  }
};

TEST_F(Jump, ShowsTheCatalogAsItIsNow) {
  make("old");
  make("same");
  advance(20ms);
  cut_off_ = {3};
  ASSERT_EQ(node(1).remove({node(1).topic("old")->id})->results.size(), 1u);
  advance(5ms);
  make("new");
  const auto more = node(1).extend("same", 4);
  advance(5ms);
  node(2).role("same", 3, 7, 2);
  advance(20ms);
  trim();
  EXPECT_TRUE(node(3).topic("old").has_value());
  install();
  EXPECT_FALSE(node(3).topic("old").has_value());
  EXPECT_TRUE(node(3).topic("new").has_value());
  EXPECT_EQ(node(3).leader("same", 3), (std::pair<int32_t, uint64_t>{2, 7}));
  expect_one_catalog();
  const auto first = node(3).allocate(), second = node(1).allocate();
  advance(20ms);
  EXPECT_NE(first->completion.u[0], second->completion.u[0]);
}

TEST_F(Jump, ForgetsWhatThisNodeLedOfDeletedTopics) {
  const chr_uuid old = make("old");
  cut_off_ = {3};
  losing_ = true;
  node(3).role("old", 0, 5, 3);
  node(3).role("old", 0, 6, 3);
  node(3).host.run();
  EXPECT_EQ(node(3).host.metric("chronik_meta_sync_intents"), 1);
  losing_ = false;
  node(3).host.set_link("metadata", 1, false);
  const auto gone = node(1).remove({old});
  advance(5ms);
  delete_many();
  trim();
  install();
  EXPECT_EQ(node(3).host.metric("chronik_meta_sync_intents"), 0);
  // Its group is open for a moment longer.
  node(3).role(old, "old/0", 0, 7, 3);
  advance(20ms);
  EXPECT_EQ(node(3).host.metric("chronik_meta_sync_intents"), 0);
  node(3).host.set_link("metadata", 1, true);
  expect_one_catalog();
}

// What it did itself is in the snapshot; asked again, the leader would find no such topic.
TEST_F(Jump, ARequestThatASnapshotCoveredIsNotJudgedByItsOwnEffect) {
  const chr_uuid old = make("old");
  advance(20ms);
  cut_off_ = {3};
  const auto gone = node(3).remove({old});
  advance(20ms);
  ASSERT_FALSE(node(1).topic("old").has_value());
  ASSERT_FALSE(gone->done);
  trim();
  install();
  ASSERT_TRUE(gone->done);
  EXPECT_EQ(gone->completion.code, CHR_E_TIMEOUT);
  const auto next = node(3).create("next");
  advance(20ms);
  EXPECT_EQ(next->code(), CHR_OK);
}

}  // namespace
}  // namespace chronik::metadata::test
