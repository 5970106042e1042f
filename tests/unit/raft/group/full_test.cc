// Storages without space, over recorded links: who leads goes on, and making space brings everything back.
#include "unit/raft/group/fixture.h"

namespace chronik::raft::test {
namespace {

constexpr int64_t kCapacity = 4'000'000;  // of which a sixteenth is kept from records
constexpr size_t kRecord = 100'000;

class FullCluster : public ::testing::Test {
 protected:
  FullCluster() {
    cluster_.connect_all();
    cluster_.open("test/0");
    cluster_.run(100);
  }

  Node& leader() { return cluster_.node(1); }
  // Proposes until all storages have refused something.
  void fill() {
    for (int i = 0; i < 60; ++i) {
      leader().propose("test/0", std::string(kRecord, 'x'));
      cluster_.run(10);
    }
    for (int32_t id = 1; id <= 3; ++id) {
      ASSERT_TRUE(cluster_.node(id).host.logged("Storage is full: test/0 takes no more data for now")) << id;
      cluster_.journal(id).applied.clear();  // keeps the snapshots small
    }
  }
  chr_status trim(int32_t id, int64_t offset) {
    chr_status status = CHR_OK;
    Node& node = cluster_.node(id);
    node.host.on_shard(0, [&] {
      status = node.consensus->trim(node.group("test/0"), offset, node.host.begin(&trimmed_[id]), nullptr);
    });
    return status;
  }

  Cluster cluster_{3, kCapacity, true};
  std::map<int32_t, chr_done> trimmed_;
};

TEST_F(FullCluster, GoesOnToLeadAndToRead) {
  fill();
  cluster_.run(20'000);
  EXPECT_EQ(cluster_.leader("test/0"), 1);
  EXPECT_EQ(leader().bounds("test/0").term, 1u);
  EXPECT_FALSE(leader().host.logged("The disk is stalled: leadership of test/0 goes to node 2"));
  EXPECT_EQ(leader().read("test/0", 0).size(), 10u);
  EXPECT_EQ(leader().propose("test/0", "refused"), CHR_E_NO_SPACE);
}

TEST_F(FullCluster, ComesBackOnceItIsTrimmed) {
  fill();
  cluster_.run(5'000);
  const int64_t end = leader().bounds("test/0").high_watermark;
  ASSERT_GT(end, 20);
  EXPECT_EQ(trim(1, end - 5), CHR_PENDING);  // it waits behind what was refused
  EXPECT_EQ(trim(2, end - 5), CHR_OK);
  EXPECT_EQ(trim(3, end - 5), CHR_OK);
  cluster_.run(2'000);
  EXPECT_EQ(trimmed_[1].code, CHR_OK);
  EXPECT_EQ(leader().propose("test/0", "fits again"), CHR_PENDING);
  cluster_.run(200);
  EXPECT_EQ(leader().last.code, CHR_OK);
  for (int32_t id = 1; id <= 3; ++id) {
    ASSERT_FALSE(cluster_.journal(id).applied.empty()) << id;
    EXPECT_EQ(cluster_.journal(id).applied.back(), "fits again") << id;
    EXPECT_GE(cluster_.node(id).bounds("test/0").log_start, end - 5) << id;
  }
}

// Followers went ahead, and the entry that would have told all never came: whoever leads then tells them.
TEST_F(FullCluster, ATrimIsForAllWhereTheLeaderWentAheadAlone) {
  fill();
  const int64_t start = leader().bounds("test/0").high_watermark - 5;
  EXPECT_EQ(trim(2, start), CHR_OK);
  EXPECT_EQ(trim(3, start), CHR_OK);
  cluster_.isolate(1, true);
  cluster_.run(10'000);
  const int32_t next = cluster_.leader("test/0");
  ASSERT_TRUE(next == 2 || next == 3) << next;
  ASSERT_EQ(cluster_.node(next).bounds("test/0").log_start, start);
  cluster_.isolate(1, false);
  cluster_.run(1'000);
  ASSERT_EQ(cluster_.leader("test/0"), next);
  ASSERT_LT(leader().bounds("test/0").log_start, start);
  EXPECT_EQ(trim(next, start), CHR_PENDING);
  cluster_.run(2'000);
  EXPECT_EQ(trimmed_[next].code, CHR_OK);
  EXPECT_EQ(leader().bounds("test/0").log_start, start);
  EXPECT_EQ(trim(next, start), CHR_OK) << "it is known now";
}

// It takes over behind what is durable: the entry that its term begins with has room.
TEST_F(FullCluster, HasANewLeaderWhenItsOwnIsGone) {
  fill();
  const int64_t end = leader().bounds("test/0").high_watermark;
  cluster_.isolate(1, true);
  cluster_.run(10'000);
  const int32_t next = cluster_.leader("test/0");
  ASSERT_TRUE(next == 2 || next == 3) << next;
  EXPECT_GE(cluster_.node(next).bounds("test/0").high_watermark, end);
  EXPECT_EQ(cluster_.node(next).read("test/0", 0).size(), 10u);
}

TEST_F(FullCluster, OpensAgain) {
  fill();
  for (int32_t id = 1; id <= 3; ++id) cluster_.isolate(id, true);
  const int64_t end = leader().bounds("test/0").high_watermark;
  for (int32_t id = 1; id <= 3; ++id) {
    cluster_.node(id).stop(false);
    cluster_.node(id).start();
    cluster_.node(id).open("test/0", &cluster_.journal(id));
  }
  cluster_.connect_all();
  cluster_.run(5'000);
  const int32_t next = cluster_.leader("test/0");
  ASSERT_NE(next, 0);
  EXPECT_GE(cluster_.node(next).bounds("test/0").high_watermark, end);
}

TEST_F(FullCluster, TrimsOnlyAtTheLeaderWhereThereIsRoom) {
  for (int i = 0; i < 5; ++i) leader().propose("test/0", "x");
  cluster_.run(50);
  EXPECT_EQ(trim(2, 3), CHR_E_NOT_LEADER);
}

// The leader alone is full: another one, which has all that it has, takes over.
TEST(FullLeader, GivesLeadershipToWhoeverHasRoom) {
  Cluster cluster(3, kCapacity);
  cluster.connect_all();
  cluster.open("test/0");
  cluster.run(100);
  for (int i = 0; i < 60; ++i) {
    if (cluster.leader("test/0") == 1) cluster.node(1).propose("test/0", std::string(kRecord, 'x'));
    cluster.run(10);
  }
  cluster.run(2'000);
  const int32_t next = cluster.leader("test/0");
  ASSERT_TRUE(next == 2 || next == 3) << next;
  EXPECT_EQ(cluster.node(next).propose("test/0", "room here"), CHR_PENDING);
  cluster.run(200);
  EXPECT_EQ(cluster.node(next).last.code, CHR_OK);
  cluster.run(20'000);
  EXPECT_EQ(cluster.leader("test/0"), next);
}

// Stale entries of another term lie on the disk, what took their place was refused, and the vote of a newer
// term was written: a restart must not take the stale ones for committed.
TEST(FullFollower, DoesNotTakeForCommittedWhatIsStale) {
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
  old_leader.propose("test/0", "dropped");
  cluster.run(50);
  cluster.node(2).propose("test/0", std::string(500'000, 'k'));
  cluster.run(50);
  cluster.isolate(1, false);
  cluster.run(300);
  old_leader.host.hold_blocking(true);
  cluster.run(200);  // what was refused is being tried again
  chr_done moved{};
  cluster.node(2).host.on_shard(0, [&] {
    (void)cluster.node(2).consensus->transfer(cluster.node(2).group("test/0"), 3,
                                              cluster.node(2).host.begin(&moved), nullptr);
  });
  cluster.run(200);
  old_leader.host.hold_blocking(false);
  cluster.run(200);
  cluster.isolate(1, true);
  cluster.journal(1).applied.clear();
  old_leader.stop(false);
  old_leader.start();
  old_leader.open("test/0", &cluster.journal(1));
  cluster.run(200);
  for (const std::string& text : cluster.journal(1).applied) EXPECT_NE(text, "dropped");
}

// A write that storage calls wrong ends its own group; those that came in the same call go on.
TEST(WrongWrite, EndsItsOwnGroupAlone) {
  Node node;
  Journal good;
  Journal bad;
  node.open("good/0", &good);
  node.open("bad/0", &bad);
  node.host.run();
  node.break_storage(Node::Broken::kSecondGroup);
  node.propose("bad/0", "wrong");
  node.propose("good/0", "right");
  node.host.run();
  EXPECT_TRUE(node.host.logged("Group bad/0 stopped on this node: this is wrong"));
  EXPECT_EQ(good.applied, std::vector<std::string>{"right"});
}

}  // namespace
}  // namespace chronik::raft::test
