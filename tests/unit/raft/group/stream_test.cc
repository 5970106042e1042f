// Groups whose state goes in and out in pieces, with the whole plugin: what is applied, closed, stopped and
// installed in between.
#include "unit/raft/group/fixture.h"

#include <chronik/plugin.hpp>

#include <algorithm>
#include <utility>

namespace chronik::raft::test {
namespace {

using Fails = Journal::Stream::Fails;
using Texts = std::vector<std::string>;

std::string large(int number) { return std::to_string(number) + std::string(300'000, 'x'); }

class Streams : public ::testing::Test {
 protected:
  Streams() {
    journal_.stream.on = true;
    node_.open("test/0", &journal_);
    node_.host.advance(std::chrono::seconds(10));
    for (int i = 0; i < 5; ++i) write(large(i));
  }
  void write(const std::string& text) {
    ASSERT_EQ(node_.propose("test/0", text), CHR_PENDING);
    node_.host.run();
    ASSERT_EQ(node_.last.code, CHR_OK);
  }
  // A snapshot of what is applied now, as what comes below the offset goes.
  void trim(int64_t offset) {
    EXPECT_EQ(node_.wait([&](uint64_t token, chr_error* error) {
      return node_.consensus->trim(node_.group("test/0"), offset, token, error);
    }),
              CHR_OK);
  }
  // From between two pieces: what it ended with, 99 until then.
  void close(uint32_t how, chr_done* done) {
    done->code = 99;
    EXPECT_EQ(node_.consensus->close_group(node_.group("test/0"), how, node_.host.begin(done), nullptr),
              CHR_PENDING);
  }
  // With another journal: what it holds then.
  Texts open_again(bool in_pieces) {
    again_ = Journal{};
    again_.stream.on = in_pieces;
    node_.open("test/0", &again_);
    node_.host.advance(std::chrono::seconds(10));
    return again_.applied;
  }
  // Its handle is gone, but the group is not.
  chr_status ask_to_open(Journal* journal, chr_done* done) {
    chr_group* handle = nullptr;
    chr_error error = make_abi_error();
    chr_status status = CHR_OK;
    done->code = 99;
    node_.host.on_shard(0, [&] {
      status = node_.ask_to_open("test/0", journal, &handle, node_.host.begin(done), &error);
      opening_ = handle;
    });
    return status;
  }

  Journal journal_, again_;
  Node node_;
  chr_group* opening_ = nullptr;
};

TEST_F(Streams, SaveWhileEntriesAreApplied) {
  int written = 0;
  journal_.stream.on_save_piece = [&] { node_.propose("test/0", "w" + std::to_string(written++)); };
  trim(4);
  ASSERT_GE(journal_.stream.save_pieces, 6) << "1.5 MB, 256 KiB each";
  EXPECT_GT(journal_.stream.applied_at.back(), journal_.stream.applied_at.front());
  EXPECT_EQ(journal_.stream.open_saves, 0);
  EXPECT_EQ(node_.bounds("test/0").log_start, 4);
  EXPECT_EQ(node_.close("test/0", false), CHR_OK);
  EXPECT_TRUE(open_again(true) == journal_.applied);  // nothing twice, and nothing left out
  EXPECT_EQ(again_.loads, 1);
  EXPECT_LE(again_.stream.largest_piece, 256u << 10);
  EXPECT_GE(again_.stream.load_pieces, 6);
}

TEST_F(Streams, ReadAndWriteWhatIsSavedAtOnce) {
  EXPECT_EQ(node_.close("test/0", true), CHR_OK);
  EXPECT_TRUE(open_again(false) == journal_.applied);
  EXPECT_EQ(again_.loads, 1);
  write("more");
  const Texts applied = again_.applied;
  EXPECT_EQ(node_.close("test/0", true), CHR_OK);
  EXPECT_TRUE(open_again(true) == applied);
  EXPECT_EQ(again_.loads, 1);
}

TEST_F(Streams, AreAttachedToTheNextOpenAlone) {
  EXPECT_EQ(node_.close("test/0", true), CHR_OK);
  (void)open_again(false);
  EXPECT_EQ(again_.stream.load_pieces, 0);
}

TEST_F(Streams, ACloseDropsASave) {
  chr_done closed{};
  journal_.stream.on_save_piece = [&] {
    if (journal_.stream.save_pieces == 2) close(CHR_CLOSE_PLAIN, &closed);
  };
  EXPECT_EQ(node_.consensus->trim(node_.group("test/0"), 4, node_.host.begin(&node_.last), nullptr),
            CHR_PENDING);
  node_.host.run();
  EXPECT_EQ(closed.code, CHR_OK);
  EXPECT_EQ(journal_.stream.save_pieces, 2);
  EXPECT_EQ(journal_.stream.open_saves, 0);
  EXPECT_TRUE(open_again(true) == journal_.applied);
  EXPECT_EQ(again_.loads, 0);
}

TEST_F(Streams, ACloseThatSavesBeginsAnew) {
  chr_done closed{};
  journal_.stream.on_save_piece = [&] {
    if (journal_.stream.save_pieces == 2) close(CHR_CLOSE_SNAPSHOT, &closed);
  };
  EXPECT_EQ(node_.consensus->trim(node_.group("test/0"), 4, node_.host.begin(&node_.last), nullptr),
            CHR_PENDING);
  node_.host.run();
  EXPECT_EQ(closed.code, CHR_OK);
  EXPECT_EQ(journal_.stream.saves, 2);
  EXPECT_EQ(journal_.stream.open_saves, 0);
  EXPECT_TRUE(open_again(true) == journal_.applied);
  EXPECT_EQ(again_.loads, 1);
}

TEST_F(Streams, ASaveThatFailsLeavesTheLogAsItIs) {
  for (const Fails where : {Fails::kBeginSave, Fails::kSavePiece}) {
    journal_.stream.fails = where;
    trim(4);
    EXPECT_EQ(journal_.stream.open_saves, 0);
    EXPECT_TRUE(node_.host.logged("could not be saved"));
  }
  journal_.stream.fails = Fails::kNothing;
  EXPECT_EQ(node_.close("test/0", false), CHR_OK);
  EXPECT_TRUE(open_again(true) == journal_.applied);
  EXPECT_EQ(again_.loads, 0);
}

TEST_F(Streams, ALoadThatFailsOpensNothing) {
  EXPECT_EQ(node_.close("test/0", true), CHR_OK);
  for (const Fails where : {Fails::kBeginLoad, Fails::kLoadPiece, Fails::kFinishLoad}) {
    Journal broken;
    broken.stream.on = true;
    broken.stream.fails = where;
    chr_done opened{};
    EXPECT_EQ(ask_to_open(&broken, &opened), CHR_PENDING);
    node_.host.run();
    EXPECT_EQ(opened.code, CHR_E_CORRUPT);
    EXPECT_EQ(broken.stream.open_loads, 0);
    EXPECT_TRUE(broken.applied.empty());
  }
  EXPECT_TRUE(node_.host.logged("Group test/0 cannot be opened: a piece is wrong"));
  EXPECT_TRUE(open_again(true) == journal_.applied);
}

TEST_F(Streams, ACloseDropsALoad) {
  EXPECT_EQ(node_.close("test/0", true), CHR_OK);
  Journal other;
  other.stream.on = true;
  chr_done opened{}, closed{};
  other.stream.on_load_piece = [&] {
    if (other.stream.load_pieces != 2) return;
    closed.code = 99;
    EXPECT_EQ(node_.consensus->close_group(opening_, CHR_CLOSE_PLAIN, node_.host.begin(&closed), nullptr),
              CHR_PENDING);
  };
  EXPECT_EQ(ask_to_open(&other, &opened), CHR_PENDING);
  node_.host.run();
  EXPECT_EQ(opened.code, CHR_E_CANCELLED);
  EXPECT_EQ(closed.code, CHR_OK);
  EXPECT_EQ(other.stream.load_pieces, 2);
  EXPECT_EQ(other.stream.open_loads, 0);
  EXPECT_TRUE(other.applied.empty());
  EXPECT_TRUE(open_again(true) == journal_.applied);
}

// Its owner is gone once it knows: a save that began while the log was applied has ended then, though the
// steps of another group's come before its own.
TEST_F(Streams, AnOpenThatFailsHasEndedItsSave) {
  for (int i = 0; i < 20; ++i) write(large(i));
  EXPECT_EQ(node_.close("test/0", false), CHR_OK);
  node_.restart_with("snapshot_interval", 1 << 20);
  again_.stream.on = true;
  node_.open("test/1", &again_);
  node_.host.advance(std::chrono::seconds(10));
  Journal other;
  other.stream.on = true;
  other.hold_applies = true;
  chr_status opened = 99;
  int open_saves = 99;
  again_.stream.on_save_piece = [&] {
    if (again_.applied.size() < 30) return;
    const Host host(node_.host.core());
    if (other.held_token != 0)
      host.complete(std::exchange(other.held_token, 0), other.stream.saves == 0 ? CHR_OK : CHR_E_FAILED);
    if (opening_ != nullptr) return;
    chr_error error = make_abi_error();
    const auto ask = [&](uint64_t token) {
      return node_.ask_to_open("test/0", &other, &opening_, token, &error);
    };
    const auto on_opened = [&](const chr_done& done) {
      opened = done.code;
      open_saves = other.stream.open_saves;
    };
    EXPECT_EQ(host.async(ask, on_opened), CHR_PENDING);
  };
  for (int i = 0; i < 40; ++i) {
    ASSERT_EQ(node_.propose("test/1", large(i)), CHR_PENDING);
    node_.host.run();
  }
  EXPECT_EQ(opened, CHR_E_FAILED);
  EXPECT_GE(other.stream.saves, 1);
  EXPECT_EQ(open_saves, 0);
  EXPECT_EQ(other.stream.open_saves, 0);
}

// What is read from disk is held until all of it is loaded.
TEST_F(Streams, OneGroupAtATimeLoads) {
  EXPECT_EQ(node_.close("test/0", true), CHR_OK);
  std::vector<Journal> journals(4);
  int most = 0;
  const auto count_open = [&] {
    int open = 0;
    for (const Journal& each : journals) open += each.stream.open_loads;
    most = std::max(most, open);
  };
  std::vector<chr_done> done(journals.size());
  for (size_t i = 0; i < journals.size(); ++i) {
    const std::string name = "test/" + std::to_string(i);
    journals[i].stream.on = true;
    journals[i].stream.on_load_piece = count_open;
    if (i == 0) continue;
    node_.open(name, &journals[i]);
    node_.host.advance(std::chrono::seconds(10));
    for (int k = 0; k < 5; ++k) {
      ASSERT_EQ(node_.propose(name, large(k)), CHR_PENDING);
      node_.host.run();
    }
    EXPECT_EQ(node_.close(name, true), CHR_OK);
    journals[i].applied.clear();
  }
  node_.host.on_shard(0, [&] {
    for (size_t i = 0; i < journals.size(); ++i) {
      done[i].code = 99;
      chr_error error = make_abi_error();
      EXPECT_EQ(node_.ask_to_open("test/" + std::to_string(i), &journals[i], &opening_,
                                  node_.host.begin(&done[i]), &error),
                CHR_PENDING);
    }
  });
  // One that waits is closed, which the loads before it do not hold up.
  chr_done closed{};
  closed.code = 99;
  int loaded = 99;
  journals[0].stream.on_load_piece = [&] {
    count_open();
    if (journals[0].stream.load_pieces == 2) {
      EXPECT_EQ(node_.consensus->close_group(opening_, CHR_CLOSE_PLAIN, node_.host.begin(&closed), nullptr),
                CHR_PENDING);
    }
    if (closed.code != 99) loaded = std::min(loaded, journals[0].loads);
  };
  node_.host.run();
  EXPECT_EQ(most, 1);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(done[i].code, CHR_OK);
    EXPECT_EQ(journals[i].applied.size(), 5u);
  }
  EXPECT_EQ(done[3].code, CHR_E_CANCELLED);
  EXPECT_EQ(closed.code, CHR_OK);
  EXPECT_EQ(loaded, 0) << "while the first one loaded";
  EXPECT_EQ(journals[3].stream.load_pieces, 0);
}

// Node 3 gets a large state, since the log that it lacks is gone.
class Installs : public ::testing::Test {
 protected:
  Installs() {
    for (int32_t id = 1; id <= 3; ++id) cluster_.journal(id).stream.on = true;
    cluster_.connect_all();
    cluster_.open("test/0");
    cluster_.run(100);
    cluster_.isolate(3, true);
    for (int i = 0; i < 5; ++i) write(large(i));
    cluster_.run(61'000);
    Node& leader = cluster_.node(1);
    chr_done done{};
    done.code = 99;
    leader.host.on_shard(0, [&] {
      EXPECT_EQ(leader.consensus->trim(leader.group("test/0"), 4, leader.host.begin(&done), nullptr),
                CHR_PENDING);
    });
    cluster_.run(50);
    EXPECT_EQ(done.code, CHR_OK);
  }
  void write(const std::string& text) {
    ASSERT_EQ(cluster_.node(1).propose("test/0", text), CHR_PENDING);
    cluster_.run(50);
    ASSERT_EQ(cluster_.node(1).last.code, CHR_OK);
    written_.push_back(text);
  }
  void at_load_piece(int number, std::function<void()> then) {
    cluster_.journal(3).stream.on_load_piece = [this, number, then = std::move(then)] {
      if (cluster_.journal(3).stream.load_pieces == number) then();
    };
  }
  void close(uint32_t how) {
    closed_.code = 99;
    Node& node = cluster_.node(3);
    EXPECT_EQ(node.consensus->close_group(node.group("test/0"), how, node.host.begin(&closed_), nullptr),
              CHR_PENDING);
  }
  Journal::Stream& stream() { return cluster_.journal(3).stream; }

  Cluster cluster_{3};
  Texts written_;
  chr_done closed_{};
};

TEST_F(Installs, NothingIsAppliedBeforeAllIsLoaded) {
  size_t applied = 99;
  at_load_piece(3, [&] {
    applied = cluster_.journal(3).applied.size();
    cluster_.node(1).propose("test/0", "more");
    written_.push_back("more");
  });
  cluster_.isolate(3, false);
  cluster_.run(1000);
  EXPECT_EQ(applied, 0u);
  EXPECT_EQ(cluster_.journal(3).loads, 1);
  EXPECT_EQ(stream().open_loads, 0);
  EXPECT_TRUE(cluster_.journal(3).applied == written_);
}

TEST_F(Installs, ACloseLeavesTheLoadToTheNextOpen) {
  at_load_piece(2, [&] { close(CHR_CLOSE_SNAPSHOT); });
  cluster_.isolate(3, false);
  cluster_.run(1000);
  EXPECT_EQ(closed_.code, CHR_OK);
  EXPECT_EQ(stream().load_pieces, 2);
  EXPECT_EQ(stream().open_loads, 0);
  EXPECT_TRUE(cluster_.journal(3).applied.empty());
  at_load_piece(0, [] {});
  cluster_.node(3).open("test/0", &cluster_.journal(3), std::vector<int32_t>{1, 2, 3});
  cluster_.run(1000);
  EXPECT_TRUE(cluster_.journal(3).applied == written_);
}

// Only by what it loads it can tell whether others may rest on it.
TEST_F(Installs, ACloseForGoodWaits) {
  at_load_piece(2, [&] { close(CHR_CLOSE_LEAVE); });
  cluster_.isolate(3, false);
  cluster_.run(1000);
  EXPECT_EQ(closed_.code, CHR_OK);
  EXPECT_EQ(cluster_.journal(3).loads, 1);
  EXPECT_EQ(stream().open_loads, 0);
}

TEST_F(Installs, APieceThatFailsStopsTheGroup) {
  stream().fails = Fails::kLoadPiece;
  cluster_.isolate(3, false);
  cluster_.run(1000);
  EXPECT_EQ(stream().open_loads, 0);
  EXPECT_TRUE(cluster_.node(3).host.logged("Group test/0 stopped on this node: a piece is wrong"));
  EXPECT_TRUE(cluster_.journal(3).applied.empty());
}

TEST_F(Installs, ALeaderThatGoesMeanwhileTakesNothingWithIt) {
  at_load_piece(2, [&] { cluster_.lose(1, 3, true); });
  cluster_.isolate(3, false);
  cluster_.run(20'000);
  EXPECT_EQ(cluster_.journal(3).loads, 1);
  EXPECT_TRUE(cluster_.journal(3).applied.size() >= 5);
  cluster_.lose(1, 3, false);
  cluster_.run(20'000);
  EXPECT_TRUE(cluster_.journal(3).applied == written_);
}

}  // namespace
}  // namespace chronik::raft::test
