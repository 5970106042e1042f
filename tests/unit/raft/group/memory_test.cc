// How much a group reads at once and keeps: bounded by count, whatever the batches are like.
#include "raft/group/peer_windows.h"
#include "unit/raft/group/fixture.h"

#include <chronik/leased.hpp>
#include <chronik/plugin.hpp>

#include <numeric>

namespace chronik::raft::test {
namespace {

using Texts = std::vector<std::string>;

constexpr uint64_t kMany = 100'000;  // the tail in memory holds 4096
constexpr uint64_t kBatchBytes = 13;

void fill(Node* leader, uint64_t n, const std::function<void()>& run) {
  for (uint64_t i = 0; i < n; ++i) {
    ASSERT_EQ(leader->propose("test/0", "x", 1, CHR_UNTIL_PLACED), CHR_OK);
    if (i % 1000 == 999) run();
  }
  run();
}

TEST(Memory, OneHeaderOfALongLogIsReadForOne) {
  Node node;
  Journal journal;
  node.open("test/0", &journal);
  node.host.run();
  fill(&node, kMany, [&] { node.host.run(); });
  (void)node.handed_out();
  EXPECT_EQ(node.headers("test/0", 0, 1), (std::vector<int64_t>{0}));
  EXPECT_LE(node.handed_out().all, 16u);
}

TEST(Memory, HeadersComeInPagesUntilTheyDescribeEnough) {
  Node node;
  Journal journal;
  node.open("test/0", &journal);
  node.host.run();
  fill(&node, kMany, [&] { node.host.run(); });
  (void)node.handed_out();
  const std::vector<int64_t> some = node.headers("test/0", 7, 2000 * kBatchBytes);
  std::vector<int64_t> expected(2000);
  std::iota(expected.begin(), expected.end(), 7);
  EXPECT_EQ(some, expected);
  EXPECT_LE(node.handed_out().at_once, 1024u);
  // However much is asked for: the next call goes on.
  const std::vector<int64_t> all = node.headers("test/0", 0, UINT64_MAX);
  EXPECT_GE(all.size(), 4096u);
  EXPECT_LE(all.size(), 4096u + 1024u);
  EXPECT_LE(node.handed_out().at_once, 1024u);
}

TEST(Memory, HeadersStartAtTheFirstBatchBehindWhatIsNone) {
  Node node;
  Journal journal;
  node.open("test/0", &journal);
  node.host.run();
  fill(&node, 3, [&] { node.host.run(); });
  for (int i = 0; i < 100; ++i) ASSERT_EQ(node.command("test/0", "c"), CHR_PENDING);
  node.host.run();
  fill(&node, 5000, [&] { node.host.run(); });
  EXPECT_EQ(node.headers("test/0", 2, 3 * kBatchBytes), (std::vector<int64_t>{2, 3, 4}));
}

TEST(Memory, APayloadReadIsBoundedInEntries) {
  Node node;
  Journal journal;
  node.open("test/0", &journal);
  node.host.run();
  fill(&node, kMany, [&] { node.host.run(); });
  (void)node.handed_out();
  const size_t got = node.read("test/0", 0, UINT64_MAX).size();
  EXPECT_GT(got, 0u);
  EXPECT_LE(got, 16384u);
}

// What a connection receives into: much in one buffer, which lives as long as anything in it.
class ReceiveBuffer : public Leased<ReceiveBuffer> {
 public:
  static constexpr uint64_t kBytes = 1 << 20;
  explicit ReceiveBuffer(uint64_t* live) : live_(live) { *live_ += kBytes; }
  ~ReceiveBuffer() { *live_ -= kBytes; }
  chr_slice part(uint64_t n) { return {bytes_.data(), n, lease()}; }

 private:
  uint64_t* live_;
  std::vector<uint8_t> bytes_ = std::vector<uint8_t>(64 << 10);
};

// One batch in a buffer that a faster group filled all but a little of.
TEST(Memory, ASmallBatchDoesNotKeepWhatItCameIn) {
  Node node;
  Journal journal;
  node.open("test/0", &journal);
  node.host.run();
  uint64_t live = 0;
  for (const uint64_t bytes : {1024u, 16u << 10, 60u << 10}) {
    for (int i = 0; i < 50; ++i) {
      auto* const buffer = new ReceiveBuffer(&live);
      chr_proposal item{CHR_ENTRY_DATA, CHR_PROPOSAL_WRITABLE, 1, 0, 8, 0, -1, buffer->part(bytes)};
      node.host.on_shard(0, [&] {
        EXPECT_EQ(node.consensus->propose(node.group("test/0"), 0, &item, 1, CHR_UNTIL_PLACED, &node.placed,
                                          0, nullptr),
                  CHR_OK);
      });
      (void)Lease::adopt(item.payload.lease);
      node.host.run();
    }
    EXPECT_EQ(live, 0u) << bytes;
  }
  EXPECT_EQ(node.read("test/0", 0, UINT64_MAX).size(), 150u);
}

// A follower's hint of what is committed was as old as its last election.
TEST(Memory, ARestartLooksAtFewEntriesOfALongLog) {
  Cluster cluster(3);
  cluster.connect_all();
  cluster.open("test/0");
  cluster.run(100);
  ASSERT_EQ(cluster.leader("test/0"), 1);
  fill(&cluster.node(1), 20'000, [&] { cluster.run(10); });
  ASSERT_EQ(cluster.journal(2).applied.size(), 20'000u);
  Node& node = cluster.node(2);
  cluster.isolate(2, true);
  node.stop(false);
  (void)node.handed_out();
  node.start();
  Journal after;
  node.open("test/0", &after);
  cluster.run(10);
  const Node::HandedOut read = node.handed_out();
  EXPECT_LE(read.at_once, 4096u);
  // Applied once, and looked at by their headers: those above the hint.
  EXPECT_LE(read.all, 20'000u + 3 * 4096u);
  EXPECT_GE(after.applied.size(), 20'000u - 2 * 4096u);
  cluster.isolate(2, false);
  cluster.run(500);
  EXPECT_EQ(after.applied.size(), 20'000u);
}

// ---- what is not on the disk of a node

TEST(Unwritten, AllGroupsTogetherStayWithinIt) {
  Node node;
  node.restart_with("max_unwritten", 1 << 20);
  std::vector<Journal> journals(40);
  const auto name = [](size_t i) { return "test/" + std::to_string(i); };
  for (size_t i = 0; i < journals.size(); ++i) node.open(name(i), &journals[i]);
  node.host.run();
  node.host.hold_blocking(true);  // the disk stalls
  const std::string batch(100'000, 'x');
  uint64_t taken = 0;
  for (size_t i = 0; i < journals.size(); ++i) {
    const chr_status status = node.propose(name(i), batch);
    ASSERT_TRUE(status == CHR_PENDING || status == CHR_E_OVERLOADED) << status;
    taken += status == CHR_PENDING;
  }
  EXPECT_EQ(taken, 11u);  // over it by one batch at most
  // What makes room, or lets others, always passes.
  EXPECT_EQ(node.command(name(39), "c"), CHR_PENDING);
  node.host.hold_blocking(false);
  node.host.run();
  EXPECT_EQ(journals[0].applied, (Texts{batch}));
  EXPECT_EQ(journals[39].applied, (Texts{"c"}));
  EXPECT_EQ(node.propose(name(39), batch), CHR_PENDING);
  node.host.run();
  EXPECT_EQ(node.last.code, CHR_OK);
}

TEST(Unwritten, OneBatchMayBeLarger) {
  Node node;
  node.restart_with("max_unwritten", 1 << 20);
  Journal journal;
  node.open("test/0", &journal);
  node.host.run();
  EXPECT_EQ(node.propose("test/0", std::string(3 << 20, 'x')), CHR_PENDING);
  node.host.run();
  EXPECT_EQ(node.last.code, CHR_OK);
}

TEST(Unwritten, AFollowerTakesNoMoreThanThatAndCatchesUp) {
  Cluster cluster(3);
  cluster.connect_all();
  cluster.isolate(2, true);
  cluster.node(2).restart_with("max_unwritten", 1 << 20);
  cluster.isolate(2, false);
  cluster.open("test/0");
  cluster.run(200);
  ASSERT_EQ(cluster.leader("test/0"), 1);
  cluster.node(2).host.hold_blocking(true);
  for (int i = 0; i < 40; ++i) {
    ASSERT_EQ(cluster.node(1).propose("test/0", std::string(100'000, 'x')), CHR_PENDING);
    cluster.run(20);
    EXPECT_EQ(cluster.node(1).last.code, CHR_OK);
  }
  EXPECT_GT(cluster.node(2).bounds("test/0").log_end, 0);
  EXPECT_LE(cluster.node(2).bounds("test/0").log_end, 8);  // the rest is for its own clients
  cluster.node(2).host.hold_blocking(false);
  cluster.run(3000);
  EXPECT_EQ(cluster.journal(2).applied.size(), 40u);
  EXPECT_EQ(cluster.node(1).bounds("test/0").term, 1u);
}

// They are asked where they are, which they can answer, not sent again and again what they have no room for.
TEST(Unwritten, FollowersWithoutRoomKeepTheirLeader) {
  Cluster cluster(3);
  cluster.connect_all();
  for (const int32_t id : {2, 3}) {
    cluster.isolate(id, true);
    cluster.node(id).restart_with("max_unwritten", 1 << 20);
    cluster.isolate(id, false);
  }
  cluster.open("test/0");
  cluster.run(200);
  ASSERT_EQ(cluster.leader("test/0"), 1);
  for (const int32_t id : {2, 3}) cluster.node(id).host.hold_blocking(true);
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(cluster.node(1).propose("test/0", std::string(100'000, 'x')), CHR_PENDING);
    cluster.run(20);
  }
  cluster.run(12'000);
  EXPECT_EQ(cluster.node(1).bounds("test/0").leader, 1);
  EXPECT_EQ(cluster.node(1).bounds("test/0").term, 1u);
  for (const int32_t id : {2, 3}) cluster.node(id).host.hold_blocking(false);
  cluster.run(3000);
  for (const int32_t id : {2, 3}) EXPECT_EQ(cluster.journal(id).applied.size(), 20u);
}

// ---- what is on its way to a peer

TEST(PeerWindow, AllGroupsTogetherStayWithinIt) {
  constexpr size_t kGroups = 27;
  Cluster cluster(3);
  cluster.connect_all();
  const auto name = [](size_t i) { return "test/" + std::to_string(i); };
  for (size_t i = 0; i < kGroups; ++i) cluster.open(name(i));
  cluster.run(200);
  cluster.isolate(3, true);
  const std::string batch(900'000, 'x');
  for (size_t i = 0; i < 2 * kGroups; ++i) {
    const int32_t leader = cluster.leader(name(i % kGroups));
    ASSERT_EQ(leader, 1);
    ASSERT_EQ(cluster.node(1).propose(name(i % kGroups), batch), CHR_PENDING);
    cluster.run(10);
  }
  cluster.node(3).host.hold_blocking(true);  // what goes out is not acknowledged
  cluster.isolate(3, false);
  cluster.count(true);
  cluster.run(100);
  EXPECT_GE(cluster.bytes(1, 3), 14u << 20);
  EXPECT_LE(cluster.bytes(1, 3), 18u << 20);
  cluster.node(3).host.hold_blocking(false);
  cluster.run(3000);
  EXPECT_EQ(cluster.journal(3).applied.size(), 2 * kGroups);
}

// What goes to a replica that no longer takes part is never answered.
TEST(PeerWindow, AReplicaThatStoppedDoesNotShutItForOthers) {
  Cluster cluster(3);
  cluster.connect_all();
  cluster.open("stopped/0");
  cluster.open("test/0");
  cluster.run(200);
  ASSERT_EQ(cluster.leader("stopped/0"), 1);
  ASSERT_EQ(cluster.leader("test/0"), 1);
  ASSERT_EQ(cluster.node(3).close("stopped/0", false), CHR_OK);
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(cluster.node(1).propose("stopped/0", std::string(1 << 20, 'x')), CHR_PENDING);
    cluster.run(10);
  }
  ASSERT_EQ(cluster.node(1).command("test/0", "takes no offset"), CHR_PENDING);
  cluster.run(50);
  EXPECT_EQ(cluster.journal(3).applied, (Texts{"takes no offset"}));
  ASSERT_EQ(cluster.node(1).propose("test/0", "records"), CHR_PENDING);
  cluster.run(6000);
  EXPECT_EQ(cluster.journal(3).applied, (Texts{"takes no offset", "records"}));
}

// A leader that was held back and lost its lead was told of room in every turn of its shard, without end.
TEST(PeerWindow, AGroupThatLeadsNoMoreWaitsForNone) {
  Cluster cluster(3);
  cluster.connect_all();
  cluster.open("test/0");
  cluster.run(200);
  ASSERT_EQ(cluster.leader("test/0"), 1);
  cluster.node(3).host.hold_blocking(true);
  for (int i = 0; i < 40; ++i) {
    ASSERT_EQ(cluster.node(1).propose("test/0", std::string(900'000, 'x'), 1, CHR_UNTIL_PLACED), CHR_OK);
    cluster.run(10);
  }
  cluster.isolate(1, true);
  cluster.node(3).host.hold_blocking(false);
  cluster.run(8000);
  EXPECT_NE(cluster.node(1).bounds("test/0").leader, 1);
  cluster.isolate(1, false);
  cluster.run(8000);
  for (int32_t id = 1; id <= 3; ++id) EXPECT_EQ(cluster.journal(id).applied.size(), 40u) << id;
}

TEST(PeerWindow, FollowsWhatTheLinkCarries) {
  PeerWindows windows;
  windows.start(1);
  uint64_t outstanding = 0;
  const auto intervals = [&](int n, uint64_t carried) {
    for (int i = 0; i < n; ++i) {
      const uint64_t room = windows.room(2);
      windows.change(2, outstanding, outstanding + room);
      outstanding += room;
      windows.wait(2, 7);
      const uint64_t left = outstanding - std::min(outstanding, carried);
      windows.answered(2, outstanding - left);
      windows.change(2, std::exchange(outstanding, left), left);
      windows.review([](uint64_t) {});
    }
    return windows.room(2) + outstanding;
  };
  EXPECT_EQ(intervals(20, 1 << 20), 8u << 20);  // eight intervals of it
  EXPECT_EQ(intervals(200, 64 << 10), PeerWindows::kMinWindow);
  EXPECT_EQ(intervals(20, 100 << 20), PeerWindows::kMaxWindows);
  EXPECT_EQ(windows.room(3), PeerWindows::kFirstWindow);  // another peer has its own
}

// What is on its way is in memory, for each peer anew where it was read for that.
TEST(PeerWindow, BusyPeersShareWhatMayBeInMemory) {
  PeerWindows windows;
  windows.start(1);
  const std::vector<NodeId> peers = {2, 3, 4, 5};
  for (int i = 0; i < 10; ++i) {
    std::vector<uint64_t> outstanding;
    for (const NodeId peer : peers) {
      outstanding.push_back(windows.room(peer));
      windows.change(peer, 0, outstanding.back());
      windows.wait(peer, 7);
      windows.answered(peer, outstanding.back());
    }
    windows.review([](uint64_t) {});
    for (size_t k = 0; k < peers.size(); ++k) windows.change(peers[k], outstanding[k], 0);
    uint64_t all = 0;
    for (const NodeId peer : peers) all += windows.room(peer);
    EXPECT_LE(all, PeerWindows::kMaxWindows);
  }
}

TEST(PeerWindow, TellsThoseWhoWaitInTheirOrder) {
  PeerWindows windows;
  windows.start(1);
  windows.change(2, 0, PeerWindows::kFirstWindow);
  for (const uint64_t group : {7, 8, 7, 9}) windows.wait(2, group);
  std::vector<uint64_t> told;
  const auto tell = [&](uint64_t group) { told.push_back(group); };
  windows.resume(1 << 20, tell);
  EXPECT_TRUE(told.empty());
  windows.change(2, PeerWindows::kFirstWindow, PeerWindows::kFirstWindow - (1 << 19));
  windows.resume(1 << 20, tell);
  EXPECT_EQ(told, (std::vector<uint64_t>{7}));
  windows.change(2, PeerWindows::kFirstWindow - (1 << 19), 0);
  windows.resume(1 << 20, tell);
  EXPECT_EQ(told, (std::vector<uint64_t>{7, 8, 9}));
}

// The headers of so many entries do not fit into the head of one frame.
TEST(Memory, ManyTinyEntriesGoInSeveralFrames) {
  constexpr size_t kEntries = 300'000, kAtOnce = 1000;
  Cluster cluster(3);
  cluster.connect_all();
  cluster.open("test/0");
  cluster.run(200);
  ASSERT_EQ(cluster.leader("test/0"), 1);
  cluster.isolate(3, true);
  Node& leader = cluster.node(1);
  const chr_slice byte = FakeBuffer::copy("x");
  const Lease lease = Lease::adopt(byte.lease);
  std::vector<chr_proposal> items(kAtOnce, chr_proposal{CHR_ENTRY_COMMAND, 0, 0, -1, -1, 0, -1, byte});
  std::vector<chr_placed> placed(kAtOnce);
  for (size_t i = 0; i < kEntries; i += kAtOnce) {
    leader.host.on_shard(0, [&] {
      EXPECT_EQ(leader.consensus->propose(leader.group("test/0"), 0, items.data(), kAtOnce, CHR_UNTIL_PLACED,
                                          placed.data(), 0, nullptr),
                CHR_OK);
    });
    cluster.run(10);
  }
  ASSERT_EQ(cluster.journal(1).applied.size(), kEntries);
  cluster.isolate(3, false);
  cluster.run(3000);
  EXPECT_EQ(cluster.journal(3).applied.size(), kEntries);
}

}  // namespace
}  // namespace chronik::raft::test
