// Three nodes: who leads, and how leadership goes from one to another.
#include "unit/raft/group/fixture.h"

#include <chronik/plugin.hpp>

namespace chronik::raft::test {
namespace {

using Texts = std::vector<std::string>;

TEST(ThreeNodes, ElectAtOnceWhenALeaderGivesItsGroupUp) {
  Cluster cluster(3);
  cluster.connect_all();
  cluster.open("test/0");
  cluster.run(1000);
  ASSERT_EQ(cluster.leader("test/0"), 1);
  EXPECT_EQ(cluster.node(1).close("test/0", false), CHR_OK);
  cluster.run(300);
  EXPECT_EQ(cluster.node(2).bounds("test/0").usable, 1u);
}

// A clean stop costs no election: another node leads before the group is closed, and
// the one that stops knows it.
TEST(ThreeNodes, LetAnotherOneLeadBeforeTheyClose) {
  Cluster cluster(3);
  cluster.connect_all();
  cluster.open("test/0");
  cluster.run(1000);
  ASSERT_EQ(cluster.leader("test/0"), 1);
  Node& old_leader = cluster.node(1);
  ASSERT_EQ(old_leader.propose("test/0", "kept"), CHR_PENDING);
  chr_done closed{};
  closed.code = 99;
  old_leader.host.on_shard(0, [&] {
    chr_error error = make_abi_error();
    EXPECT_EQ(old_leader.consensus->close_group(old_leader.group("test/0"), CHR_CLOSE_SNAPSHOT,
                                                old_leader.host.begin(&closed), &error),
              CHR_PENDING);
  });
  cluster.run(50);
  EXPECT_EQ(closed.code, CHR_OK);
  EXPECT_EQ(old_leader.last.code, CHR_OK);
  EXPECT_EQ(cluster.journal(1).roles.back(), "follower 2 2");
  EXPECT_EQ(cluster.node(2).bounds("test/0").usable, 1u);
  EXPECT_EQ(cluster.node(2).host.metric("chronik_raft_leader_transfers_total"), 1);
  EXPECT_EQ(cluster.node(2).host.metric("chronik_raft_elections_total"), 0);
  EXPECT_EQ(old_leader.host.metric("chronik_raft_elections_total"), 1);
  EXPECT_EQ(cluster.journal(3).applied, Texts{"kept"});
}

TEST(ThreeNodes, CloseAtOnceWhereNobodyCanTakeOver) {
  Cluster cluster(3);
  cluster.connect_all();
  cluster.open("test/0");
  cluster.run(1000);
  cluster.isolate(1, true);
  EXPECT_EQ(cluster.node(1).close("test/0", true), CHR_OK);
}

// Those that would take over do not answer: closing goes on after a while, or once their links are gone.
TEST(ThreeNodes, CloseWithoutAnAnswer) {
  for (const bool links_break : {false, true}) {
    Cluster cluster(3);
    cluster.connect_all();
    cluster.open("test/0");
    cluster.run(1000);
    cluster.lose(1, 2, true);
    cluster.lose(1, 3, true);
    Node& leader = cluster.node(1);
    chr_done closed{};
    closed.code = 99;
    leader.host.on_shard(0, [&] {
      chr_error error = make_abi_error();
      EXPECT_EQ(leader.consensus->close_group(leader.group("test/0"), CHR_CLOSE_SNAPSHOT,
                                              leader.host.begin(&closed), &error),
                CHR_PENDING);
    });
    cluster.run(2500);
    EXPECT_EQ(closed.code, 99);
    if (links_break) cluster.isolate(1, true);
    cluster.run(links_break ? 50 : 1000);
    EXPECT_EQ(closed.code, CHR_OK) << links_break;
  }
}

// Nobody waits for a timeout: the others still commit, and one of them takes over.
TEST(ThreeNodes, TakeOverFromALeaderWhoseDiskStalls) {
  Cluster cluster(3);
  cluster.connect_all();
  cluster.open("test/0");
  cluster.run(1000);
  ASSERT_EQ(cluster.leader("test/0"), 1);
  cluster.node(1).host.hold_blocking(true);
  ASSERT_EQ(cluster.node(1).propose("test/0", "kept"), CHR_PENDING);
  cluster.run(2900);
  EXPECT_EQ(cluster.node(1).last.code, CHR_OK);  // on the disks of the other two
  EXPECT_EQ(cluster.node(1).bounds("test/0").leader, 1);
  cluster.run(200);
  EXPECT_EQ(cluster.node(2).bounds("test/0").usable, 1u);
  EXPECT_EQ(cluster.node(1).bounds("test/0").leader, 2);
  EXPECT_TRUE(cluster.node(1).host.logged("The disk is stalled: leadership of test/0 goes to node 2"));
  EXPECT_EQ(cluster.node(2).host.metric("chronik_raft_leader_transfers_total"), 1);
  // It does not get leadership back while it does not keep up.
  for (int i = 0; i < 100; ++i) {
    cluster.node(2).propose("test/0", "more");
    cluster.run(500);
  }
  EXPECT_EQ(cluster.leader("test/0"), 2);
  cluster.node(1).host.hold_blocking(false);
  cluster.run(2000);
  EXPECT_EQ(cluster.leader("test/0"), 1);
}

// The preferred one asks first; where its log is behind the next one follows, long before a timeout.
TEST(ThreeNodes, ElectWhoHasTheLogWhenAllStartAgain) {
  Cluster cluster(3);
  cluster.connect_all();
  cluster.open("test/0");
  cluster.run(1000);
  cluster.isolate(1, true);
  cluster.run(4000);
  ASSERT_EQ(cluster.leader("test/0"), 2);
  cluster.node(2).propose("test/0", "kept");
  cluster.run(100);
  cluster.isolate(2, true);
  for (int32_t id = 1; id <= 3; ++id) {
    cluster.node(id).stop(false);
    cluster.node(id).start();
    cluster.node(id).open("test/0", &cluster.journal(id));
  }
  cluster.run(100);
  cluster.connect_all();
  cluster.run(200);
  EXPECT_EQ(cluster.leader("test/0"), 2);
}

TEST(ThreeNodes, GiveLeadershipBackToThePreferredOne) {
  Cluster cluster(3);
  cluster.connect_all();
  for (int i = 0; i < 12; ++i) cluster.open("test/" + std::to_string(i));
  cluster.run(1000);
  cluster.isolate(1, true);
  cluster.run(8000);
  for (int i = 0; i < 12; ++i) ASSERT_EQ(cluster.leader("test/" + std::to_string(i)), 2);
  cluster.isolate(1, false);
  cluster.run(29'000);
  EXPECT_EQ(cluster.leader("test/0"), 2);
  const auto led_by_1 = [&] {
    int n = 0;
    for (int i = 0; i < 12; ++i) n += cluster.leader("test/" + std::to_string(i)) == 1;
    return n;
  };
  cluster.run(2000);
  EXPECT_GT(led_by_1(), 0);
  EXPECT_LT(led_by_1(), 12);  // a few at a time
  cluster.run(4000);
  EXPECT_EQ(led_by_1(), 12);
  EXPECT_EQ(cluster.node(1).host.metric("chronik_raft_leader_transfers_total"), 12);
}

// It has the whole log, and applies nothing of it: nobody could use it as the leader.
TEST(ThreeNodes, KeepLeadershipFromAPreferredOneThatCannotApply) {
  Cluster cluster(3);
  cluster.connect_all();
  cluster.open("test/0");
  cluster.run(1000);
  cluster.isolate(1, true);
  cluster.run(8000);
  ASSERT_EQ(cluster.leader("test/0"), 2);
  cluster.journal(1).hold_applies = true;
  ASSERT_EQ(cluster.node(2).propose("test/0", "kept"), CHR_PENDING);
  cluster.isolate(1, false);
  cluster.run(40'000);
  EXPECT_EQ(cluster.leader("test/0"), 2);
  EXPECT_TRUE(cluster.node(2).host.logged("Leadership of test/0 goes back to node 1"));
  EXPECT_TRUE(cluster.node(1).host.logged("this node does not take over leadership"));
  ASSERT_EQ(cluster.node(2).propose("test/0", "more"), CHR_PENDING);
  cluster.run(100);
  EXPECT_EQ(cluster.node(2).last.code, CHR_OK);
  cluster.journal(1).hold_applies = false;
  Node& preferred = cluster.node(1);
  preferred.host.on_shard(
      0, [&] { Host(preferred.host.core()).complete(cluster.journal(1).held_token, CHR_OK); });
  cluster.run(60'000);  // after the first attempt the pause is twice as long
  EXPECT_EQ(cluster.leader("test/0"), 1);
  EXPECT_EQ(cluster.journal(1).applied, (Texts{"kept", "more"}));
}

// A quiet group has no message that would tell; the heartbeats that come again have to.
TEST(ThreeNodes, KnowTheirLeaderAgainAfterASilence) {
  Cluster cluster(3);
  cluster.connect_all();
  cluster.open("test/0");
  cluster.run(1000);
  ASSERT_EQ(cluster.leader("test/0"), 1);
  cluster.lose(1, 3, true);
  cluster.run(10'000);
  EXPECT_EQ(cluster.node(3).bounds("test/0").leader, -1);
  cluster.lose(1, 3, false);
  cluster.run(400);
  EXPECT_EQ(cluster.node(3).bounds("test/0").leader, 1);
  cluster.run(10'000);
  EXPECT_EQ(cluster.journal(3).roles.back(), "follower 1 1");
  EXPECT_EQ(cluster.node(1).bounds("test/0").term, 1u);
}

TEST(ThreeNodes, HandLeadershipOver) {
  Cluster cluster(3);
  cluster.connect_all();
  cluster.open("test/0");
  cluster.run(100);
  ASSERT_EQ(cluster.leader("test/0"), 1);
  chr_done done{};
  done.code = 99;
  chr_error error = make_abi_error();
  cluster.node(1).host.on_shard(0, [&] {
    EXPECT_EQ(cluster.node(1).consensus->transfer(cluster.node(1).group("test/0"), 3,
                                                  cluster.node(1).host.begin(&done), &error),
              CHR_PENDING);
  });
  cluster.run(50);
  EXPECT_EQ(done.code, CHR_OK);
  EXPECT_EQ(cluster.leader("test/0"), 3);
}

}  // namespace
}  // namespace chronik::raft::test
