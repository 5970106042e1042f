// What hangs into a shard's turns and its end.
#include "host/runtime/shard.h"
#include "host/observe/logger.h"
#include "host/observe/metrics.h"
#include "host/runtime/runtime.h"

#include <gtest/gtest.h>

#include <vector>

namespace chronik::host {
namespace {

struct Seen {
  Shard* shard = nullptr;
  int turns = 0;
  std::vector<int> stops;  // how many turns had ended when the shard was told to stop
  bool ran_after_stop = false;
};

TEST(Shard, HooksRunAtTheEndOfTurnsAndOnceBeforeTheEnd) {
  Logger logger;
  Metrics metrics;
  RuntimeOptions options;
  options.shards = 1;
  Runtime runtime(options, logger, metrics);
  Seen seen;
  seen.shard = &runtime.shard(0);
  runtime.shard(0).on_turn_end([](void* context) { ++static_cast<Seen*>(context)->turns; }, &seen);
  runtime.shard(0).on_stop(
      [](void* context) {
        auto* at = static_cast<Seen*>(context);
        at->stops.push_back(at->turns);
        at->shard->post([](void* later) { static_cast<Seen*>(later)->ran_after_stop = true; }, at);
      },
      &seen);
  runtime.start();
  int turns_before = 0;
  runtime.run_on(0, [&] { turns_before = seen.turns; });
  runtime.run_on(0, [&] { EXPECT_GT(seen.turns, turns_before) << "the turn of before has ended"; });
  EXPECT_TRUE(seen.stops.empty());
  runtime.stop();
  EXPECT_EQ(seen.stops.size(), 1u);
  EXPECT_TRUE(seen.ran_after_stop) << "what a stop hook posts runs before the thread ends";
  EXPECT_GT(seen.turns, seen.stops.front()) << "the turn that stops ends like any other";
}

TEST(Shard, TellsHowLongItsTurnsTake) {
  Logger logger;
  Metrics metrics;
  RuntimeOptions options;
  options.shards = 2;
  Runtime runtime(options, logger, metrics);
  runtime.start();
  constexpr uint64_t kTurnNs = TurnClock::kLongNs + 1'000'000;
  runtime.run_on(1, [] {
    for (const uint64_t begin = monotonic_ns(); monotonic_ns() - begin < kTurnNs;) continue;
  });
  runtime.run_on(1, [] {});  // that turn is over
  EXPECT_GE(runtime.shard(1).turns().longest_ns(), kTurnNs);
  EXPECT_GE(runtime.shard(1).turns().long_turns(), 1u);
  const std::string text = metrics.expose();
  EXPECT_NE(text.find("chronik_shard_longest_turn_seconds{shard=\"1\"} 0."), std::string::npos) << text;
  EXPECT_NE(text.find("chronik_shard_long_turns_total{shard=\"0\"} "), std::string::npos) << text;
  runtime.stop();
}

}  // namespace
}  // namespace chronik::host
