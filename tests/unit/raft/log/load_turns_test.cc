#include "raft/log/load_turns.h"

#include <gtest/gtest.h>

#include <chronik/testing/fake_host.hpp>
#include <string>

namespace chronik::raft {
namespace {

class LoadTurnsTest : public ::testing::Test {
 protected:
  void wait(char name) {
    turns_.wait_for_turn([this, name] { return name != unwanted_; },
                         [this, name](LoadTurns::Turn turn) {
                           told_ += name;
                           if (turn == nullptr) told_ += '-';
                           turn_ = std::move(turn);
                         });
  }
  void end() {
    host_.on_shard(0, [this] { turn_ = nullptr; });
    host_.run();
  }

  testing::FakeHost host_;
  const Host of_{host_.core()};
  std::string told_;
  char unwanted_ = 0;
  LoadTurns::Turn turn_;
  LoadTurns turns_{of_, 0};
};

TEST_F(LoadTurnsTest, OneLoadsAtATimeInTheOrderOfTheCalls) {
  for (const char name : {'a', 'b', 'c'}) host_.on_shard(0, [&] { wait(name); });
  host_.run();
  EXPECT_EQ(told_, "a");
  end();
  EXPECT_EQ(told_, "ab");
  end();
  EXPECT_EQ(told_, "abc");
  end();
  host_.on_shard(0, [&] { wait('d'); });
  EXPECT_EQ(told_, "abcd");
}

TEST_F(LoadTurnsTest, OneThatNobodyWantsEndsAtOnce) {
  LoadTurns::Turn first;
  host_.on_shard(0, [&] {
    wait('a');
    first = turn_;
    wait('b');
    wait('c');
    unwanted_ = 'b';
    turns_.drop_unwanted();
  });
  EXPECT_EQ(told_, "ab-");
  first = nullptr;
  host_.run();
  EXPECT_EQ(told_, "ab-c");
}

}  // namespace
}  // namespace chronik::raft
