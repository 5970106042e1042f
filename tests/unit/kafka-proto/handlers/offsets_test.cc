// ListOffsets and OffsetForLeaderEpoch over the wire.
#include "kafka-proto/partition/offsets.h"
#include "kafka-proto/messages/list_offsets.h"
#include "kafka-proto/messages/offset_for_leader_epoch.h"
#include "kafka-proto/messages/produce.h"
#include "kafka-proto/records/builder.h"
#include "server/broker_testing.h"

namespace chronik::kafka::testing {
namespace {

class OffsetsTest : public ::testing::Test {
 protected:
  static constexpr int64_t kStart = 1'600'000'000'000;
  OffsetsTest() {
    broker.add_topic("t");
    broker.add_topic("empty");
  }
  void produce(BatchOptions options) {
    const std::string records = broker.batch(options);
    EXPECT_EQ(only(client.call<Produce>(9, produce_request("t", 0, records))).error_code, ErrorCode::kNone);
  }
  ListOffsetsResponse::Partition ask(int64_t timestamp, int16_t version = 11, std::string_view topic = "t",
                                     int32_t epoch = -1, int32_t index = 0) {
    ListOffsetsRequest request;
    request.replica_id = -1;
    auto& t = request.topics.emplace_back();
    t.name = topic;
    auto& p = t.partitions.emplace_back();
    p.partition_index = index;
    p.timestamp = timestamp;
    p.current_leader_epoch = epoch;
    return client.call<ListOffsets>(version, request).topics.at(0).partitions.at(0);
  }
  OffsetForLeaderEpochResponse::Partition end_of(int32_t epoch, int32_t current = -1, int16_t version = 4,
                                                 std::string_view topic = "t") {
    OffsetForLeaderEpochRequest request;
    auto& t = request.topics.emplace_back();
    t.topic = topic;
    auto& p = t.partitions.emplace_back();
    p.leader_epoch = epoch;
    p.current_leader_epoch = current;
    return client.call<OffsetForLeaderEpoch>(version, request).topics.at(0).partitions.at(0);
  }

  TestBroker broker;
  TestClient client = broker.client();
};

TEST_F(OffsetsTest, EndsOverAllVersions) {
  produce({.records = 5, .timestamp = kStart});
  for (int16_t version = 1; version <= 11; ++version) {
    EXPECT_EQ(ask(kLatest, version).offset, 5) << version;
    EXPECT_EQ(ask(kEarliest, version).offset, 0) << version;
    EXPECT_EQ(ask(kEarliest, version).timestamp, -1) << version;
    EXPECT_EQ(ask(kStart + 2, version).offset, 2) << version;
    if (version >= 4) {
      EXPECT_EQ(ask(kLatest, version).leader_epoch, 1);
    }
  }
}

TEST_F(OffsetsTest, SpecialTimestampsByVersion) {
  produce({.records = 5, .timestamp = kStart});
  struct Case {
    int64_t timestamp;
    int16_t since;
    int64_t offset;
    int64_t answer;
  };
  for (const Case& c :
       {Case{kMaxTimestamp, 7, 4, kStart + 4}, Case{kEarliestLocal, 8, 0, -1}, Case{kLatestTiered, 9, -1, -1},
        Case{kEarliestPending, 11, -1, -1}, Case{-7, 99, -1, -1}}) {
    for (int16_t version = 1; version <= 11; ++version) {
      const auto got = ask(c.timestamp, version);
      EXPECT_EQ(got.error_code, version < c.since ? ErrorCode::kUnsupportedVersion : ErrorCode::kNone)
          << c.timestamp << " v" << version;
      EXPECT_EQ(got.offset, version < c.since ? -1 : c.offset) << c.timestamp;
      EXPECT_EQ(got.timestamp, version < c.since ? -1 : c.answer) << c.timestamp;
    }
  }
}

TEST_F(OffsetsTest, AnEmptyLog) {
  EXPECT_EQ(ask(kLatest, 11, "empty").offset, 0);
  EXPECT_EQ(ask(kEarliest, 11, "empty").offset, 0);
  EXPECT_EQ(ask(kEarliest, 11, "empty").leader_epoch, 1);
  for (const int64_t timestamp : {kMaxTimestamp, int64_t{0}, kStart}) {
    const auto none = ask(timestamp, 11, "empty");
    EXPECT_EQ(none.error_code, ErrorCode::kNone);
    EXPECT_EQ(none.offset, -1);
    EXPECT_EQ(none.timestamp, -1);
  }
}

TEST_F(OffsetsTest, TimesFindRecordsInsideOfBatches) {
  for (const Compression codec :
       {Compression::kNone, Compression::kGzip, Compression::kSnappy, Compression::kLz4, Compression::kZstd})
    produce({.records = 10, .timestamp = kStart + 100 * static_cast<int64_t>(codec), .codec = codec});
  for (int64_t batch = 0; batch < 5; ++batch) {
    const auto got = ask(kStart + 100 * batch + 7);
    EXPECT_EQ(got.offset, batch * 10 + 7);
    EXPECT_EQ(got.timestamp, kStart + 100 * batch + 7);
    EXPECT_EQ(ask(kStart + 100 * batch + 10).offset, batch == 4 ? -1 : (batch + 1) * 10);
  }
  EXPECT_EQ(ask(0).offset, 0);
  EXPECT_EQ(ask(INT64_MAX).offset, -1);
  broker.consensus.slow_reads(true);
  EXPECT_EQ(ask(kStart + 107).offset, 17);
}

// A base that no record has, and deltas that wrap around it: what is stored may say that.
TEST_F(OffsetsTest, TimesMayWrapAround) {
  std::vector<uint8_t> records;
  Record record;
  record.timestamp_delta = INT64_MAX;
  append_record(records, record);
  record.timestamp_delta = kStart - INT64_MAX;
  record.offset_delta = 1;
  append_record(records, record);
  BatchHeader header;
  header.base_timestamp = INT64_MAX;
  header.max_timestamp = kStart;
  header.record_count = 2;
  header.last_offset_delta = 1;
  Codecs codecs;
  const auto bytes = assemble_batch(header, records, Compression::kNone, std::nullopt, codecs);
  ASSERT_TRUE(bytes.has_value());
  const std::string batch = to_text(Bytes(*bytes));
  ASSERT_EQ(only(client.call<Produce>(9, produce_request("t", 0, batch))).error_code, ErrorCode::kNone);
  EXPECT_EQ(ask(kStart).offset, 1);
  EXPECT_EQ(ask(kLatest, 11, "t", -2).error_code, ErrorCode::kFencedLeaderEpoch);
}

TEST_F(OffsetsTest, CompressedBatchesAreSearchedOffTheShard) {
  produce({.records = 10, .timestamp = kStart, .codec = Compression::kZstd});
  produce({.records = 10, .timestamp = kStart + 100});
  broker.host.hold_blocking(true);
  EXPECT_EQ(ask(kStart + 107).offset, 17);
  ListOffsetsRequest request;
  request.topics.emplace_back().name = "t";
  request.topics[0].partitions.emplace_back().timestamp = kStart + 7;
  client.send<ListOffsets>(11, request);
  broker.host.run();
  EXPECT_FALSE(client.next_frame().has_value());
  broker.host.hold_blocking(false);
  broker.host.run();
  EXPECT_EQ(client.receive<ListOffsets>(11).topics.at(0).partitions.at(0).offset, 7);
}

TEST_F(OffsetsTest, TheLargestTimestampMayLieBeforeTheEnd) {
  produce({.records = 3, .timestamp = kStart + 1000});
  produce({.records = 3, .timestamp = kStart});
  EXPECT_EQ(ask(kMaxTimestamp).offset, 2);
  EXPECT_EQ(ask(kMaxTimestamp).timestamp, kStart + 1002);
}

TEST_F(OffsetsTest, Refusals) {
  EXPECT_EQ(ask(kLatest, 11, "x").error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(ask(kLatest, 11, "t", -1, 5).error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(ask(kLatest, 11, "t", 0).error_code, ErrorCode::kFencedLeaderEpoch);
  EXPECT_EQ(ask(kLatest, 11, "t", 7).error_code, ErrorCode::kUnknownLeaderEpoch);
  ListOffsetsRequest twice;
  auto& t = twice.topics.emplace_back();
  t.name = "t";
  t.partitions.resize(3);
  const auto answers = client.call<ListOffsets>(11, twice).topics.at(0).partitions;
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].error_code, ErrorCode::kInvalidRequest);
  twice.topics.push_back(twice.topics[0]);
  EXPECT_EQ(client.call<ListOffsets>(11, twice).topics.size(), 1u);  // a topic has one row
  broker.consensus.follow(broker.group("t"), 2, 2);
  broker.host.run();
  EXPECT_EQ(ask(kLatest).error_code, ErrorCode::kNotLeaderOrFollower);
  EXPECT_EQ(end_of(1).error_code, ErrorCode::kNotLeaderOrFollower);
}

TEST_F(OffsetsTest, EpochsEndWhereTheNextBegins) {
  produce({.records = 4, .timestamp = kStart});
  broker.consensus.elect(broker.group("t"), 5);
  broker.host.run();
  produce({.records = 2, .timestamp = kStart});
  for (int16_t version = 2; version <= 4; ++version) {
    EXPECT_EQ(end_of(1, -1, version).end_offset, 4);
    EXPECT_EQ(end_of(5, -1, version).end_offset, 6);
  }
  EXPECT_EQ(end_of(3).leader_epoch, 1);
  EXPECT_EQ(end_of(3).end_offset, 4);
  for (const int32_t unknown : {6, 100, -1}) {
    EXPECT_EQ(end_of(unknown).error_code, ErrorCode::kNone);
    EXPECT_EQ(end_of(unknown).leader_epoch, -1);
    EXPECT_EQ(end_of(unknown).end_offset, -1);
  }
  EXPECT_EQ(end_of(0).leader_epoch, 0);  // older than all that is there
  EXPECT_EQ(end_of(0).end_offset, 0);
  EXPECT_EQ(end_of(1, 4).error_code, ErrorCode::kFencedLeaderEpoch);
  EXPECT_EQ(end_of(1, 6).error_code, ErrorCode::kUnknownLeaderEpoch);
  EXPECT_EQ(end_of(1, -1, 4, "x").error_code, ErrorCode::kUnknownTopicOrPartition);
}

// More partitions than a request may name end the connection before any is looked at.
class OffsetsTooManyTest : public ::testing::Test {
 protected:
  static constexpr int32_t kMany = 130'000;
  OffsetsTooManyTest() {
    broker.consensus.place = [](std::string_view) { return 1u; };
    broker.start();
    broker.add_topic("t");
  }
  template <class Api>
  void expect_end(int16_t version, const typename Api::Request& request) {
    TestClient client = broker.client(0);
    client.send<Api>(version, request);
    broker.host.run();
    EXPECT_FALSE(client.open());
    const std::string& why = broker.host.logs().back().message;
    EXPECT_NE(why.find("ask for less at once"), std::string::npos) << why;
  }

  TestBroker broker{{.shards = 2, .start = false}};
};

TEST_F(OffsetsTooManyTest, ListOffsets) {
  ListOffsetsRequest request;
  request.topics.resize(2);
  request.topics[0].name = "t";
  request.topics[1].name = "u";
  for (int32_t i = 0; i < kMany; ++i) {
    auto& partition = request.topics[0].partitions.emplace_back();
    partition.partition_index = i;
    partition.timestamp = kLatest;
  }
  expect_end<ListOffsets>(1, request);
}

TEST_F(OffsetsTooManyTest, OffsetForLeaderEpoch) {
  OffsetForLeaderEpochRequest request;
  request.topics.resize(2);
  request.topics[0].topic = "t";
  request.topics[1].topic = "u";
  for (int32_t i = 0; i < kMany; ++i) request.topics[0].partitions.emplace_back().partition = i;
  expect_end<OffsetForLeaderEpoch>(2, request);
}

}  // namespace
}  // namespace chronik::kafka::testing
