// Producers as the leader sees them: refused batches, and the expiry that it proposes. What they sent before is
// in records_producer_test.cc.
#include "kafka-proto/partition/producer_dedup.h"

#include "partition/part_testing.h"

namespace chronik::kafka::testing {
namespace {

class ProducerDedupTest : public ::testing::Test, public TestReplica {
 protected:
  ProducerDedupTest() {
    on_apply = [this](const chr_entry& entry) {
      if (entry.header.kind != CHR_ENTRY_COMMAND) return;
      const Result<ExpireProducers> command =
          ExpireProducers::decode(Bytes(entry.payload.p, entry.payload.n));
      ASSERT_TRUE(command.has_value());
      dedup.expire(*command);
    };
    open();
    host.advance(std::chrono::seconds(10));  // no new leader any more
  }
  static BatchHeader header(int64_t producer, int32_t sequence) {
    return TestBatch(producer, sequence).batch.header;
  }
  void apply(uint64_t index, const BatchHeader& header) {
    chr_entry entry{};
    entry.header.index = index;
    EXPECT_TRUE(dedup.applied(entry, header));
  }
  ErrorCode check(int64_t producer, int32_t sequence) const {
    const ProducerDedup::Checked checked = dedup.check(header(producer, sequence));
    return checked ? ErrorCode::kNone : checked.error().error;
  }

  ProducerDedup dedup{replica};
};

TEST_F(ProducerDedupTest, BehindARefusedBatchItIsRefusedLikeThat) {
  dedup.placed(1, 0, header(7, 0));
  dedup.refused(header(7, 1), ErrorCode::kKafkaStorageError);
  EXPECT_EQ(check(7, 2), ErrorCode::kKafkaStorageError);
  EXPECT_EQ(check(7, 1), ErrorCode::kNone);
  host.advance(std::chrono::seconds(5));
  EXPECT_EQ(check(7, 2), ErrorCode::kOutOfOrderSequenceNumber);
}

TEST_F(ProducerDedupTest, ABatchThatIsTakenEndsARefusal) {
  dedup.placed(1, 0, header(7, 0));
  dedup.refused(header(7, 1), ErrorCode::kKafkaStorageError);
  dedup.placed(2, 1, header(7, 1));
  EXPECT_EQ(check(7, 3), ErrorCode::kOutOfOrderSequenceNumber);
}

TEST_F(ProducerDedupTest, ANewLeaderDoesNotKnowWhatWasRefusedBefore) {
  apply(1, header(7, 0));
  consensus.elect(group());
  host.run();
  EXPECT_EQ(check(7, 2), ErrorCode::kNotLeaderOrFollower);
  EXPECT_EQ(check(7, INT32_MAX), ErrorCode::kOutOfOrderSequenceNumber);  // older: nothing is missing
  host.advance(std::chrono::seconds(5));
  EXPECT_EQ(check(7, 2), ErrorCode::kOutOfOrderSequenceNumber);
}

TEST_F(ProducerDedupTest, OnlySoManyRefusalsAreRemembered) {
  dedup.placed(1, 0, header(7, 0));
  dedup.refused(header(7, 1), ErrorCode::kKafkaStorageError);
  for (int64_t id = 0; id < 1000; ++id) dedup.refused(header(100 + id, 0), ErrorCode::kKafkaStorageError);
  EXPECT_EQ(check(7, 2), ErrorCode::kOutOfOrderSequenceNumber);
  dedup.refused(header(kNoProducerId, kNoSequence), ErrorCode::kKafkaStorageError);  // no producer's
}

TEST_F(ProducerDedupTest, TheLeaderProposesThatIdleOnesBeForgotten) {
  dedup.propose_expiry();
  EXPECT_EQ(consensus.proposals(), 0u);  // there are none
  apply(1, header(7, 0));
  for (int hour = 0; hour < 30; ++hour) {
    dedup.propose_expiry();
    host.advance(std::chrono::hours(1));
  }
  EXPECT_EQ(dedup.states().size(), 0u);
  EXPECT_LE(consensus.proposals(), 12u);  // ten in a life
  dedup.truncated(1);
}

}  // namespace
}  // namespace chronik::kafka::testing
