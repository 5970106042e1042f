// What is too old or too much goes; what polls wait for, and what metrics show.
#include "kafka-proto/partition/retention.h"

#include "kafka-proto/partition/long_polls.h"
#include "kafka-proto/partition/traffic.h"
#include "partition/part_testing.h"

namespace chronik::kafka::testing {
namespace {

class RetentionTest : public ::testing::Test, public TestReplica {
 protected:
  RetentionTest() {
    set_retention(60'000, -1);
    open();
  }
  void set_retention(int64_t ms, int64_t bytes) {
    TopicConfig config;
    config.retention_ms = ms;
    config.retention_bytes = bytes;
    info.set_config(std::make_shared<const TopicConfig>(config));
  }
  void append() {
    TestBatch batch;
    chr_proposal item{};
    item.kind = CHR_ENTRY_DATA;
    item.records = 1;
    item.offset_at = item.epoch_at = -1;
    item.max_timestamp = Host(host.core()).unix_ms();
    item.payload = {batch.batch.bytes.data(), batch.batch.bytes.size(), batch.frame.get()};
    chr_placed placed{};
    replica.propose(item, CHR_UNTIL_PLACED, &placed, nullptr, [](chr_status) {});
    host.run();
  }
  void retain() {
    retention.retain();
    host.run();
  }
  int64_t log_start() const { return consensus.group(group()).log_start; }

  Retention retention{replica};
};

TEST_F(RetentionTest, OldBatchesGoAndYoungOnesStay) {
  for (int i = 0; i < 3; ++i) {
    append();
    host.advance(std::chrono::seconds(30));
  }
  retain();
  EXPECT_EQ(log_start(), 1);
  host.advance(std::chrono::seconds(30));
  retain();
  EXPECT_EQ(log_start(), 2);
}

TEST_F(RetentionTest, TheOldestBatchIsRememberedWhileItMayStay) {
  append();
  retain();
  const uint64_t read = consensus.read_bytes();
  for (int i = 0; i < 10; ++i) retain();
  EXPECT_EQ(consensus.read_bytes(), read);
}

TEST_F(RetentionTest, TooManyBytesGo) {
  set_retention(-1, 250);
  for (int i = 0; i < 10; ++i) append();  // 100 bytes each
  retain();
  EXPECT_EQ(log_start(), 7);  // the fewest that still hold retention.bytes
}

TEST_F(RetentionTest, NoMoreIsLookedAtThanMayBeDue) {
  set_retention(-1, 10'000);
  for (int i = 0; i < 100; ++i) append();  // 100 bytes each
  retain();
  EXPECT_EQ(log_start(), 0);
  const uint64_t before = consensus.read_bytes();
  append();
  retain();
  EXPECT_EQ(log_start(), 1);
  EXPECT_LE(consensus.read_bytes() - before, 500u) << "the one that goes, and those around it";
}

TEST_F(RetentionTest, ForEverIsForEver) {
  set_retention(-1, -1);
  append();
  host.advance(std::chrono::hours(1000));
  retain();
  EXPECT_EQ(log_start(), 0);
}

TEST_F(RetentionTest, AFollowerTrimsNothing) {
  append();
  host.advance(std::chrono::hours(1));
  consensus.follow(group(), 2, 2);
  retain();
  EXPECT_EQ(log_start(), 0);
}

TEST_F(RetentionTest, WhatIsReadWhileItClosesIsDropped) {
  append();
  host.advance(std::chrono::hours(1));
  consensus.slow_reads(true);
  retention.retain();
  ASSERT_TRUE(replica.begin_close(Replica::Log::kStays, [] {}));
  replica.close_group(Replica::Log::kStays, [] {});
  host.run();
  EXPECT_EQ(log_start(), 0);
}

TEST_F(RetentionTest, PollsAreFiredOnce) {
  LongPolls polls(replica);
  int fired = 0;
  const auto add = [&](int64_t seen) { polls.add_wait(seen, std::make_shared<FetchWait>([&] { ++fired; })); };
  append();
  add(0);  // there is more already
  EXPECT_EQ(fired, 1);
  add(1);
  EXPECT_FALSE(polls.empty());
  polls.wake();
  polls.wake();
  EXPECT_EQ(fired, 2);
  consensus.follow(group(), 2, 2);
  add(1);
  EXPECT_EQ(fired, 3);
  EXPECT_TRUE(polls.empty());
}

TEST_F(RetentionTest, TrafficIsShownByTheLeader) {
  Traffic traffic;
  append();
  traffic.count_appended(100);
  traffic.count_fetched(50);
  traffic.report(replica);
  const std::string offset = "kafka_topic_partition_current_offset{topic=\"t\",partition=\"0\"}";
  EXPECT_EQ(host.metric(offset), 1);
  EXPECT_EQ(host.metric("chronik_topic_bytes_total{topic=\"t\",direction=\"in\"}"), 100);
  EXPECT_EQ(host.metric("chronik_topic_bytes_total{topic=\"t\",direction=\"out\"}"), 50);
  consensus.follow(group(), 2, 2);
  traffic.report(replica);
  EXPECT_EQ(host.metric(offset), 0);
}

}  // namespace
}  // namespace chronik::kafka::testing
