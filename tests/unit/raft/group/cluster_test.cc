// Three nodes over recorded links.
#include "unit/raft/group/fixture.h"

#include <chronik/plugin.hpp>

namespace chronik::raft::test {
namespace {

using Texts = std::vector<std::string>;

TEST(ThreeNodes, ElectThePreferredOneAsSoonAsAQuorumIsConnected) {
  Cluster cluster(3);
  cluster.open("test/0");
  cluster.run(50);
  EXPECT_EQ(cluster.leader("test/0"), 0);
  cluster.connect_all();
  cluster.run(50);
  EXPECT_EQ(cluster.leader("test/0"), 1);
  EXPECT_EQ(cluster.journal(2).roles.back(), "follower 1 1");
}

TEST(ThreeNodes, ReplicateAndApplyTheSame) {
  Cluster cluster(3);
  cluster.connect_all();
  cluster.open("test/0");
  cluster.run(100);
  Node& leader = cluster.node(cluster.leader("test/0"));
  for (const char* text : {"a", "b", "c"}) ASSERT_EQ(leader.propose("test/0", text, 2), CHR_PENDING);
  cluster.run(50);
  EXPECT_EQ(leader.last.code, CHR_OK);
  for (int32_t id = 1; id <= 3; ++id) {
    EXPECT_EQ(cluster.journal(id).applied, (Texts{"a", "b", "c"})) << id;
    EXPECT_EQ(cluster.node(id).read("test/0", 2), (Texts{"2/1:b", "4/1:c"})) << id;
  }
  EXPECT_EQ(cluster.node(2).propose("test/0", "d"), CHR_E_NOT_LEADER);
}

TEST(ThreeNodes, GoOnWithinMillisecondsWhenTheLeadersLinksBreak) {
  Cluster cluster(3);
  cluster.connect_all();
  cluster.open("test/0");
  cluster.run(100);
  ASSERT_EQ(cluster.leader("test/0"), 1);
  Node& old_leader = cluster.node(1);
  cluster.isolate(1, true);
  old_leader.propose("test/0", "lost");
  cluster.run(50);
  EXPECT_EQ(cluster.node(2).bounds("test/0").usable, 1u);
  cluster.node(2).propose("test/0", "kept");
  cluster.run(8000);
  EXPECT_EQ(old_leader.last.code, CHR_E_NOT_LEADER);  // check-quorum made it step down
  cluster.isolate(1, false);
  cluster.run(1000);
  for (int32_t id = 1; id <= 3; ++id) EXPECT_EQ(cluster.journal(id).applied, Texts{"kept"}) << id;
  EXPECT_TRUE(cluster.journal(1).truncated.has_value());
}

TEST(ThreeNodes, BringUpAFollowerFromStorage) {
  Cluster cluster(3);
  cluster.connect_all();
  cluster.open("test/0");
  cluster.run(100);
  const int32_t lead = cluster.leader("test/0");
  const int32_t away = lead == 3 ? 2 : 3;
  cluster.isolate(away, true);
  Texts expected;
  for (int i = 0; i < 30; ++i) {  // more than the tail cache keeps
    expected.push_back(std::to_string(i) + std::string(400'000, 'x'));
    ASSERT_EQ(cluster.node(lead).propose("test/0", expected.back()), CHR_PENDING);
    cluster.run(10);
  }
  cluster.isolate(away, false);
  cluster.run(3000);
  EXPECT_EQ(cluster.journal(away).applied, expected);
}

// Storage still holds what the new leader replaced as long as its write is on its way.
TEST(ThreeNodes, NeverReadWhatIsAboutToBeOverwritten) {
  Cluster cluster(3);
  cluster.connect_all();
  cluster.open("test/0");
  cluster.run(100);
  ASSERT_EQ(cluster.leader("test/0"), 1);
  Node& old_leader = cluster.node(1);
  for (int i = 0; i < 15; ++i) {  // more than the tail keeps
    old_leader.propose("test/0", std::to_string(i) + std::string(400'000, 'x'));
    cluster.run(10);
  }
  cluster.isolate(1, true);
  old_leader.propose("test/0", "lost");
  cluster.run(50);
  ASSERT_EQ(cluster.node(2).bounds("test/0").usable, 1u);
  cluster.node(2).propose("test/0", "kept");
  cluster.run(50);
  old_leader.host.hold_blocking(true);
  cluster.isolate(1, false);
  cluster.run(500);
  EXPECT_EQ(old_leader.bounds("test/0").high_watermark, 16);
  const auto last_of = [](const Texts& texts) { return texts.empty() ? "" : texts.back().substr(0, 8); };
  EXPECT_NE(last_of(old_leader.read("test/0", 2, 8 << 20)), "15/1:los");
  old_leader.host.hold_blocking(false);
  cluster.run(500);
  EXPECT_EQ(last_of(old_leader.read("test/0", 2, 8 << 20)), "15/2:kep");
}

// One partition's data waits for room in the storage of node 2; without the votes of node 2
// nobody leads the other one.
TEST(ThreeNodes, VoteWhileDataWaitsForStorage) {
  Cluster cluster(3);
  cluster.connect_all();
  cluster.open("busy/0");
  cluster.open("test/0");
  cluster.run(100);
  ASSERT_EQ(cluster.leader("busy/0"), 1);
  ASSERT_EQ(cluster.leader("test/0"), 1);
  cluster.node(2).break_storage(Node::Broken::kBehind);
  ASSERT_EQ(cluster.node(1).propose("busy/0", "large"), CHR_PENDING);
  cluster.run(100);
  cluster.lose(1, 2, true);  // so node 3 alone may lead test/0
  ASSERT_EQ(cluster.node(1).propose("test/0", "more"), CHR_PENDING);
  cluster.run(100);
  ASSERT_EQ(cluster.journal(3).applied.size(), 2u);
  cluster.isolate(1, true);
  cluster.run(1000);
  EXPECT_EQ(cluster.node(3).bounds("test/0").leader, 3)
      << "the vote of node 2 waits behind data of another partition";
  cluster.node(2).break_storage(Node::Broken::kNothing);
  cluster.run(5000);
  EXPECT_NE(cluster.leader("test/0"), 0);
}

// What waits for room in the queue of storage, when another leader brings something else in its place.
TEST(ThreeNodes, KeepWhatWaitsForStorageAfterTheLogDroppedIt) {
  Cluster cluster(3);
  cluster.connect_all();
  cluster.open("test/0");
  cluster.run(100);
  ASSERT_EQ(cluster.leader("test/0"), 1);
  cluster.node(1).break_storage(Node::Broken::kBehind);
  cluster.isolate(1, true);
  for (int i = 0; i < 5; ++i)
    ASSERT_EQ(cluster.node(1).propose("test/0", std::string(100'000, 'd')), CHR_PENDING);
  cluster.run(10'000);
  const int32_t next = cluster.leader("test/0");
  ASSERT_TRUE(next == 2 || next == 3);
  ASSERT_EQ(cluster.node(next).propose("test/0", "kept"), CHR_PENDING);
  cluster.isolate(1, false);
  cluster.run(1'000);
  cluster.node(1).break_storage(Node::Broken::kNothing);
  cluster.run(3'000);
  EXPECT_EQ(cluster.journal(1).applied, Texts{"kept"});
}

// Whatever the number of groups, and whatever they do.
TEST(ThreeNodes, HeartbeatOncePerIntervalAndPair) {
  Cluster cluster(3);
  cluster.connect_all();
  for (int i = 0; i < 20; ++i) cluster.open("test/" + std::to_string(i));
  cluster.run(3000);
  cluster.count(true);
  cluster.run(15'000);
  for (int32_t from = 1; from <= 3; ++from)
    for (int32_t to = 1; to <= 3; ++to)
      EXPECT_EQ(cluster.frames(from, to), from == to ? 0u : 100u) << from << " to " << to;
}

TEST(ThreeNodes, DoNotCountANodeThatDoesNotHaveTheGroup) {
  Cluster cluster(3);
  cluster.connect_all();
  cluster.open("test/0");
  cluster.run(1000);
  ASSERT_EQ(cluster.leader("test/0"), 1);
  EXPECT_EQ(cluster.node(2).close("test/0", false), CHR_OK);
  EXPECT_EQ(cluster.node(3).close("test/0", false), CHR_OK);
  cluster.run(4000);
  EXPECT_EQ(cluster.node(1).bounds("test/0").leader, -1);
  cluster.node(2).open("test/0", &cluster.journal(2));
  cluster.run(8000);
  EXPECT_EQ(cluster.node(1).bounds("test/0").usable + cluster.node(2).bounds("test/0").usable, 1u);
}

TEST(ThreeNodes, KeepWhatAFollowerThatIsAwayStillNeeds) {
  Cluster cluster(3);
  cluster.connect_all();
  cluster.open("test/0");
  cluster.run(100);
  Node& leader = cluster.node(1);
  cluster.isolate(3, true);
  for (const char* text : {"a", "b", "c"}) leader.propose("test/0", text);
  cluster.run(50);
  chr_done done{};
  done.code = 99;
  leader.host.on_shard(0, [&] {
    EXPECT_EQ(leader.consensus->trim(leader.group("test/0"), 3, leader.host.begin(&done), nullptr),
              CHR_PENDING);
  });
  cluster.run(50);
  EXPECT_EQ(done.code, CHR_OK);
  EXPECT_EQ(leader.read("test/0", 2), Texts{"error -16"});
  EXPECT_EQ(leader.bounds("test/0").bytes, 0u);  // else retention would go on deleting
  cluster.isolate(3, false);
  cluster.run(500);
  EXPECT_EQ(cluster.journal(3).applied, (Texts{"a", "b", "c"}));
  EXPECT_EQ(cluster.journal(3).trimmed, 3);
}

// While a full storage still holds what a new leader overwrote, a reader must not get to see it.
TEST(ThreeNodes, NeverReadFromStorageWhatTheLogHasDropped) {
  Cluster cluster(3, 13'200'000);  // of which a sixteenth is kept from entries
  cluster.connect_all();
  cluster.open("test/0");
  cluster.run(100);
  ASSERT_EQ(cluster.leader("test/0"), 1);
  Node& old_leader = cluster.node(1);
  for (int i = 0; i < 30; ++i) {  // more than the tail cache keeps
    old_leader.propose("test/0", std::string(400'000, 'x'));
    cluster.run(10);
  }
  cluster.isolate(1, true);
  old_leader.propose("test/0", "dropped", 1, CHR_UNTIL_COMMITTED, 5000);
  cluster.run(50);
  cluster.node(2).propose("test/0", std::string(500'000, 'k'), 1, CHR_UNTIL_COMMITTED, 7000);
  cluster.run(50);
  cluster.isolate(1, false);
  cluster.run(1000);
  ASSERT_EQ(old_leader.bounds("test/0").high_watermark, 31);
  const Texts cold = old_leader.read("test/0", 2, 100 << 20);
  ASSERT_FALSE(cold.empty());
  for (const std::string& text : cold) EXPECT_EQ(text.find("dropped"), std::string::npos);
  chr_entry_header header{};
  EXPECT_EQ(old_leader.wait([&](uint64_t token, chr_error* error) {
    return old_leader.consensus->find(old_leader.group("test/0"), CHR_FIND_TIMESTAMP, 4000, &header, token,
                                      error);
  }),
            CHR_OK);
  EXPECT_EQ(header.max_timestamp, 7000);
  EXPECT_EQ(header.base_offset, 30);
  EXPECT_EQ(old_leader.read("test/0", 30).at(0).substr(0, 7), "30/2:kk");
}

// A leader whose disk is slower than those of the others: what they commit is there for who looks for it.
TEST(ThreeNodes, FindWhatOnlyTheOthersHaveWritten) {
  Cluster cluster(3);
  cluster.connect_all();
  cluster.open("test/0");
  cluster.run(100);
  Node& leader = cluster.node(1);
  leader.propose("test/0", "old", 1, CHR_UNTIL_COMMITTED, 1000);
  cluster.run(50);
  leader.break_storage(Node::Broken::kBehind);
  leader.propose("test/0", "new", 1, CHR_UNTIL_COMMITTED, 5000);
  leader.propose("test/0", "newer", 1, CHR_UNTIL_COMMITTED, 6000);
  cluster.run(50);
  ASSERT_EQ(leader.bounds("test/0").high_watermark, 3);
  const auto find = [&](int32_t by, int64_t value) {
    chr_entry_header header{};
    const chr_status status = leader.wait([&](uint64_t token, chr_error* error) {
      return leader.consensus->find(leader.group("test/0"), by, value, &header, token, error);
    });
    return status == CHR_OK ? header.base_offset : -1;
  };
  EXPECT_EQ(find(CHR_FIND_TIMESTAMP, 500), 0);
  EXPECT_EQ(find(CHR_FIND_TIMESTAMP, 4000), 1);
  EXPECT_EQ(find(CHR_FIND_TIMESTAMP, 5001), 2);
  EXPECT_EQ(find(CHR_FIND_TIMESTAMP, 6001), -1);
  EXPECT_EQ(find(CHR_FIND_MAX_TIMESTAMP, 0), 2);
  EXPECT_EQ(find(CHR_FIND_OFFSET, 1), 1);
  leader.break_storage(Node::Broken::kNothing);
  cluster.run(50);
  EXPECT_EQ(find(CHR_FIND_TIMESTAMP, 4000), 1);
}

// The storage refuses an append, and would take the truncation behind it: the append
// must not be tried again then.
TEST(ThreeNodes, TruncateWhatAFullStorageRefused) {
  Cluster cluster(3, 13'200'000);
  cluster.connect_all();
  cluster.open("test/0");
  cluster.run(100);
  Node& old_leader = cluster.node(1);
  for (int i = 0; i < 30; ++i) {
    old_leader.propose("test/0", std::string(400'000, 'x'));
    cluster.run(10);
  }
  cluster.isolate(1, true);
  old_leader.host.hold_blocking(true);
  old_leader.propose("test/0", std::string(500'000, 'd'));  // does not fit
  cluster.run(50);
  cluster.node(2).propose("test/0", "kept");
  cluster.run(50);
  cluster.isolate(1, false);
  cluster.run(200);
  old_leader.host.hold_blocking(false);
  cluster.run(1000);
  EXPECT_EQ(cluster.journal(1).applied.size(), 31u);
  EXPECT_EQ(cluster.journal(1).applied.back().substr(0, 4), "kept");
}

TEST(ThreeNodes, ConfirmABarrierWithAMajority) {
  Cluster cluster(3);
  cluster.connect_all();
  cluster.open("test/0");
  cluster.run(100);
  chr_done done{};
  chr_error error = make_abi_error();
  const auto barrier = [&] {
    done = {};
    done.code = 99;
    cluster.node(1).host.on_shard(0, [&] {
      EXPECT_EQ(cluster.node(1).consensus->barrier(cluster.node(1).group("test/0"),
                                                   cluster.node(1).host.begin(&done), &error),
                CHR_PENDING);
    });
    cluster.run(20);
    return done.code;
  };
  EXPECT_EQ(barrier(), CHR_OK);
  cluster.isolate(1, true);
  EXPECT_EQ(barrier(), 99);
  cluster.run(8000);
  EXPECT_EQ(done.code, CHR_E_NOT_LEADER);
}

TEST(ThreeNodes, WaitForTheNumberOfCopiesAskedFor) {
  Cluster cluster(3);
  cluster.connect_all();
  cluster.open("test/0");
  cluster.run(100);
  Node& leader = cluster.node(1);
  cluster.isolate(3, true);
  ASSERT_EQ(leader.propose("test/0", "a", 1, CHR_UNTIL_COPIES + 3), CHR_PENDING);
  cluster.run(200);
  EXPECT_EQ(leader.last.code, 99);
  EXPECT_EQ(leader.bounds("test/0").high_watermark, 1);
  cluster.isolate(3, false);
  cluster.run(500);
  EXPECT_EQ(leader.last.code, CHR_OK);
}

TEST(ThreeNodes, IgnoreFramesThatAreGarbage) {
  Cluster cluster(3);
  cluster.connect_all();
  cluster.open("test/0");
  cluster.run(100);
  Node& node = cluster.node(2);
  const std::string garbage[] = {"",
                                 "x",
                                 std::string(4, '\xff'),
                                 std::string("\x02\0\0\0zz", 6),
                                 std::string("\0\0\0\0", 4),
                                 std::string(1000, '\7')};
  for (const std::string& bytes : garbage) node.host.deliver("raft", 1, bytes);
  node.host.run();
  EXPECT_TRUE(node.host.logged("A message of node 1 was ignored"));
  cluster.node(1).propose("test/0", "still fine");
  cluster.run(50);
  EXPECT_EQ(cluster.journal(2).applied, Texts{"still fine"});
}

}  // namespace
}  // namespace chronik::raft::test
