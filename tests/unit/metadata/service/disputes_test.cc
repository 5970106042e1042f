// Two leaders of a partition in one term, which Raft excludes: it costs that partition, and nothing else.
#include "metadata/model/command.h"
#include "metadata/wire/codec.h"
#include "tests/unit/metadata/service/cluster.h"

namespace chronik::metadata::test {
namespace {

using Named = std::pair<int32_t, uint64_t>;

class Disputed : public Cluster {
 protected:
  Disputed() {
    settle();
    node(1).create("test", 2, 3);
    advance(20ms);
    for (const int32_t id : {1, 2, 3}) node(id).role("test", 0, 5, 2, id == 2);
    advance(200ms);
  }
  bool alive() {
    return node(1).host.fatals().empty() && node(2).host.fatals().empty() && node(3).host.fatals().empty();
  }
  // What no leader of this build would propose.
  void commit(const Command& command) {
    const auto& log = node(leader_).consensus.group("__meta").log;
    chr_entry_header header{};
    header.index = log.back().header.index + 1;
    header.term = term_;
    header.kind = CHR_ENTRY_COMMAND;
    for (const int32_t id : {1, 2, 3}) node(id).consensus.receive("__meta", header, encode(command));
    step();
  }
};

TEST_F(Disputed, TheLeaderOfMetaRefusesASecondOneAndNamesIt) {
  EXPECT_EQ(node(3).leader("test"), Named(2, 5));
  const uint64_t before = node(1).consensus.proposals();
  node(3).role("test", 1, 5, 3);  // what comes with it is taken
  node(3).role("test", 0, 5, 3);
  advance(6s);
  EXPECT_TRUE(alive());
  EXPECT_EQ(node(1).consensus.proposals(), before + 1);
  EXPECT_EQ(node(1).leader("test", 1), Named(3, 5));
  EXPECT_TRUE(
      node(3).host.logged("CRITICAL: This node leads test/0 in term 5, in which node 2 said so before."));
  EXPECT_EQ(node(3).leader("test"), Named(-1, 5)) << "who is right nobody knows here";
  EXPECT_EQ(node(1).leader("test"), Named(2, 5));
  EXPECT_EQ(node(3).host.health("catalog"), CHR_HEALTH_DEGRADED);
  EXPECT_EQ(node(1).host.health("catalog"), CHR_HEALTH_READY);

  for (const int32_t id : {1, 2}) node(id).role("test", 0, 6, 1, id == 1);
  advance(500ms);
  node(3).role("test", 0, 6, 1);
  step();
  EXPECT_EQ(node(3).host.health("catalog"), CHR_HEALTH_READY) << "it is over";
}

TEST_F(Disputed, TwoAtOnceAreNotBothTaken) {
  node(2).role("test", 1, 7, 2);
  node(3).role("test", 1, 7, 3);
  advance(6s);
  EXPECT_TRUE(alive());
  EXPECT_TRUE(node(1).host.logged("says that it leads test/1 in term 7, in which node"));
  const Named shown = node(1).leader("test", 1);
  EXPECT_TRUE(shown == Named(2, 7) || shown == Named(3, 7));
}

TEST_F(Disputed, AppliedAllTheSameItHasNoLeaderUntilTheNextElection) {
  const Uuid topic = Uuid::from_abi(node(1).topic("test")->id);
  commit({{}, SyncBatch{{{topic, 0, 5, 3}, {topic, 1, 5, 3}}, {}}});
  EXPECT_TRUE(alive());
  for (const int32_t id : {1, 2, 3}) {
    EXPECT_EQ(node(id).leader("test"), Named(-1, 5)) << id;
    EXPECT_EQ(node(id).leader("test", 1), Named(3, 5)) << id;
    EXPECT_TRUE(node(id).host.logged(
        "CRITICAL: test/0 has two leaders in term 5: node 2 and node 3; it has none until"));
    EXPECT_EQ(node(id).host.health("catalog"), CHR_HEALTH_DEGRADED);
  }
  const uint64_t since = node(1).host.now_ns();
  advance(120s);
  EXPECT_EQ(node(1).lines("CRITICAL: two nodes said that they lead in one term: test/0", since).size(), 2u);
  EXPECT_TRUE(alive());
  const auto made = node(2).create("other");
  advance(100ms);
  ASSERT_TRUE(made->done);
  EXPECT_EQ(made->code(), CHR_OK) << "all else goes on";

  for (const int32_t id : {1, 2, 3}) node(id).role("test", 0, 6, 3, id == 3);
  advance(500ms);
  for (const int32_t id : {1, 2, 3}) {
    EXPECT_EQ(node(id).leader("test"), Named(3, 6)) << id;
    EXPECT_EQ(node(id).host.health("catalog"), CHR_HEALTH_READY) << id;
  }
}

}  // namespace
}  // namespace chronik::metadata::test
