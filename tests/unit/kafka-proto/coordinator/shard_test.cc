// Turns of keys, and how their writes become batches: committed together, once, and for the term in which
// they were made.
#include "kafka-proto/coordinator/shard.h"

#include "coordinator/shard_testing.h"

namespace chronik::kafka::testing {
namespace {

using Texts = std::vector<std::string>;

class TestShard final : public CoordinatorShard {
 public:
  using CoordinatorShard::CoordinatorShard;
  std::string_view section() const override { return "test"; }
  void save(std::vector<uint8_t>&) const override {}
  Status load(Bytes) override { return {}; }

  std::function<void()> next_turn;  // runs in the turn after the one in which a record is applied
  Texts applied_records;
  Texts told;
  Texts late_ends;

 private:
  Status apply_record(Bytes key, const std::optional<Bytes>& value) override {
    if (text_of(key) == "newer")
      return fail(Code::kUnsupported, "a record of a newer kind; upgrade this node");
    if (next_turn) host().post(0, std::exchange(next_turn, nullptr));
    applied_records.push_back(text_of(key) + "=" + (value.has_value() ? text_of(*value) : "gone"));
    return {};
  }
  void begin_leading() override { told.emplace_back("leads"); }
  void end_leading() override { told.emplace_back("ends"); }
  void end_late_write(const std::string& key) override { late_ends.push_back(key); }
};

class ShardTest : public ::testing::Test, public CoordinatedPartition<TestShard> {
 protected:
  ShardTest()
      : CoordinatedPartition(
            [](const Host& h, Partition& of, const CoordinatorMetrics& metrics) {
              return std::make_shared<TestShard>(h, of, metrics);
            },
            small_batches()) {}
  static TopicConfig small_batches() {
    TopicConfig config;
    config.max_message_bytes = 1000;
    return config;
  }
  using Turn = CoordinatorShard::Turn;

  // A request that writes one record of its key, and says in `ended` how that came out.
  void write(const std::string& key, const std::string& value, Turn turn = Turn::kAlone) {
    shard->take_turn(key, turn, [this, key, value](ErrorCode error) {
      if (error != ErrorCode::kNone) return end(value, error);
      runs.push_back(value);
      RecordList records;
      records.add(bytes_of(key), bytes_of(value));
      shard->write(key, std::move(records), [this, value](ErrorCode written) { end(value, written); });
    });
  }
  void end(const std::string& value, ErrorCode error) {
    ended.push_back(value + (error == ErrorCode::kNone ? "" : " " + std::string(error_name(error))));
  }
  double metric(std::string_view name) { return host.metric(std::string(name) + "{topic=\"t\"}"); }

  Texts runs, ended;
};

TEST_F(ShardTest, AWriteIsDoneOnceItIsApplied) {
  consensus.hold_commits(true);
  write("a", "1");
  host.run();
  EXPECT_EQ(batches(), 1u);
  EXPECT_TRUE(ended.empty());
  consensus.commit(group());
  host.run();
  EXPECT_EQ(shard->applied_records, (Texts{"a=1"}));
  EXPECT_EQ(ended, (Texts{"1"}));
}

TEST_F(ShardTest, ARecordWithoutAValueSaysThatItsKeyIsGone) {
  shard->take_turn("a", Turn::kAlone, [this](ErrorCode) {
    RecordList records;
    records.add(bytes_of("a"), std::nullopt);
    records.add(bytes_of("b"), Bytes());
    shard->write("a", std::move(records), [](ErrorCode) {});
  });
  host.run();
  EXPECT_EQ(shard->applied_records, (Texts{"a=gone", "b="}));
}

TEST_F(ShardTest, WhatIsWrittenWhileABatchIsInFlightGoesIntoTheNextOne) {
  consensus.hold_commits(true);
  for (const std::string key : {"a", "b", "c", "d", "e"}) {
    write(key, key);
    if (key == "b") host.run();
  }
  host.run();
  EXPECT_EQ(batches(), 1u);
  consensus.commit(group());
  host.run();
  EXPECT_EQ(ended, (Texts{"a", "b"}));
  EXPECT_EQ(batches(), 2u);
  consensus.commit(group());
  host.run();
  EXPECT_EQ(ended, (Texts{"a", "b", "c", "d", "e"}));
  EXPECT_EQ(batches(), 2u);
  EXPECT_EQ(shard->applied_records, (Texts{"a=a", "b=b", "c=c", "d=d", "e=e"}));
}

TEST_F(ShardTest, NothingOfAKeyRunsWhileItIsWritten) {
  consensus.hold_commits(true);
  write("a", "1");
  write("a", "2");
  write("b", "3");
  EXPECT_EQ(runs, (Texts{"1", "3"}));
  host.run();
  consensus.commit(group());
  host.run();
  EXPECT_EQ(runs, (Texts{"1", "3", "2"}));
  EXPECT_EQ(ended, (Texts{"1", "3"}));
  consensus.commit(group());
  host.run();
  EXPECT_EQ(ended, (Texts{"1", "3", "2"}));
}

TEST_F(ShardTest, ThoseThatShareAreWrittenTogetherAndNoneOvertakes) {
  consensus.hold_commits(true);
  write("a", "1", Turn::kShared);
  write("a", "2", Turn::kShared);
  write("a", "3", Turn::kAlone);
  write("a", "4", Turn::kShared);
  EXPECT_EQ(runs, (Texts{"1", "2"}));
  for (int i = 0; i < 4; ++i) {
    host.run();
    consensus.commit(group());
  }
  host.run();
  EXPECT_EQ(ended, (Texts{"1", "2", "3", "4"}));
  EXPECT_EQ(batches(), 3u);
}

TEST_F(ShardTest, ARequestThatWritesNothingLetsTheNextOneRun) {
  Texts seen;
  for (const std::string name : {"1", "2"})
    shard->take_turn("a", Turn::kAlone, [&seen, name](ErrorCode) { seen.push_back(name); });
  EXPECT_EQ(seen, (Texts{"1", "2"}));
}

TEST_F(ShardTest, ABatchIsNoLargerThanItsTopicAllows) {
  consensus.hold_commits(true);
  const std::string large(300, 'x');
  for (const std::string key : {"a", "b", "c", "d", "e"}) write(key, large + key);
  for (int i = 0; i < 4; ++i) {
    host.run();
    consensus.commit(group());
  }
  host.run();
  EXPECT_EQ(ended.size(), 5u);
  EXPECT_EQ(batches(), 3u);
  for (const FakeConsensus::Entry& entry : log().log) EXPECT_LE(entry.header.bytes, 1000u);
}

TEST_F(ShardTest, WhatIsTooLargeIsRefusedAndOthersAreNot) {
  write("a", "1");
  write("b", std::string(2000, 'x'));
  write("c", "3");
  host.run();
  ASSERT_EQ(ended.size(), 3u);
  EXPECT_EQ(ended[0], "1");
  EXPECT_EQ(ended[1], std::string(2000, 'x') + " UNKNOWN_SERVER_ERROR");
  EXPECT_EQ(ended[2], "3");
  EXPECT_EQ(shard->applied_records, (Texts{"a=1", "c=3"}));
}

TEST_F(ShardTest, LeadershipThatGoesEndsEveryWait) {
  consensus.hold_commits(true);
  write("a", "1");
  host.run();
  write("a", "2");  // waits for its turn
  write("b", "3");  // waits for the next batch
  follow(2);
  EXPECT_EQ(ended, (Texts{"1 NOT_COORDINATOR", "3 NOT_COORDINATOR", "2 NOT_COORDINATOR"}));
  write("c", "4");
  EXPECT_EQ(ended.back(), "4 NOT_COORDINATOR");
  EXPECT_EQ(shard->told, (Texts{"leads", "ends"}));
  // What was in flight counts, if the new leader has it; it is nobody's any more.
  consensus.commit(group());
  host.run();
  EXPECT_EQ(shard->applied_records, (Texts{"a=1"}));
  EXPECT_EQ(ended.size(), 4u);
}

TEST_F(ShardTest, WhatWasNotAppendedIsNotAppendedInAnotherTerm) {
  consensus.hold_commits(true);
  write("a", "1");
  consensus.follow(group(), 2, 2);
  consensus.elect(group());
  host.run();
  consensus.commit(group());
  host.run();
  EXPECT_EQ(batches(), 0u);
  EXPECT_EQ(ended, (Texts{"1 NOT_COORDINATOR"}));
  EXPECT_EQ(shard->told, (Texts{"leads", "ends", "leads"}));
  write("a", "2");
  host.run();
  consensus.commit(group());
  host.run();
  EXPECT_EQ(ended.back(), "2");
}

// Leadership goes in the moment between the two.
TEST_F(ShardTest, WhatIsAppliedWasWrittenAlsoWhereLeadershipGoesThen) {
  shard->next_turn = [this] {
    EXPECT_TRUE(ended.empty());
    consensus.follow(group(), 2, 2);
  };
  write("a", "1");
  host.run();
  EXPECT_EQ(ended, (Texts{"1"}));
}

TEST_F(ShardTest, WhyNothingCouldBeAppendedIsToldAsKafkaTellsIt) {
  const std::pair<chr_status, std::string> expected[] = {{CHR_E_NO_SPACE, "NOT_COORDINATOR"},
                                                         {CHR_E_OVERLOADED, "COORDINATOR_NOT_AVAILABLE"},
                                                         {CHR_E_NOT_LEADER, "NOT_COORDINATOR"},
                                                         {CHR_E_FAILED, "UNKNOWN_SERVER_ERROR"}};
  for (const auto& [status, name] : expected) {
    consensus.refuse_proposals(status);
    write("a", "1");
    host.run();
    EXPECT_EQ(ended.back(), "1 " + name);
  }
  consensus.refuse_proposals(CHR_OK);
  write("a", "2");
  host.run();
  EXPECT_EQ(ended.back(), "2");
}

// A single node whose disk has no room takes back what nobody else has seen.
TEST_F(ShardTest, ATruncatedBatchFails) {
  consensus.hold_commits(true);
  write("a", "1");
  host.run();
  consensus.drop_uncommitted(group());
  host.run();
  EXPECT_EQ(ended, (Texts{"1 NOT_COORDINATOR"}));
  write("a", "2");
  host.run();
  consensus.commit(group());
  host.run();
  EXPECT_EQ(ended.back(), "2");
}

TEST_F(ShardTest, TooFewReplicasInSyncAreRefusedBefore) {
  topic.min_insync_replicas = 2;
  partition->set_config(std::make_shared<const TopicConfig>(topic));
  unlinked = {2, 3};
  write("a", "1");
  host.run();
  EXPECT_EQ(ended, (Texts{"1 COORDINATOR_NOT_AVAILABLE"}));
  EXPECT_EQ(batches(), 0u);
}

TEST_F(ShardTest, ItsLogIsTrimmedToTheSnapshotByItsSizeAlone) {
  topic.max_message_bytes = 1 << 20;
  topic.segment_bytes = 1 << 20;
  topic.retention_ms = topic.retention_bytes = 1;
  partition->set_config(std::make_shared<const TopicConfig>(topic));
  const std::string value(100'000, 'x');
  for (int i = 0; i < 10; ++i) {
    write("a", value);
    host.run();
    host.advance(std::chrono::hours(24));
    partition->upkeep();
    host.run();
  }
  EXPECT_EQ(log().log_start, 0);
  write("a", value);
  host.run();
  partition->upkeep();
  host.run();
  EXPECT_EQ(log().log_start, 11);
  EXPECT_FALSE(log().snapshot.empty());
}

// A disk that stalls: nobody waits for it longer than Kafka's clients do.
TEST_F(ShardTest, ABatchThatIsLateEndsWhatWaitsForItOrBehindIt) {
  consensus.hold_commits(true);
  write("a", "1");
  host.run();
  write("a", "2");  // waits for its turn
  write("b", "3");  // waits for the next batch
  host.advance(std::chrono::seconds(4));
  EXPECT_TRUE(ended.empty());
  host.advance(std::chrono::seconds(1));
  const std::string late = " COORDINATOR_NOT_AVAILABLE";
  EXPECT_EQ(ended, (Texts{"1" + late, "2" + late, "3" + late}));
  write("a", "4");
  EXPECT_EQ(ended.back(), "4" + late);
  write("c", "5");
  host.run();
  EXPECT_EQ(ended.back(), "5" + late);
  EXPECT_EQ(batches(), 1u);
  // It may have been nothing but slow.
  consensus.commit(group());
  host.run();
  EXPECT_EQ(shard->applied_records, (Texts{"a=1"}));
  EXPECT_EQ(shard->late_ends, (Texts{"a"}));
  EXPECT_EQ(ended.size(), 5u);
  write("a", "6");
  host.run();
  consensus.commit(group());
  host.run();
  EXPECT_EQ(ended.back(), "6");
}

TEST_F(ShardTest, LeadershipMayGoWhileABatchIsLate) {
  consensus.hold_commits(true);
  write("a", "1");
  host.run();
  host.advance(std::chrono::seconds(5));
  write("b", "2");
  follow(2);
  EXPECT_EQ(ended, (Texts{"1 COORDINATOR_NOT_AVAILABLE", "2 NOT_COORDINATOR"}));
  consensus.hold_commits(false);
  lead();
  write("a", "3");
  host.run();
  EXPECT_EQ(ended.back(), "3");
  EXPECT_TRUE(shard->late_ends.empty());
}

TEST_F(ShardTest, WhatWaitsForABatchIsBounded) {
  consensus.hold_commits(true);
  write("first", "");
  host.run();
  const std::string large(1 << 20, 'x');
  const size_t fitting = CoordinatorShard::kMaxQueuedBytes / (large.size() + 100);
  for (size_t i = 0; i <= fitting; ++i) write("key" + std::to_string(i), large);
  EXPECT_TRUE(ended.empty());
  host.run();
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0], large + " COORDINATOR_NOT_AVAILABLE");
}

TEST_F(ShardTest, CommitsForEachSyncAreCounted) {
  consensus.hold_commits(true);
  for (const std::string key : {"a", "b", "c"}) write(key, key);
  host.run();
  consensus.commit(group());
  host.run();
  EXPECT_EQ(metric("chronik_coordinator_writes_total"), 3);
  EXPECT_EQ(metric("chronik_coordinator_batches_total"), 1);
}

}  // namespace
}  // namespace chronik::kafka::testing
