// The sync of partition leadership in virtual time: DESIGN's log lines word for word, at their times.
#include <gtest/gtest.h>

#include "tests/unit/metadata/node.h"

namespace chronik::metadata::test {
namespace {

using Lines = std::vector<std::pair<uint64_t, std::string>>;

// A node whose catalog knows the topic test, and whose __meta then lost its leader.
class Leaderless : public ::testing::Test {
 protected:
  Leaderless() : Leaderless(1) {}
  explicit Leaderless(int32_t partitions,
                      std::vector<std::chrono::milliseconds> delays = FakeRetryPolicy::defaults())
      : node_(1, {1}, std::move(delays)) {
    node_.start_as_leader();
    const auto made = node_.create("test", partitions);
    node_.host.run();
    EXPECT_EQ(made->code(), CHR_OK);
    node_.consensus.follow("__meta", -1, node_.consensus.group("__meta").term);
    node_.host.advance(1s);
    node_.host.clear_logs();
    since_ = node_.host.now_ns();
  }
  void lead(int32_t partition = 0, uint64_t term = 1) {
    node_.role("test", partition, term, 1);
    node_.host.run();
  }
  Lines assignment_lines() { return node_.lines("artition assignment", since_); }
  double intents() { return node_.host.metric("chronik_meta_sync_intents"); }

  TestNode node_;
  uint64_t since_ = 0;
};

TEST_F(Leaderless, FiveAttemptsThenCriticalWordForWord) {
  lead();
  node_.host.advance(10s);
  const Lines expected = {
      {0, "Failed to update partition assignment (attempt 1): No leader elected yet. Retrying in 100ms..."},
      {100, "Failed to update partition assignment (attempt 2): No leader elected yet. Retrying in 200ms..."},
      {300, "Failed to update partition assignment (attempt 3): No leader elected yet. Retrying in 400ms..."},
      {700, "Failed to update partition assignment (attempt 4): No leader elected yet. Retrying in 800ms..."},
      {1500, "Failed to update partition assignment after 5 attempts: No leader elected yet"},
      {1500, "CRITICAL: Partition assignment for test/0 leader 1 could not be replicated after 5 attempts!"},
  };
  EXPECT_EQ(assignment_lines(), expected);  // and nothing more in the 8.5 s after that
  EXPECT_EQ(intents(), 1);
}

TEST_F(Leaderless, GoesOnForEverAfterCritical) {
  lead();
  node_.host.advance(600s);
  EXPECT_EQ(node_.lines("CRITICAL", since_).size(), 1u);
  const double failed = node_.host.metric("chronik_meta_sync_attempts_total{outcome=\"failed\"}");
  EXPECT_GE(failed, 600 / 5);  // at most 5 s apart
  EXPECT_LE(failed, 600 / 0.5 + 5);
  node_.elect();
  EXPECT_EQ(node_.leader("test"), (std::pair<int32_t, uint64_t>{1, 1}));
  EXPECT_EQ(node_.lines("Updated partition assignment: test/0 leader is now node 1 (attempt", since_).size(),
            1u);
  EXPECT_EQ(intents(), 0);
}

class LongestDelay : public Leaderless {
 protected:
  LongestDelay() : Leaderless(1, std::vector(4, std::chrono::milliseconds::max())) {}
};

// The longest delay that the ABI can express is neither no delay nor one for ever: it counts as a minute.
TEST_F(LongestDelay, IsAMinute) {
  lead();
  node_.host.advance(59s);
  EXPECT_EQ(node_.lines("Retrying in 60000ms", since_).size(), 1u);
  node_.host.advance(2s);
  EXPECT_EQ(node_.lines("Retrying in 60000ms", since_).size(), 2u);
  node_.elect();
  EXPECT_EQ(node_.leader("test"), (std::pair<int32_t, uint64_t>{1, 1}));
}

TEST_F(Leaderless, ALeaderOfMetaWakesItAndTheWakeUpIsAnAttempt) {
  lead();
  node_.host.advance(250ms);
  node_.elect();
  const Lines expected = {
      {0, "Failed to update partition assignment (attempt 1): No leader elected yet. Retrying in 100ms..."},
      {100, "Failed to update partition assignment (attempt 2): No leader elected yet. Retrying in 200ms..."},
      {250, "Updated partition assignment: test/0 leader is now node 1 (attempt 3)"},
  };
  EXPECT_EQ(assignment_lines(), expected);
  EXPECT_EQ(intents(), 0);
}

TEST_F(Leaderless, OlderTermsNeverComeBack) {
  lead(0, 7);
  node_.elect();
  ASSERT_EQ(node_.leader("test").second, 7u);
  node_.consensus.follow("__meta", -1, 3);
  lead(0, 6);
  node_.host.advance(10s);
  EXPECT_EQ(intents(), 0);  // the catalog already shows a newer one
}

TEST_F(Leaderless, StepDownEndsTheIntent) {
  lead();
  node_.host.advance(150ms);
  node_.role("test", 0, 2, 3);
  node_.host.run();
  node_.host.advance(60s);
  EXPECT_EQ(intents(), 0);
  EXPECT_EQ(node_.lines("CRITICAL", since_).size(), 0u);
  node_.elect();
  EXPECT_EQ(node_.consensus.proposals(), 3u);  // cluster id, this node, the topic; nothing of the assignment
}

TEST_F(Leaderless, NotRaisedBeforeTheNoOpIsApplied) {
  node_.role("test", 0, 1, 1, false);
  node_.host.advance(10s);
  EXPECT_EQ(intents(), 0);
  EXPECT_EQ(assignment_lines(), Lines{});
  EXPECT_EQ(node_.leader("test").first, -1);
  lead();
  EXPECT_EQ(intents(), 1);
  EXPECT_EQ(node_.leader("test"), (std::pair<int32_t, uint64_t>{1, 1}));  // the hint, long before the catalog
}

TEST_F(Leaderless, AStormOfElectionsStaysBounded) {
  for (uint64_t term = 1; term <= 100'000; ++term) {
    node_.role("test", 0, term, term % 2 == 0 ? 1 : 2);
    if (term % 10 == 0) node_.host.run();
    if (term % 1'000 == 0) node_.host.advance(1ms);
  }
  node_.host.run();
  EXPECT_EQ(intents(), 1);
  EXPECT_LE(node_.host.open_timers(), 8u);
  EXPECT_EQ(node_.host.open_operations(), 0u);
  EXPECT_LE(node_.host.logs().size(), 200u);  // no line for each of them
  node_.elect();
  EXPECT_EQ(node_.leader("test"), (std::pair<int32_t, uint64_t>{1, 100'000}));
  EXPECT_EQ(intents(), 0);
}

TEST_F(Leaderless, DeletionOfTheTopicEndsTheIntent) {
  lead();
  node_.host.advance(2s);
  node_.consensus.hold_commits(true);
  node_.elect();
  node_.consensus.commit("__meta");  // the no-op only: the batch is proposed after it
  node_.host.run();
  const auto gone = node_.remove({node_.topic("test")->id});
  node_.host.run();
  node_.consensus.commit("__meta");
  node_.host.run();
  EXPECT_EQ(gone->code(), CHR_OK);
  node_.host.advance(30s);
  EXPECT_EQ(intents(), 0);
}

class FixedInterval : public Leaderless {
 protected:
  FixedInterval() : Leaderless(1, std::vector<std::chrono::milliseconds>(100, 250ms)) {}
};

TEST_F(FixedInterval, ChangesTheTimes) {
  lead();
  node_.host.advance(10s);
  std::vector<uint64_t> times;
  for (const auto& [at, line] : assignment_lines()) times.push_back(at);
  EXPECT_EQ(times, (std::vector<uint64_t>{0, 250, 500, 750, 1000, 1000}));
}

class GivesUpEarly : public Leaderless {
 protected:
  GivesUpEarly() : Leaderless(1, {10ms}) {}
};

TEST_F(GivesUpEarly, CriticalSaysHowManyAttempts) {
  lead();
  node_.host.advance(10s);
  EXPECT_TRUE(
      node_.host.logged("Failed to update partition assignment after 2 attempts: No leader elected yet"));
  EXPECT_TRUE(node_.host.logged(
      "CRITICAL: Partition assignment for test/0 leader 1 could not be replicated after 2 attempts!"));
}

class Many : public Leaderless {
 protected:
  Many() : Leaderless(5'000) {}
};

TEST_F(Many, GoInBatchesOfTwoThousandOneAtATime) {
  for (int32_t p = 0; p < 5'000; ++p) node_.role("test", p, 1, 1);
  node_.host.run();
  EXPECT_EQ(node_.lines("(attempt 1)", since_).size(), 1u);  // one line for all of them
  const uint64_t before = node_.consensus.proposals();
  node_.elect();
  node_.host.advance(100ms);
  EXPECT_EQ(node_.consensus.proposals() - before, 3u);
  EXPECT_EQ(intents(), 0);
  EXPECT_EQ(node_.leader("test", 4'999), (std::pair<int32_t, uint64_t>{1, 1}));
}

TEST(Reconciler, WaitsForTheCreationOfItsTopic) {
  TestNode node;
  node.start_as_leader();
  node.host.advance(1s);
  chr_uuid unknown{};
  unknown.b[3] = 9;
  node.role(unknown, "late/0", 0, 4, 1);
  node.host.advance(30s);
  EXPECT_EQ(node.host.metric("chronik_meta_sync_intents"), 1);
  EXPECT_EQ(node.lines("artition assignment", 0).size(), 0u);  // no attempt: nothing could come of it
}

TEST(Reconciler, ARefusedBatchIsRetriedBySchedule) {
  TestNode node;
  node.start_as_leader();
  const auto made = node.create("test");
  node.host.run();
  node.host.advance(1s);
  const uint64_t since = node.host.now_ns();
  node.consensus.refuse_proposals(CHR_E_OVERLOADED);
  node.role("test", 0, 1, 1);
  node.host.advance(150ms);
  node.consensus.refuse_proposals(CHR_OK);
  node.host.advance(1s);
  const Lines expected = {
      {0, "Failed to update partition assignment (attempt 1): Proposals are refused. Retrying in 100ms..."},
      {100, "Failed to update partition assignment (attempt 2): Proposals are refused. Retrying in 200ms..."},
      {300, "Updated partition assignment: test/0 leader is now node 1 (attempt 3)"},
  };
  EXPECT_EQ(node.lines("artition assignment", since), expected);
}

TEST(Reconciler, AProposalThatIsLostIsMadeAgain) {
  TestNode node;
  node.start_as_leader();
  const auto made = node.create("test");
  node.host.run();
  node.consensus.hold_commits(true);
  node.role("test", 0, 1, 1);
  node.host.run();
  node.consensus.follow("__meta", -1, 2);
  node.consensus.drop_uncommitted("__meta");
  node.host.run();
  EXPECT_EQ(node.leader("test"), (std::pair<int32_t, uint64_t>{1, 1}));
  node.consensus.hold_commits(false);
  node.elect();
  node.host.advance(10ms);
  EXPECT_EQ(node.host.metric("chronik_meta_sync_intents"), 0);
}

TEST(Reconciler, TheAddressOfTheNodeIsKeptInTheCatalog) {
  TestNode node;
  node.start();
  node.table->announce(node.self, to_abi("broker.example"), 9092);
  node.host.advance(60s);
  EXPECT_FALSE(node.host.logged("CRITICAL"));
  node.elect();
  node.host.advance(10ms);
  chr_catalog* image = node.table->catalog(node.self);
  chr_broker broker{};
  broker.struct_size = sizeof broker;
  ASSERT_EQ(node.table->broker_at(node.self, image, 0, &broker), CHR_OK);
  EXPECT_EQ(from_abi(broker.host), "broker.example");
  EXPECT_EQ(broker.port, 9092);
  node.table->release(node.self, image);
}

}  // namespace
}  // namespace chronik::metadata::test
