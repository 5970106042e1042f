// A group that cannot be opened: its handle is good for calls until its opener has been told.
#include "unit/raft/group/fixture.h"

#include <chronik/plugin.hpp>

namespace chronik::raft::test {
namespace {

class FailedOpen : public ::testing::TestWithParam<Node::Broken> {
 protected:
  void ask(chr_done* opened) {
    opened->code = 99;
    chr_error error = make_abi_error();
    ASSERT_EQ(node_.ask_to_open("__meta", &journal_, &group_, node_.host.begin(opened), &error), CHR_PENDING);
  }

  Journal journal_;
  Node node_;
  chr_group* group_ = nullptr;
};

TEST_P(FailedOpen, CallsBeforeTheOpenerKnowsAreAnswered) {
  node_.break_storage(GetParam());
  chr_done opened{};
  chr_group_bounds bounds{};
  bounds.struct_size = sizeof bounds;
  node_.host.on_shard(0, [&] {
    ask(&opened);
    EXPECT_EQ(node_.consensus->bounds(group_, &bounds), CHR_E_UNAVAILABLE);
    EXPECT_EQ(node_.consensus->barrier(group_, 1, nullptr), CHR_E_UNAVAILABLE);
  });
  node_.host.run();
  EXPECT_LT(opened.code, 0);
  EXPECT_NE(opened.code, 99);
}

TEST_P(FailedOpen, AnOwnerThatStopsBeforeItKnowsClosesIt) {
  node_.break_storage(GetParam());
  chr_done opened{}, closed{};
  closed.code = 99;
  chr_error error = make_abi_error();
  node_.host.on_shard(0, [&] {
    ask(&opened);
    EXPECT_EQ(node_.consensus->close_group(group_, CHR_CLOSE_SNAPSHOT, node_.host.begin(&closed), &error),
              CHR_PENDING)
        << error.message;
  });
  node_.host.run();
  EXPECT_LT(opened.code, 0);
  EXPECT_EQ(closed.code, CHR_OK);
}

TEST_P(FailedOpen, TheNameIsFreeAtOnce) {
  node_.break_storage(GetParam());
  chr_done opened{};
  node_.host.on_shard(0, [&] { ask(&opened); });
  node_.break_storage(Node::Broken::kNothing);
  node_.open("__meta", &journal_);
  node_.host.run();
  EXPECT_EQ(node_.bounds("__meta").usable, 1u);
}

INSTANTIATE_TEST_SUITE_P(Storage, FailedOpen,
                         ::testing::Values(Node::Broken::kOpenGroup, Node::Broken::kGet));

// A node that ended with one entry in its group, and is asked for the group again on a storage that refuses.
class Reopening {
 public:
  // clean: it had closed the group with a snapshot.
  void ask(Node::Broken refuses, bool clean = false) {
    node.open("test/0", &journal);
    node.host.run();
    ASSERT_EQ(node.propose("test/0", "a"), CHR_PENDING);
    node.host.run();
    if (clean) {
      ASSERT_EQ(node.close("test/0", true), CHR_OK);
    }
    node.stop(clean);
    node.start();
    journal = Journal{};
    node.break_storage(refuses);
    opened.code = CHR_PENDING;
    EXPECT_EQ(node.ask_to_open("test/0", &journal, &group, node.host.begin(&opened), nullptr), CHR_PENDING);
  }

  void expect_to_open_once_it_reads() {
    node.host.advance(std::chrono::milliseconds(500));
    EXPECT_EQ(opened.code, CHR_PENDING);
    EXPECT_EQ(journal.applied, std::vector<std::string>{});
    node.break_storage(Node::Broken::kNothing);
    node.host.advance(std::chrono::milliseconds(500));
    EXPECT_EQ(opened.code, CHR_OK);
    EXPECT_EQ(journal.applied, std::vector<std::string>{"a"});
  }

  Node node;
  Journal journal;
  chr_group* group = nullptr;
  chr_done opened{};
};

class RefusedReads : public ::testing::TestWithParam<Node::Broken> {};

TEST_P(RefusedReads, OpenTheGroupLater) {
  Reopening reopening;
  reopening.ask(GetParam());
  reopening.expect_to_open_once_it_reads();
}

// Of the headers at first, or only of what is to be applied, or of the keys.
INSTANTIATE_TEST_SUITE_P(Storage, RefusedReads,
                         ::testing::Values(Node::Broken::kRead, Node::Broken::kReadPayload,
                                           Node::Broken::kGetRefused));

// Each piece is a value of its own.
TEST(Opening, PiecesOfASnapshotThatAreRefusedAreReadLater) {
  Reopening reopening;
  reopening.ask(Node::Broken::kGetPieceRefused, true);
  reopening.expect_to_open_once_it_reads();
  EXPECT_EQ(reopening.journal.loads, 1);
}

// Nothing is wrong with the group then, and nobody is told that something is.
TEST(Opening, ACloseWhileReadsAreRefusedCancelsIt) {
  Reopening reopening;
  reopening.ask(Node::Broken::kGetRefused);
  Node& node = reopening.node;
  node.host.advance(std::chrono::milliseconds(500));
  chr_done closed{};
  closed.code = CHR_PENDING;
  node.host.on_shard(0, [&] {
    EXPECT_EQ(node.consensus->close_group(reopening.group, 0, node.host.begin(&closed), nullptr),
              CHR_PENDING);
  });
  node.host.advance(std::chrono::milliseconds(500));
  EXPECT_EQ(closed.code, CHR_OK);
  EXPECT_EQ(reopening.opened.code, CHR_E_CANCELLED);
}

// An open does not wait for ever for a storage that refuses.
TEST(Opening, AStorageThatGoesOnToRefuseReadsIsToldOf) {
  Reopening reopening;
  reopening.ask(Node::Broken::kRead);
  reopening.node.host.advance(std::chrono::seconds(60));
  EXPECT_EQ(reopening.opened.code, CHR_E_OVERLOADED);
}

}  // namespace
}  // namespace chronik::raft::test
