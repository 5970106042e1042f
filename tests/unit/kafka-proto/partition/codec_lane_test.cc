// CodecLane: who comes next.
#include "kafka-proto/partition/codec_lane.h"

#include <gtest/gtest.h>
#include <chronik/testing/fake_host.hpp>

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace chronik::kafka {
namespace {

constexpr uint64_t kBomb = 60 << 20;
constexpr uint64_t kSmall = 400 << 10;

class CodecLaneOrder : public ::testing::Test {
 protected:
  // A client asks for a job that takes so many bytes; its turns are written down.
  void ask(const std::string& client, uint64_t bytes, std::function<void(uint64_t most)> meanwhile = {}) {
    const void* const key = &*names.insert(client).first;
    lane->run_job(key, [this, client, bytes, meanwhile = std::move(meanwhile)](uint64_t most) {
      turns.push_back(client);
      if (meanwhile) meanwhile(most);
      if (most < bytes) return false;
      done.push_back(client);
      return true;
    });
  }
  size_t turns_before_done(const std::string& client) const {
    return static_cast<size_t>(std::ranges::find(turns, client) - turns.begin());
  }

  testing::FakeHost host;
  const std::shared_ptr<CodecLane> lane = std::make_shared<CodecLane>(Host(host.core()));
  std::set<std::string> names;
  std::vector<std::string> turns, done;
};

TEST_F(CodecLaneOrder, WhatIsSmallIsDoneBeforeWhatIsLarge) {
  for (int i = 0; i < 40; ++i) ask("bomb" + std::to_string(i), kBomb);
  ask("small", kSmall);
  host.run();
  EXPECT_EQ(done.size(), 41u);
  // Beside 41 first turns there were 13 larger ones, of which each bomb takes two.
  EXPECT_LE(std::ranges::find(done, "small") - done.begin(), 7);
}

TEST_F(CodecLaneOrder, WhoComesWaitsForWhatRuns) {
  size_t came_at = 0;
  for (int i = 0; i < 40; ++i) {
    ask("bomb" + std::to_string(i), kBomb, [&](uint64_t most) {
      if (most != UINT64_MAX || came_at != 0) return;
      came_at = turns.size();
      ask("small", kSmall);
    });
  }
  host.run();
  EXPECT_EQ(done.size(), 41u);
  ASSERT_NE(came_at, 0u);
  // First those bombs whose first turn was not yet, as they are not known to be large.
  EXPECT_LE(turns_before_done("small") - came_at, 40u * 4 / 3);
  EXPECT_LE(std::ranges::find(done, "small") - done.begin(), 14);
}

TEST_F(CodecLaneOrder, ClientsTakeTurns) {
  for (const char* const client : {"a", "a", "a", "b", "c", "b"}) ask(client, kSmall);
  host.run();
  EXPECT_EQ(done, (std::vector<std::string>{"a", "b", "c", "a", "b", "a"}));
}

TEST_F(CodecLaneOrder, AClientHasOneJobAtATimeWhileOthersWait) {
  ask("a", kSmall, [&](uint64_t) {
    if (turns.size() != 1) return;
    ask("a", kSmall);
    ask("b", kSmall);
    host.run();  // another thread, while the first job of a runs
  });
  host.run();
  EXPECT_EQ(turns, (std::vector<std::string>{"a", "b", "a"}));
}

TEST_F(CodecLaneOrder, TheLargestAreDoneWhileSmallOnesKeepComing) {
  int left = 100;
  const std::function<void(uint64_t)> again = [&](uint64_t) {
    if (--left > 0) ask("small" + std::to_string(left), kSmall, again);
  };
  ask("small", kSmall, again);
  ask("small too", kSmall, again);
  ask("bomb", kBomb);
  host.run();
  EXPECT_LT(std::ranges::find(done, "bomb") - done.begin(), 16);
}

// Where nobody waits, nothing is begun anew.
TEST_F(CodecLaneOrder, OneThatIsAloneTakesOneTurn) {
  ask("bomb", kBomb);
  host.run();
  EXPECT_EQ(turns.size(), 1u);
}

TEST_F(CodecLaneOrder, LongTurnsLeaveThreadsToOthers) {
  int deep = 0, deepest = 0;
  for (int i = 0; i < 10; ++i) {
    ask("bomb" + std::to_string(i), kBomb, [&](uint64_t most) {
      if (most != UINT64_MAX) return;
      deepest = std::max(deepest, ++deep);
      if (deep == 1) ask("another", kBomb);  // which finds a thread
      host.run();                            // all the others, while this one runs
      --deep;
    });
  }
  host.run();
  EXPECT_EQ(deepest, static_cast<int>(CodecLane::kLongAtOnce));
}

}  // namespace
}  // namespace chronik::kafka
