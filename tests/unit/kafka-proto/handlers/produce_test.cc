// Produce over the wire: what it takes to be acknowledged, and what a client learns where it is not.
#include "kafka-proto/messages/produce.h"
#include "kafka-proto/messages/fetch.h"
#include "kafka-proto/messages/list_offsets.h"
#include "server/broker_testing.h"

namespace chronik::kafka::testing {
namespace {

class ProduceTest : public ::testing::Test {
 protected:
  ProduceTest() { broker.add_topic("t", 2); }
  ProduceResponse::Partition produce(const std::string& records, int16_t acks = -1, int16_t version = 9) {
    response = client.call<Produce>(version, produce_request("t", 0, records, acks));
    return only(response);
  }

  TestBroker broker;
  TestClient client = broker.client();
  ProduceResponse response;
};

TEST_F(ProduceTest, OffsetsCountRecordsOverAllVersions) {
  int64_t offset = 0;
  const chr_uuid id = broker.metadata.topic("t").id;
  for (int16_t version = 3; version <= 13; ++version) {
    const std::string records = broker.batch({.records = 3});
    ProduceRequest request = produce_request("t", 0, records);
    request.topic_data[0].topic_id = id;
    response = client.call<Produce>(version, request);
    EXPECT_EQ(only(response).error_code, ErrorCode::kNone) << version;
    EXPECT_EQ(only(response).base_offset, offset) << version;
    EXPECT_EQ(only(response).log_append_time_ms, -1);
    offset += 3;
  }
}

TEST_F(ProduceTest, AllWaitsForTheCommitAndOneForTheDisk) {
  broker.consensus.hold_commits(true);
  const std::string records = broker.batch();
  client.send<Produce>(9, produce_request("t", 0, records, -1));
  broker.host.run();
  EXPECT_FALSE(client.next_frame().has_value());
  broker.consensus.commit(broker.group("t"));
  broker.host.run();
  EXPECT_EQ(only(client.receive<Produce>(9)).base_offset, 0);

  EXPECT_EQ(produce(broker.batch(), 1).base_offset, 1);
  broker.consensus.hold_disk(true);
  client.send<Produce>(9, produce_request("t", 0, records, 1));
  broker.host.run();
  EXPECT_FALSE(client.next_frame().has_value());
}

TEST_F(ProduceTest, NoAnswerWithoutAcksAndTheNextOneIsInOrder) {
  const std::string records = broker.batch();
  client.send<Produce>(9, produce_request("t", 0, records, 0));
  EXPECT_EQ(produce(broker.batch()).base_offset, 1);
  EXPECT_FALSE(client.next_frame().has_value());
  EXPECT_TRUE(client.open());
}

TEST_F(ProduceTest, WithoutAcksAnErrorEndsTheConnection) {
  client.send<Produce>(9, produce_request("nowhere", 0, broker.batch(), 0));
  broker.host.run();
  EXPECT_FALSE(client.open());
}

TEST_F(ProduceTest, TimesOutAndTellsWhatIsThere) {
  broker.consensus.hold_commits(true);
  const std::string a = broker.batch(), b = broker.batch();
  ProduceRequest request = produce_request("t", 0, a);
  request.timeout_ms = 100;
  request.topic_data[0].partition_data.push_back(produce_request("t", 1, b).topic_data[0].partition_data[0]);
  client.send<Produce>(9, request);
  broker.host.run();
  broker.consensus.commit(broker.group("t", 1));
  broker.host.advance(milliseconds(99));
  EXPECT_FALSE(client.next_frame().has_value());
  broker.host.advance(milliseconds(1));
  response = client.receive<Produce>(9);
  const auto& answers = response.responses[0].partition_responses;
  EXPECT_EQ(answers[0].error_code, ErrorCode::kRequestTimedOut);
  EXPECT_EQ(answers[0].base_offset, -1);
  EXPECT_EQ(answers[1].error_code, ErrorCode::kNone);
  EXPECT_EQ(answers[1].base_offset, 0);
  // The late commit changes nothing and breaks nothing.
  broker.consensus.commit(broker.group("t", 0));
  broker.host.run();
  EXPECT_FALSE(client.next_frame().has_value());
}

// A client that is told so gives its batches new numbers, and what was stored and not
// acknowledged is stored again.
TEST_F(ProduceTest, WhatIsBehindARefusedBatchIsNotCalledOutOfOrder) {
  const auto code = [&](int64_t producer, int32_t sequence) {
    return produce(broker.batch({.producer = producer, .epoch = 0, .sequence = sequence})).error_code;
  };
  for (const int64_t producer : {7, 8}) EXPECT_EQ(code(producer, 0), ErrorCode::kNone);
  broker.consensus.refuse_proposals(CHR_E_NOT_LEADER);
  for (const int32_t sequence : {1, 2}) {
    const std::string records = broker.batch({.producer = 7, .epoch = 0, .sequence = sequence});
    const int32_t id = client.send<Produce>(9, produce_request("t", 0, records));
    broker.host.advance(milliseconds(300));  // nobody says who leads
    EXPECT_EQ(only(client.receive<Produce>(9, id)).error_code, ErrorCode::kNotLeaderOrFollower);
  }
  broker.consensus.refuse_proposals(CHR_OK);
  EXPECT_EQ(code(7, 3), ErrorCode::kNotLeaderOrFollower);
  EXPECT_EQ(code(8, 3), ErrorCode::kOutOfOrderSequenceNumber);
  for (const int32_t sequence : {1, 2, 3}) EXPECT_EQ(code(7, sequence), ErrorCode::kNone);
  EXPECT_EQ(code(7, 5), ErrorCode::kOutOfOrderSequenceNumber);
}

TEST_F(ProduceTest, ANodeThatHasJustStartedDoesNotSayThatATopicIsUnknown) {
  const auto code = [&] {
    return only(client.call<Produce>(9, produce_request("late", 0, broker.batch(), -1))).error_code;
  };
  broker.metadata.set_controller(-1);
  EXPECT_EQ(code(), ErrorCode::kNotLeaderOrFollower);
  broker.metadata.set_controller(1);
  EXPECT_EQ(code(), ErrorCode::kUnknownTopicOrPartition);
}

TEST_F(ProduceTest, RefusalsHaveKafkasCodes) {
  const std::string good = broker.batch();
  const auto code = [&](std::string_view topic, int32_t partition, const std::string& records, int16_t acks) {
    response = client.call<Produce>(9, produce_request(topic, partition, records, acks));
    EXPECT_EQ(only(response).base_offset, -1);
    EXPECT_EQ(only(response).log_start_offset, -1);
    return only(response).error_code;
  };
  EXPECT_EQ(code("nowhere", 0, good, -1), ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(code("t", 9, good, -1), ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(code("t", -1, good, -1), ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(code("t", 0, good, 2), ErrorCode::kInvalidRequiredAcks);
  EXPECT_EQ(code("t", 0, "", -1), ErrorCode::kInvalidRecord);
  EXPECT_EQ(code("t", 0, good + good, -1), ErrorCode::kInvalidRecord);
  std::string damaged = good;
  damaged.back() ^= 1;
  EXPECT_EQ(code("t", 0, damaged, -1), ErrorCode::kCorruptMessage);
  ProduceRequest by_id = produce_request("", 0, good);
  by_id.topic_data[0].topic_id.b[3] = 7;
  EXPECT_EQ(only(client.call<Produce>(13, by_id)).error_code, ErrorCode::kUnknownTopicId);
  EXPECT_TRUE(client.open());
}

TEST_F(ProduceTest, AnIdempotentBatchIsStoredOnce) {
  const BatchOptions first{.producer = 7, .epoch = 0, .sequence = 0};
  const std::string records = broker.batch(first);
  EXPECT_EQ(produce(records).base_offset, 0);
  EXPECT_EQ(produce(records).base_offset, 0);
  EXPECT_EQ(produce(broker.batch({.producer = 7, .epoch = 0, .sequence = 5})).error_code,
            ErrorCode::kOutOfOrderSequenceNumber);
  EXPECT_EQ(produce(broker.batch({.producer = 7, .epoch = 0, .sequence = 1})).base_offset, 1);
  EXPECT_EQ(produce(broker.batch({.producer = 7, .epoch = 1, .sequence = 0})).base_offset, 2);
  EXPECT_EQ(produce(broker.batch({.producer = 7, .epoch = 0, .sequence = 2})).error_code,
            ErrorCode::kInvalidProducerEpoch);
  EXPECT_EQ(produce(broker.batch({.producer = 8, .epoch = 0, .sequence = 70})).base_offset, 3);
}

TEST_F(ProduceTest, ARetryInFlightWaitsForTheOriginal) {
  broker.consensus.hold_commits(true);
  const std::string records = broker.batch({.producer = 7, .epoch = 0, .sequence = 0});
  TestClient other = broker.client();
  client.send<Produce>(9, produce_request("t", 0, records));
  other.send<Produce>(9, produce_request("t", 0, records));
  broker.host.run();
  EXPECT_FALSE(client.next_frame().has_value());
  EXPECT_FALSE(other.next_frame().has_value());
  broker.consensus.commit(broker.group("t"));
  broker.host.run();
  EXPECT_EQ(only(client.receive<Produce>(9)).base_offset, 0);
  const ProduceResponse again = other.receive<Produce>(9);
  EXPECT_EQ(only(again).base_offset, 0);
  EXPECT_EQ(only(again).error_code, ErrorCode::kNone);
}

TEST_F(ProduceTest, ARetryOfWhatWasTruncatedIsStoredAnew) {
  broker.consensus.hold_commits(true);
  const std::string records = broker.batch({.producer = 7, .epoch = 0, .sequence = 0});
  TestClient other = broker.client();
  client.send<Produce>(9, produce_request("t", 0, records));
  other.send<Produce>(9, produce_request("t", 0, records));
  broker.host.run();
  broker.consensus.follow(broker.group("t"), 2, 2);
  broker.consensus.drop_uncommitted(broker.group("t"));
  broker.host.run();
  EXPECT_EQ(only(client.receive<Produce>(9)).error_code, ErrorCode::kNotLeaderOrFollower);
  EXPECT_EQ(only(other.receive<Produce>(9)).error_code, ErrorCode::kNotLeaderOrFollower);
  broker.consensus.hold_commits(false);
  broker.consensus.elect(broker.group("t"));
  broker.host.run();
  EXPECT_EQ(produce(records).base_offset, 0);
}

// A producer that gives no time hears how it ended, where no other node has a say.
TEST_F(ProduceTest, NoTimeIsEnoughForOneReplica) {
  broker.consensus.hold_commits(true);
  const std::string records = broker.batch();
  ProduceRequest request = produce_request("t", 0, records);
  request.timeout_ms = 0;
  client.send<Produce>(9, request);
  broker.host.advance(seconds(1));
  EXPECT_FALSE(client.next_frame().has_value());
  broker.consensus.hold_commits(false);
  broker.consensus.commit(broker.group("t"));
  broker.host.run();
  EXPECT_EQ(only(client.receive<Produce>(9)).error_code, ErrorCode::kNone);
  for (const int32_t id : {2, 3}) broker.metadata.set_broker({id, "other.example", 9094, ""});
  broker.add_topic("three", 1, {}, 3);
  broker.consensus.hold_commits(true);
  request = produce_request("three", 0, records);
  request.timeout_ms = -1;
  client.send<Produce>(9, request);
  broker.host.advance(seconds(1));
  EXPECT_EQ(only(client.receive<Produce>(9)).error_code, ErrorCode::kRequestTimedOut);
}

TEST_F(ProduceTest, TellsTheNewLeader) {
  broker.metadata.set_broker({2, "other.example", 9094, "r2"});
  broker.consensus.follow(broker.group("t"), 2, 5);
  broker.host.run();
  const std::string records = broker.batch();
  response = client.call<Produce>(10, produce_request("t", 0, records));
  EXPECT_EQ(only(response).error_code, ErrorCode::kNotLeaderOrFollower);
  EXPECT_EQ(only(response).current_leader.leader_id, 2);
  EXPECT_EQ(only(response).current_leader.leader_epoch, 5);
  ASSERT_EQ(response.node_endpoints.size(), 1u);
  EXPECT_EQ(response.node_endpoints[0].host, "other.example");
  EXPECT_EQ(response.node_endpoints[0].port, 9094);
  EXPECT_EQ(response.node_endpoints[0].rack, "r2");
}

TEST_F(ProduceTest, LogAppendTimeComesFromTheBroker) {
  broker.add_topic("stamped", 1, {{"message.timestamp.type", "LogAppendTime"}});
  const std::string records = broker.batch({.timestamp = 1'600'000'000'000});
  response = client.call<Produce>(9, produce_request("stamped", 0, records));
  const int64_t now = broker.host.unix_start_ms + static_cast<int64_t>(broker.host.now_ns() / 1'000'000);
  EXPECT_EQ(only(response).log_append_time_ms, now);
  const FetchResponse fetched = client.call<Fetch>(11, fetch_request("stamped", 0, 0));
  const auto header = decode_batch_header(only(fetched).records.bytes());
  EXPECT_EQ(header->max_timestamp, now);
}

TEST_F(ProduceTest, TheTopicsCodecRewritesWhatComesInAnother) {
  broker.add_topic("packed", 1, {{"compression.type", "lz4"}});
  const std::string records = broker.batch({.records = 20, .value_size = 200});
  response = client.call<Produce>(9, produce_request("packed", 0, records));
  EXPECT_EQ(only(response).error_code, ErrorCode::kNone);
  const FetchResponse fetched = client.call<Fetch>(11, fetch_request("packed", 0, 0));
  const auto header = decode_batch_header(only(fetched).records.bytes());
  EXPECT_EQ(header->compression(), Compression::kLz4);
  EXPECT_EQ(header->record_count, 20);
  EXPECT_LT(only(fetched).records.size(), records.size());
}

// min.insync.replicas is set for a whole cluster, and some topics have fewer replicas: all of them will do.
TEST_F(ProduceTest, NoMoreCopiesAreAskedForThanThereAreReplicas) {
  broker.metadata.set_broker({2, "other.example", 9094, ""});
  broker.add_topic("safe", 1, {{"min.insync.replicas", "2"}});
  broker.add_topic("safest", 1, {{"min.insync.replicas", "3"}}, 2);
  const std::string records = broker.batch();
  for (const std::string_view topic : {"safe", "safest"})
    EXPECT_EQ(only(client.call<Produce>(9, produce_request(topic, 0, records))).error_code, ErrorCode::kNone)
        << topic;
}

TEST_F(ProduceTest, AFullDiskIsAStorageErrorThatPasses) {
  broker.consensus.refuse_proposals(CHR_E_NO_SPACE);
  EXPECT_EQ(produce(broker.batch()).error_code, ErrorCode::kKafkaStorageError);
  broker.consensus.refuse_proposals(CHR_OK);
  EXPECT_EQ(produce(broker.batch()).error_code, ErrorCode::kNone);
}

TEST(ProduceShardsTest, OneRequestOverManyShards) {
  TestBroker broker({.shards = 4, .start = false});
  broker.consensus.place = [](std::string_view name) { return static_cast<uint32_t>(name.back() - '0') % 4; };
  broker.start();
  broker.add_topic("wide", 8);
  std::vector<TestClient> clients;
  for (uint32_t shard = 0; shard < 4; ++shard) clients.push_back(broker.client(shard));
  for (int64_t round = 0; round < 3; ++round) {
    for (size_t c = 0; c < clients.size(); ++c) {
      const std::string records = broker.batch({.records = 2});
      ProduceRequest request = produce_request("wide", 0, records);
      for (int32_t p = 1; p < 8; ++p) {
        request.topic_data[0].partition_data.push_back(request.topic_data[0].partition_data[0]);
        request.topic_data[0].partition_data.back().index = p;
      }
      const ProduceResponse response = clients[c].call<Produce>(9, request);
      ASSERT_EQ(response.responses[0].partition_responses.size(), 8u);
      for (const auto& partition : response.responses[0].partition_responses) {
        EXPECT_EQ(partition.error_code, ErrorCode::kNone);
        EXPECT_EQ(partition.base_offset, (round * 4 + static_cast<int64_t>(c)) * 2);
      }
    }
  }
}

// Records that fail are told one by one up to a bound, and that is one of the answer, not of each batch.
TEST_F(ProduceTest, AnAnswerTellsOfAThousandRecordsInAll) {
  broker.add_topic("many", 4);
  const std::string records = broker.batch({.records = 400, .timestamp = 1LL << 60});
  ProduceRequest request = produce_request("many", 0, records);
  for (int32_t p = 1; p < 4; ++p) {
    request.topic_data[0].partition_data.push_back(request.topic_data[0].partition_data[0]);
    request.topic_data[0].partition_data.back().index = p;
  }
  response = client.call<Produce>(9, request);
  std::vector<size_t> told;
  for (const auto& partition : response.responses.at(0).partition_responses) {
    EXPECT_EQ(partition.error_code, ErrorCode::kInvalidTimestamp);
    told.push_back(partition.record_errors.size());
  }
  EXPECT_EQ(told, (std::vector<size_t>{400, 400, 200, 0}));
}

// Of a partition that is named twice the last batch counts, and there is one row; a
// topic has one, too. As in Kafka.
TEST_F(ProduceTest, OfAPartitionThatIsNamedTwiceTheLastBatchCounts) {
  broker.add_topic("u");
  const std::string one = broker.batch({.records = 1}), three = broker.batch({.records = 3});
  ProduceRequest request = produce_request("t", 0, one);
  const auto add = [&](std::string_view topic, int32_t partition, const std::string& records) {
    request.topic_data.push_back(produce_request(topic, partition, records).topic_data[0]);
  };
  add("u", 0, one);
  add("t", 1, one);
  add("t", 0, three);
  response = client.call<Produce>(9, request);
  ASSERT_EQ(response.responses.size(), 2u);
  EXPECT_EQ(response.responses[0].name, "t");
  ASSERT_EQ(response.responses[0].partition_responses.size(), 2u);
  EXPECT_EQ(response.responses[0].partition_responses[0].base_offset, 0);
  EXPECT_EQ(response.responses[1].partition_responses.size(), 1u);
  EXPECT_EQ(produce(one).base_offset, 3);
}

// A batch whose records take more than 256 KiB is judged on a blocking thread: others go on, and what comes
// after it on its connection does not overtake it.
TEST_F(ProduceTest, MuchWorkOfCodecsLeavesTheShard) {
  const auto compressed = [&](int records) {
    return broker.batch({.records = records, .codec = Compression::kZstd, .value_size = 50'000});
  };
  const std::string large = compressed(10), medium = compressed(5), small = compressed(2);
  TestClient other = broker.client();
  broker.host.hold_blocking(true);
  EXPECT_EQ(only(other.call<Produce>(9, produce_request("t", 0, small))).base_offset, 0);
  // Together, two batches that are small each take more than one turn may.
  ProduceRequest both = produce_request("t", 0, medium);
  both.topic_data[0].partition_data.push_back(both.topic_data[0].partition_data[0]);
  both.topic_data[0].partition_data[1].index = 1;
  const std::vector<int32_t> sent = {client.send<Produce>(9, produce_request("t", 0, large)),
                                     client.send<Produce>(9, produce_request("t", 0, small)),
                                     client.send<Produce>(9, both)};
  broker.host.run();
  EXPECT_FALSE(client.next_frame().has_value());
  EXPECT_EQ(only(other.call<Produce>(9, produce_request("t", 0, small))).base_offset, 2);
  broker.host.hold_blocking(false);
  broker.host.run();
  EXPECT_EQ(only(client.receive<Produce>(9, sent[0])).base_offset, 4);
  EXPECT_EQ(only(client.receive<Produce>(9, sent[1])).base_offset, 14);
  const ProduceResponse last = client.receive<Produce>(9, sent[2]);
  EXPECT_EQ(last.responses.at(0).partition_responses.at(0).base_offset, 16);
  EXPECT_EQ(last.responses.at(0).partition_responses.at(1).base_offset, 0);
}

// Nor is a request of many large batches looked at in one go; what is behind it does not overtake it.
TEST_F(ProduceTest, ManyBytesAreLookedAtInSeveralTurns) {
  constexpr int32_t kPartitions = 4;
  broker.add_topic("large", kPartitions, {{"max.message.bytes", "20000000"}});
  const std::string records = broker.batch({.value_size = 9 << 20});
  ProduceRequest request = produce_request("large", 0, records, 1);
  while (request.topic_data[0].partition_data.size() < kPartitions) {
    auto& more = request.topic_data[0].partition_data;
    more.push_back(more[0]);
    more.back().index = static_cast<int32_t>(more.size()) - 1;
  }
  client.send<Produce>(9, request);
  const std::string small = broker.batch();
  client.send<Produce>(9, produce_request("large", 0, small, 1));
  EXPECT_EQ(broker.consensus.group(broker.group("large")).log_end, 0);
  broker.host.run();
  const auto rows = client.receive<Produce>(9).responses.at(0).partition_responses;
  ASSERT_EQ(rows.size(), static_cast<size_t>(kPartitions));
  for (const auto& row : rows) {
    EXPECT_EQ(row.error_code, ErrorCode::kNone);
    EXPECT_EQ(row.base_offset, 0);
  }
  EXPECT_EQ(only(client.receive<Produce>(9)).base_offset, 1);
}

// Batches of 10 MB that are small on the wire do not keep one of 400 KB waiting.
TEST_F(ProduceTest, WhatCodecsHaveLittleToDoForComesFirst) {
  broker.add_topic("large", 1);
  const auto compressed = [&](size_t size) {
    return broker.batch({.codec = Compression::kGzip, .value_size = size});
  };
  const std::string bomb = compressed(10'000'000), small = compressed(400'000);
  std::vector<TestClient> strangers;
  broker.host.hold_blocking(true);
  for (int i = 0; i < 12; ++i)
    strangers.emplace_back(broker.client()).send<Produce>(9, produce_request("large", 0, bomb));
  client.send<Produce>(9, produce_request("large", 0, small));
  broker.host.run();
  broker.host.hold_blocking(false);
  broker.host.run();
  EXPECT_LE(only(client.receive<Produce>(9)).base_offset, 4);
  for (TestClient& stranger : strangers)
    EXPECT_EQ(only(stranger.receive<Produce>(9)).error_code, ErrorCode::kNone);
}

TEST_F(ProduceTest, WhatIsCompressedAnewLeavesTheShardToo) {
  broker.add_topic("anew", 1, {{"compression.type", "gzip"}});
  const std::string records = broker.batch({.records = 10, .value_size = 50'000});
  broker.host.hold_blocking(true);
  client.send<Produce>(9, produce_request("anew", 0, records));
  broker.host.run();
  EXPECT_FALSE(client.next_frame().has_value());
  broker.host.hold_blocking(false);
  broker.host.run();
  EXPECT_EQ(only(client.receive<Produce>(9)).error_code, ErrorCode::kNone);
  client.send<Produce>(9, produce_request("anew", 0, records));
  client.wire().hang_up();  // while it is judged
  broker.host.run();
}

// A broker whose blocking jobs are counted.
class CodecLaneTest : public ::testing::Test {
 protected:
  CodecLaneTest() {
    started = 0;
    exec = *static_cast<const chr_exec_v1*>(broker.host.core()->query(broker.host.core()->self, CHR_EXEC_ID));
    forward = exec.blocking;
    exec.blocking = [](chr_host* host, chr_fn fn, void* context) {
      ++started;
      forward(host, fn, context);
    };
    broker.host.add_service(CHR_EXEC_ID, &exec);
    broker.start();
    broker.add_topic("t");
    for (int i = 0; i < 20; ++i) clients.push_back(broker.client());
  }
  // While no job ends.
  template <class Api>
  void send_to_all(int16_t version, const typename Api::Request& request) {
    started = 0;
    broker.host.hold_blocking(true);
    for (TestClient& client : clients) client.send<Api>(version, request);
    broker.host.run();
    EXPECT_GT(started, 0);
    EXPECT_LE(started, 4);
    broker.host.hold_blocking(false);
    broker.host.run();
  }

  static inline int started = 0;
  static inline decltype(chr_exec_v1::blocking) forward = nullptr;
  chr_exec_v1 exec{};
  TestBroker broker{{.start = false}};
  std::vector<TestClient> clients;
};

// Commits run on the same threads: clients cannot have them all.
TEST_F(CodecLaneTest, CodecsTakeFewBlockingThreads) {
  const std::string large = broker.batch(
      {.records = 10, .timestamp = 1'600'000'000'000, .codec = Compression::kZstd, .value_size = 50'000});
  send_to_all<Produce>(9, produce_request("t", 0, large));
  for (TestClient& client : clients) EXPECT_EQ(only(client.receive<Produce>(9)).error_code, ErrorCode::kNone);
  ListOffsetsRequest request;
  request.topics.emplace_back().name = "t";
  request.topics[0].partitions.emplace_back().timestamp = 1'600'000'000'007;
  send_to_all<ListOffsets>(11, request);
  for (TestClient& client : clients)
    EXPECT_EQ(client.receive<ListOffsets>(11).topics.at(0).partitions.at(0).offset, 7);
}

}  // namespace
}  // namespace chronik::kafka::testing
