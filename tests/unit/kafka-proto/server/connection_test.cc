// Connections: order of answers, backpressure, what hostile clients get, and the stop.
#include <fmt/format.h>

#include <deque>

#include "kafka-proto/messages/api_versions.h"
#include "kafka-proto/messages/create_topics.h"
#include "kafka-proto/messages/describe_configs.h"
#include "kafka-proto/messages/describe_log_dirs.h"
#include "kafka-proto/messages/fetch.h"
#include "kafka-proto/messages/metadata.h"
#include "kafka-proto/messages/produce.h"
#include "kafka-proto/server/connection.h"
#include "server/broker_testing.h"

namespace chronik::kafka::testing {
namespace {

std::string be(uint64_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}
std::string frame(const std::string& body) { return be(body.size(), 4) + body; }
std::string header(int16_t key, int16_t version, int32_t correlation_id) {
  return be(static_cast<uint16_t>(key), 2) + be(static_cast<uint16_t>(version), 2) +
         be(static_cast<uint32_t>(correlation_id), 4) + be(1, 2) + "x";
}

class ConnectionTest : public ::testing::Test {
 protected:
  ConnectionTest() { broker.add_topic("t"); }
  bool warned(std::string_view part) {
    for (const FakeHost::LogLine& line : broker.host.logs()) {
      if (line.level <= CHR_LOG_WARN && line.message.find(part) != std::string::npos &&
          line.fields.find("peer=192.0.2.7:50123") != std::string::npos)
        return true;
    }
    return false;
  }
  // A connection that sends these bytes is closed, with the reason in the log.
  void expect_refused(const std::string& bytes, std::string_view reason) {
    broker.host.clear_logs();
    TestClient client = broker.client();
    client.wire().send(bytes);
    broker.host.run();
    EXPECT_FALSE(client.open()) << reason;
    EXPECT_TRUE(warned(reason)) << reason;
    last = client.wire().received;
  }

  TestBroker broker;
  std::string last;
};

TEST_F(ConnectionTest, AnswersComeInTheOrderOfRequests) {
  TestClient client = broker.client();
  broker.consensus.hold_commits(true);
  const std::string records = broker.batch();
  const int32_t first = client.send<Produce>(9, produce_request("t", 0, records));
  const int32_t second = client.send<ApiVersions>(0, {});
  const int32_t third = client.send<Metadata>(1, {});
  broker.host.run();
  EXPECT_TRUE(client.wire().received.empty());
  broker.consensus.commit(broker.group("t"));
  broker.host.run();
  client.receive<Produce>(9, first);
  client.receive<ApiVersions>(0, second);
  client.receive<Metadata>(1, third);
}

TEST_F(ConnectionTest, ByteByByte) {
  TestClient client = broker.client();
  const std::string all = to_text(encode_request(0, 9, "c", ApiVersionsRequest{})) +
                          to_text(encode_request(1, 10, "c", MetadataRequest{}));
  for (const char c : all) client.wire().send(std::string(1, c));
  broker.host.run();
  client.receive<ApiVersions>(0, 9);
  client.receive<Metadata>(1, 10);
}

TEST_F(ConnectionTest, ALargeRequestThenSmallOnesWhileMuchIsUnderWay) {
  broker.add_topic("big", 1, {{"max.message.bytes", "20000000"}});
  broker.consensus.hold_commits(true);
  TestClient client = broker.client();
  const std::string large = broker.batch({.value_size = Connection::kMaxBytesUnderWay});
  const std::string small = broker.batch();
  client.send<Produce>(9, produce_request("big", 0, large));
  for (int i = 0; i < 3; ++i) client.send<Produce>(9, produce_request("big", 0, small));
  broker.host.run();
  EXPECT_TRUE(client.wire().paused());
  EXPECT_NE(client.wire().unconsumed(), 0u);
  broker.consensus.hold_commits(false);
  broker.consensus.commit(broker.group("big"));
  broker.host.run();
  for (int64_t i = 0; i < 4; ++i) EXPECT_EQ(only(client.receive<Produce>(9)).base_offset, i);
  EXPECT_FALSE(client.wire().paused());
}

// A request whose names keep the shard for long: 80,000 of them.
MetadataRequest long_request() {
  MetadataRequest request;
  request.allow_auto_topic_creation = false;
  request.topics.emplace(80'000);
  for (auto& topic : *request.topics) topic.name = "no-such-topic";
  return request;
}

TEST_F(ConnectionTest, OneLongRequestRunsATurn) {
  std::vector<TestClient> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(broker.client());
    clients.back().send<Metadata>(4, long_request());
  }
  EXPECT_FALSE(clients[0].wire().received.empty());
  for (size_t i = 1; i < clients.size(); ++i) {
    EXPECT_TRUE(clients[i].wire().received.empty());
    EXPECT_TRUE(clients[i].wire().paused());
  }
  broker.host.run();
  for (TestClient& client : clients) {
    EXPECT_EQ(client.receive<Metadata>(4).topics.size(), 1u);
    EXPECT_FALSE(client.wire().paused());
  }
}

TEST_F(ConnectionTest, ASmallRequestDoesNotWaitBehindLongOnes) {
  TestClient first = broker.client(), second = broker.client(), other = broker.client();
  first.send<Metadata>(4, long_request());
  second.send<Metadata>(4, long_request());
  other.send<ApiVersions>(0, {});
  EXPECT_FALSE(other.wire().received.empty());
  const size_t answered = other.wire().received.size();
  other.send<ApiVersions>(0, {});  // one in such a turn
  EXPECT_EQ(other.wire().received.size(), answered);
  EXPECT_TRUE(second.wire().received.empty());
  broker.host.run();
  EXPECT_EQ(other.wire().received.size(), 2 * answered);
  EXPECT_FALSE(second.wire().received.empty());
}

TEST_F(ConnectionTest, AClientThatHangsUpBeforeItsTurn) {
  TestClient first = broker.client(), second = broker.client();
  first.send<Metadata>(4, long_request());
  second.send<Metadata>(4, long_request());
  second.wire().hang_up();
  broker.host.run();
  EXPECT_TRUE(second.wire().received.empty());
}

// What has no records is no larger than what it may name; a size says nothing before the API is known.
TEST_F(ConnectionTest, LargeRequestsAreThoseWithRecords) {
  expect_refused(be(99 << 20, 4) + header(3, 1, 1), "that is no Produce; allowed are 25165824");
  TestClient client = broker.client();
  client.wire().send(be(99 << 20, 4));
  EXPECT_TRUE(client.open());
  client.wire().send(header(0, 9, 1));
  EXPECT_TRUE(client.open());
}

TEST_F(ConnectionTest, SoManyRequestsAndNoMoreAreUnderWay) {
  broker.consensus.hold_commits(true);
  TestClient client = broker.client();
  const std::string records = broker.batch();
  const size_t many = Connection::kMaxRequestsUnderWay + 50;
  for (size_t i = 0; i < many; ++i) client.send<Produce>(9, produce_request("t", 0, records));
  broker.host.run();
  EXPECT_EQ(broker.consensus.group(broker.group("t")).log_end,
            static_cast<int64_t>(Connection::kMaxRequestsUnderWay));
  broker.consensus.hold_commits(false);
  broker.consensus.commit(broker.group("t"));
  broker.host.run();
  for (size_t i = 0; i < many; ++i)
    EXPECT_EQ(only(client.receive<Produce>(9)).base_offset, static_cast<int64_t>(i));
}

TEST_F(ConnectionTest, AClientThatDoesNotReadIsNotServedWithoutBound) {
  broker.add_topic("wide", 500);
  TestClient client = broker.client();
  client.wire().reads = false;
  MetadataRequest all;
  all.topics.reset();
  for (int i = 0; i < 200; ++i) client.send<Metadata>(1, all);
  broker.host.run();
  EXPECT_TRUE(client.wire().paused());
  EXPECT_LT(client.wire().queued(), Connection::kMaxBytesUnread + (64 << 10));
  client.wire().reads = true;
  client.wire().read_all();
  broker.host.run();
  for (int i = 0; i < 200; ++i) client.receive<Metadata>(1);
}

constexpr size_t kMaxBytesHeld = 256 << 10;  // on one connection

// What was answered stands in memory until the one before it is: by images of the
// catalog that were taken for it.
class HeldAnswers : public ConnectionTest {
 protected:
  HeldAnswers() {
    wide.set_link(2, true);
    wide.add_topic("t");
    wide.metadata.lead_new_topics(false);
    wide.add_topic("wide", 1000);
    all.topics.reset();
    const uint64_t before = wide.metadata.images();
    client.send<Metadata>(1, all);
    wide.host.run();
    images_of_one = wide.metadata.images() - before;
    bytes_of_one = client.wire().received.size();
    client.receive<Metadata>(1);
    wide.consensus.hold_commits(true);
    client.send<Produce>(9, produce_request("t", 0, records));
    wide.host.run();
  }
  static constexpr int kMany = 127;
  uint64_t held_since(uint64_t images) {
    return (wide.metadata.images() - images) / images_of_one * bytes_of_one;
  }
  void expect_all() {
    wide.consensus.commit(wide.group("t"));
    wide.host.advance(seconds(1));
    client.receive<Produce>(9);
    for (int i = 0; i < kMany; ++i) client.receive<Metadata>(1);
  }

  TestBroker wide{{.links = true}};
  TestClient client = wide.client();
  const std::string records = wide.batch();
  MetadataRequest all;
  uint64_t images_of_one = 0, bytes_of_one = 0;
};

TEST_F(HeldAnswers, BehindAStuckOneAreBounded) {
  const uint64_t before = wide.metadata.images();
  for (int i = 0; i < kMany; ++i) client.send<Metadata>(1, all);
  wide.host.run();
  ASSERT_GT(kMany * bytes_of_one, 2 * kMaxBytesHeld);
  EXPECT_LE(held_since(before), kMaxBytesHeld + bytes_of_one);
  expect_all();
}

// A client whose Produce was stuck on a full disk was then told leaders of before.
TEST_F(HeldAnswers, AreMadeWhenTheirTurnComes) {
  client.send<Metadata>(1, all);
  wide.host.run();
  wide.add_topic("later");
  wide.consensus.commit(wide.group("t"));
  wide.host.advance(seconds(1));
  client.receive<Produce>(9);
  const MetadataResponse answer = client.receive<Metadata>(1);
  EXPECT_TRUE(std::ranges::any_of(answer.topics, [](const auto& topic) { return topic.name == "later"; }));
}

TEST_F(HeldAnswers, ThatWaitForTheSameAreBounded) {
  wide.set_link(2, false);  // leaders are awaited now
  const uint64_t before = wide.metadata.images();
  for (int i = 0; i < kMany; ++i) client.send<Metadata>(1, all);
  wide.host.run();
  EXPECT_LE(wide.metadata.images() - before, images_of_one) << "the others wait for the one that waits";
  wide.host.advance(seconds(1));
  EXPECT_LE(held_since(before), kMaxBytesHeld + bytes_of_one);
  EXPECT_TRUE(client.wire().received.empty());
  expect_all();
}

// Its partitions lie on another shard: until they have told, nothing of the answer counts.
TEST(HeldAnswersOfOthers, AreBounded) {
  TestBroker broker{{.shards = 2, .start = false}};
  broker.consensus.place = [](std::string_view) { return 1u; };
  broker.start();
  broker.add_topic("wide", 5000);
  TestClient client = broker.client(0), other = broker.client(0);
  DescribeLogDirsRequest all;
  all.topics.reset();
  other.send<DescribeLogDirs>(1, all);
  const size_t request = to_text(encode_request(1, 1, "tester", all)).size();
  broker.host.run();
  const size_t bytes_of_one = other.wire().received.size();
  broker.consensus.hold_commits(true);
  const std::string records = broker.batch();
  client.send<Produce>(9, produce_request("wide", 0, records));
  broker.host.run();
  constexpr size_t kMany = 127;
  for (size_t i = 0; i < kMany; ++i) client.send<DescribeLogDirs>(1, all);
  broker.host.run();
  ASSERT_GT(kMany * bytes_of_one, 2 * kMaxBytesHeld);
  const size_t started = kMany - client.wire().unconsumed() / request;
  EXPECT_LE(started * bytes_of_one, kMaxBytesHeld + bytes_of_one);
  broker.consensus.commit(broker.group("wide"));
  broker.host.run();
  client.receive<Produce>(9);
  for (size_t i = 0; i < kMany; ++i) client.receive<DescribeLogDirs>(1);
}

TEST_F(ConnectionTest, AFetchIsUnderWayAlone) {
  TestClient client = broker.client();
  client.send<Fetch>(11, fetch_request("t", 0, 0));
  client.send<Fetch>(11, fetch_request("t", 0, 0));
  client.send<ApiVersions>(0, {});
  broker.host.advance(milliseconds(500));
  client.receive<Fetch>(11);
  EXPECT_FALSE(client.next_frame().has_value());
  broker.host.advance(milliseconds(500));
  client.receive<Fetch>(11);
  client.receive<ApiVersions>(0);
}

// Of an answer in their own schema nobody could make anything.
TEST_F(ConnectionTest, UnknownApisAndVersionsEndTheConnection) {
  // Produce 2 is listed, and refused.
  using Named = std::pair<int16_t, int16_t>;
  for (const auto& [api, version] : {Named{999, 0}, Named{-1, -1}, Named{3, 99}, Named{0, 2}, Named{1, 3}}) {
    TestClient client = broker.client();
    broker.host.clear_logs();
    client.wire().send(frame(header(api, version, 5)));
    broker.host.run();
    EXPECT_FALSE(client.open()) << api;
    EXPECT_TRUE(client.wire().received.empty()) << api;
    ASSERT_TRUE(broker.host.logged("not served")) << api;
    EXPECT_EQ(broker.host.logs().back().fields.find(
                  fmt::format("peer=192.0.2.7:50123 api={} version={}", api, version)),
              0u);
  }
}

TEST_F(ConnectionTest, WhatCameBeforeAnUnknownApiIsAnswered) {
  broker.consensus.hold_commits(true);
  TestClient client = broker.client();
  const std::string records = broker.batch();
  client.send<Produce>(9, produce_request("t", 0, records));
  client.wire().send(frame(header(999, 0, 5)));
  client.send<ApiVersions>(0, {});
  broker.host.run();
  EXPECT_TRUE(client.open());
  broker.consensus.hold_commits(false);
  broker.consensus.commit(broker.group("t"));
  broker.host.run();
  EXPECT_EQ(only(client.receive<Produce>(9)).error_code, ErrorCode::kNone);
  EXPECT_FALSE(client.open());
  EXPECT_FALSE(client.next_frame().has_value());
}

TEST_F(ConnectionTest, ApiVersionsAnswersEveryVersion) {
  TestClient client = broker.client();
  client.wire().send(frame(header(18, 99, 10)));
  broker.host.run();
  // In version 0, which every client reads, with the versions to use.
  EXPECT_EQ(client.next_frame().value_or("none"),
            be(10, 4) + be(35, 2) + be(1, 4) + be(18, 2) + be(0, 2) + be(4, 2));
  EXPECT_TRUE(client.open());
}

TEST_F(ConnectionTest, HostileLengths) {
  for (const uint32_t size : {0u, 1u, 9u, (100u << 20) + 1, 0x7fffffffu, 0x80000000u, 0xffffffffu})
    expect_refused(be(size, 4), "a request of");
  // A large one that is allowed costs nothing before its bytes come.
  TestClient client = broker.client();
  client.wire().send(be(90 << 20, 4) + be(0, 2) + "z");
  EXPECT_TRUE(client.open());
  EXPECT_EQ(client.wire().unconsumed(), 7u);
}

TEST_F(ConnectionTest, HttpAndTls) {
  expect_refused("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP");
  EXPECT_EQ(last.substr(0, 12), "HTTP/1.1 400");
  for (const char* verb : {"POST / HTTP", "PUT /x HTTP", "HEAD / HTTP", "OPTIONS *", "DELETE /"})
    expect_refused(verb, "HTTP");
  expect_refused(std::string("\x16\x03\x01\x02\x00\x01", 6), "TLS");
}

TEST_F(ConnectionTest, TruncatedBodies) {
  std::string request = to_text(encode_request(9, 1, "c", produce_request("t", 0, broker.batch())));
  request = request.substr(4);
  // A frame that ends before its body does. What happens to decode all the same is answered.
  for (size_t n = 10; n < request.size(); ++n) {
    TestClient client = broker.client();
    client.wire().send(frame(request.substr(0, n)));
    broker.host.run();
    EXPECT_TRUE(!client.open() || !client.wire().received.empty()) << n;
  }
  EXPECT_EQ(broker.consensus.group(broker.group("t")).log_end, 0);
}

TEST_F(ConnectionTest, CountsThatLie) {
  // A Metadata request that announces 2^31 - 1 topics.
  expect_refused(frame(header(3, 1, 1) + be(0x7fffffff, 4) + "x"), "topics");
  // A Produce whose records field is longer than the frame.
  expect_refused(frame(header(0, 3, 1) + be(0xffff, 2) + be(1, 2) + be(1000, 4) + be(1, 4) + be(1, 2) + "t" +
                       be(1, 4) + be(0, 4) + be(1 << 30, 4) + "abc"),
                 "records");
}

TEST_F(ConnectionTest, DecompressionBombs) {
  TestClient client = broker.client();
  for (const Compression codec : {Compression::kGzip, Compression::kZstd}) {
    const std::string bomb = broker.batch({.codec = codec, .value_size = 65 << 20});
    ASSERT_LT(bomb.size(), 1u << 20);
    const auto answer = client.call<Produce>(9, produce_request("t", 0, bomb));
    EXPECT_EQ(only(answer).error_code, ErrorCode::kMessageTooLarge);
  }
  EXPECT_TRUE(client.open());
}

TEST_F(ConnectionTest, TheStopAnswersWhatIsUnderWay) {
  TestClient waiting = broker.client(), producing = broker.client(), idle = broker.client();
  FetchRequest request = fetch_request("t", 0, 0);
  request.max_wait_ms = 60'000;
  waiting.send<Fetch>(11, request);
  broker.host.run();
  broker.consensus.hold_commits(true);
  producing.send<Produce>(9, produce_request("t", 0, broker.batch()));
  broker.host.run();
  broker.begin_stop();
  broker.host.advance(milliseconds(10));
  EXPECT_TRUE(broker.stopped());
  EXPECT_EQ(only(waiting.receive<Fetch>(11)).error_code, ErrorCode::kNotLeaderOrFollower);
  EXPECT_NE(only(producing.receive<Produce>(9)).error_code, ErrorCode::kNone);
  for (TestClient* client : {&waiting, &producing, &idle}) EXPECT_FALSE(client->open());
  EXPECT_EQ(broker.net.connect(), nullptr);
}

TEST_F(ConnectionTest, TheStopWaitsForChangesOfTheCatalog) {
  TestClient client = broker.client();
  broker.metadata.hold_changes(true);
  CreateTopicsRequest request;
  request.timeout_ms = 1000;
  request.topics.emplace_back().name = "later";
  request.topics[0].num_partitions = request.topics[0].replication_factor = 1;
  client.send<CreateTopics>(5, request);
  broker.host.run();
  broker.begin_stop();
  broker.host.advance(milliseconds(50));
  EXPECT_FALSE(broker.stopped());
  broker.metadata.hold_changes(false);
  broker.host.advance(milliseconds(5));
  EXPECT_TRUE(broker.stopped());
  EXPECT_EQ(client.receive<CreateTopics>(5).topics.at(0).error_code, ErrorCode::kNone);
}

TEST_F(ConnectionTest, HangingUpInTheMiddleOfEverything) {
  broker.consensus.hold_commits(true);
  TestClient client = broker.client();
  client.send<Produce>(9, produce_request("t", 0, broker.batch()));
  client.send<Metadata>(1, {});
  client.wire().hang_up();
  broker.host.run();
  broker.consensus.commit(broker.group("t"));
  broker.host.run();
  EXPECT_EQ(broker.host.metric("chronik_kafka_connections"), 0);
}

// What would have more than 64 MiB is not made: neither its rows nor its bytes.
TEST_F(ConnectionTest, AnAnswerThatIsTooLargeEndsItsConnectionByName) {
  TestClient client = broker.client();
  TestClient other = broker.client();
  const std::string id = std::string(6600, '0') + "1";  // however many zeros stand before it
  DescribeConfigsRequest request;
  request.include_synonyms = request.include_documentation = true;
  for (size_t i = 0; i < id.size(); ++i) {
    auto& resource = request.resources.emplace_back();
    resource.resource_type = 4;
    resource.resource_name = std::string_view(id).substr(i);
    resource.configuration_keys.reset();
  }
  std::deque<std::string> topics;
  for (int i = 0; i < 1'100; ++i) {
    broker.add_topic(topics.emplace_back(fmt::format("topic-{}", i)));
    auto& resource = request.resources.emplace_back();
    resource.resource_type = 2;
    resource.resource_name = topics.back();
    resource.configuration_keys.reset();
  }
  client.send<DescribeConfigs>(4, request);
  broker.host.run();
  EXPECT_FALSE(client.open());
  EXPECT_TRUE(client.wire().received.empty());
  const auto& line = broker.host.logs().back();
  EXPECT_EQ(line.message,
            "closed a connection: the answer to a DescribeConfigsRequest would take more than 67108864 bytes "
            "in memory or on the wire: ask for less at once");
  EXPECT_EQ(line.fields, "peer=192.0.2.7:50123");
  EXPECT_EQ(other.call<ApiVersions>(0, {}).error_code, ErrorCode::kNone);
}

}  // namespace
}  // namespace chronik::kafka::testing
