// What an acknowledgement of a partition with three replicas promises: how many copies there are, and the
// order in which batches stand.
#include "handlers/replication_testing.h"
#include "kafka-proto/messages/alter_partition_reassignments.h"
#include "kafka-proto/messages/produce.h"

namespace chronik::kafka::testing {
namespace {

class AcksTest : public ReplicationTest {
 protected:
  // A topic whose batches wait for three copies, which nobody makes yet.
  void add_waiting() {
    add("t", "3");
    broker.consensus.hold_copies(true);
  }
  void send_waiting() {
    const std::string records = broker.batch();
    client.send<Produce>(9, produce_request("t", 0, records));
    look_again();
    EXPECT_FALSE(client.next_frame().has_value());
  }
  void time_out(ProduceRequest request) {
    request.timeout_ms = 200;
    client.send<Produce>(9, request);
    broker.host.advance(milliseconds(200));
    EXPECT_EQ(only(client.receive<Produce>(9)).error_code, ErrorCode::kRequestTimedOut);
  }
};
using Ids = std::vector<int32_t>;

TEST_F(AcksTest, TooFewInSyncAreRefusedBeforeAnythingIsAppended) {
  add("t", "2");
  EXPECT_EQ(produce("t"), ErrorCode::kNone);
  for (const int32_t peer : {2, 3}) broker.set_link(peer, false);
  EXPECT_EQ(produce("t"), ErrorCode::kNotEnoughReplicas);
  EXPECT_EQ(broker.consensus.group(broker.group("t")).log_end, 1);
  EXPECT_EQ(produce("t", 1), ErrorCode::kNone);
  broker.set_link(2, true);
  EXPECT_EQ(produce("t"), ErrorCode::kNone);
  lag("t", 2);
  broker.host.advance(seconds(31));
  EXPECT_EQ(produce("t"), ErrorCode::kNotEnoughReplicas);
}

TEST_F(AcksTest, MoreThanAMajorityIsWaitedForUntilAReplicaIsMissing) {
  add_waiting();
  send_waiting();
  broker.set_link(3, false);
  EXPECT_EQ(only(client.receive<Produce>(9)).error_code, ErrorCode::kNotEnoughReplicasAfterAppend);
  EXPECT_EQ(broker.consensus.group(broker.group("t")).log_end, 1);
}

// The others have all that clients could read, but for this batch: that nobody could read it yet, as it is
// committed, makes them no less in sync.
TEST_F(AcksTest, WhoHadAllThatWasReadableIsWaitedForAsItIsCommitted) {
  add_waiting();
  broker.consensus.hold_commits(true);
  for (const int32_t peer : {2, 3})
    broker.consensus.set_member(broker.group("t"), {peer, CHR_MEMBER_VOTER, 0, 0, 0, 0});
  broker.host.advance(seconds(31));
  const std::string records = broker.batch();
  client.send<Produce>(9, produce_request("t", 0, records));
  broker.host.run();
  broker.consensus.commit(broker.group("t"));
  broker.host.run();
  EXPECT_FALSE(client.next_frame().has_value());
  look_again();  // now that clients can read it, they are behind
  EXPECT_EQ(only(client.receive<Produce>(9)).error_code, ErrorCode::kNotEnoughReplicasAfterAppend);
}

TEST_F(AcksTest, MoreThanAMajorityTimesOutWhileAllAreThere) {
  add_waiting();
  const std::string records = broker.batch();
  time_out(produce_request("t", 0, records));
}

// The client's first attempt has timed out; what it is told of the second is a promise.
TEST_F(AcksTest, ARepeatIsAsSafeAsTheFirstAttemptWasToBe) {
  add_waiting();
  const std::string records = broker.batch({.producer = 5, .epoch = 0, .sequence = 0});
  time_out(produce_request("t", 0, records));
  const int32_t again = client.send<Produce>(9, produce_request("t", 0, records));
  look_again();
  EXPECT_FALSE(client.next_frame().has_value());
  EXPECT_EQ(only(broker.client().call<Produce>(9, produce_request("t", 0, records, 1))).base_offset, 0);
  broker.consensus.hold_copies(false);
  look_again();
  EXPECT_EQ(only(client.receive<Produce>(9, again)).base_offset, 0);
}

// While the original is under way, and on a leader that was not there when it came.
TEST_F(AcksTest, ARepeatWaitsForCopiesThatNoAppendWaitsFor) {
  add("t", "3");
  broker.consensus.hold_commits(true);
  const std::string records = broker.batch({.producer = 5, .epoch = 0, .sequence = 0});
  TestClient other = broker.client();
  client.send<Produce>(9, produce_request("t", 0, records, 1));
  broker.host.run();
  const int32_t repeat = other.send<Produce>(9, produce_request("t", 0, records));
  lag("t", 2, broker.host.now_ns());
  broker.consensus.hold_commits(false);
  broker.consensus.commit(broker.group("t"));
  look_again();
  EXPECT_FALSE(other.next_frame().has_value());
  broker.consensus.set_member(broker.group("t"), {2, 0, 2, 1, 0, broker.host.now_ns()});
  look_again();
  EXPECT_EQ(only(other.receive<Produce>(9, repeat)).base_offset, 0);
  lag("t", 2, broker.host.now_ns());
  other.send<Produce>(9, produce_request("t", 0, records));
  broker.host.run();
  broker.set_link(2, false);
  EXPECT_EQ(only(other.receive<Produce>(9)).error_code, ErrorCode::kNotEnoughReplicasAfterAppend);
  broker.set_link(2, true);
  other.send<Produce>(10, produce_request("t", 0, records));
  broker.host.run();
  broker.consensus.follow(broker.group("t"), 3, 7);
  broker.host.run();
  EXPECT_EQ(only(other.receive<Produce>(10)).error_code, ErrorCode::kNotLeaderOrFollower);
}

// Three replicas become two while an append waits for three copies.
TEST_F(AcksTest, WhoLeavesIsNotWaitedFor) {
  add_waiting();
  send_waiting();
  broker.consensus.set_member(broker.group("t"), {2, 0, 9, 9, 0, broker.host.now_ns()});
  AlterPartitionReassignmentsRequest request;
  request.timeout_ms = 1'000;
  request.topics.emplace_back().name = "t";
  request.topics[0].partitions.emplace_back().replicas = Ids{1, 2};
  EXPECT_EQ(broker.client().call<AlterPartitionReassignments>(1, request).error_code, ErrorCode::kNone);
  look_again();
  EXPECT_EQ(only(client.receive<Produce>(9)).error_code, ErrorCode::kNone);
  EXPECT_EQ(produce("t"), ErrorCode::kNone);
}

// A client that hears of a leader early finds it not leading yet.
TEST_F(AcksTest, WhatComesToALeaderEarlyIsAppendedOnceItLeads) {
  add("t");
  broker.consensus.follow(broker.group("t"), -1, 7);
  const std::string first = broker.batch({.producer = 5, .epoch = 0, .sequence = 0});
  const std::string second = broker.batch({.producer = 5, .epoch = 0, .sequence = 1});
  const int32_t early = client.send<Produce>(10, produce_request("t", 0, first));
  broker.host.advance(milliseconds(100));
  EXPECT_FALSE(client.next_frame().has_value());
  const int32_t behind = client.send<Produce>(10, produce_request("t", 0, second));
  broker.consensus.elect(broker.group("t"));
  broker.host.run();
  EXPECT_EQ(only(client.receive<Produce>(10, early)).base_offset, 0);
  EXPECT_EQ(only(client.receive<Produce>(10, behind)).base_offset, 1);
}

// What came early is appended a turn after the role; what already stood behind that turn came later.
TEST_F(AcksTest, WhatComesEarlyIsNotOvertaken) {
  for (const int64_t producer : {kNoProducerId, int64_t{5}}) {
    TestBroker two{{.shards = 2}};
    two.add_topic("t");
    TestClient far = two.client(1);  // its appends stand in the queue of shard 0
    two.consensus.follow(two.group("t"), -1, 7);
    std::vector<std::string> records;
    for (const int32_t sequence : {0, 1, 2})
      records.push_back(producer < 0 ? two.batch()
                                     : two.batch({.producer = producer, .epoch = 0, .sequence = sequence}));
    std::vector<int32_t> sent = {far.send<Produce>(10, produce_request("t", 0, records[0]))};
    two.host.run();
    two.consensus.elect(two.group("t"));
    for (const size_t later : {1, 2})
      sent.push_back(far.send<Produce>(10, produce_request("t", 0, records[later])));
    two.host.run();
    for (int64_t at = 0; at < 3; ++at) {
      const ProduceResponse response = far.receive<Produce>(10, sent[static_cast<size_t>(at)]);
      EXPECT_EQ(only(response).error_code, ErrorCode::kNone) << producer;
      EXPECT_EQ(only(response).base_offset, at) << producer;
    }
  }
}

// "Out of order" ends an idempotent producer; what it has sent behind a batch that was refused is sent again.
TEST_F(AcksTest, WhatFollowsARefusedBatchIsNotCalledOutOfOrder) {
  add("t");
  std::vector<std::string> records;
  for (const int32_t sequence : {0, 1, 2, 3, 4})
    records.push_back(broker.batch({.producer = 5, .epoch = 0, .sequence = sequence}));
  const auto send = [&](size_t at) {
    return only(client.call<Produce>(10, produce_request("t", 0, records[at])));
  };
  EXPECT_EQ(send(0).error_code, ErrorCode::kNone);
  broker.consensus.follow(broker.group("t"), 2, 9);
  broker.host.run();
  EXPECT_EQ(send(1).error_code, ErrorCode::kNotLeaderOrFollower);
  broker.consensus.elect(broker.group("t"));
  broker.host.run();
  EXPECT_EQ(send(2).error_code, ErrorCode::kNotLeaderOrFollower);
  EXPECT_EQ(send(3).error_code, ErrorCode::kNotLeaderOrFollower);
  EXPECT_EQ(send(1).base_offset, 1);
  EXPECT_EQ(send(2).base_offset, 2);
  // 3 was taken by nobody, as far as a new leader knows.
  EXPECT_EQ(send(4).error_code, ErrorCode::kNotLeaderOrFollower);
  EXPECT_EQ(send(0).base_offset, 0);
  broker.host.advance(seconds(6));
  EXPECT_EQ(send(4).error_code, ErrorCode::kOutOfOrderSequenceNumber);
}

}  // namespace
}  // namespace chronik::kafka::testing
