// DescribeProducers over the wire.
#include "kafka-proto/messages/describe_producers.h"

#include "server/broker_testing.h"

namespace chronik::kafka::testing {
namespace {

using Request = DescribeProducersRequest;
using Response = DescribeProducersResponse;

class DescribeProducersTest : public ::testing::Test {
 protected:
  static constexpr int64_t kTime = 1'600'000'000'000;
  DescribeProducersTest() { broker.add_topic("t", 3); }
  void produce(BatchOptions options, int32_t partition = 0) {
    const std::string records = broker.batch(options);
    EXPECT_EQ(only(client.call<Produce>(9, produce_request("t", partition, records))).error_code,
              ErrorCode::kNone);
  }
  static Request request_of(std::vector<int32_t> partitions, std::string_view topic = "t") {
    Request request;
    auto& row = request.topics.emplace_back();
    row.name = topic;
    row.partition_indexes = std::move(partitions);
    return request;
  }
  std::vector<Response::Partition> describe(std::vector<int32_t> partitions, std::string_view topic = "t") {
    kept = client.call<DescribeProducers>(0, request_of(std::move(partitions), topic));
    return kept.topics.at(0).partitions;
  }

  TestBroker broker;
  TestClient client = broker.client();
  Response kept;
};

TEST_F(DescribeProducersTest, TellsWhatIsRemembered) {
  produce({.records = 3, .timestamp = kTime, .producer = 7, .epoch = 2, .sequence = 0});
  produce({.records = 2, .timestamp = kTime + 50, .producer = 7, .epoch = 2, .sequence = 3});
  produce({.records = 1, .timestamp = kTime + 9, .producer = 5, .epoch = 0, .sequence = 0});
  produce({.records = 1});  // of nobody
  const auto rows = describe({0, 1});
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].error_code, ErrorCode::kNone);
  EXPECT_EQ(rows[0].error_message, std::nullopt);
  ASSERT_EQ(rows[0].active_producers.size(), 2u);
  const auto& first = rows[0].active_producers[0];
  EXPECT_EQ(first.producer_id, 5);
  EXPECT_EQ(first.last_sequence, 0);
  const auto& second = rows[0].active_producers[1];
  EXPECT_EQ(second.producer_id, 7);
  EXPECT_EQ(second.producer_epoch, 2);
  EXPECT_EQ(second.last_sequence, 4);
  EXPECT_EQ(second.last_timestamp, kTime + 51);
  EXPECT_EQ(second.coordinator_epoch, -1);
  EXPECT_EQ(second.current_txn_start_offset, -1);
  EXPECT_TRUE(rows[1].active_producers.empty());
}

TEST_F(DescribeProducersTest, PartitionsThatCannotBeDescribed) {
  broker.consensus.follow(broker.group("t", 1), 2, 2);
  const auto rows = describe({0, 1, 2, 3, -1});
  std::map<int32_t, ErrorCode> errors;
  for (const auto& row : rows) {
    errors[row.partition_index] = row.error_code;
    EXPECT_EQ(row.error_message.has_value(), row.error_code != ErrorCode::kNone);
  }
  const std::map<int32_t, ErrorCode> expected = {{-1, ErrorCode::kUnknownTopicOrPartition},
                                                 {0, ErrorCode::kNone},
                                                 {1, ErrorCode::kNotLeaderOrFollower},
                                                 {2, ErrorCode::kNone},
                                                 {3, ErrorCode::kUnknownTopicOrPartition}};
  EXPECT_EQ(errors, expected);
  EXPECT_EQ(describe({0}, "a/b").at(0).error_code, ErrorCode::kInvalidTopicException);
  EXPECT_EQ(describe({0}, "nobody").at(0).error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_TRUE(client.call<DescribeProducers>(0, Request()).topics.empty());
}

TEST_F(DescribeProducersTest, EachPartitionHasOneRow) {
  produce({.records = 1, .producer = 7, .epoch = 0, .sequence = 0});
  Request request = request_of({0, 0, 1});
  request.topics.push_back(request_of({0}).topics[0]);
  const Response response = client.call<DescribeProducers>(0, request);
  ASSERT_EQ(response.topics.size(), 1u);
  ASSERT_EQ(response.topics[0].partitions.size(), 2u);
  EXPECT_EQ(response.topics[0].partitions[0].active_producers.size(), 1u);
}

TEST_F(DescribeProducersTest, PartitionsLiveOnTheirShards) {
  TestBroker sharded({.shards = 3, .start = false});
  sharded.consensus.place = [](std::string_view group) {
    return static_cast<uint32_t>(group.back() - '0') % 3;
  };
  sharded.start();
  sharded.add_topic("t", 3);
  TestClient remote = sharded.client(1);
  for (int32_t i = 0; i < 3; ++i) {
    const std::string records = sharded.batch({.producer = 10 + i, .epoch = 0, .sequence = 0});
    EXPECT_EQ(only(remote.call<Produce>(9, produce_request("t", i, records))).error_code, ErrorCode::kNone);
  }
  const Response response = remote.call<DescribeProducers>(0, request_of({2, 0, 1}));
  for (const auto& row : response.topics.at(0).partitions)
    EXPECT_EQ(row.active_producers.at(0).producer_id, 10 + row.partition_index);
}

}  // namespace
}  // namespace chronik::kafka::testing
