// Where a log starts because a client said so.
#include "kafka-proto/partition/record_deletion.h"

#include "partition/part_testing.h"

namespace chronik::kafka::testing {
namespace {

class RecordDeletionTest : public ::testing::Test, public TestReplica {
 protected:
  RecordDeletionTest() { open(); }
  void append(uint32_t records) {
    TestBatch batch;
    chr_proposal item{};
    item.kind = CHR_ENTRY_DATA;
    item.records = records;
    item.offset_at = item.epoch_at = -1;
    item.payload = {batch.batch.bytes.data(), batch.batch.bytes.size(), batch.frame.get()};
    chr_placed placed{};
    replica.propose(item, CHR_UNTIL_PLACED, &placed, nullptr, [](chr_status) {});
    host.run();
  }
  // The answer; -99 where there is none yet.
  RecordDeletion::Deleted remove(int64_t offset) {
    RecordDeletion::Deleted out{ErrorCode::kNone, -99};
    deletion.delete_below(offset, [&](const RecordDeletion::Deleted& deleted) { out = deleted; });
    host.run();
    return out;
  }
  void expect(int64_t offset, ErrorCode error, int64_t low_watermark) {
    const RecordDeletion::Deleted deleted = remove(offset);
    EXPECT_EQ(deleted.error, error) << offset;
    EXPECT_EQ(deleted.low_watermark, low_watermark) << offset;
  }
  int64_t log_start() const { return consensus.group(group()).log_start; }

  RecordDeletion deletion{replica};
};

TEST_F(RecordDeletionTest, TheLogStartsWhereTheClientSays) {
  append(10);
  append(10);
  expect(3, ErrorCode::kNone, 3);  // within a batch
  expect(10, ErrorCode::kNone, 10);
  expect(7, ErrorCode::kNone, 10);  // it never moves back
  expect(RecordDeletion::kAllCommitted, ErrorCode::kNone, 20);
  expect(20, ErrorCode::kNone, 20);
  EXPECT_EQ(log_start(), 20);
}

TEST_F(RecordDeletionTest, OffsetsThatAreNotThereAreRefused) {
  append(10);
  for (const int64_t offset : {int64_t{-2}, int64_t{11}, INT64_MAX, INT64_MIN})
    expect(offset, ErrorCode::kOffsetOutOfRange, -1);
  EXPECT_EQ(log_start(), 0);
}

TEST_F(RecordDeletionTest, NothingIsProposedWhereNothingCanGo) {
  expect(0, ErrorCode::kNone, 0);
  expect(RecordDeletion::kAllCommitted, ErrorCode::kNone, 0);  // of an empty log
  append(10);
  expect(0, ErrorCode::kNone, 0);
  EXPECT_EQ(consensus.trims(), 0u);
}

TEST_F(RecordDeletionTest, WhatIsNotCommittedStays) {
  append(10);
  consensus.hold_commits(true);
  append(10);
  expect(11, ErrorCode::kOffsetOutOfRange, -1);
}

TEST_F(RecordDeletionTest, ItIsDoneOnceConsensusAgreed) {
  append(10);
  consensus.hold_commits(true);
  std::vector<RecordDeletion::Deleted> answers;
  deletion.delete_below(5, [&](const RecordDeletion::Deleted& deleted) { answers.push_back(deleted); });
  host.run();
  EXPECT_TRUE(answers.empty());
  consensus.commit(group());
  host.run();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].low_watermark, 5);
}

TEST_F(RecordDeletionTest, OnlyTheLeaderDeletes) {
  append(10);
  consensus.hold_commits(true);
  std::vector<RecordDeletion::Deleted> answers;
  deletion.delete_below(5, [&](const RecordDeletion::Deleted& deleted) { answers.push_back(deleted); });
  consensus.follow(group(), 2, 2);
  host.run();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].error, ErrorCode::kNotLeaderOrFollower);
  expect(5, ErrorCode::kNotLeaderOrFollower, -1);
  EXPECT_EQ(log_start(), 0);
}

TEST_F(RecordDeletionTest, WhereRetentionDeletesNothingNeitherDoClients) {
  append(10);
  TopicConfig config;
  config.deletes = false;
  info.set_config(std::make_shared<const TopicConfig>(config));
  expect(5, ErrorCode::kPolicyViolation, -1);
  EXPECT_EQ(log_start(), 0);
}

}  // namespace
}  // namespace chronik::kafka::testing
