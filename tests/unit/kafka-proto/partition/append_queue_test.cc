// Appends from the check to the answer, on a replica of three.
#include "kafka-proto/partition/append_queue.h"

#include "partition/part_testing.h"

namespace chronik::kafka::testing {
namespace {

TopicConfig with_min_in_sync(int32_t copies) {
  TopicConfig config;
  config.min_insync_replicas = copies;
  return config;
}

class AppendQueueTest : public ::testing::Test, public TestReplica {
 protected:
  explicit AppendQueueTest(int32_t min_in_sync = 1) : TestReplica(with_min_in_sync(min_in_sync)) {
    consensus.hold_commits(true);
    on_role = [this](Replica::RoleChange change) {
      if (change.lost) queue.fail_waits();
      if (replica.knows_leader()) held.end_moment();
      if (after_role) after_role();
    };
    on_commit = [this] { queue.finish_copied(in_sync.find()); };
    on_apply = [this](const chr_entry& entry) { queue.finish_repeats(entry.header.index); };
    open();
    consensus.commit(group());
    host.run();
  }
  void append(TestBatch& batch, int16_t acks = -1, int name = 0) {
    queue.append({batch.batch, batch.frame, acks, Origin::kClient}, answers.next(name));
    host.run();
  }
  void commit() {
    consensus.commit(group());
    host.run();
  }

  LongPolls polls{replica};
  HeldAppends held{replica, polls};
  InSyncReplicas in_sync{replica};
  ProducerDedup dedup{replica};
  size_t placed_bytes = 0;
  AppendQueue queue{replica, held, in_sync, dedup, [this](size_t bytes) { placed_bytes += bytes; }};
  Answers answers;
  std::function<void()> after_role;
};

TEST_F(AppendQueueTest, AcksSayWhenItIsAnswered) {
  TestBatch all, one, none;
  append(all, -1, 1);
  append(one, 1, 2);
  append(none, 0, 3);
  EXPECT_EQ(answers.names, (std::vector{2, 3}));
  commit();
  EXPECT_EQ(answers.names, (std::vector{2, 3, 1}));
  EXPECT_EQ(answers.all[2].base_offset, 0);
  EXPECT_EQ(answers.all[0].base_offset, 1);
  EXPECT_EQ(placed_bytes, 300u);
}

TEST_F(AppendQueueTest, ARepeatWaitsForItsOriginal) {
  TestBatch batch(7, 0);
  append(batch, -1, 1);
  append(batch, -1, 2);
  EXPECT_TRUE(answers.all.empty());
  commit();
  ASSERT_EQ(answers.all.size(), 2u);
  EXPECT_EQ(answers.all[0].base_offset, 0);
  EXPECT_EQ(answers.all[1].base_offset, 0);
  EXPECT_EQ(consensus.group(group()).log_end, 1);
}

TEST_F(AppendQueueTest, WhatIsOutOfOrderIsSaidSo) {
  TestBatch first(7, 0), third(7, 2);
  append(first);
  host.advance(std::chrono::seconds(6));  // a new leader may not know what the one before it refused
  append(third, -1, 1);
  ASSERT_EQ(answers.all.size(), 1u);
  EXPECT_EQ(answers.all[0].error, ErrorCode::kOutOfOrderSequenceNumber);
  EXPECT_FALSE(answers.all[0].message.empty());
}

// Their batches carry a producer's id, and no sequence number.
TEST_F(AppendQueueTest, OfMarkersNoOrderIsAsked) {
  TestBatch first(7, 0), marker(7, kNoSequence);
  append(first);
  host.advance(std::chrono::seconds(6));
  append(marker, 1, 1);
  ASSERT_EQ(answers.all.size(), 1u);
  EXPECT_EQ(answers.all[0].error, ErrorCode::kOutOfOrderSequenceNumber);
  queue.append({marker.batch, marker.frame, 1, Origin::kMarker}, answers.next());
  host.run();
  EXPECT_EQ(answers.all.back().error, ErrorCode::kNone);
  EXPECT_EQ(answers.all.back().base_offset, 1);
}

TEST_F(AppendQueueTest, LeadershipThatGoesFailsRepeats) {
  TestBatch batch(7, 0);
  append(batch, 1, 1);
  append(batch, -1, 2);
  consensus.follow(group(), 2, 2);
  host.run();
  EXPECT_EQ(answers.names, (std::vector{1, 2}));
  EXPECT_EQ(answers.all[1].error, ErrorCode::kNotLeaderOrFollower);
  EXPECT_EQ(answers.all[1].base_offset, -1);
}

TEST_F(AppendQueueTest, RefusedByConsensus) {
  TestBatch batch(7, 0), next(7, 1);
  consensus.refuse_proposals(CHR_E_NO_SPACE);
  append(batch, -1, 1);
  ASSERT_EQ(answers.all.size(), 1u);
  EXPECT_EQ(answers.all[0].error, ErrorCode::kKafkaStorageError);
  consensus.refuse_proposals(CHR_OK);
  EXPECT_EQ(placed_bytes, 0u);
}

TEST_F(AppendQueueTest, NothingOvertakesWhatCameEarly) {
  consensus.follow(group(), -1, 2);
  TestBatch early, later;
  append(early, 1, 1);
  EXPECT_TRUE(answers.all.empty());
  after_role = [&] {
    EXPECT_TRUE(held.has_early_appends());
    queue.append({later.batch, later.frame, 1, Origin::kClient}, answers.next(2));
    EXPECT_TRUE(answers.all.empty());
  };
  consensus.elect(group());
  commit();
  EXPECT_EQ(answers.names, (std::vector{1, 2}));
  EXPECT_EQ(answers.all[0].base_offset, 0);
  EXPECT_EQ(answers.all[1].base_offset, 1);
}

// A producer that were told so would send it again behind what it has sent meanwhile.
TEST_F(AppendQueueTest, WhatFindsNoRoomWaitsForItInOrder) {
  TestBatch first, second(7, 0), third;
  consensus.refuse_proposals(CHR_E_OVERLOADED);
  append(first, 1, 1);
  append(second, 1, 2);
  consensus.refuse_proposals(CHR_OK);
  append(third, 1, 3);
  EXPECT_TRUE(answers.all.empty());
  host.advance(std::chrono::milliseconds(10));
  EXPECT_EQ(answers.names, (std::vector{1, 2, 3}));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(answers.all[i].error, ErrorCode::kNone);
    EXPECT_EQ(answers.all[i].base_offset, i);
  }
  EXPECT_FALSE(held.has_early_appends());
  EXPECT_EQ(host.open_timers(), 0u);
}

TEST_F(AppendQueueTest, WhatWaitsForRoomIsTriedAgainUntilThereIsSome) {
  TestBatch first, second;
  consensus.refuse_proposals(CHR_E_OVERLOADED);
  append(first, 1, 1);
  append(second, 1, 2);
  host.advance(std::chrono::seconds(1));
  EXPECT_TRUE(answers.all.empty());
  consensus.refuse_proposals(CHR_OK);
  host.advance(std::chrono::milliseconds(10));
  EXPECT_EQ(answers.names, (std::vector{1, 2}));
}

TEST_F(AppendQueueTest, WhatWaitsForRoomLearnsThatAnotherNodeLeads) {
  TestBatch first, second;
  consensus.refuse_proposals(CHR_E_OVERLOADED);
  append(first, 1, 1);
  append(second, 1, 2);
  consensus.follow(group(), 2, 2);
  host.run();
  EXPECT_EQ(answers.names, (std::vector{1, 2}));
  for (const Appended& each : answers.all) EXPECT_EQ(each.error, ErrorCode::kNotLeaderOrFollower);
  EXPECT_EQ(host.open_timers(), 0u);
}

TEST_F(AppendQueueTest, OnlySoMuchWaitsForRoom) {
  TestBatch batch;
  consensus.refuse_proposals(CHR_E_OVERLOADED);
  for (int i = 0; i < 10'001; ++i) append(batch, 1, i);
  EXPECT_EQ(answers.names, (std::vector{10'000}));
  EXPECT_EQ(answers.all[0].error, ErrorCode::kRequestTimedOut);
  consensus.refuse_proposals(CHR_OK);
  host.advance(std::chrono::milliseconds(10));
  EXPECT_EQ(answers.all.size(), 10'001u);
}

// All three are wanted: more than a majority.
class CopiesTest : public AppendQueueTest {
 protected:
  CopiesTest() : AppendQueueTest(3) {
    set_member(2, 0);
    set_member(3, 0);
    consensus.hold_copies(true);
  }
};

TEST_F(CopiesTest, CommittedIsNotEnough) {
  TestBatch batch;
  append(batch);
  commit();
  EXPECT_TRUE(answers.all.empty());
  EXPECT_TRUE(queue.waits_for_copies());
  set_member(1, 1);
  set_member(2, 1);
  set_member(3, 1);
  queue.finish_copied(in_sync.find());
  ASSERT_EQ(answers.all.size(), 1u);
  EXPECT_EQ(answers.all[0].error, ErrorCode::kNone);
}

TEST_F(CopiesTest, WhileReplicasAreMissingItIsToldSo) {
  TestBatch batch, refused;
  append(batch);
  commit();
  unlinked = {3};
  queue.finish_copied(in_sync.find());
  ASSERT_EQ(answers.all.size(), 1u);
  EXPECT_EQ(answers.all[0].error, ErrorCode::kNotEnoughReplicasAfterAppend);
  append(refused);
  ASSERT_EQ(answers.all.size(), 2u);
  EXPECT_EQ(answers.all[1].error, ErrorCode::kNotEnoughReplicas);
}

TEST_F(CopiesTest, ARepeatIsNoSaferThanItsOriginal) {
  TestBatch batch(7, 0);
  append(batch, 1, 1);
  append(batch, -1, 2);
  commit();
  EXPECT_EQ(answers.names, (std::vector{1}));
  consensus.follow(group(), 2, 2);
  host.run();
  EXPECT_EQ(answers.names, (std::vector{1, 2}));
  EXPECT_EQ(answers.all[1].error, ErrorCode::kNotLeaderOrFollower);
}

}  // namespace
}  // namespace chronik::kafka::testing
