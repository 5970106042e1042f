// Feature levels and records: three nodes, of which some may be of a build that knows no levels.
#include <chronik/draft/features.h>
#include <chronik/draft/records.h>
#include <gtest/gtest.h>

#include "catalog/features.h"
#include "catalog_testing.h"
#include "cluster.h"
#include "wire/codec.h"

namespace chronik::metadata::test {
namespace {

class Levelled : public Cluster {
 protected:
  // A log that a build of before levels began.
  void begin_as_before() {
    chr_entry_header header{};
    header.index = header.term = 1;
    header.kind = CHR_ENTRY_COMMAND;
    const std::string bytes = encode(Command{{}, InitCluster{"of-before", {}}});
    for (const int32_t id : {1, 2, 3}) node(id).consensus.receive("__meta", header, bytes);
    term_ = 1;
    elect(1);
    advance(20ms);
  }
  template <class Table>
  const Table* table(int32_t id, const char* service, void** self) {
    return static_cast<const Table*>(node(id).service(service, self));
  }
  int16_t level(int32_t id, std::string_view name = kOwnFeature) {
    void* self = nullptr;
    const auto* features = table<chr_features_v1>(id, CHR_FEATURES_ID, &self);
    chr_catalog* image = node(id).table->catalog(node(id).self);
    int16_t out = -1;
    chr_feature feature{};
    for (uint32_t i = 0; features->at(self, image, i, &feature) == CHR_OK; ++i)
      if (from_abi(feature.name) == name) out = feature.level;
    node(id).table->release(node(id).self, image);
    return out;
  }
  std::shared_ptr<Changed> update(int32_t id, const std::vector<chr_feature_update>& items,
                                  bool validate_only = false) {
    void* self = nullptr;
    const auto* features = table<chr_features_v1>(id, CHR_FEATURES_ID, &self);
    return node(id).begin(items.size(), [&](chr_change_result* results, uint64_t token) {
      return features->update(self, items.data(), static_cast<uint32_t>(items.size()), validate_only ? 1 : 0,
                              5 * kSecond, results, token, nullptr);
    });
  }
  static chr_feature_update to(int16_t level, std::string_view name = kOwnFeature,
                               int16_t type = CHR_FEATURE_UPGRADE) {
    return {to_abi(name), level, type, 0};
  }
  std::shared_ptr<Changed> change(int32_t id, const std::vector<chr_record_change>& items) {
    void* self = nullptr;
    const auto* records = table<chr_records_v1>(id, CHR_RECORDS_ID, &self);
    return node(id).begin(items.size(), [&](chr_change_result* results, uint64_t token) {
      return records->change(self, items.data(), static_cast<uint32_t>(items.size()), 5 * kSecond, results,
                             token, nullptr);
    });
  }
  std::shared_ptr<Changed> barrier(int32_t id) {
    void* self = nullptr;
    const auto* records = table<chr_records_v1>(id, CHR_RECORDS_ID, &self);
    return node(id).begin(1, [&](chr_change_result* results, uint64_t token) {
      return records->barrier(self, 5 * kSecond, results, token, nullptr);
    });
  }
  static chr_record_change put(std::string_view key, std::string_view value) {
    return {to_abi("tests"), to_abi(key), to_abi(value), 0, 0, 0};
  }
  // key=value of the whole space, and the version of the last one.
  std::string all(int32_t id, uint64_t* version = nullptr) {
    void* self = nullptr;
    const auto* records = table<chr_records_v1>(id, CHR_RECORDS_ID, &self);
    chr_catalog* image = node(id).table->catalog(node(id).self);
    std::string out, from;
    chr_record record{};
    while (records->seek(self, image, to_abi("tests"), to_abi(from), &record) == CHR_OK) {
      out += std::string(from_abi(record.key)) + "=" + std::string(from_abi(record.value)) + " ";
      from = std::string(from_abi(record.key)) + '\0';
      if (version != nullptr) *version = record.version;
    }
    node(id).table->release(node(id).self, image);
    return out;
  }
};

TEST_F(Levelled, ANewClusterStartsAtItsNewestLevels) {
  EXPECT_EQ(level(1), 0);  // nothing is known yet
  settle();
  for (const int32_t id : {1, 2, 3}) {
    EXPECT_EQ(level(id), 3);
    EXPECT_EQ(level(id, "metadata.version"), 30);
  }
}

TEST_F(Levelled, AClusterOfBeforeStaysAtItsLevelUntilItIsFinalized) {
  begin_as_before();
  EXPECT_EQ(level(3), 1);
  EXPECT_EQ(level(3, "metadata.version"), 7);
  const auto early = change(2, {put("a", "1")});
  const auto other = update(2, {to(30, "metadata.version")});
  const auto dry = update(2, {to(2)}, true);
  advance(20ms);
  EXPECT_EQ(early->code(), CHR_E_UNSUPPORTED) << early->message();
  EXPECT_EQ(other->code(), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(other->message(), "chronik.version must be at 2 first.");
  EXPECT_EQ(dry->code(), CHR_OK) << dry->message();
  // Nothing that a node of before could not read was written.
  for (const auto& entry : node(1).consensus.group("__meta").log) {
    if (entry.header.kind == CHR_ENTRY_COMMAND) {
      EXPECT_LT(entry.payload->at(1), 4) << entry.header.index;
    }
  }
  const auto done = update(3, {to(2), to(30, "metadata.version")});
  advance(20ms);
  ASSERT_EQ(done->code(), CHR_OK) << done->message();
  for (const int32_t id : {1, 2, 3}) {
    EXPECT_EQ(level(id), 2);
    EXPECT_EQ(level(id, "metadata.version"), 30);
  }
}

TEST_F(Levelled, ALevelIsRefusedWhileANodeDoesNotKnowIt) {
  begin_as_before();
  node(1).host.set_link("metadata", 3, false);
  const auto down = update(1, {to(2)});
  advance(20ms);
  EXPECT_EQ(down->code(), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(down->message(), "Node 3 is down, or runs a build without feature levels.");
  // It comes back as a build of before, which says nothing; what the one before it said counts no more.
  mute_ = 3;
  node(1).host.set_link("metadata", 3, true);
  const auto silent = update(2, {to(2)});
  advance(20ms);
  EXPECT_EQ(silent->message(), down->message());
  EXPECT_EQ(level(1), 1);
  mute_ = -1;
  node(1).host.set_link("metadata", 3, false);
  node(1).host.set_link("metadata", 3, true);
  advance(5ms);
  const auto known = update(2, {to(2)});
  advance(20ms);
  EXPECT_EQ(known->code(), CHR_OK) << known->message();
}

// A new leader has heard of everybody already, and a node whose word was lost is told again, and answers.
TEST_F(Levelled, EveryNodeKnowsWhatTheOthersKnow) {
  begin_as_before();
  for (const bool up : {false, true}) node(3).host.set_link("metadata", 2, up);
  losing_ = true;
  step();
  losing_ = false;
  elect(3);
  advance(20ms);
  const auto early = update(1, {to(2)});
  advance(20ms);
  EXPECT_EQ(early->message(), "Node 2 is down, or runs a build without feature levels.");
  advance(31s);
  const auto done = update(1, {to(2)});
  advance(20ms);
  EXPECT_EQ(done->code(), CHR_OK) << done->message();
}

TEST_F(Levelled, ALeaderOfBeforeIsNotAsked) {
  begin_as_before();
  mute_ = 1;
  for (const bool up : {false, true})
    for (const int32_t id : {2, 3}) node(id).host.set_link("metadata", 1, up);
  const auto update_asked = update(2, {to(2)});
  const auto put_asked = change(3, {put("a", "1"), put("b", "2")});
  advance(900ms);
  EXPECT_FALSE(update_asked->done);  // its word may still be on the way
  advance(200ms);
  EXPECT_EQ(update_asked->code(), CHR_E_UNSUPPORTED);
  EXPECT_EQ(update_asked->message(),
            "Node 1 leads __meta, and runs a build without feature levels: upgrade it first");
  EXPECT_EQ(put_asked->code(1), CHR_E_UNSUPPORTED);
}

// What it was asked may be done, so nobody says that it was not.
TEST_F(Levelled, AChangeThatWasSentIsNotRefusedForTheNextLeader) {
  begin_as_before();
  cut_off_ = {3};
  const auto asked = update(3, {to(2)});  // committed, but not seen by node 3
  advance(10ms);
  EXPECT_EQ(level(1), 2);
  mute_ = 2;
  for (const bool up : {false, true}) node(3).host.set_link("metadata", 2, up);
  node(3).consensus.follow("__meta", 2, ++term_);
  advance(2s);
  EXPECT_FALSE(asked->done);
  advance(4s);
  EXPECT_EQ(asked->completion.code, CHR_E_TIMEOUT);
}

TEST_F(Levelled, WhatUpgradesAndDowngradesMayDo) {
  settle();
  const std::vector<std::pair<std::vector<chr_feature_update>, std::string>> cases = {
      {{to(4)}, "Node 1 only supports versions 1-3"},
      {{to(0)}, "Node 1 only supports versions 1-3"},
      {{to(-1)}, "A feature version cannot be less than 0."},
      {{to(1, "transaction.version")}, "No node supports this feature."},
      {{to(2)}, "Can't downgrade without setting the upgrade type to either safe or unsafe downgrade."},
      {{to(1, kOwnFeature, CHR_FEATURE_SAFE_DOWNGRADE)},
       "What was written since level 3 has forms that older builds cannot read."},
      {{to(1, kOwnFeature, CHR_FEATURE_UNSAFE_DOWNGRADE)},
       "What was written since level 3 has forms that older builds cannot read."},
      {{to(2, kOwnFeature, 0)}, "The controller does not support the given upgrade type."},
      {{to(3)}, ""},
      {{to(25, "metadata.version", CHR_FEATURE_SAFE_DOWNGRADE)}, ""},
      {{to(26, "metadata.version", CHR_FEATURE_UNSAFE_DOWNGRADE)}, "Can't downgrade to a newer version."},
      {{to(26, "metadata.version")}, ""},
      {{}, ""},
  };
  for (const auto& [items, message] : cases) {
    const auto asked = update(2, items);
    advance(10ms);
    ASSERT_TRUE(asked->done);
    if (!items.empty()) {
      EXPECT_EQ(asked->message(), message);
    }
  }
  const auto both = update(2, {to(30, "metadata.version"), to(4)});
  advance(10ms);
  EXPECT_EQ(both->code(0), CHR_E_CONFLICT);  // all of them, or none
  EXPECT_EQ(both->code(1), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(level(3, "metadata.version"), 26);
  EXPECT_EQ(level(3), 3);
}

TEST_F(Levelled, ABuildThatDoesNotKnowAFinalizedLevelStops) {
  settle();
  chr_entry_header header{};
  header.index = node(3).consensus.group("__meta").log.back().header.index + 1;
  header.term = term_;
  header.kind = CHR_ENTRY_COMMAND;
  node(3).consensus.receive("__meta", header,
                            encode(Command{{}, UpdateFeatures{{{{}, "chronik.version", 9, 1}}}}));
  node(3).host.run();
  ASSERT_EQ(node(3).host.fatals().size(), 1u);
  EXPECT_EQ(node(3).host.fatals()[0],
            "chronik.version is finalized at 9, this build knows 1 to 3; upgrade this node");
}

TEST_F(Levelled, RecordsAreTheSameEverywhere) {
  settle();
  const auto made = change(3, {put("b", "2"), put("a", "1"), put("c", std::string("\0\xFF", 2))});
  advance(10ms);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(made->code(i), CHR_OK) << made->message(i);
  const std::string expected = std::string("a=1 b=2 c=\0\xFF ", 13);
  for (const int32_t id : {1, 2, 3}) EXPECT_EQ(all(id), expected);

  uint64_t version = 0;
  all(1, &version);
  chr_record_change swap{to_abi("tests"), to_abi("c"), to_abi("4"), version, CHR_RECORD_EXPECTED, 0};
  chr_record_change fresh{to_abi("tests"), to_abi("d"), to_abi("5"), 0, CHR_RECORD_EXPECTED, 0};
  const auto first = change(1, {swap, fresh});
  advance(10ms);
  EXPECT_EQ(first->code(0), CHR_OK);
  EXPECT_EQ(first->code(1), CHR_OK);
  const auto second = change(2, {swap, fresh});
  advance(10ms);
  EXPECT_EQ(second->code(0), CHR_E_CONFLICT);
  EXPECT_EQ(second->code(1), CHR_E_CONFLICT);
  chr_record_change remove{to_abi("tests"), to_abi("a"), {}, 0, CHR_RECORD_REMOVE, 0};
  const auto gone = change(2, {remove}), again = change(3, {remove});
  advance(10ms);
  EXPECT_EQ(gone->code() + again->code(), CHR_E_NOT_FOUND);  // of two, one came first
  for (const int32_t id : {1, 2, 3}) EXPECT_EQ(all(id), "b=2 c=4 d=5 ");

  chr_record_change ours{to_abi(kFeatures), to_abi(kOwnFeature), to_abi("9"), 0, 0, 0};
  const std::string long_value(kMaxRecordValueBytes + 1, 'x');
  const auto refused = change(2, {ours, put("a", long_value)});
  advance(10ms);
  EXPECT_EQ(refused->code(0), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(refused->code(1), CHR_E_INVALID_ARGUMENT);
}

TEST_F(Levelled, ABarrierSeesWhatCompletedElsewhere) {
  settle();
  cut_off_ = {3};
  const auto made = change(1, {put("a", "1")});
  advance(10ms);
  ASSERT_EQ(made->code(), CHR_OK);
  EXPECT_EQ(all(3), "");
  const auto seen = barrier(3);
  advance(100ms);
  EXPECT_FALSE(seen->done);
  hand_over_unseen();
  advance(1500ms);
  ASSERT_TRUE(seen->done);
  EXPECT_EQ(seen->code(), CHR_OK) << seen->message();
  EXPECT_EQ(all(3), "a=1 ");
}

TEST_F(Levelled, AWatcherIsToldOfItsSpace) {
  settle();
  void* self = nullptr;
  const auto* records = table<chr_records_v1>(2, CHR_RECORDS_ID, &self);
  int told = 0;
  const auto count = [](void* context) { ++*static_cast<int*>(context); };
  node(2).host.on_shard(0, [&] { records->watch(self, to_abi("tests"), count, &told); });
  advance(5ms);
  EXPECT_EQ(told, 1);
  const auto topic = node(1).create("orders");
  chr_record_change other = put("a", "1");
  other.space = to_abi("other");
  const auto elsewhere = change(1, {other});
  advance(10ms);
  EXPECT_EQ(told, 1);
  const auto here = change(1, {put("a", "1")});
  advance(10ms);
  EXPECT_EQ(told, 2);
  chr_record_change remove{to_abi("tests"), to_abi("a"), {}, 0, CHR_RECORD_REMOVE, 0};
  const auto gone = change(3, {remove});
  advance(10ms);
  EXPECT_EQ(told, 3);
  node(2).host.on_shard(0, [&] { records->unwatch(self, count, &told); });
  const auto after = change(1, {put("a", "2")});
  advance(10ms);
  EXPECT_EQ(told, 3);
  EXPECT_EQ(after->code(), CHR_OK);
}

TEST_F(Levelled, OperatorsSeeTheLevels) {
  begin_as_before();
  const auto ask = [&](const char* path) {
    const uint64_t id = node(1).host.request("GET", path);
    node(1).host.run();
    return node(1).host.response(id)->body;
  };
  EXPECT_NE(ask("/v1/cluster").find(R"("level":1)"), std::string::npos);
  EXPECT_NE(ask("/v1/nodes/2").find(R"("newest_level":3)"), std::string::npos);
  node(1).host.set_link("metadata", 2, false);
  node(1).host.run();
  EXPECT_NE(ask("/v1/nodes/2").find(R"("newest_level":0)"), std::string::npos);
}

// ---- the state machine ----

TEST(RecordsInTheCatalog, ManyInAnyOrder) {
  Catalog catalog;
  apply(&catalog, InitCluster{"c", newest_levels()});
  std::map<std::string, std::string> model;
  std::mt19937_64 random(7);
  ImageRef before;
  std::string seen_before;
  const auto text_of = [](const Records::Spaces& spaces) {
    std::string out;
    each_record(spaces, "s", {}, [&](const Record& record) {
      out += record.key + "=" + record.value + ";";
      return true;
    });
    return out;
  };
  for (int i = 0; i < 3'000; ++i) {
    const std::string key = std::to_string(random() % 700);
    const bool remove = random() % 3 == 0;
    apply(&catalog, ChangeRecords{{{{}, "s", key, std::to_string(i), remove, std::nullopt}}});
    if (remove)
      model.erase(key);
    else
      model[key] = std::to_string(i);
    if (i % 100 == 50) {  // images stay as they were
      if (before.get() != nullptr) {
        EXPECT_EQ(text_of(*before->records), seen_before);
      }
      before = catalog.publish();
      seen_before = text_of(*before->records);
    }
  }
  std::string expected;
  for (const auto& [key, value] : model) expected += key + "=" + value + ";";
  EXPECT_EQ(text_of(catalog.records().spaces()), expected);
  EXPECT_EQ(catalog.records().size(), model.size() + newest_levels().size());

  const Result<Catalog> loaded = load_snapshot(saved(catalog));
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  EXPECT_EQ(loaded->digest(), catalog.digest());
  EXPECT_EQ(text_of(loaded->records().spaces()), expected);

  for (const auto& [key, value] : model)
    apply(&catalog, ChangeRecords{{{{}, "s", key, {}, true, std::nullopt}}});
  EXPECT_EQ(catalog.records().spaces().size(), 1u);  // that of the levels
}

// Node 3 does not see that its change was applied, and asks again. Meanwhile node 2 changes the same.
TEST_F(Levelled, AChangeThatComesAgainDoesNotUndoWhatCameBetween) {
  settle();
  cut_off_ = {3};
  const auto first = change(3, {put("a", "1")});
  advance(5ms);
  ASSERT_EQ(all(1), "a=1 ");
  EXPECT_FALSE(first->done);
  const auto second = change(2, {put("a", "2")});
  advance(5ms);
  EXPECT_EQ(second->code(), CHR_OK);
  const uint64_t proposals = node(1).consensus.proposals();
  advance(2s);
  ASSERT_GT(node(1).consensus.proposals(), proposals) << "it was not asked again";
  EXPECT_EQ(all(1), "a=2 ");
  const uint64_t seen = node(3).consensus.group("__meta").log.back().header.index;
  for (const auto& entry : node(1).consensus.group("__meta").log)
    if (entry.header.index > seen) node(3).consensus.receive("__meta", entry.header, *entry.payload);
  advance(5ms);
  EXPECT_EQ(first->code(), CHR_OK) << first->message();
  for (const int32_t id : {1, 2, 3}) EXPECT_EQ(all(id), "a=2 ") << id;
}

// Before levels are finalized, snapshots and digests are those that builds of before make of the same state.
TEST(RecordsInTheCatalog, NothingOfThemIsThereBefore) {
  Catalog catalog;
  apply(&catalog, InitCluster{"c", {}});
  const uint64_t digest = catalog.digest();
  apply(&catalog, ChangeRecords{{{{}, "s", "k", "v", false, std::nullopt}}});
  EXPECT_EQ(catalog.digest(), digest);
  EXPECT_EQ(saved(catalog)[4], 2);
  EXPECT_TRUE(load_snapshot(saved(catalog)).has_value());
  apply(&catalog, InitCluster{"d", newest_levels()});  // too late
  EXPECT_EQ(catalog.level(), 1);
  catalog.apply(Command{{}, UpdateFeatures{{{{}, std::string(kOwnFeature), 2, 1}}}});
  EXPECT_EQ(catalog.level(), 2);
  EXPECT_NE(catalog.digest(), digest);
  EXPECT_EQ(saved(catalog)[4], 3);
}

}  // namespace
}  // namespace chronik::metadata::test
