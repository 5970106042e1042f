// Members whose log ends before the leader's begins, over recorded links.
#include "unit/raft/group/fixture.h"

#include <chronik/plugin.hpp>

namespace chronik::raft::test {
namespace {

using Texts = std::vector<std::string>;

// Both ways: the state goes in and out at once, or in pieces.
class Snapshots : public ::testing::TestWithParam<bool> {
 protected:
  Snapshots() {
    for (int32_t id = 1; id <= 4; ++id) cluster_.journal(id).stream.on = GetParam();
    cluster_.connect_all();
    cluster_.open("test/0", {1, 2, 3});
    cluster_.run(100);
    EXPECT_EQ(cluster_.leader("test/0"), 1);
  }
  void write(const std::string& text) {
    Node& leader = cluster_.node(cluster_.leader("test/0"));
    ASSERT_EQ(leader.propose("test/0", text), CHR_PENDING);
    cluster_.run(50);
    ASSERT_EQ(leader.last.code, CHR_OK);
    written_.push_back(text);
  }
  // The log is to start at offset; nobody waits for who is away.
  void trim(int64_t offset) {
    Node& leader = cluster_.node(cluster_.leader("test/0"));
    chr_done done{};
    done.code = 99;
    leader.host.on_shard(0, [&] {
      EXPECT_EQ(leader.consensus->trim(leader.group("test/0"), offset, leader.host.begin(&done), nullptr),
                CHR_PENDING);
    });
    cluster_.run(50);
    EXPECT_EQ(done.code, CHR_OK);
  }
  void transfer(int32_t from, int32_t to) {
    chr_done done{};
    Node& leader = cluster_.node(from);
    leader.host.on_shard(0, [&] {
      EXPECT_EQ(leader.consensus->transfer(leader.group("test/0"), to, leader.host.begin(&done), nullptr),
                CHR_PENDING);
    });
    cluster_.run(100);
    EXPECT_EQ(cluster_.leader("test/0"), to);
  }
  // Node 3 is away for longer than the log waits for it, while that gets shorter than what it lacks.
  void leave_behind() {
    cluster_.isolate(3, true);
    for (const char* text : {"a", "b", "c", "d"}) write(text);
    cluster_.run(61'000);
    trim(static_cast<int64_t>(written_.size()) - 1);
    write("e");
  }
  void restart(int32_t id) {
    cluster_.isolate(id, true);
    cluster_.node(id).stop(false);
    cluster_.node(id).start();
    cluster_.node(id).open("test/0", &cluster_.journal(id),
                           id == 4 ? std::vector<int32_t>() : std::vector<int32_t>{1, 2, 3});
    cluster_.isolate(id, false);
  }

  Cluster cluster_{4};
  Texts written_;
};
INSTANTIATE_TEST_SUITE_P(, Snapshots, ::testing::Bool(),
                         [](const auto& in_pieces) { return in_pieces.param ? "InPieces" : "AtOnce"; });

TEST_P(Snapshots, BringUpAMemberThatWasAwayForLong) {
  leave_behind();
  EXPECT_TRUE(cluster_.journal(3).applied.empty());
  cluster_.isolate(3, false);
  cluster_.run(1000);
  EXPECT_EQ(cluster_.journal(3).loads, 1);
  EXPECT_EQ(cluster_.journal(3).applied, written_);
  EXPECT_EQ(cluster_.journal(3).trimmed, 3);
  EXPECT_EQ(cluster_.journal(3).high_watermark, 5);
  EXPECT_EQ(cluster_.node(3).read("test/0", 3), cluster_.node(1).read("test/0", 3));
  EXPECT_EQ(cluster_.node(3).read("test/0", 2), Texts{"error -16"});
  EXPECT_TRUE(cluster_.node(3).host.logged("installed a snapshot of test/0"));
  write("f");
  EXPECT_EQ(cluster_.journal(3).applied, written_);
}

TEST_P(Snapshots, SurviveACrashAtAnyPoint) {
  for (uint64_t wait = 0; wait <= 40; wait += 10) {
    leave_behind();
    cluster_.isolate(3, false);
    cluster_.run(wait);
    restart(3);
    cluster_.run(1000);
    ASSERT_EQ(cluster_.journal(3).applied, written_) << wait;
    const int64_t start = cluster_.node(1).bounds("test/0").log_start;
    ASSERT_EQ(cluster_.node(3).read("test/0", start), cluster_.node(1).read("test/0", start)) << wait;
  }
}

// The state is several writes long, both of who makes it and of who receives it.
TEST_P(Snapshots, SurviveACrashAtAnyPointOfALargeOne) {
  for (int i = 0; i < 5; ++i) write(std::to_string(i) + std::string(1'000'000, 'x'));
  for (uint64_t wait = 0; wait <= 40; wait += 10) {
    leave_behind();
    cluster_.isolate(3, false);
    cluster_.run(wait);
    restart(3);
    cluster_.run(1000);
    ASSERT_TRUE(cluster_.journal(3).applied == written_) << wait;
  }
}

TEST_P(Snapshots, GoOnAfterALostLink) {
  cluster_.isolate(3, true);
  for (int i = 0; i < 4; ++i) write(std::to_string(i) + std::string(1'000'000, 'x'));
  cluster_.run(61'000);
  trim(3);
  write("e");
  cluster_.isolate(3, false);
  cluster_.run(20);
  for (int i = 0; i < 3; ++i) {
    cluster_.isolate(3, true);
    cluster_.run(20);
    cluster_.isolate(3, false);
    cluster_.run(20);
  }
  cluster_.run(1000);
  EXPECT_EQ(cluster_.journal(3).loads, 1);
  EXPECT_EQ(cluster_.journal(3).applied, written_);
}

// Each record is several times what a new snapshot is made after, and one comes in for every piece of the
// state.
TEST_P(Snapshots, ArriveWhileMuchComesIn) {
  for (int32_t id = 1; id <= 2; ++id) {
    cluster_.isolate(id, true);
    cluster_.node(id).restart_with("snapshot_interval", 1 << 16);
    cluster_.node(id).open("test/0", &cluster_.journal(id), std::vector<int32_t>{1, 2, 3});
    cluster_.isolate(id, false);
  }
  cluster_.isolate(3, true);
  cluster_.run(100'000);  // node 1 leads again
  for (int i = 0; i < 6; ++i) write(std::to_string(i) + std::string(1'000'000, 'x'));
  cluster_.run(61'000);
  trim(5);
  write("e");
  Node& leader = cluster_.node(cluster_.leader("test/0"));
  int frames = 0;
  cluster_.on_carried = [&] {
    if (++frames % 8 == 0 && frames < 800 && cluster_.journal(3).loads == 0)
      leader.propose("test/0", std::string(300'000, 'y'), 1, CHR_UNTIL_PLACED);
  };
  cluster_.isolate(3, false);
  cluster_.run(1000);
  cluster_.on_carried = nullptr;
  EXPECT_LT(frames, 800) << "it went on until nothing more came in";
  EXPECT_EQ(cluster_.journal(3).loads, 1);
}

TEST_P(Snapshots, MakeNewMembersCheap) {
  for (const char* text : {"a", "b", "c"}) write(text);
  trim(3);
  chr_done done{};
  ASSERT_EQ(cluster_.node(1).change("test/0", {1, 2, 4}, &done), CHR_PENDING);
  cluster_.run(1000);
  EXPECT_EQ(done.code, CHR_OK);
  EXPECT_EQ(cluster_.journal(4).loads, 1);
  EXPECT_EQ(cluster_.journal(4).applied, written_);
  // The members as of the snapshot, and those since, are known after a restart.
  restart(4);
  EXPECT_EQ(cluster_.node(4).members("test/0").substr(0, 3), "1v=");
  EXPECT_EQ(cluster_.node(4).bounds("test/0").n_voters, 3u);
  cluster_.run(1000);
  write("d");
  EXPECT_EQ(cluster_.journal(4).applied, written_);
}

TEST_P(Snapshots, WaitUntilAnApplyIsOver) {
  cluster_.journal(3).hold_applies = true;
  write("held");
  ASSERT_NE(cluster_.journal(3).held_token, 0u);
  leave_behind();
  cluster_.isolate(3, false);
  cluster_.run(1000);
  EXPECT_EQ(cluster_.journal(3).loads, 0);
  cluster_.journal(3).hold_applies = false;
  cluster_.node(3).host.on_shard(
      0, [&] { Host(cluster_.node(3).host.core()).complete(cluster_.journal(3).held_token, CHR_OK); });
  cluster_.run(1000);
  EXPECT_EQ(cluster_.journal(3).loads, 1);
  EXPECT_EQ(cluster_.journal(3).applied, written_);
}

// As that of __meta: no entry has an offset, so the log ends where it starts.
TEST_P(Snapshots, BringUpAMemberOfALogOfCommands) {
  const auto command = [this](const std::string& text) {
    ASSERT_EQ(cluster_.node(1).command("test/0", text), CHR_PENDING);
    cluster_.run(50);
    ASSERT_EQ(cluster_.node(1).last.code, CHR_OK);
    written_.push_back(text);
  };
  command("a");
  cluster_.isolate(3, true);
  for (const char* text : {"b", "c", "d"}) command(text);
  cluster_.run(61'000);
  const uint64_t before = cluster_.node(1).bounds("test/0").bytes;
  trim(0);
  EXPECT_LT(cluster_.node(1).bounds("test/0").bytes, before);
  EXPECT_EQ(cluster_.node(1).bounds("test/0").log_start, 0);
  const uint64_t trimmed = cluster_.node(1).bounds("test/0").last_index;
  cluster_.node(1).host.on_shard(0, [&] {  // there is nothing to delete now
    EXPECT_EQ(cluster_.node(1).consensus->trim(cluster_.node(1).group("test/0"), 0, 0, nullptr), CHR_OK);
  });
  EXPECT_EQ(cluster_.node(1).bounds("test/0").last_index, trimmed);
  cluster_.isolate(3, false);
  cluster_.run(1000);
  EXPECT_EQ(cluster_.journal(3).loads, 1);
  EXPECT_EQ(cluster_.journal(3).applied, written_);
  command("e");
  for (const int32_t id : {1, 2, 3}) {
    restart(id);
    cluster_.run(8000);  // the leader's, too
    EXPECT_EQ(cluster_.journal(id).applied, written_) << id;
  }
}

// Node 3 has the newest state, of node 1, and nothing of the log behind it, when node 2 comes with an older
// one.
TEST_P(Snapshots, TakeNothingBackThatIsApplied) {
  cluster_.isolate(3, true);
  for (int i = 0; i < 12; ++i) write("w" + std::to_string(i));
  cluster_.run(61'000);
  trim(2);
  write("last");
  cluster_.isolate(1, true);
  cluster_.run(8000);
  ASSERT_EQ(cluster_.node(1).close("test/0", true), CHR_OK);
  cluster_.node(1).open("test/0", &cluster_.journal(1), std::vector<int32_t>{1, 2, 3});
  cluster_.link(1, 2, true);
  cluster_.run(60'000);
  ASSERT_EQ(cluster_.leader("test/0"), 1);  // the preferred one
  cluster_.on_carried = [this] {
    if (cluster_.journal(3).loads == 1) cluster_.lose(1, 3, true);
  };
  cluster_.link(1, 3, true);
  cluster_.run(100);
  cluster_.on_carried = nullptr;
  ASSERT_EQ(cluster_.journal(3).loads, 1);
  ASSERT_EQ(cluster_.journal(3).applied, written_);
  cluster_.isolate(3, true);
  cluster_.run(61'000);
  trim(4);  // node 2 keeps its snapshot, which reaches beyond that
  transfer(1, 2);
  cluster_.link(2, 3, true);
  cluster_.run(1000);
  EXPECT_EQ(cluster_.journal(3).loads, 1);
  EXPECT_EQ(cluster_.node(3).read("test/0", 4), cluster_.node(2).read("test/0", 4));
  restart(3);
  cluster_.run(1000);
  EXPECT_EQ(cluster_.journal(3).applied, written_);
}

TEST_P(Snapshots, LetTheMemberLead) {
  leave_behind();
  cluster_.isolate(3, false);
  cluster_.run(1000);
  cluster_.isolate(1, true);
  cluster_.isolate(2, true);
  cluster_.link(2, 3, true);
  cluster_.run(8000);
  const int32_t leader = cluster_.leader("test/0");
  ASSERT_TRUE(leader == 2 || leader == 3) << leader;
  write("f");
  cluster_.isolate(1, false);
  cluster_.run(1000);
  for (const int32_t id : {1, 2, 3}) EXPECT_EQ(cluster_.journal(id).applied, written_) << id;
}

}  // namespace
}  // namespace chronik::raft::test
