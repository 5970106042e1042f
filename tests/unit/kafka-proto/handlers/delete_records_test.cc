// DeleteRecords over the wire, and what readers see of it.
#include "kafka-proto/messages/delete_records.h"

#include "kafka-proto/messages/list_offsets.h"
#include "kafka-proto/partition/offsets.h"
#include "kafka-proto/partition/record_deletion.h"
#include "server/broker_testing.h"

namespace chronik::kafka::testing {
namespace {

using Request = DeleteRecordsRequest;
using Response = DeleteRecordsResponse;

class DeleteRecordsTest : public ::testing::Test {
 protected:
  static constexpr int64_t kTime = 1'600'000'000'000;
  DeleteRecordsTest() { broker.add_topic("t", 3); }
  void produce(BatchOptions options, int32_t partition = 0) {
    const std::string records = broker.batch(options);
    EXPECT_EQ(only(client.call<Produce>(9, produce_request("t", partition, records))).error_code,
              ErrorCode::kNone);
  }
  static Request request_of(std::vector<std::pair<int32_t, int64_t>> partitions,
                            std::string_view topic = "t") {
    Request request;
    request.timeout_ms = 1000;
    auto& row = request.topics.emplace_back();
    row.name = topic;
    for (const auto& [index, offset] : partitions) {
      auto& partition = row.partitions.emplace_back();
      partition.partition_index = index;
      partition.offset = offset;
    }
    return request;
  }
  Response::Partition remove(int64_t offset, int16_t version = 2, int32_t index = 0,
                             std::string_view topic = "t") {
    const Response response = client.call<DeleteRecords>(version, request_of({{index, offset}}, topic));
    EXPECT_EQ(response.topics.at(0).name, topic);
    EXPECT_EQ(response.topics.at(0).partitions.at(0).partition_index, index);
    return response.topics.at(0).partitions.at(0);
  }
  ListOffsetsResponse::Partition offset_at(int64_t timestamp) {
    ListOffsetsRequest request;
    request.replica_id = -1;
    auto& topic = request.topics.emplace_back();
    topic.name = "t";
    auto& row = topic.partitions.emplace_back();
    row.timestamp = timestamp;
    row.current_leader_epoch = -1;
    return client.call<ListOffsets>(11, request).topics.at(0).partitions.at(0);
  }
  ErrorCode fetch_at(int64_t offset) {
    return only(client.call<Fetch>(12, fetch_request("t", 0, offset))).error_code;
  }

  TestBroker broker;
  TestClient client = broker.client();
};

TEST_F(DeleteRecordsTest, OverAllVersions) {
  produce({.records = 10});
  for (int16_t version = 0; version <= 2; ++version) {
    const auto row = remove(version + 1, version);
    EXPECT_EQ(row.error_code, ErrorCode::kNone);
    EXPECT_EQ(row.low_watermark, version + 1);
  }
}

TEST_F(DeleteRecordsTest, ReadersSeeItAtOnce) {
  produce({.records = 10});
  produce({.records = 10});
  EXPECT_EQ(remove(13).low_watermark, 13);
  EXPECT_EQ(offset_at(kEarliest).offset, 13);
  EXPECT_EQ(fetch_at(12), ErrorCode::kOffsetOutOfRange);
  const auto row = only(client.call<Fetch>(12, fetch_request("t", 0, 13)));
  EXPECT_EQ(row.error_code, ErrorCode::kNone);
  EXPECT_EQ(row.log_start_offset, 13);
  EXPECT_NE(row.records.size(), 0u);  // its batch, whole
  EXPECT_EQ(remove(RecordDeletion::kAllCommitted).low_watermark, 20);
  EXPECT_EQ(offset_at(kEarliest).offset, 20);
}

TEST_F(DeleteRecordsTest, TimesFindNothingThatIsDeleted) {
  for (const Compression codec : {Compression::kNone, Compression::kZstd})
    produce({.records = 10, .timestamp = kTime + 100 * static_cast<int64_t>(codec), .codec = codec});
  produce({.records = 10, .timestamp = kTime + 1});
  broker.consensus.hold_trims(true);  // as while a member needs what is deleted
  for (const bool slow : {false, true}) {
    broker.consensus.slow_reads(slow);
    EXPECT_EQ(offset_at(kTime + 2).offset, slow ? 5 : 2);
    EXPECT_EQ(remove(5).low_watermark, 5);
    EXPECT_EQ(offset_at(kTime + 2).offset, 5);
    EXPECT_EQ(offset_at(kTime + 2).timestamp, kTime + 5);
    EXPECT_EQ(offset_at(kTime + 9).offset, 9);
    EXPECT_EQ(offset_at(kTime + 10).offset, 10);
  }
  EXPECT_EQ(remove(17).low_watermark, 17);
  EXPECT_EQ(offset_at(kTime).offset, 17);
  EXPECT_EQ(remove(20).low_watermark, 20);
  EXPECT_EQ(offset_at(kTime + 3).offset, 22);
  EXPECT_EQ(offset_at(kTime + 11).offset, -1);
  EXPECT_EQ(offset_at(kMaxTimestamp).offset, 29);
  EXPECT_EQ(remove(25).low_watermark, 25);
  EXPECT_EQ(offset_at(kTime).offset, 25);
  EXPECT_EQ(offset_at(kMaxTimestamp).offset, 29);
  EXPECT_EQ(remove(30).low_watermark, 30);
  EXPECT_EQ(offset_at(kTime).offset, -1);
  EXPECT_EQ(offset_at(kMaxTimestamp).offset, -1);
}

// What would do lies in the deleted part of a batch, and what comes behind it is older.
TEST_F(DeleteRecordsTest, TimesGoOnBehindABatchThatIsCut) {
  produce({.records = 10, .timestamp = kTime});
  produce({.records = 10, .timestamp = kTime - 100});
  produce({.records = 10, .timestamp = kTime + 3});
  remove(10);
  EXPECT_EQ(offset_at(kTime).offset, 20);
}

TEST_F(DeleteRecordsTest, EachPartitionHasItsOwnAnswer) {
  produce({.records = 10}, 0);
  produce({.records = 5}, 1);
  broker.consensus.follow(broker.group("t", 2), 2, 2);
  const Response response =
      client.call<DeleteRecords>(2, request_of({{0, 4}, {1, 6}, {2, 0}, {3, 0}, {-1, 0}}));
  std::map<int32_t, std::pair<ErrorCode, int64_t>> rows;
  for (const auto& row : response.topics.at(0).partitions)
    rows[row.partition_index] = {row.error_code, row.low_watermark};
  const std::map<int32_t, std::pair<ErrorCode, int64_t>> expected = {
      {-1, {ErrorCode::kUnknownTopicOrPartition, -1}}, {0, {ErrorCode::kNone, 4}},
      {1, {ErrorCode::kOffsetOutOfRange, -1}},         {2, {ErrorCode::kNotLeaderOrFollower, -1}},
      {3, {ErrorCode::kUnknownTopicOrPartition, -1}},
  };
  EXPECT_EQ(rows, expected);
}

TEST_F(DeleteRecordsTest, TheLastMentionCounts) {
  produce({.records = 10});
  Request request = request_of({{0, 9}, {0, 3}});
  request.topics.push_back(request_of({{0, 4}}).topics[0]);
  const Response response = client.call<DeleteRecords>(2, request);
  ASSERT_EQ(response.topics.size(), 1u);
  ASSERT_EQ(response.topics[0].partitions.size(), 1u);
  EXPECT_EQ(response.topics[0].partitions[0].low_watermark, 4);
}

TEST_F(DeleteRecordsTest, TopicsThatAreNotThereOrNotTheClients) {
  broker.add_topic("__consumer_offsets");
  EXPECT_EQ(remove(0, 2, 0, "nobody").error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(remove(0, 2, 0, "__consumer_offsets").error_code, ErrorCode::kInvalidTopicException);
  EXPECT_EQ(remove(0, 2, 7, "__consumer_offsets").error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_TRUE(client.call<DeleteRecords>(2, Request()).topics.empty());
}

TEST_F(DeleteRecordsTest, WhatTakesTooLongIsTold) {
  produce({.records = 10}, 0);
  produce({.records = 10}, 1);
  broker.consensus.hold_commits(true);
  client.send<DeleteRecords>(2, request_of({{0, 4}, {1, 0}}));
  broker.host.advance(milliseconds(999));
  EXPECT_FALSE(client.next_frame().has_value());
  broker.host.advance(milliseconds(1));
  const Response response = client.receive<DeleteRecords>(2);
  const auto& rows = response.topics.at(0).partitions;
  EXPECT_EQ(rows.at(0).error_code, ErrorCode::kRequestTimedOut);
  EXPECT_EQ(rows.at(1).error_code, ErrorCode::kNone);
  broker.consensus.commit(broker.group("t"));  // and happens late
  broker.host.run();
  EXPECT_EQ(offset_at(kEarliest).offset, 4);
}

TEST_F(DeleteRecordsTest, PartitionsLiveOnTheirShards) {
  TestBroker sharded({.shards = 3, .start = false});
  sharded.consensus.place = [](std::string_view group) {
    return static_cast<uint32_t>(group.back() - '0') % 3;
  };
  sharded.start();
  sharded.add_topic("t", 3);
  TestClient remote = sharded.client(1);
  for (int32_t i = 0; i < 3; ++i) {
    const std::string records = sharded.batch({.records = 10});
    EXPECT_EQ(only(remote.call<Produce>(9, produce_request("t", i, records))).error_code, ErrorCode::kNone);
  }
  const Response response = remote.call<DeleteRecords>(2, request_of({{2, 3}, {0, 1}, {1, 2}}));
  for (const auto& row : response.topics.at(0).partitions)
    EXPECT_EQ(row.low_watermark, row.partition_index + 1);
}

}  // namespace
}  // namespace chronik::kafka::testing
