// Logs of which a part is damaged on disk.
#include "unit/raft/group/fixture.h"

#include <map>

namespace chronik::raft::test {
namespace {

using Texts = std::vector<std::string>;

// Three nodes, of which the first leads. Index 1 is the no-op of its term: the offset 0 has index 2.
class MendingNodes : public ::testing::Test {
 protected:
  explicit MendingNodes(bool in_pieces = false) : in_pieces_(in_pieces) {
    for (int32_t id = 1; id <= 3; ++id) cluster_.journal(id).stream.on = in_pieces_;
    cluster_.connect_all();
    cluster_.open("test/0");
    cluster_.run(100);
    EXPECT_EQ(cluster_.leader("test/0"), 1);
  }

  void write(const Texts& texts) {
    Node& leader = cluster_.node(cluster_.leader("test/0"));
    for (const std::string& text : texts) {
      ASSERT_EQ(leader.propose("test/0", text), CHR_PENDING);
      cluster_.run(10);
      ASSERT_EQ(leader.last.code, CHR_OK);
      written_.push_back(text);
    }
  }
  // Ends the process and starts it anew, alone, after the disk was damaged.
  void restart(int32_t id, uint64_t damaged = 0, bool header = false) {
    cluster_.isolate(id, true);
    cluster_.node(id).stop(false);
    if (damaged != 0) cluster_.node(id).damage(damaged, header);
    cluster_.node(id).start();
    cluster_.journal(id) = Journal{};
    cluster_.journal(id).stream.on = in_pieces_;
    cluster_.node(id).open("test/0", &cluster_.journal(id));
  }
  int64_t log_end(int32_t id) { return cluster_.node(id).bounds("test/0").log_end; }
  // Nothing passes between nodes 1 and 3 from the moment on that this holds.
  void lose_once(const std::function<bool()>& holds) {
    cluster_.on_carried = [this, holds] {
      if (holds()) cluster_.lose(1, 3, true);
    };
  }
  // Node 2 lacks the last of what was acknowledged, and node 3, which has it, loses a part. Neither of the
  // two may lead without node 1.
  void expect_none_leads_without_node_1() {
    cluster_.on_carried = nullptr;
    cluster_.isolate(1, true);
    cluster_.link(2, 3, true);
    cluster_.run(20'000);
    EXPECT_EQ(cluster_.leader("test/0"), 0) << "neither has all that was acknowledged";
    cluster_.lose(1, 3, false);
    cluster_.connect_all();
    expect_all_is_whole();
  }
  void expect_all_is_whole() {
    cluster_.run(20'000);
    ASSERT_NE(cluster_.leader("test/0"), 0);
    write({"last"});
    cluster_.run(1000);
    for (int32_t id = 1; id <= 3; ++id) {
      EXPECT_EQ(cluster_.journal(id).applied, written_) << id;
      EXPECT_FALSE(cluster_.node(id).is_damaged()) << id;
    }
  }

  const bool in_pieces_;
  Cluster cluster_{3};
  Texts written_;
};

// The state goes in and out at once, or in pieces.
class Mending : public MendingNodes, public ::testing::WithParamInterface<bool> {
 protected:
  Mending() : MendingNodes(GetParam()) {}
};
INSTANTIATE_TEST_SUITE_P(, Mending, ::testing::Bool(),
                         [](const auto& in_pieces) { return in_pieces.param ? "InPieces" : "AtOnce"; });

// What is damaged on the leader's disk comes back from another, which leads meanwhile.
TEST_P(Mending, ALeaderHandsOverAndFetchesWhatIsDamaged) {
  Node& damaged = cluster_.node(1);
  for (int i = 0; i < 30; ++i)  // more than the tail cache keeps
    write({std::string(400'000, 'x') + std::to_string(i)});
  damaged.damage(12);
  EXPECT_EQ(damaged.read("test/0", 8, 100 << 20).size(), 2u) << "up to the damage";
  EXPECT_EQ(damaged.read("test/0", 10), (Texts{"error -8"}));
  cluster_.run(1000);
  EXPECT_NE(cluster_.leader("test/0"), 1);
  EXPECT_EQ(cluster_.journal(1).applied.size(), 30u) << "nothing is applied twice";
  EXPECT_EQ(damaged.read("test/0", 10, 1 << 20).at(0).substr(0, 6), "10/1:x");
  expect_all_is_whole();
  restart(1);
  EXPECT_EQ(log_end(1), 31);
  cluster_.connect_all();
  expect_all_is_whole();
}

// Which entry is damaged, and whether its header is.
class MendingAfterRestart : public MendingNodes,
                            public ::testing::WithParamInterface<std::pair<uint64_t, bool>> {};

// A follower whose restart meets the damage, wherever it is, fetches what it lacks, though nobody writes.
TEST_P(MendingAfterRestart, AFollowerFetchesWhatItLacks) {
  write({"a", "b", "c", "d", "e"});
  restart(3, GetParam().first, GetParam().second);
  cluster_.connect_all();
  cluster_.run(2000);
  EXPECT_FALSE(cluster_.node(3).is_damaged());
  EXPECT_EQ(cluster_.journal(3).applied, written_);
  expect_all_is_whole();
}

INSTANTIATE_TEST_SUITE_P(Entries, MendingAfterRestart,
                         ::testing::Values(std::pair(2, false), std::pair(4, false), std::pair(6, false),
                                           std::pair(1, true), std::pair(2, true), std::pair(4, true),
                                           std::pair(6, true)));

// It does not keep the node waiting for somebody who leads, where it knows that what is damaged is committed.
TEST_P(Mending, AFollowerOpensBeforeItHasWhatItLacks) {
  write({"a", "b", "c", "d", "e"});
  Node& leader = cluster_.node(1);
  chr_done done{};
  leader.host.on_shard(0, [&] {  // a new term is written, and with it what is committed
    EXPECT_EQ(leader.consensus->transfer(leader.group("test/0"), 2, leader.host.begin(&done), nullptr),
              CHR_PENDING);
  });
  cluster_.run(100);
  ASSERT_EQ(cluster_.leader("test/0"), 2);
  restart(3, 4);
  EXPECT_EQ(cluster_.journal(3).applied, (Texts{"a", "b"}));
  cluster_.connect_all();
  expect_all_is_whole();
}

// Whoever acknowledged up to some index and lost a part of it must not help a log to win that has less; and
// the second time it loses something it must not forget what it had before the first.
TEST_P(Mending, WhatWasAcknowledgedIsNotForgottenByAnotherDamage) {
  write({"a", "b", "c", "d", "e", "f"});
  cluster_.isolate(2, true);
  write({"g", "h"});
  restart(3, 6);
  lose_once([this] { return log_end(3) <= 4; });
  cluster_.link(1, 3, true);
  cluster_.run(100);
  ASSERT_EQ(log_end(3), 4) << "nothing has come in place of what was damaged";
  cluster_.node(3).damage(3);
  EXPECT_EQ(cluster_.node(3).read("test/0", 1, 1, CHR_BOUND_LOG_END), (Texts{"error -8"}));
  cluster_.run(100);
  ASSERT_EQ(log_end(3), 1);
  expect_none_leads_without_node_1();
}

// The same where a part of it came back before the process ended, and the next one finds damage.
TEST_P(Mending, WhatWasAcknowledgedIsNotForgottenByARestart) {
  for (char c = 'a'; c <= 'f'; ++c) write({std::string(1'100'000, c)});  // each goes out alone
  cluster_.isolate(2, true);
  for (char c = 'g'; c <= 'h'; ++c) write({std::string(1'100'000, c)});
  restart(3, 6);
  bool cut = false;
  lose_once([&] {
    cut = cut || log_end(3) == 4;
    return cut && log_end(3) == 5;
  });
  cluster_.link(1, 3, true);
  cluster_.run(100);
  ASSERT_EQ(log_end(3), 5) << "one entry has come in place of what was damaged";
  restart(3, 6, true);
  ASSERT_EQ(log_end(3), 4);
  expect_none_leads_without_node_1();
}

// Two disks are damaged while the third is away: it has the only copy of some entry, and what the others have
// of it stays unread.
TEST_P(Mending, TwoDamagedDisksWaitForTheThird) {
  write({"a", "b", "c", "d", "e"});
  cluster_.isolate(3, true);
  restart(1, 4);
  restart(2, 4);
  cluster_.link(1, 2, true);
  cluster_.run(30'000);
  EXPECT_EQ(cluster_.leader("test/0"), 0);
  EXPECT_TRUE(cluster_.node(1).is_damaged() && cluster_.node(2).is_damaged()) << "nothing was deleted";
  cluster_.connect_all();
  expect_all_is_whole();
}

// Where nobody has a good copy no log is cut, and nobody leads without what was acknowledged.
TEST_P(Mending, NothingIsDroppedWhereAllAreDamaged) {
  write({"a", "b", "c", "d", "e"});
  for (int32_t id = 1; id <= 3; ++id) restart(id, 4);
  cluster_.connect_all();
  cluster_.run(60'000);
  EXPECT_EQ(cluster_.leader("test/0"), 0);
  for (int32_t id = 1; id <= 3; ++id) {
    EXPECT_TRUE(cluster_.node(id).is_damaged()) << id;
    restart(id);
    EXPECT_EQ(log_end(id), 5) << id;
  }
}

// A follower that lacks what the leader has trimmed meanwhile gets a snapshot in place of all it has.
TEST_P(Mending, ASnapshotComesWhereTheLeaderHasNoMoreOfIt) {
  write({"a", "b", "c", "d", "e", "f", "g", "h"});
  restart(3, 3);
  write({"i", "j"});
  cluster_.run(61'000);
  chr_done done{};
  Node& leader = cluster_.node(1);
  leader.host.on_shard(0, [&] {
    EXPECT_EQ(leader.consensus->trim(leader.group("test/0"), 7, leader.host.begin(&done), nullptr),
              CHR_PENDING);
  });
  cluster_.run(100);
  cluster_.connect_all();
  cluster_.run(2000);
  EXPECT_TRUE(cluster_.node(3).host.logged("installed a snapshot"));
  EXPECT_EQ(cluster_.journal(3).applied, written_);
  expect_all_is_whole();
}

// Where storage cannot even delete what is damaged, the log stays as it is, and goes on.
TEST_P(Mending, TheLogStaysWhereItCannotBeCut) {
  for (int i = 0; i < 30; ++i) write({std::string(400'000, 'x') + std::to_string(i)});
  Node& damaged = cluster_.node(1);
  damaged.break_storage(Node::Broken::kCut);
  damaged.damage(12);
  EXPECT_EQ(damaged.read("test/0", 10), (Texts{"error -8"}));
  cluster_.run(2000);
  EXPECT_TRUE(damaged.host.logged("cannot be mended on this node: a page is damaged"));
  EXPECT_NE(cluster_.leader("test/0"), 1);
  write({"more"});
  cluster_.run(1000);
  EXPECT_TRUE(damaged.is_damaged());
  EXPECT_EQ(log_end(1), 31);
  EXPECT_EQ(cluster_.journal(1).applied, written_);
  EXPECT_EQ(damaged.read("test/0", 8, 100 << 20).size(), 2u);
}

// What a follower has applied may be ahead of its log, of which there is no room for more: no trim goes
// beyond that.
TEST_P(Mending, AFullFollowerIsTrimmedAsFarAsItsLogGoes) {
  write({"a", "b", "c", "d", "e"});
  restart(3);  // nothing of it is in memory any more
  cluster_.connect_all();
  cluster_.run(1000);
  Node& full = cluster_.node(3);
  full.break_storage(Node::Broken::kFull);
  full.damage(4);
  EXPECT_EQ(full.read("test/0", 2), (Texts{"error -8"}));
  cluster_.run(1000);
  ASSERT_FALSE(full.is_damaged());
  const int64_t end = full.bounds("test/0").high_watermark;
  EXPECT_EQ(end, 5) << "it knows what is committed, and has no room for it";
  chr_error error = make_abi_error();
  full.host.on_shard(0, [&] {
    EXPECT_EQ(full.consensus->trim(full.group("test/0"), end, 0, &error), CHR_OK) << error.message;
  });
  cluster_.run(1000);
  full.break_storage(Node::Broken::kNothing);
  expect_all_is_whole();
}

// A follower that waits for somebody who leads can be closed.
TEST_P(Mending, AGroupThatWaitsForALeaderCloses) {
  write({"a", "b", "c"});
  restart(3, 3);
  cluster_.link(1, 3, true);
  cluster_.run(1);
  EXPECT_EQ(cluster_.node(3).close("test/0", true), CHR_OK);
}

// Storages without space: what is damaged makes room for what comes in its place.
TEST(MendingWhileFull, ComesBackOnceThereIsRoom) {
  Cluster cluster(3, 4'000'000, true);
  const auto end = [&cluster](int32_t id) { return cluster.node(id).bounds("test/0").high_watermark; };
  cluster.connect_all();
  cluster.open("test/0");
  cluster.run(100);
  for (int i = 0; i < 60; ++i) {
    cluster.node(1).propose("test/0", std::string(100'000, 'x'));
    cluster.run(10);
  }
  ASSERT_TRUE(cluster.node(3).host.logged("Storage is full: test/0 takes no more data for now"));
  for (int32_t id = 1; id <= 3; ++id) cluster.journal(id).applied.clear();  // keeps the snapshots small
  cluster.isolate(3, true);
  cluster.node(3).stop(false);
  cluster.node(3).damage(3);
  cluster.node(3).start();
  cluster.journal(3) = Journal{};
  cluster.node(3).open("test/0", &cluster.journal(3));
  cluster.connect_all();
  cluster.run(10'000);
  EXPECT_FALSE(cluster.node(3).is_damaged());
  EXPECT_EQ(end(3), end(1));
  cluster.journal(3).applied.clear();  // they came again
  std::map<int32_t, chr_done> trimmed;
  for (int32_t id = 1; id <= 3; ++id) {
    Node& node = cluster.node(id);
    node.host.on_shard(0, [&] {
      node.consensus->trim(node.group("test/0"), end(1) - 5, node.host.begin(&trimmed[id]), nullptr);
    });
  }
  cluster.run(2'000);
  EXPECT_EQ(cluster.node(1).propose("test/0", "fits again"), CHR_PENDING);
  cluster.run(1000);
  EXPECT_EQ(cluster.node(1).last.code, CHR_OK);
  EXPECT_EQ(end(3), end(1));
}

// Who has nobody to ask leads on, and can be read up to the damage, unless it has to apply what is damaged.
TEST(SoleVoter, LeadsAndIsReadUpToTheDamage) {
  Node node;
  Journal journal;
  node.open("test/0", &journal);
  for (int i = 0; i < 30; ++i) {
    ASSERT_EQ(node.propose("test/0", std::string(400'000, 'x')), CHR_PENDING);
    node.host.run();
    ASSERT_EQ(node.last.code, CHR_OK);
  }
  const auto expect_it_leads = [&node] {
    EXPECT_EQ(node.read("test/0", 8, 100 << 20).size(), 2u);
    EXPECT_EQ(node.read("test/0", 10), (Texts{"error -8"}));
    EXPECT_EQ(node.propose("test/0", "more"), CHR_PENDING);
    node.host.run();
    EXPECT_EQ(node.last.code, CHR_OK);
  };
  node.damage(12);
  expect_it_leads();
  EXPECT_TRUE(node.host.logged("is damaged on this node"));
  EXPECT_EQ(node.close("test/0", true), CHR_OK);
  node.stop();
  node.start();
  node.open("test/0", &journal);
  expect_it_leads();
  const uint64_t last = node.bounds("test/0").last_index;
  node.stop(false);
  node.damage(last);
  node.start();
  chr_group* handle = nullptr;
  EXPECT_EQ(node.wait([&](uint64_t token, chr_error* error) {
    return node.ask_to_open("test/0", &journal, &handle, token, error);
  }),
            CHR_E_CORRUPT);
  EXPECT_TRUE(node.host.logged("Group test/0 stopped on this node: an entry is damaged"));
  EXPECT_TRUE(node.host.logged("No other node has it: restore a backup of data_dir"));
}

}  // namespace
}  // namespace chronik::raft::test
