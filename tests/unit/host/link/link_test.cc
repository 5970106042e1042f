// Links between nodes, on real sockets.
#include "tests/unit/host/link/link_fixture.h"

#include "host/link/little_endian.h"

#include <fstream>
#include <thread>

namespace chronik::host {
namespace {

constexpr chr_uuid kAny{};

// Two nodes that know each other's address.
struct Two {
  explicit Two(const LinkOptions& limits = {}) {
    LinkOptions options = limits;
    options.node = 1;
    one = std::make_unique<LinkNode>(options);
    options.node = 2;
    two = std::make_unique<LinkNode>(options);
    EXPECT_EQ(one->links().set_peer(2, two->address(), kAny), CHR_OK);
    EXPECT_EQ(two->links().set_peer(1, one->address(), kAny), CHR_OK);
    two->start();
    one->start();
    EXPECT_TRUE(one->channel.told("+2 "));
    EXPECT_TRUE(two->channel.told("+1 "));
  }
  std::unique_ptr<LinkNode> one, two;
};

TEST(Link, CarriesFramesOfBothLanesInOrder) {
  Two nodes;
  EXPECT_TRUE(nodes.one->links().is_up(2));
  const std::string large(3 << 20, 'x');
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(nodes.one->send(2, "control " + std::to_string(i)), CHR_OK);
    ASSERT_EQ(nodes.one->send(2, "bulk " + std::to_string(i) + (i % 10 == 0 ? large : ""), CHR_LANE_BULK),
              CHR_OK);
    ASSERT_EQ(nodes.two->send(1, "back " + std::to_string(i)), CHR_OK);
  }
  int control = 0, bulk = 0;
  while (control + bulk < 100) {
    const auto frame = nodes.two->channel.next();
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->from, 1);
    if (frame->bytes.starts_with("control")) {
      EXPECT_EQ(frame->bytes, "control " + std::to_string(control++));
    } else {
      EXPECT_EQ(frame->bytes, "bulk " + std::to_string(bulk) + (bulk % 10 == 0 ? large : ""));
      ++bulk;
    }
  }
  for (int i = 0; i < 50; ++i) {
    const auto frame = nodes.one->channel.next();
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->bytes, "back " + std::to_string(i));
  }
  EXPECT_TRUE(nodes.one->shows("chronik_link_up{peer=\"2\"} 1"));
  EXPECT_TRUE(nodes.one->shows("chronik_link_sent_frames_total{peer=\"2\",lane=\"bulk\"} 50"));
  EXPECT_TRUE(nodes.two->shows("chronik_link_received_frames_total{peer=\"1\",lane=\"control\"} 50"));
  EXPECT_TRUE(nodes.two->shows("chronik_wire_decode_errors_total 0"));
}

TEST(Link, GathersSlicesFromManyThreadsAndReleasesThem) {
  Two nodes;
  constexpr int kThreads = 4, kEach = 200;
  static std::atomic<int> references;  // of the leased body
  references = 1;
  static constexpr chr_buf_ops kCounting = {[](chr_buf*) { ++references; }, [](chr_buf*) { --references; },
                                            nullptr};
  chr_buf body{&kCounting};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kEach; ++i) {
          const std::string name = std::to_string(t) + ":" + std::to_string(i) + ":";
          const chr_slice copied = nodes.one->copy(name);
          const Lease own = Lease::adopt(copied.lease);
          static const std::string kBody = "body";
          const chr_slice slices[] = {
              copied, {nullptr, 0, nullptr}, {reinterpret_cast<const uint8_t*>(kBody.data()), 4, &body}};
          EXPECT_EQ(nodes.one->links().send(nodes.one->channel_id(), 2, CHR_LANE_BULK, slices, 3), CHR_OK);
        }
      });
    }
  }
  std::map<std::string, int> next;
  for (int i = 0; i < kThreads * kEach; ++i) {
    const auto frame = nodes.two->channel.next();
    ASSERT_TRUE(frame);
    const std::string thread = frame->bytes.substr(0, 1);
    EXPECT_EQ(frame->bytes, thread + ":" + std::to_string(next[thread]++) + ":body");
  }
  nodes.one->stop();
  EXPECT_EQ(references.load(), 1);
}

TEST(Link, RefusesWithAReasonOnBothSides) {
  LinkOptions options;
  options.node = 1;
  options.cluster_id = "ours";
  LinkNode node(options);
  ASSERT_EQ(node.links().set_peer(2, "", uuid_of(2)), CHR_OK);
  ASSERT_EQ(node.links().set_peer(3, "", kAny), CHR_OK);
  node.start();
  const auto answer = [&](const Greeting& greeting) { return verdict(RawPeer(node).hello(greeting)); };

  Greeting stranger = greeting_of(2, 1);
  stranger.cluster_id = "theirs";
  EXPECT_NE(answer(stranger).find("node 2 belongs to cluster theirs and node 1 to cluster ours"),
            std::string::npos);
  EXPECT_NE(answer(greeting_of(1, 2)).find("both nodes have node_id 1"), std::string::npos);
  EXPECT_NE(answer(greeting_of(2, 3)).find("node 2 wants node 3, but this is node 1"), std::string::npos);
  EXPECT_EQ(answer(greeting_of(4, 1)),
            "node 4 is not a member: chronik-server node add --id 4 --raft HOST:PORT");
  Greeting renewed = greeting_of(2, 1);
  renewed.incarnation = uuid_of(9);
  EXPECT_NE(answer(renewed).find("node 2 is known with data that this one does not have"), std::string::npos);
  Greeting forgetful = greeting_of(2, 1);
  forgetful.meant_incarnation = uuid_of(9);
  EXPECT_NE(answer(forgetful).find("node 1 is known to node 2 with data that it does not have any more"),
            std::string::npos);
  RawPeer first(node);
  EXPECT_EQ(verdict(first.hello(greeting_of(3, 1))), "welcome");
  Greeting twin = greeting_of(3, 1, 0, 2);
  twin.incarnation = uuid_of(9);
  EXPECT_NE(answer(twin).find("another node 3 is connected from 127.0.0.1:"), std::string::npos);

  node.links().remove_peer(2);
  EXPECT_NE(answer(greeting_of(2, 1)).find("node 2 was removed from this cluster; stop it"),
            std::string::npos);
  ASSERT_EQ(node.links().set_peer(2, "", kAny), CHR_OK);  // it was added again
  EXPECT_EQ(answer(greeting_of(2, 1)), "welcome");

  EXPECT_TRUE(
      node.logs("Refused a link: node 4 is not a member: chronik-server node add --id 4 --raft HOST:PORT"));
  EXPECT_TRUE(node.logs("Refused a link: both nodes have node_id 1"));
  EXPECT_TRUE(node.shows("chronik_wire_decode_errors_total 0"));
  EXPECT_EQ(node.channel.history(), "");
}

TEST(Link, TheOneWhoDialsSaysWhyItWasRefused) {
  LinkOptions options;
  options.node = 2;
  LinkNode two(options);
  two.start();
  options.node = 1;
  options.peers = {{2, two.address()}};
  LinkNode one(options);
  one.start();
  EXPECT_TRUE(one.logs(
      "Node 2 refused a link: node 1 is not a member: chronik-server node add --id 1 --raft 127.0.0.1:0"));
  EXPECT_TRUE(two.logs("Refused a link: node 1 is not a member"));
}

TEST(Link, GarbageAndFutureVersionsAreRefusedAndCounted) {
  LinkOptions options;
  options.node = 1;
  LinkNode node(options);
  ASSERT_EQ(node.links().set_peer(2, "", kAny), CHR_OK);
  node.start();
  std::string future = encode(greeting_of(2, 1));
  future[10] = 7;
  future[12] = 9;
  RawPeer newer(node);
  newer.send(future);
  EXPECT_NE(verdict(newer.answer()).find("it speaks versions 7 to 9"), std::string::npos);
  RawPeer web(node);
  web.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_NE(verdict(web.answer()).find("it is no chronik node"), std::string::npos);
  std::string damaged = encode(greeting_of(2, 1));
  damaged[20] ^= 1;
  RawPeer flipped(node);
  flipped.send(damaged);
  EXPECT_NE(verdict(flipped.answer()).find("damaged"), std::string::npos);
  std::string endless = encode(greeting_of(2, 1));
  endless[14] = endless[15] = '\xff';
  RawPeer liar(node);
  liar.send(endless);
  EXPECT_NE(verdict(liar.answer()).find("announces 65535 bytes"), std::string::npos);
  EXPECT_TRUE(node.shows("chronik_wire_decode_errors_total 4"));
}

// A bare socket that is node 2 for both lanes.
struct Impostor {
  explicit Impostor(const LinkNode& node, uint64_t session, int receive_buffer = 0)
      : control(node), bulk(node, receive_buffer) {
    EXPECT_EQ(verdict(control.hello(greeting_of(2, 1, 0, session))), "welcome");
    EXPECT_EQ(verdict(bulk.hello(greeting_of(2, 1, 1, session))), "welcome");
  }
  RawPeer control, bulk;
};

std::unique_ptr<LinkNode> node_with_peer_2(LinkOptions options = {}) {
  options.node = 1;
  auto node = std::make_unique<LinkNode>(options);
  EXPECT_EQ(node->links().set_peer(2, "", kAny), CHR_OK);
  node->start();
  return node;
}

TEST(Link, GarbageAfterTheHandshakeEndsTheLink) {
  const auto node = node_with_peer_2();
  Impostor first(*node, 1);
  ASSERT_TRUE(node->channel.told("+2 "));
  first.bulk.send("this is not a frame at all");
  ASSERT_TRUE(node->channel.told("+2 -2 "));
  EXPECT_TRUE(first.control.ends());
  Impostor second(*node, 2);
  std::string frame = RawPeer::frame("payload");
  frame.back() ^= 1;
  second.control.send(RawPeer::frame("good") + frame);
  ASSERT_TRUE(node->channel.told("+2 -2 +2 -2 "));
  const auto good = node->channel.next();
  ASSERT_TRUE(good);
  EXPECT_EQ(good->bytes, "good");
  EXPECT_EQ(node->channel.waiting(), 0u);
  EXPECT_TRUE(node->shows("chronik_wire_decode_errors_total 2"));
}

uint64_t mapped_bytes() {
  uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

TEST(Link, AnAnnouncedLengthCostsNoMemory) {
  const auto node = node_with_peer_2();
  Impostor peer(*node, 1);
  ASSERT_TRUE(node->channel.told("+2 "));
  const uint64_t before = mapped_bytes();
  std::string head(kFrameHead, '\0');
  encode_frame_head({kMaxFramePayload, channel_hash("test"), 0}, reinterpret_cast<uint8_t*>(head.data()));
  peer.bulk.send(head + "a little");
  peer.control.send(RawPeer::frame("after"));  // was read after: both lanes share one loop
  ASSERT_TRUE(node->channel.next());
  EXPECT_LT(mapped_bytes(), before + (16 << 20));
  encode_frame_head({kMaxFramePayload + 1, channel_hash("test"), 0}, reinterpret_cast<uint8_t*>(head.data()));
  peer.control.send(head);
  EXPECT_TRUE(node->channel.told("+2 -2 "));
}

TEST(Link, ALaterConnectionReplacesTheEarlierOne) {
  const auto node = node_with_peer_2();
  Impostor first(*node, 1);
  ASSERT_TRUE(node->channel.told("+2 "));
  Impostor second(*node, 2);
  ASSERT_TRUE(node->channel.told("+2 -2 +2 "));
  EXPECT_TRUE(first.control.ends());
  EXPECT_TRUE(first.bulk.ends());
  second.control.send(RawPeer::frame("hello"));
  const auto frame = node->channel.next();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->bytes, "hello");
  // A lane of a session that is over.
  EXPECT_EQ(verdict(RawPeer(*node).hello(greeting_of(2, 1, 1, 1))),
            "the control lane of this session is gone");
}

TEST(Link, ComesBackAfterALoss) {
  LinkOptions options;
  options.node = 1;
  auto one = std::make_unique<LinkNode>(options);
  options.node = 2;
  options.peers = {{1, one->address()}};
  LinkNode two(options);
  ASSERT_EQ(one->links().set_peer(2, two.address(), kAny), CHR_OK);
  one->start();
  two.start();
  ASSERT_TRUE(two.channel.told("+1 "));
  const std::string address = one->address();
  one.reset();
  ASSERT_TRUE(two.channel.told("+1 -1 "));
  EXPECT_EQ(two.send(1, "nobody there"), CHR_E_UNAVAILABLE);
  LinkOptions again;
  again.node = 1;
  again.incarnation = uuid_of(1);
  again.listen = address;
  again.peers = {{2, two.address()}};
  LinkNode reborn(again);
  reborn.start();
  ASSERT_TRUE(two.channel.told("+1 -1 +1 "));
  ASSERT_EQ(two.send(1, "again"), CHR_OK);
  const auto frame = reborn.channel.next();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->bytes, "again");
}

TEST(Link, AFullQueueDropsAndTellsAndDelaysNobodyElse) {
  LinkOptions options;
  options.bulk_queue_bytes = 1 << 20;
  const auto node = node_with_peer_2(options);
  Impostor slow(*node, 1, 4096);
  LinkOptions other;
  other.node = 3;
  LinkNode three(other);
  ASSERT_EQ(three.links().set_peer(1, node->address(), kAny), CHR_OK);
  ASSERT_EQ(node->links().set_peer(3, three.address(), kAny), CHR_OK);
  three.start();
  ASSERT_TRUE(node->channel.told("+2 +3 "));
  ASSERT_TRUE(node->links().is_up(3));
  const std::string frame(64 << 10, 'f');
  chr_status status = CHR_OK;
  for (int i = 0; i < 10'000 && status == CHR_OK; ++i) status = node->send(2, frame, CHR_LANE_BULK);
  EXPECT_EQ(status, CHR_E_OVERLOADED);  // what the kernel does not take is bounded
  EXPECT_EQ(node->send(2, "the other lane goes on"), CHR_OK);
  ASSERT_EQ(node->send(3, "and the other peer", CHR_LANE_BULK), CHR_OK);
  const auto got = three.channel.next();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->bytes, "and the other peer");
  EXPECT_EQ(slow.control.read(kFrameHead + 22).substr(kFrameHead), "the other lane goes on");
  EXPECT_TRUE(node->logs("The queue to node 2 is full: frames are dropped"));
  EXPECT_TRUE(node->shows("chronik_link_dropped_frames_total{peer=\"2\",lane=\"bulk\"} 1"));
  EXPECT_TRUE(node->shows("chronik_link_dropped_frames_total{peer=\"3\",lane=\"bulk\"} 0"));
}

TEST(Link, ASlowPeerDoesNotHoldLeases) {
  const auto node = node_with_peer_2();
  Impostor slow(*node, 1, 4096);
  ASSERT_TRUE(node->channel.told("+2 "));
  CountedLease lease;
  const std::string page(32 << 20, 'p');
  const chr_slice slice{reinterpret_cast<const uint8_t*>(page.data()), page.size(), &lease.base};
  auto released = lease.released.get_future();
  ASSERT_EQ(node->links().send(node->channel_id(), 2, CHR_LANE_BULK, &slice, 1), CHR_OK);
  EXPECT_EQ(released.wait_for(TestChannel::kPatience), std::future_status::ready);  // copied, as it is old
  EXPECT_TRUE(node->links().is_up(2));
}

TEST(Link, APeerCanBeRemovedAndSetAgain) {
  Two nodes;
  nodes.one->links().remove_peer(2);
  EXPECT_FALSE(nodes.one->links().is_up(2));
  EXPECT_EQ(nodes.one->send(2, "gone"), CHR_E_UNAVAILABLE);
  ASSERT_TRUE(nodes.one->channel.told("+2 -2 "));
  ASSERT_TRUE(nodes.two->channel.told("+1 -1 "));
  EXPECT_TRUE(nodes.two->logs("Node 1 refused a link: node 2 was removed from this cluster"));
  EXPECT_EQ(nodes.one->metrics().find("chronik_link_up{"), std::string::npos);
  ASSERT_EQ(nodes.one->links().set_peer(2, nodes.two->address(), uuid_of(2)), CHR_OK);
  ASSERT_TRUE(nodes.one->channel.told("+2 -2 +2 "));
  // It is known with other data: fenced.
  ASSERT_EQ(nodes.one->links().set_peer(2, nodes.two->address(), uuid_of(77)), CHR_OK);
  ASSERT_TRUE(nodes.one->channel.told("+2 -2 +2 -2 "));
  EXPECT_TRUE(nodes.one->logs("is known to node 1 with data that it does not have any more"));
  EXPECT_EQ(nodes.one->links().set_peer(1, nodes.one->address(), kAny), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(nodes.one->links().set_peer(3, "no address", kAny), CHR_E_INVALID_ARGUMENT);
}

TEST(Link, SaysThatItIsAliveAndNoticesSilence) {
  LinkOptions options;
  options.keepalive = std::chrono::milliseconds(5);
  options.silence = std::chrono::milliseconds(300);
  const auto node = node_with_peer_2(options);
  Impostor silent(*node, 1);
  ASSERT_TRUE(node->channel.told("+2 "));
  const std::string head = silent.control.read(kFrameHead);
  ASSERT_EQ(head.size(), kFrameHead);
  const auto decoded = decode_frame_head(bytes_of(head).data());
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->channel, 0u);
  EXPECT_EQ(decoded->length, 0u);
  EXPECT_TRUE(node->channel.told("+2 -2 "));
  EXPECT_TRUE(node->logs("The link to node 2 is down: nothing was heard of it"));
}

// The higher node dials as well, for when the lower one does not know where it is.
TEST(Link, TheHigherNodeDialsWhereTheLowerCannot) {
  LinkOptions options;
  options.node = 1;
  LinkNode one(options);
  ASSERT_EQ(one.links().set_peer(2, "", kAny), CHR_OK);
  one.start();
  options.node = 2;
  options.peers = {{1, one.address()}};
  LinkNode two(options);
  two.start();
  EXPECT_TRUE(one.channel.told("+2 "));
  EXPECT_TRUE(two.channel.told("+1 "));
}

TEST(Link, AClosedChannelIsNotCalledAndItsNameIsFree) {
  Two nodes;
  nodes.two->links().close_channels(nodes.two.get());
  ASSERT_EQ(nodes.one->send(2, "to nobody"), CHR_OK);
  TestChannel other;
  uint32_t id = 0;
  ASSERT_TRUE(nodes.two->links().open(&other, "test", other.table(), &other, &id));
  EXPECT_TRUE(other.told("+1 "));
  ASSERT_FALSE(nodes.two->links().open(&other, "test", other.table(), &other, &id));
  nodes.two->links().close_channels(&other);
  nodes.two->stop();
  EXPECT_EQ(nodes.two->channel.history(), "+1 ");
}

TEST(LinkHandshake, GreetingsSurviveTheirEncodingAndNoDamage) {
  Greeting greeting = greeting_of(2, 1, 1, 0x1122334455667788);
  greeting.meant_incarnation = uuid_of(5);
  greeting.cluster_id = "fyHvgXMATKiVxASZm-R5VA";
  const std::string message = encode(greeting);
  Refused refused;
  const auto decoded = decode_greeting(bytes_of(message), &refused);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(encode(*decoded), message);
  for (size_t i = kGreetingHead; i < message.size(); ++i) {
    std::string damaged = message;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    EXPECT_FALSE(decode_greeting(bytes_of(damaged), &refused)) << i;
    EXPECT_FALSE(decode_greeting(bytes_of(message.substr(0, i)), &refused)) << i;
  }
  const std::string no = encode(Refused{Refusal::kNotMember, "no\nway"});
  EXPECT_FALSE(decode_greeting(bytes_of(no), &refused));
  EXPECT_EQ(refused.code, Refusal::kNotMember);
  EXPECT_EQ(refused.reason, "no?way");
}

}  // namespace
}  // namespace chronik::host
