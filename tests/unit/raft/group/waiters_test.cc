// Who waits until the log got somewhere.
#include "raft/group/waiters.h"

#include <gtest/gtest.h>

#include <map>

namespace chronik::raft {
namespace {

using Tokens = std::vector<uint64_t>;

class WaitersTest : public ::testing::Test {
 protected:
  Tokens reached(Index committed, std::map<uint32_t, Index> copied) {
    Tokens done;
    waiters_.reached(
        0, committed, 0,
        [&](uint32_t n) {
          ++looks_;
          return copied[n];
        },
        [&](uint64_t token) { done.push_back(token); });
    return done;
  }

  Waiters waiters_;
  int looks_ = 0;
};

TEST_F(WaitersTest, WaitForCopiesAndTheCommit) {
  waiters_.until_copies(1, 3, 11);
  waiters_.until_copies(2, 2, 12);
  waiters_.until_copies(3, 3, 13);
  EXPECT_EQ(reached(3, {{2, 1}, {3, 0}}), Tokens());
  EXPECT_EQ(reached(1, {{2, 3}, {3, 3}}), Tokens{11});
  EXPECT_EQ(reached(3, {{2, 3}, {3, 2}}), Tokens{12});
  EXPECT_EQ(reached(3, {{2, 3}, {3, 3}}), Tokens{13});
}

// A member that is away makes each of thousands of requests wait: none of them is looked at before it is due.
TEST_F(WaitersTest, CostATurnNothing) {
  for (Index i = 1; i <= 10'000; ++i) waiters_.until_copies(i, 3, i);
  EXPECT_EQ(reached(10'000, {{3, 0}}), Tokens());
  EXPECT_EQ(looks_, 1);
  EXPECT_EQ(reached(10'000, {{3, 2}}), (Tokens{1, 2}));
}

TEST_F(WaitersTest, FailFromAnIndexOn) {
  waiters_.until_copies(1, 3, 11);
  waiters_.until_copies(2, 3, 12);
  waiters_.until_committed(2, 22);
  Tokens failed;
  waiters_.fail_from(2, [&](uint64_t token) { failed.push_back(token); });
  EXPECT_EQ(failed, (Tokens{22, 12}));
  EXPECT_EQ(reached(2, {{3, 2}}), Tokens{11});
}

}  // namespace
}  // namespace chronik::raft
