// Partitions in virtual time: retention, expiry of producers, restart from a snapshot, deletion, metrics.
#include "kafka-proto/messages/delete_topics.h"
#include "kafka-proto/messages/fetch.h"
#include "kafka-proto/messages/list_offsets.h"
#include "kafka-proto/messages/produce.h"
#include "kafka-proto/partition/offsets.h"
#include "kafka-proto/records/producer_state.h"
#include "server/broker_testing.h"

namespace chronik::kafka::testing {
namespace {

class PartitionTest : public ::testing::Test {
 protected:
  ErrorCode produce(std::string_view topic, BatchOptions options = {}) {
    const std::string records = broker.batch(options);
    return only(client.call<Produce>(9, produce_request(topic, 0, records))).error_code;
  }
  int64_t offset(std::string_view topic, int64_t which) {
    ListOffsetsRequest request;
    auto& t = request.topics.emplace_back();
    t.name = topic;
    t.partitions.emplace_back().timestamp = which;
    return client.call<ListOffsets>(5, request).topics.at(0).partitions.at(0).offset;
  }

  TestBroker broker;
  TestClient client = broker.client();
};

TEST_F(PartitionTest, OldBatchesGoWithinASecond) {
  broker.add_topic("t", 1, {{"retention.ms", "60000"}});
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(produce("t", {.records = 3}), ErrorCode::kNone);
    broker.host.advance(seconds(10));
  }
  // The batch of second s is too old from s + 60 on, and gone one second later.
  for (int64_t now = 100; now < 160; ++now) {
    const int64_t gone_at_least = std::clamp<int64_t>((now - 61) / 10, 0, 10) * 3;
    const int64_t gone_at_most = std::clamp<int64_t>((now - 60 + 9) / 10, 0, 10) * 3;
    const int64_t start = offset("t", kEarliest);
    EXPECT_GE(start, gone_at_least) << now;
    EXPECT_LE(start, gone_at_most) << now;
    broker.host.advance(seconds(1));
  }
  EXPECT_EQ(offset("t", kEarliest), 30);
  EXPECT_EQ(offset("t", kLatest), 30);
  EXPECT_EQ(only(client.call<Fetch>(11, fetch_request("t", 0, 0))).error_code, ErrorCode::kOffsetOutOfRange);
}

TEST_F(PartitionTest, TooManyBytesGoWhetherOldOrNot) {
  broker.add_topic("t", 1, {{"retention.bytes", "100000"}, {"retention.ms", "-1"}});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(produce("t", {.value_size = 10'000}), ErrorCode::kNone);
  broker.host.advance(seconds(1));
  const int64_t left = offset("t", kLatest) - offset("t", kEarliest);
  EXPECT_EQ(left, 10);  // the fewest batches that still hold retention.bytes
  broker.host.advance(seconds(10));
  EXPECT_EQ(offset("t", kLatest) - offset("t", kEarliest), left);
}

TEST_F(PartitionTest, ManyBytesAreNotWaitedFor) {
  broker.add_topic("t", 1, {{"retention.bytes", "1000000"}, {"max.message.bytes", "2000000"}});
  for (int i = 0; i < 40; ++i) {  // no time passes
    EXPECT_EQ(produce("t", {.value_size = 1'000'000}), ErrorCode::kNone);
    EXPECT_LE(offset("t", kLatest) - offset("t", kEarliest), 16);
  }
}

TEST_F(PartitionTest, ForEverIsForEver) {
  broker.add_topic("t", 1, {{"retention.ms", "-1"}});
  EXPECT_EQ(produce("t"), ErrorCode::kNone);
  broker.host.advance(std::chrono::hours(24 * 2));
  EXPECT_EQ(offset("t", kEarliest), 0);
}

TEST_F(PartitionTest, AFollowerTrimsNothing) {
  broker.add_topic("t", 1, {{"retention.ms", "1000"}});
  EXPECT_EQ(produce("t"), ErrorCode::kNone);
  broker.consensus.follow(broker.group("t"), 2, 2);
  broker.host.advance(seconds(10));
  EXPECT_EQ(broker.consensus.group(broker.group("t")).log_start, 0);
}

TEST_F(PartitionTest, IdleProducersAreForgottenByAnEntry) {
  broker.add_topic("t");
  EXPECT_EQ(produce("t", {.producer = 7, .epoch = 0, .sequence = 0}), ErrorCode::kNone);
  broker.host.advance(std::chrono::hours(23));
  EXPECT_EQ(produce("t", {.producer = 7, .epoch = 0, .sequence = 9}), ErrorCode::kOutOfOrderSequenceNumber);
  broker.host.advance(std::chrono::hours(6));
  EXPECT_EQ(produce("t", {.producer = 7, .epoch = 0, .sequence = 9}), ErrorCode::kNone);
  EXPECT_EQ(offset("t", kLatest), 2);  // the commands took no offsets
}

TEST_F(PartitionTest, ANewLeaderKnowsTheProducers) {
  broker.add_topic("t");
  EXPECT_EQ(produce("t", {.producer = 7, .epoch = 0, .sequence = 0}), ErrorCode::kNone);
  broker.consensus.follow(broker.group("t"), 2, 2);
  broker.consensus.elect(broker.group("t"), 3);
  broker.host.run();
  EXPECT_EQ(produce("t", {.producer = 7, .epoch = 0, .sequence = 4}), ErrorCode::kOutOfOrderSequenceNumber);
  EXPECT_EQ(produce("t", {.producer = 7, .epoch = 0, .sequence = 1}), ErrorCode::kNone);
}

// Clients that come and go: a snapshot of their states is made in one go, on the shard.
TEST_F(PartitionTest, TheLongestIdleOfTooManyProducersAreForgotten) {
  constexpr int64_t kMost = 100'000, kLongIdle = 5000, kHour = 3'600'000;
  broker.add_topic("t");
  const int64_t now_ms = broker.host.unix_start_ms + static_cast<int64_t>(broker.host.now_ns() / 1'000'000);
  ProducerStates states;
  for (int64_t id = 0; id < kMost + 1; ++id) {
    if (id == kLongIdle) states.expire(now_ms - kHour, 24 * kHour);
    BatchHeader batch;
    batch.producer_id = id;
    batch.producer_epoch = 0;
    batch.base_sequence = 0;
    states.applied(static_cast<uint64_t>(id) + 1, id, batch);
  }
  std::vector<uint8_t> loaded;
  states.save(loaded);
  const auto& group = broker.consensus.group(broker.group("t"));
  const chr_slice piece = {loaded.data(), loaded.size(), nullptr};
  ASSERT_EQ(group.machine->load(group.context, &piece, 1, nullptr), CHR_OK);
  broker.host.advance(seconds(2));
  std::string saved;
  const chr_sink sink = {&saved, [](void* out, const uint8_t* p, uint64_t n) -> uint32_t {
                           static_cast<std::string*>(out)->append(reinterpret_cast<const char*>(p), n);
                           return 1;
                         }};
  ASSERT_EQ(group.machine->save(group.context, &sink), CHR_OK);
  EXPECT_EQ(saved.size() / (loaded.size() / (kMost + 1)), static_cast<size_t>(kMost + 1 - kLongIdle));
}

// save() and load() as consensus calls them, over every piece size.
TEST_F(PartitionTest, TheStateSurvivesInASnapshot) {
  broker.add_topic("t");
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(produce("t", {.producer = 7 + i, .epoch = 0, .sequence = 0}), ErrorCode::kNone);
  const FakeConsensus::Group& group = broker.consensus.group(broker.group("t"));
  std::string saved;
  const chr_sink sink = {&saved, [](void* out, const uint8_t* p, uint64_t n) -> uint32_t {
                           static_cast<std::string*>(out)->append(reinterpret_cast<const char*>(p), n);
                           return 1;
                         }};
  ASSERT_EQ(group.machine->save(group.context, &sink), CHR_OK);
  for (size_t piece = 1; piece <= saved.size(); ++piece) {
    std::vector<chr_slice> pieces;
    for (size_t at = 0; at < saved.size(); at += piece)
      pieces.push_back(
          {reinterpret_cast<const uint8_t*>(saved.data()) + at, std::min(piece, saved.size() - at), nullptr});
    ASSERT_EQ(
        group.machine->load(group.context, pieces.data(), static_cast<uint32_t>(pieces.size()), nullptr),
        CHR_OK);
  }
  EXPECT_EQ(produce("t", {.producer = 8, .epoch = 0, .sequence = 5}), ErrorCode::kOutOfOrderSequenceNumber);
  EXPECT_EQ(produce("t", {.producer = 8, .epoch = 0, .sequence = 1}), ErrorCode::kNone);
  // A sink that is full ends the snapshot; a damaged one is refused.
  const chr_sink full = {nullptr, [](void*, const uint8_t*, uint64_t) -> uint32_t { return 0; }};
  EXPECT_NE(group.machine->save(group.context, &full), CHR_OK);
  const chr_slice half = {reinterpret_cast<const uint8_t*>(saved.data()), saved.size() / 2, nullptr};
  EXPECT_EQ(group.machine->load(group.context, &half, 1, nullptr), CHR_E_CORRUPT);
}

TEST_F(PartitionTest, ADeletedTopicLeavesNoGroup) {
  broker.add_topic("t", 3);
  EXPECT_EQ(produce("t"), ErrorCode::kNone);
  const std::string group = broker.group("t", 1);
  EXPECT_TRUE(broker.consensus.has(group));
  DeleteTopicsRequest request;
  request.topic_names = {"t"};
  request.timeout_ms = 1000;
  EXPECT_EQ(client.call<DeleteTopics>(5, request).responses.at(0).error_code, ErrorCode::kNone);
  EXPECT_FALSE(broker.consensus.has(group));
  EXPECT_EQ(produce("t"), ErrorCode::kUnknownTopicOrPartition);
  broker.add_topic("t");
  EXPECT_EQ(offset("t", kLatest), 0);  // another topic of the same name
}

TEST_F(PartitionTest, StoppingWhileTopicsOpenAndClose) {
  for (int i = 0; i < 5; ++i) broker.metadata.add_topic("t" + std::to_string(i), 4);
  broker.metadata.remove_topic("t1");
  broker.begin_stop();
  broker.host.run();
  broker.host.advance(milliseconds(5));
  EXPECT_TRUE(broker.stopped());
}

class DrainTest : public ::testing::Test {
 protected:
  DrainTest() {
    broker.metadata.set_broker({2, "two.example", 9094, ""});
    broker.set_link(2, true);
    broker.add_topic("t", 2, {}, 2);
    broker.consensus.hold_transfers(true);
    broker.begin_stop();
    broker.host.run();
  }
  ProduceResponse::Partition produce(int32_t partition) {
    const std::string records = broker.batch();
    answer = client.call<Produce>(10, produce_request("t", partition, records));
    return answer.responses.at(0).partition_responses.at(0);
  }

  TestBroker broker{{.links = true}};
  TestClient client = broker.client();
  ProduceResponse answer;
};

TEST_F(DrainTest, LeadershipMovesFirstWhileClientsAreAnswered) {
  const std::string records = broker.batch();
  const int32_t waits = client.send<Produce>(10, produce_request("t", 0, records));
  broker.host.run();
  EXPECT_FALSE(client.next_frame().has_value());  // until it is known who leads
  broker.consensus.finish_transfer(broker.group("t", 0));
  broker.host.run();  // no time passes
  answer = client.receive<Produce>(10, waits);
  EXPECT_EQ(only(answer).error_code, ErrorCode::kNotLeaderOrFollower);
  EXPECT_EQ(only(answer).current_leader.leader_id, 2);
  EXPECT_EQ(answer.node_endpoints.at(0).host, "two.example");
  EXPECT_EQ(produce(0).current_leader.leader_id, 2);
  EXPECT_TRUE(broker.client().open());  // and new ones are taken
  EXPECT_FALSE(broker.stopped());
  broker.consensus.finish_transfer(broker.group("t", 1));
  broker.host.advance(milliseconds(5));
  EXPECT_TRUE(broker.stopped());
  EXPECT_FALSE(client.open());
}

TEST_F(DrainTest, NobodyIsKeptWaitingForLong) {
  const std::string records = broker.batch();
  const int32_t waits = client.send<Produce>(10, produce_request("t", 1, records));
  broker.host.advance(milliseconds(200));
  EXPECT_FALSE(client.next_frame().has_value());
  broker.host.advance(milliseconds(100));
  answer = client.receive<Produce>(10, waits);
  EXPECT_EQ(only(answer).error_code, ErrorCode::kNotLeaderOrFollower);
  EXPECT_EQ(only(answer).current_leader.leader_id, -1);
  EXPECT_EQ(produce(1).error_code, ErrorCode::kNotLeaderOrFollower);  // at once
  for (const int32_t partition : {0, 1}) broker.consensus.finish_transfer(broker.group("t", partition));
  broker.host.advance(milliseconds(5));
  EXPECT_TRUE(broker.stopped());
}

// What the disk has of topics that the catalog does not know once it is current.
class StraysTest : public ::testing::Test {
 protected:
  void begin() {
    broker.metadata.set_controller(-1);
    kept = broker.metadata.add_topic("kept", 2);
    for (const int32_t partition : {0, 1}) broker.consensus.keep(broker.group("kept", partition));
    for (const std::string& group : {kStray, std::string("__meta"), kStray + "x"})
      broker.consensus.keep(group);
    broker.start();
    broker.host.run();
  }

  const std::string kStray = "0123456789abcdef0123456789abcdef.7";
  TestBroker broker{{.start = false}};
  chr_uuid kept{};
};

TEST_F(StraysTest, AreRemovedOnceTheCatalogIsCurrent) {
  begin();
  EXPECT_TRUE(broker.consensus.has(kStray));
  broker.metadata.set_controller(2);
  broker.host.run();
  EXPECT_FALSE(broker.consensus.has(kStray));
  EXPECT_TRUE(broker.consensus.has("__meta"));
  EXPECT_TRUE(broker.consensus.has(broker.group("kept", 1)));
}

// Who leads __meta may be one that is cut off; a change that is committed proves that it is not.
TEST_F(StraysTest, StayUntilAChangeIsCommitted) {
  begin();
  broker.metadata.answer_changes(CHR_E_TIMEOUT);
  broker.metadata.set_controller(2);
  broker.host.run();
  EXPECT_TRUE(broker.consensus.has(kStray));
  broker.metadata.answer_changes(CHR_OK);
  broker.metadata.set_controller(3);
  broker.host.run();
  EXPECT_FALSE(broker.consensus.has(kStray));
}

TEST_F(PartitionTest, ShowsKafkaExportersMetrics) {
  broker.add_topic("t", 2);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(produce("t", {.records = 5}), ErrorCode::kNone);
  EXPECT_NE(only(client.call<Fetch>(11, fetch_request("t", 0, 0))).records.size(), 0u);
  broker.host.advance(seconds(1));
  const auto metric = [&](const std::string& name) { return broker.host.metric(name); };
  EXPECT_EQ(metric("kafka_brokers"), 1);
  EXPECT_EQ(metric("kafka_topic_partitions{topic=\"t\"}"), 2);
  EXPECT_EQ(metric("kafka_topic_partition_current_offset{topic=\"t\",partition=\"0\"}"), 20);
  EXPECT_EQ(metric("kafka_topic_partition_oldest_offset{topic=\"t\",partition=\"0\"}"), 0);
  EXPECT_EQ(metric("kafka_topic_partition_leader{topic=\"t\",partition=\"1\"}"), 1);
  EXPECT_GT(metric("chronik_topic_bytes_total{topic=\"t\",direction=\"in\"}"), 200);
  EXPECT_EQ(metric("chronik_topic_bytes_total{topic=\"t\",direction=\"out\"}"),
            metric("chronik_topic_bytes_total{topic=\"t\",direction=\"in\"}"));
  EXPECT_EQ(metric("chronik_kafka_request_duration_seconds{api=\"Produce\"}"), 4);
  broker.consensus.follow(broker.group("t"), 2, 2);
  broker.host.advance(seconds(1));
  EXPECT_EQ(metric("kafka_topic_partition_current_offset{topic=\"t\",partition=\"0\"}"), 0);
}

TEST(PartitionHealthTest, ReadyOnceThePartitionsAreOpen) {
  TestBroker broker({.start = false});
  broker.metadata.set_cluster_id("");
  broker.start();
  EXPECT_EQ(broker.host.health("partitions"), CHR_HEALTH_NOT_READY);
  broker.metadata.set_cluster_id("known");
  broker.host.run();
  EXPECT_EQ(broker.host.health("partitions"), CHR_HEALTH_READY);
}

// Until its replica is moved away, or its topic deleted.
TEST(PartitionHealthTest, DegradedWhileAPartitionCannotBeOpened) {
  TestBroker broker;
  broker.consensus.fail_opens(CHR_E_CORRUPT);
  broker.add_topic("broken", 1);
  broker.host.run();
  EXPECT_EQ(broker.host.health("partitions"), CHR_HEALTH_DEGRADED);
  broker.metadata.remove_topic("broken");
  broker.host.run();
  EXPECT_EQ(broker.host.health("partitions"), CHR_HEALTH_READY);
}

}  // namespace
}  // namespace chronik::kafka::testing
