// How much a group reads at once and keeps: bounded by count, whatever the batches are like.
#include "glue_fixture.h"

#include <chronik/plugin.hpp>

#include <numeric>

namespace chronik::raft::test {
namespace {

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
class ReceiveBuffer {
 public:
  static constexpr uint64_t kBytes = 1 << 20;
  explicit ReceiveBuffer(uint64_t* live) : base_{{&kOps}, this}, live_(live) { *live_ += kBytes; }
  ~ReceiveBuffer() { *live_ -= kBytes; }
  chr_slice part(uint64_t n) { return {bytes_.data(), n, &base_.buf}; }
  static void CHR_CALL release(chr_buf* buf) {
    if (--of(buf)->references_ == 0) delete of(buf);
  }

 private:
  struct Base {
    chr_buf buf;
    ReceiveBuffer* owner;
  };
  static ReceiveBuffer* of(chr_buf* buf) { return reinterpret_cast<Base*>(buf)->owner; }
  static void CHR_CALL retain(chr_buf* buf) { ++of(buf)->references_; }
  static constexpr chr_buf_ops kOps = {retain, release, nullptr};

  Base base_;
  uint64_t* live_;
  uint64_t references_ = 1;
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
      ReceiveBuffer::release(item.payload.lease);
      node.host.run();
    }
    EXPECT_EQ(live, 0u) << bytes;
  }
  EXPECT_EQ(node.read("test/0", 0, UINT64_MAX).size(), 150u);
}

// A follower's hint of what is committed was as old as its last election.
TEST(Memory, ARestartLooksAtFewEntriesOfALongLog) {
  Cluster cluster(3);
  cluster.link(1, 2, true);
  cluster.link(1, 3, true);
  cluster.link(2, 3, true);
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

}  // namespace
}  // namespace chronik::raft::test
