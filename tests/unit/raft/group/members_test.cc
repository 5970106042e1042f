// Changes of members, over recorded links.
#include "unit/raft/group/fixture.h"

#include <chronik/plugin.hpp>

namespace chronik::raft::test {
namespace {

using Texts = std::vector<std::string>;

class Members : public ::testing::Test {
 protected:
  Members() {
    cluster_.connect_all();
    cluster_.open("test/0", {1, 2, 3});
    cluster_.run(100);
    EXPECT_EQ(cluster_.leader("test/0"), 1);
  }
  void write(const std::string& text) {
    Node& leader = cluster_.node(cluster_.leader("test/0"));
    ASSERT_EQ(leader.propose("test/0", text), CHR_PENDING);
    cluster_.run(50);
    EXPECT_EQ(leader.last.code, CHR_OK);
  }

  Cluster cluster_{4};
  chr_done done_{};
};

TEST_F(Members, ReplaceOneAndHandLeadershipOver) {
  write("a");
  EXPECT_EQ(cluster_.node(1).members("test/0"), "1v=2 2v=2 3v=2 since 0");
  EXPECT_EQ(cluster_.node(2).change("test/0", {2, 3, 4}, &done_), CHR_E_NOT_LEADER);
  EXPECT_EQ(cluster_.node(1).change("test/0", {2, 3, 0}, &done_), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(cluster_.node(1).change("test/0", {1, 2, 3}, &done_), CHR_OK);
  EXPECT_EQ(cluster_.node(1).change("test/0", {2, 3, 4}, &done_), CHR_PENDING);
  cluster_.run(500);
  // Its own leader is not among those to come.
  EXPECT_EQ(done_.code, CHR_E_NOT_LEADER);
  const int32_t leader = cluster_.leader("test/0");
  EXPECT_EQ(leader, 2);
  write("b");
  EXPECT_EQ(cluster_.node(leader).members("test/0"), "2v=6 3v=6 4v=6 since 5");
  EXPECT_EQ(cluster_.node(leader).change("test/0", {2, 3, 4}, &done_), CHR_OK);
  for (const int32_t id : {2, 3, 4}) EXPECT_EQ(cluster_.journal(id).applied, (Texts{"a", "b"})) << id;
  EXPECT_EQ(cluster_.journal(1).applied, Texts{"a"});
}

TEST_F(Members, AreKnownAfterARestartFromTheLog) {
  EXPECT_EQ(cluster_.node(1).change("test/0", {1, 4}, &done_), CHR_PENDING);
  cluster_.run(500);
  EXPECT_EQ(done_.code, CHR_OK);
  write("a");
  for (const int32_t id : {1, 4}) {
    cluster_.node(id).stop(id == 1);
    cluster_.node(id).start();
    cluster_.node(id).open("test/0", &cluster_.journal(id), std::vector<int32_t>{1, 2, 3, 4});
    EXPECT_EQ(cluster_.node(id).members("test/0").substr(0, 2), "1v") << id;
    EXPECT_EQ(cluster_.node(id).bounds("test/0").n_voters, 2u) << id;
  }
}

TEST_F(Members, ShrinkToOneAndGrowAgain) {
  write("a");
  EXPECT_EQ(cluster_.node(1).change("test/0", {1}, &done_), CHR_PENDING);
  cluster_.run(500);
  EXPECT_EQ(done_.code, CHR_OK);
  cluster_.isolate(1, true);
  write("b");
  cluster_.node(1).stop(false);
  cluster_.node(1).start();
  cluster_.journal(1).applied.clear();
  cluster_.node(1).open("test/0", &cluster_.journal(1), std::vector<int32_t>{1, 2, 3});
  cluster_.run(10);
  EXPECT_EQ(cluster_.journal(1).applied, (Texts{"a", "b"}));
  cluster_.isolate(1, false);
  cluster_.run(50);
  EXPECT_EQ(cluster_.node(1).change("test/0", {1, 2, 4}, &done_), CHR_PENDING);
  cluster_.run(500);
  EXPECT_EQ(done_.code, CHR_OK);
  write("c");
  for (const int32_t id : {1, 2, 4}) EXPECT_EQ(cluster_.journal(id).applied, (Texts{"a", "b", "c"})) << id;
}

TEST_F(Members, WaitForALearnerThatIsAwayAndMayBeReplaced) {
  cluster_.isolate(4, true);
  EXPECT_EQ(cluster_.node(1).change("test/0", {1, 2, 4}, &done_), CHR_PENDING);
  cluster_.run(5000);
  EXPECT_EQ(done_.code, 99);
  EXPECT_EQ(cluster_.node(1).members("test/0"), "1v=1 2v=1 3v=1 4l=0 since 0");
  write("a");
  chr_done second{};
  EXPECT_EQ(cluster_.node(1).change("test/0", {1, 2}, &second), CHR_PENDING);
  cluster_.run(500);
  EXPECT_EQ(done_.code, CHR_E_CANCELLED);
  EXPECT_EQ(second.code, CHR_OK);
  EXPECT_EQ(cluster_.node(1).bounds("test/0").n_voters, 2u);
}

// The end of a change is told in a turn, and what comes before that turn already finds it over.
TEST_F(Members, AChangeThatBeginsAsAnotherEndsIsNotTakenForIt) {
  cluster_.isolate(4, true);
  chr_done second{};
  bool begun = false;
  cluster_.on_carried = [&] {
    begun = begun || cluster_.node(1).change("test/0", {1, 2, 4}, &second) == CHR_PENDING;
  };
  EXPECT_EQ(cluster_.node(1).change("test/0", {1, 2}, &done_), CHR_PENDING);
  cluster_.run(500);
  EXPECT_TRUE(begun);
  EXPECT_EQ(cluster_.node(1).members("test/0"), "1v=3 2v=3 4l=0 since 3");
  EXPECT_EQ(second.code, 99);
  cluster_.isolate(4, false);
  cluster_.run(1000);
  EXPECT_EQ(second.code, CHR_OK);
}

}  // namespace
}  // namespace chronik::raft::test
