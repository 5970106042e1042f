// RequestBudget: what requests take over all connections, through a whole broker.
#include "kafka-proto/server/request_budget.h"

#include "kafka-proto/messages/fetch.h"
#include "kafka-proto/messages/produce.h"
#include "server/broker_testing.h"

namespace chronik::kafka::testing {
namespace {

constexpr uint64_t kMost = 16 << 20;
constexpr uint64_t kMiB = 1 << 20;

class RequestBudgetTest : public ::testing::Test {
 protected:
  RequestBudgetTest() {
    broker.host.config_int("queued_max_request_bytes", kMost);
    broker.start();
    broker.add_topic("t", 1, {{"max.message.bytes", "20000000"}});
  }
  std::string request(uint64_t size) {
    const std::string records = broker.batch({.value_size = size});
    return to_text(encode_request(9, 1, "tester", produce_request("t", 0, records)));
  }
  // As over a socket: piece by piece, for as long as it is read. Returns how much it was.
  static uint64_t send(TestClient& client, std::string_view bytes) {
    uint64_t sent = 0;
    while (sent < bytes.size() && !client.wire().paused()) {
      const std::string_view piece = bytes.substr(sent, 64 << 10);
      client.wire().send(piece);
      sent += piece.size();
    }
    return sent;
  }
  struct Sender {
    TestClient client;
    std::string_view left;
  };
  // All of them, for as long as any of them is read.
  void send_on(std::vector<Sender>& senders) {
    for (uint64_t sent = 1; sent != 0;) {
      sent = 0;
      for (Sender& sender : senders) {
        const uint64_t n = send(sender.client, sender.left);
        sender.left.remove_prefix(n);
        sent += n;
      }
      broker.host.run();
    }
  }
  bool logged(std::string_view part) const {
    for (const FakeHost::LogLine& line : broker.host.logs()) {
      if (line.message.find(part) != std::string::npos &&
          line.fields.find("peer=192.0.2.7:50123") != std::string::npos)
        return true;
    }
    return false;
  }

  TestBroker broker{{.start = false}};
};

TEST_F(RequestBudgetTest, RequestsThatStopTakeNoMoreThanTheBudgetAndOne) {
  const std::string large = request(10 * kMiB);
  const std::string_view part(large.data(), large.size() - kMiB);
  std::vector<TestClient> strangers;
  uint64_t taken = 0;
  for (int i = 0; i < 40; ++i) taken += send(strangers.emplace_back(broker.client()), part);
  EXPECT_LE(taken, kMost + large.size() + 40 * (64u << 10));
  EXPECT_FALSE(strangers.front().wire().paused());
  EXPECT_TRUE(strangers.back().wire().paused());

  // What ordinary clients send is not kept waiting.
  for (const uint64_t size : {uint64_t{10}, uint64_t{500'000}, 3 * kMiB}) {
    TestClient bystander = broker.client();
    const std::string bytes = request(size);
    EXPECT_EQ(send(bystander, bytes), bytes.size());
    broker.host.run();
    EXPECT_EQ(only(bystander.receive<Produce>(9)).error_code, ErrorCode::kNone) << size;
  }

  // The one that could go on has time, then the others have its memory.
  broker.host.advance(seconds(5));
  EXPECT_TRUE(strangers.front().open());
  broker.host.advance(seconds(8));
  EXPECT_FALSE(strangers.front().open());
  EXPECT_TRUE(logged("a Produce of 10"));
  EXPECT_TRUE(logged("kafka.queued_max_request_bytes"));
  EXPECT_TRUE(strangers[2].open());
  EXPECT_FALSE(strangers[2].wire().paused());
  EXPECT_TRUE(strangers.back().open());
}

TEST_F(RequestBudgetTest, NobodyIsEndedWhileNobodyWaits) {
  TestClient slow = broker.client();
  const std::string large = request(6 * kMiB);
  send(slow, std::string_view(large).substr(0, kMiB));
  broker.host.advance(seconds(100));
  EXPECT_TRUE(slow.open());
  send(slow, std::string_view(large).substr(kMiB));
  broker.host.run();
  EXPECT_EQ(only(slow.receive<Produce>(9)).error_code, ErrorCode::kNone);
}

// It could not start, so it must not stand in the way of those that can.
TEST_F(RequestBudgetTest, WhatStandsBehindALongPollTakesNothing) {
  const std::string large = request(10 * kMiB);
  FetchRequest fetch;
  fetch.max_wait_ms = INT32_MAX;
  fetch.min_bytes = INT32_MAX;
  fetch.max_bytes = INT32_MAX;
  fetch.topics.emplace_back().topic = "t";
  fetch.topics[0].partitions.emplace_back().partition_max_bytes = 1 << 20;
  TestClient stranger = broker.client();
  stranger.send<Fetch>(4, fetch);
  broker.host.run();
  ASSERT_FALSE(stranger.next_frame().has_value());
  EXPECT_LE(send(stranger, large), 64u << 10);
  std::vector<Sender> senders;
  for (int i = 0; i < 3; ++i) senders.push_back({broker.client(), large});
  send_on(senders);
  for (Sender& sender : senders)
    EXPECT_EQ(only(sender.client.receive<Produce>(9)).error_code, ErrorCode::kNone);
}

// A long poll of megabytes would keep its part for as long as its client likes.
TEST_F(RequestBudgetTest, ALargeFetchDoesNotWait) {
  FetchRequest fetch;
  fetch.max_wait_ms = INT32_MAX;
  fetch.min_bytes = INT32_MAX;
  fetch.max_bytes = INT32_MAX;
  const std::string name(30'000, 'x');
  for (int i = 0; i < 200; ++i) {
    fetch.topics.emplace_back().topic = name;
    fetch.topics.back().partitions.emplace_back().fetch_offset = 0;
  }
  TestClient stranger = broker.client();
  const std::string bytes = to_text(encode_request(4, 1, "tester", fetch));
  ASSERT_GT(bytes.size(), RequestBudget::kNotCounted);
  EXPECT_EQ(send(stranger, bytes), bytes.size());
  broker.host.run();
  EXPECT_TRUE(stranger.next_frame().has_value());
}

// Each has a part, and all of them together are many times the budget.
TEST_F(RequestBudgetTest, RequestsThatWaitForEachOtherAreAllServed) {
  const std::string large = request(10 * kMiB);
  std::vector<Sender> senders;
  for (int i = 0; i < 12; ++i) senders.push_back({broker.client(), large});
  send_on(senders);
  for (Sender& sender : senders)
    EXPECT_EQ(only(sender.client.receive<Produce>(9)).error_code, ErrorCode::kNone);
}

TEST_F(RequestBudgetTest, WhatIsNotAnsweredStillCounts) {
  const std::string large = request(10 * kMiB);
  broker.consensus.hold_commits(true);
  std::vector<Sender> senders;
  for (int i = 0; i < 6; ++i) senders.push_back({broker.client(), large});
  send_on(senders);
  EXPECT_EQ(broker.consensus.group(broker.group("t")).log_end, 2);  // the second passes the budget
  broker.consensus.hold_commits(false);
  broker.consensus.commit(broker.group("t"));
  broker.host.run();
  send_on(senders);
  EXPECT_EQ(broker.consensus.group(broker.group("t")).log_end, 6);
}

TEST_F(RequestBudgetTest, WhoHangsUpGivesBack) {
  const std::string large = request(10 * kMiB);
  std::vector<TestClient> strangers;
  for (int i = 0; i < 5; ++i)
    send(strangers.emplace_back(broker.client()), std::string_view(large).substr(0, large.size() - 1));
  EXPECT_TRUE(strangers.back().wire().paused());
  for (size_t i = 0; i + 1 < strangers.size(); ++i) strangers[i].wire().hang_up();
  broker.host.run();
  EXPECT_FALSE(strangers.back().wire().paused());
}

}  // namespace
}  // namespace chronik::kafka::testing
