// What one Fetch may cost: reads under way, bytes read, and who gets the room of an answer.
#include "kafka-proto/messages/fetch.h"
#include "kafka-proto/messages/produce.h"
#include "server/broker_testing.h"

namespace chronik::kafka::testing {
namespace {

class FetchBoundsTest : public ::testing::Test {
 protected:
  explicit FetchBoundsTest(uint32_t n = 1) : shards(n) {}
  // Partition 1 on shard 0, where the client is, partition 0 on the last one.
  TestClient started() {
    broker.consensus.place = [n = shards](std::string_view name) {
      return (static_cast<uint32_t>(name.back() - '0') + 1) % n;
    };
    broker.start();
    return broker.client();
  }
  void fill(int32_t partitions, size_t size, int batches = 1) {
    broker.add_topic("t", partitions);
    TestClient writer = broker.client();
    for (int32_t p = 0; p < partitions; ++p) {
      for (int i = 0; i < batches; ++i) {
        const std::string records = broker.batch({.value_size = size});
        ASSERT_EQ(only(writer.call<Produce>(9, produce_request("t", p, records))).error_code,
                  ErrorCode::kNone);
      }
    }
  }
  FetchRequest request(const std::vector<int32_t>& partitions, int32_t max_bytes, int32_t each) {
    FetchRequest out = fetch_request("t", 0, 0);
    out.max_bytes = max_bytes;
    out.topics[0].partitions.clear();
    for (const int32_t p : partitions) {
      out.topics[0].partitions.push_back(fetch_partition(p, 0));
      out.topics[0].partitions.back().partition_max_bytes = each;
    }
    return out;
  }
  static std::vector<int32_t> all(int32_t n) {
    std::vector<int32_t> out(static_cast<size_t>(n));
    for (int32_t i = 0; i < n; ++i) out[static_cast<size_t>(i)] = i;
    return out;
  }
  // Those that gave records, in the order of the answer.
  static std::vector<int32_t> served(const FetchResponse& response) {
    std::vector<int32_t> out;
    for (const auto& topic : response.responses)
      for (const auto& p : topic.partitions)
        if (p.records.size() != 0) out.push_back(p.partition_index);
    return out;
  }

  const uint32_t shards;
  TestBroker broker{{.shards = shards, .start = false}};
  TestClient client = started();
};

class FetchOrderTest : public FetchBoundsTest {
 protected:
  FetchOrderTest() : FetchBoundsTest(2) {}
};

TEST_F(FetchBoundsTest, APartitionThatIsNamedOftenIsReadOnce) {
  fill(2, 100);
  broker.consensus.hold_reads(true);
  FetchRequest often = request(std::vector<int32_t>(10'000, 1), 1 << 20, 1);
  often.topics[0].partitions[0].fetch_offset = 7;  // what was said last counts
  client.send<Fetch>(11, often);
  broker.host.run();
  EXPECT_EQ(broker.consensus.held_reads(), 1u);
  broker.consensus.finish_reads();
  broker.host.run();
  const FetchResponse response = client.receive<Fetch>(11);
  EXPECT_NE(only(response).records.size(), 0u);
}

TEST_F(FetchBoundsTest, MorePartitionsThanAFetchMayHaveEndTheConnection) {
  const FetchResponse most = client.call<Fetch>(11, request(all(50'000), 1 << 20, 1));
  EXPECT_EQ(most.responses.at(0).partitions.size(), 50'000u);
  client.send<Fetch>(11, request(all(50'001), 1 << 20, 1));
  broker.host.run();
  EXPECT_FALSE(client.open());
  EXPECT_EQ(broker.host.logs().back().message,
            "closed a connection: a Fetch of 50001 partitions; allowed are 50000");
}

TEST_F(FetchBoundsTest, FewReadsAreUnderWayAtATime) {
  constexpr int32_t kPartitions = 100;
  fill(kPartitions, 100);
  broker.consensus.hold_reads(true);
  for (const int32_t each : {0, 1, 1 << 20}) {
    client.send<Fetch>(11, request(all(kPartitions), 1 << 20, each));
    broker.host.run();
    for (int turns = 0; broker.consensus.held_reads() != 0; ++turns) {
      ASSERT_LT(turns, kPartitions);
      EXPECT_LE(broker.consensus.held_reads(), 16u);
      broker.consensus.finish_reads();
      broker.host.run();
    }
    EXPECT_EQ(served(client.receive<Fetch>(11)), all(kPartitions)) << each;
  }
}

// A read returns its first batch whole, so what a client allows for a partition says little.
TEST_F(FetchBoundsTest, NoMoreIsReadThanAnAnswerCarries) {
  constexpr int32_t kPartitions = 64;
  constexpr uint64_t kBatch = 10'000, kAnswer = 100'000;
  fill(kPartitions, kBatch, 3);
  for (const int32_t each : {0, 1, 15'000, 1 << 20}) {
    for (const bool slow : {false, true}) {
      broker.consensus.slow_reads(slow);
      const uint64_t before = broker.consensus.read_bytes();
      const FetchResponse response = client.call<Fetch>(11, request(all(kPartitions), kAnswer, each));
      EXPECT_FALSE(served(response).empty());
      EXPECT_EQ(served(response), all(static_cast<int32_t>(served(response).size())))
          << "in the order of the request";
      EXPECT_LE(broker.consensus.read_bytes() - before, kAnswer + 3 * kBatch) << each;
    }
  }
  const uint64_t before = broker.consensus.read_bytes();
  EXPECT_EQ(served(client.call<Fetch>(11, request(all(kPartitions), 0, 1 << 20))).size(), 1u);
  EXPECT_LE(broker.consensus.read_bytes() - before, 2 * kBatch);
}

// KIP-74: whichever shard is quicker.
TEST_F(FetchOrderTest, TheFirstPartitionOfTheRequestIsServedFirst) {
  fill(2, 10'000, 3);
  for (const bool slow : {false, true}) {
    broker.consensus.slow_reads(slow);
    for (const auto& order : {std::vector<int32_t>{0, 1}, std::vector<int32_t>{1, 0}}) {
      for (const int32_t each : {1, 1 << 20}) {
        const std::vector<int32_t> first = {order[0]};
        EXPECT_EQ(served(client.call<Fetch>(11, request(order, 1000, each))), first);
        EXPECT_EQ(served(client.call<Fetch>(4, request(order, 15'000, each))).front(), order[0]);
      }
    }
  }
}

// In a session the server keeps the order: who was left out comes before those that had records.
TEST_F(FetchOrderTest, WhoWasLeftOutIsNext) {
  constexpr int32_t kPartitions = 10, kRound = 4;
  constexpr size_t kBatch = 10'000;
  fill(kPartitions, kBatch, 20);
  FetchRequest next = request(all(kPartitions), kRound * (kBatch + 200), kBatch + 200);
  next.session_epoch = 0;
  FetchResponse response = client.call<Fetch>(11, next);
  next.session_id = response.session_id;
  next.topics.clear();
  std::vector<int> times(kPartitions);
  for (int round = 1; round <= 20; ++round) {
    for (const int32_t p : served(response)) ++times[static_cast<size_t>(p)];
    EXPECT_LE(std::ranges::max(times) - std::ranges::min(times), 1) << round;
    EXPECT_EQ(served(response).size(), static_cast<size_t>(kRound)) << round;
    next.session_epoch = round;
    response = client.call<Fetch>(11, next);
  }
}

}  // namespace
}  // namespace chronik::kafka::testing
