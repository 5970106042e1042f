// What waits while leadership moves: told in time, appended where this node comes to lead, in order.
#include "kafka-proto/partition/held_appends.h"

#include "partition/part_testing.h"

namespace chronik::kafka::testing {
namespace {

class HeldAppendsTest : public ::testing::Test, public TestReplica {
 protected:
  HeldAppendsTest() {
    open();
    on_role = [this](Replica::RoleChange) {
      if (!replica.knows_leader()) return;
      held.end_moment();
      if (held.has_early_appends())
        appended_in_role = appended.size();  // consensus is in the middle of telling
    };
  }
  void hold(int name) {
    Appended answer;
    answer.error = ErrorCode::kNotLeaderOrFollower;
    held.hold(answers.next(name), std::move(answer), [this, name](AppendDone done) {
      appended.push_back(name);
      if (on_append) on_append();
      done({});
    });
  }

  LongPolls polls{replica};
  HeldAppends held{replica, polls};
  Answers answers;
  std::vector<int> appended;
  std::optional<size_t> appended_in_role;
  std::function<void()> on_append;
};

TEST_F(HeldAppendsTest, NothingWaitsWhereAnotherNodeLeads) {
  consensus.follow(group(), 2, 2);
  hold(1);
  ASSERT_EQ(answers.all.size(), 1u);
  EXPECT_EQ(answers.all[0].error, ErrorCode::kNotLeaderOrFollower);
}

TEST_F(HeldAppendsTest, ToldOnceTheNewLeaderIsKnown) {
  consensus.follow(group(), -1, 2);
  hold(1);
  EXPECT_TRUE(answers.all.empty());
  consensus.follow(group(), 2, 3);
  EXPECT_EQ(answers.all.size(), 1u);
  EXPECT_TRUE(appended.empty());
  EXPECT_EQ(host.open_timers(), 0u);
}

TEST_F(HeldAppendsTest, ToldOnceTheMomentIsOver) {
  consensus.follow(group(), -1, 2);
  bool woken = false;
  polls.add_wait(0, std::make_shared<FetchWait>([&] { woken = true; }));
  EXPECT_TRUE(std::exchange(woken, false));  // it does not lead
  hold(1);
  host.advance(std::chrono::milliseconds(249));
  EXPECT_TRUE(answers.all.empty());
  host.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(answers.all.size(), 1u);
}

TEST_F(HeldAppendsTest, AppendedInOrderOnceThisNodeLeads) {
  consensus.follow(group(), -1, 2);
  hold(1);
  hold(2);
  Appended placed_before;
  placed_before.error = ErrorCode::kNotLeaderOrFollower;
  held.answer(answers.next(9), std::move(placed_before));  // it stands in a log that may be gone
  on_append = [this] {
    if (appended.size() != 1) return;
    AppendDone third = answers.next(3);
    EXPECT_TRUE(held.queue_behind_early(third, 100, [this](AppendDone done) {
      appended.push_back(3);
      done({});
    }));
  };
  consensus.elect(group());
  host.run();
  EXPECT_EQ(appended_in_role, 0u);
  EXPECT_EQ(appended, (std::vector{1, 2, 3}));
  EXPECT_EQ(answers.names, (std::vector{9, 1, 2, 3}));
  EXPECT_EQ(answers.all[0].error, ErrorCode::kNotLeaderOrFollower);
  EXPECT_EQ(answers.all[1].error, ErrorCode::kNone);
  EXPECT_FALSE(held.has_early_appends());
}

TEST_F(HeldAppendsTest, OtherErrorsAreToldAtOnce) {
  consensus.follow(group(), -1, 2);
  Appended answer;
  answer.error = ErrorCode::kKafkaStorageError;
  held.answer(answers.next(), std::move(answer));
  EXPECT_EQ(answers.all.size(), 1u);
}

TEST_F(HeldAppendsTest, OnlySoManyWait) {
  consensus.follow(group(), -1, 2);
  for (int i = 0; i < 10'001; ++i) hold(i);
  EXPECT_EQ(answers.names, (std::vector{10'000}));
}

}  // namespace
}  // namespace chronik::kafka::testing
