// PeerCalls: how each call between brokers ends, whatever the other one and the link between them do.
#include "kafka-proto/cluster/peer_calls.h"

#include <gtest/gtest.h>
#include <chronik/testing/fake_host.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kafka-proto/messages/delete_topics.h"
#include "kafka-proto/messages/init_producer_id.h"

namespace chronik::kafka {
namespace {

using std::chrono::milliseconds;
using testing::FakeHost;

constexpr uint64_t kTimeoutNs = 1'000'000'000;

struct Node {
  explicit Node(int32_t n) : id(n), host(n, 1, 1, FakeHost::Link::kRecorded) {
    services.link = services.host.find<chr_link_v1>(CHR_LINK_ID);
  }
  // Lets f run on shard 0.
  template <class F>
  void run(F f) {
    services.host.post(0, f);
    host.run();
  }

  const int32_t id;
  FakeHost host;
  Services services{Host(host.core())};
  PeerChannel channel{services};
};

class PeerCallsTest : public ::testing::Test {
 protected:
  PeerCallsTest() {
    peers.serve<InitProducerId>(2, 5, [this](PeerCall<InitProducerId> call) {
      EXPECT_EQ(call.from(), 1);
      EXPECT_EQ(call.version(), 4);
      served.emplace_back(std::move(call));
    });
    EXPECT_TRUE(asking.channel.open());
    EXPECT_TRUE(other.channel.open());
  }
  // Frames on their way are delivered, as far as they are for the other node.
  void deliver(Node& from, Node& to) {
    for (const FakeHost::Frame& frame : std::exchange(from.host.frames(), {})) {
      if (frame.to != to.id) continue;
      lanes.push_back(frame.lane);
      to.host.deliver("kafka", from.id, frame.bytes);
      to.host.run();
    }
  }
  void ask(int16_t version = 4, int32_t node = 2) {
    InitProducerIdRequest request;
    request.transactional_id = "t";
    request.producer_id = 7;
    asking.run([&] {
      calls.call<InitProducerId>(node, version, request, kTimeoutNs,
                                 [this](ErrorCode code, const InitProducerIdResponse& response) {
                                   ended.emplace_back(code, response.producer_id);
                                 });
    });
  }
  void answer(int64_t id) {
    InitProducerIdResponse response;
    response.producer_id = id;
    other.run([&] { served.at(0).answer(response); });
  }
  using Ends = std::vector<std::pair<ErrorCode, int64_t>>;

  Node asking{1};
  Node other{2};
  PeerCalls calls{asking.services, asking.channel};
  PeerCalls peers{other.services, other.channel};
  std::vector<PeerCall<InitProducerId>> served;
  std::vector<uint32_t> lanes;
  Ends ended;
};

TEST_F(PeerCallsTest, AnswersComeWheneverTheyAreThere) {
  ask();
  deliver(asking, other);
  ASSERT_EQ(served.size(), 1u);
  EXPECT_EQ(served[0].request().transactional_id, "t");
  EXPECT_EQ(served[0].request().producer_id, 7);
  EXPECT_TRUE(ended.empty());
  answer(42);
  deliver(other, asking);
  EXPECT_EQ(ended, (Ends{{ErrorCode::kNone, 42}}));
  asking.host.advance(milliseconds(2000));  // its deadline is no more
  EXPECT_EQ(ended.size(), 1u);
  EXPECT_EQ(lanes, (std::vector<uint32_t>{CHR_LANE_CONTROL, CHR_LANE_CONTROL}));
}

TEST_F(PeerCallsTest, WhoeverDoesNotAnswerIsNotWaitedForBeyondTheDeadline) {
  ask();
  deliver(asking, other);
  asking.host.advance(milliseconds(999));
  EXPECT_TRUE(ended.empty());
  asking.host.advance(milliseconds(2));
  EXPECT_EQ(ended, (Ends{{ErrorCode::kRequestTimedOut, -1}}));
  answer(42);
  deliver(other, asking);
  EXPECT_EQ(ended.size(), 1u);
  EXPECT_FALSE(asking.host.logged("was dropped"));  // late, and no fault
}

// Builds of before drop kinds of frames that they do not know.
TEST_F(PeerCallsTest, ABuildThatKnowsNoCallsLetsThemTimeOut) {
  Node old(3);
  ASSERT_TRUE(old.channel.open());
  ask(4, 3);
  deliver(asking, old);
  EXPECT_TRUE(old.host.logged("was dropped"));
  EXPECT_TRUE(old.host.frames().empty());
  asking.host.advance(milliseconds(1001));
  EXPECT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].first, ErrorCode::kRequestTimedOut);
}

TEST_F(PeerCallsTest, WhatIsNotServedIsSaidAtOnce) {
  ask(1);
  deliver(asking, other);
  deliver(other, asking);
  EXPECT_EQ(ended.at(0).first, ErrorCode::kUnsupportedVersion);
  EXPECT_TRUE(served.empty());
}

TEST_F(PeerCallsTest, ALostLinkEndsTheCallsThatWentOverIt) {
  ask();
  ask(4, 3);
  asking.host.set_link("kafka", 2, false);
  asking.host.run();
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].first, ErrorCode::kNetworkException);
  asking.run([&] { calls.stop(); });
  ASSERT_EQ(ended.size(), 2u);
  EXPECT_EQ(ended[1].first, ErrorCode::kBrokerNotAvailable);
  ask();
  EXPECT_EQ(ended.at(2).first, ErrorCode::kBrokerNotAvailable);
}

TEST_F(PeerCallsTest, OnlyTheNodeThatWasAskedAnswers) {
  ask();
  deliver(asking, other);
  answer(42);
  const std::string reply = other.host.frames().at(0).bytes;
  asking.host.deliver("kafka", 3, reply);
  asking.host.run();
  EXPECT_TRUE(ended.empty());
  asking.host.deliver("kafka", 2, reply.substr(0, reply.size() - 1));  // cut short
  asking.host.run();
  EXPECT_EQ(ended.at(0).first, ErrorCode::kUnknownServerError);
  EXPECT_TRUE(asking.host.logged("was dropped"));
}

TEST_F(PeerCallsTest, LargeFramesKeepNoHeartbeatWaiting) {
  DeleteTopicsRequest request;
  for (int i = 0; i < 5'000; ++i) request.topic_names.push_back("a-name-of-many-letters");
  asking.run([&] {
    calls.call<DeleteTopics>(2, 5, request, kTimeoutNs, [](ErrorCode, const DeleteTopicsResponse&) {});
  });
  ASSERT_EQ(asking.host.frames().size(), 1u);
  EXPECT_EQ(asking.host.frames()[0].lane, uint32_t{CHR_LANE_BULK});
}

}  // namespace
}  // namespace chronik::kafka
