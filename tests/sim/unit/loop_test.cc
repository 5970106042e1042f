#include "sim/base/loop.h"

#include <gtest/gtest.h>

#include <string>

namespace chronik::sim {
namespace {

struct Log {
  std::string text;
};

void add(Loop& loop, Log& log, uint64_t at, uint32_t node, char name) {
  const auto run = [](const Event& event, bool alive) {
    auto& to = *static_cast<Log*>(event.a);
    to.text += alive ? static_cast<char>(event.c) : '-';
  };
  loop.add(at, node, run, &log, nullptr, static_cast<uint64_t>(name));
}

void run_until(Loop& loop, uint64_t time) {
  while (loop.step(time)) {
  }
}

TEST(Loop, RunsInTheOrderOfTimeThenOfAdding) {
  Loop loop(2);
  Log log;
  add(loop, log, 20, 1, 'c');
  add(loop, log, 10, 2, 'a');
  add(loop, log, 10, 1, 'b');
  run_until(loop, 15);
  EXPECT_EQ(log.text, "ab");
  EXPECT_EQ(loop.now(), 15u);
  run_until(loop, 100);
  EXPECT_EQ(log.text, "abc");
}

TEST(Loop, APausedNodeKeepsItsOrderOverOverlappingPauses) {
  Loop loop(2);
  Log log;
  loop.pause(1, 100);
  add(loop, log, 10, 1, 'a');
  run_until(loop, 50);
  loop.pause(1, 200);
  add(loop, log, 60, 1, 'b');
  add(loop, log, 70, 2, 'x');
  add(loop, log, 200, 1, 'c');
  run_until(loop, 150);
  EXPECT_EQ(log.text, "x");
  EXPECT_TRUE(loop.paused(1));
  run_until(loop, 300);
  EXPECT_EQ(log.text, "xabc");
}

TEST(Loop, ACrashEndsWhatWaits) {
  Loop loop(2);
  Log log;
  loop.pause(1, 100);
  add(loop, log, 10, 1, 'a');
  add(loop, log, 300, 1, 'b');
  run_until(loop, 50);
  loop.drop(1);
  EXPECT_EQ(log.text, "--");
  add(loop, log, 60, 1, 'c');
  run_until(loop, 400);
  EXPECT_EQ(log.text, "--c");
}

}  // namespace
}  // namespace chronik::sim
