// What hangs into a shard's turns and its end.
#include "host/runtime/shard.h"
#include "host/observe/logger.h"
#include "host/observe/metrics.h"
#include "host/runtime/runtime.h"

#include <gtest/gtest.h>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <atomic>
#include <semaphore>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace chronik::host {
namespace {

class OneShard : public ::testing::Test {
 protected:
  static RuntimeOptions one() {
    RuntimeOptions options;
    options.shards = 1;
    return options;
  }
  Logger logger_;
  Metrics metrics_;
  Runtime runtime_{one(), logger_, metrics_};
};

struct Seen {
  Shard* shard = nullptr;
  int turns = 0;
  std::vector<int> stops;  // how many turns had ended when the shard was told to stop
  bool ran_after_stop = false;
};

TEST_F(OneShard, HooksRunAtTheEndOfTurnsAndOnceBeforeTheEnd) {
  Seen seen;
  seen.shard = &runtime_.shard(0);
  runtime_.shard(0).on_turn_end([](void* context) { ++static_cast<Seen*>(context)->turns; }, &seen);
  runtime_.shard(0).on_stop(
      [](void* context) {
        auto* at = static_cast<Seen*>(context);
        at->stops.push_back(at->turns);
        at->shard->post([](void* later) { static_cast<Seen*>(later)->ran_after_stop = true; }, at);
      },
      &seen);
  runtime_.start();
  int turns_before = 0;
  runtime_.run_on(0, [&] { turns_before = seen.turns; });
  runtime_.run_on(0, [&] { EXPECT_GT(seen.turns, turns_before) << "the turn of before has ended"; });
  EXPECT_TRUE(seen.stops.empty());
  runtime_.stop();
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

// What a handler of the loop posts needs no other turn of it.
struct Order {
  Shard* shard = nullptr;
  std::vector<std::string> ran;
};

TEST_F(OneShard, ATurnGoesOnWithWhatItLeadsTo) {
  Order order;
  order.shard = &runtime_.shard(0);
  runtime_.start();
  runtime_.run_on(0, [&] {
    const auto posts = [&] {
      order.ran.emplace_back("first handler");
      order.shard->post([](void* to) { static_cast<Order*>(to)->ran.emplace_back("posted"); }, &order);
    };
    boost::asio::post(order.shard->io(), order.shard->as_turn(posts));
    boost::asio::post(order.shard->io(),
                      order.shard->as_turn([&] { order.ran.emplace_back("second handler"); }));
  });
  runtime_.stop();
  EXPECT_EQ(order.ran, (std::vector<std::string>{"first handler", "posted", "second handler"}));
}

// Items that each post the next one, and go on when another thread has posted, too.
struct Chain {
  static constexpr int kAll = 4000;

  Shard* shard = nullptr;
  int ran = 0;
  int ran_before_timer = kAll;
  std::counting_semaphore<> asked{0}, posted{0};

  void run() {
    asked.release();
    posted.acquire();
    if (++ran < kAll) shard->post([](void* chain) { static_cast<Chain*>(chain)->run(); }, this);
  }
  void post_when_asked() {
    for (int i = 0; i < kAll; ++i) {
      asked.acquire();
      shard->post([](void*) {}, nullptr);
      posted.release();
    }
  }
};

TEST_F(OneShard, TimersRingThoughATurnOfManyRoundsIsPostedTo) {
  Chain chain;
  chain.shard = &runtime_.shard(0);
  runtime_.start();
  std::thread other([&] { chain.post_when_asked(); });
  runtime_.run_on(0, [&] {
    const auto ring = [](void* at) {
      static_cast<Chain*>(at)->ran_before_timer = static_cast<Chain*>(at)->ran;
    };
    chain.shard->timer_start(0, ring, &chain);
    chain.run();
  });
  other.join();
  runtime_.stop();
  EXPECT_EQ(chain.ran, Chain::kAll);
  EXPECT_LT(chain.ran_before_timer, Chain::kAll / 8);
}

// Ten callbacks of one drain, each as long as a turn may be, and what came between them.
struct Long {
  Shard* shard = nullptr;
  int turns = 0;
  std::vector<int> turns_before;  // each callback
  bool timer_ran = false;
  size_t ran_before_timer = 0;

  void run() {
    turns_before.push_back(turns);
    for (const uint64_t begin = monotonic_ns(); monotonic_ns() - begin < 6'000'000;) continue;
  }
  void expect_turns_between() const {
    ASSERT_EQ(turns_before.size(), 10u);
    for (size_t i = 1; i < turns_before.size(); ++i) EXPECT_GT(turns_before[i], turns_before[i - 1]) << i;
  }
};

TEST_F(OneShard, LongWorkIsSpreadOverTurns) {
  Long work;
  work.shard = &runtime_.shard(0);
  work.shard->on_turn_end([](void* context) { ++static_cast<Long*>(context)->turns; }, &work);
  runtime_.start();
  runtime_.run_on(0, [&] {
    for (int i = 0; i < 10; ++i)
      work.shard->post([](void* context) { static_cast<Long*>(context)->run(); }, &work);
    const auto ring = [](void* context) {
      auto* at = static_cast<Long*>(context);
      at->timer_ran = true;
      at->ran_before_timer = at->turns_before.size();
    };
    work.shard->timer_start(0, ring, &work);
  });
  runtime_.stop();
  work.expect_turns_between();
  EXPECT_TRUE(work.timer_ran);
  EXPECT_LT(work.ran_before_timer, 10u) << "a timer need not wait for all of it";
}

TEST_F(OneShard, CompletionsThatComeTogetherAreSpreadOverTurns) {
  Long work;
  const std::string from = "the test";
  work.shard = &runtime_.shard(0);
  work.shard->on_turn_end([](void* context) { ++static_cast<Long*>(context)->turns; }, &work);
  runtime_.start();
  runtime_.run_on(0, [&] {
    std::vector<chr_done> done(10);
    for (chr_done& one : done) {
      one.token = work.shard->op_begin(
          [](void* context, const chr_done*) { static_cast<Long*>(context)->run(); }, &work);
    }
    runtime_.complete(done.data(), static_cast<uint32_t>(done.size()), from);
  });
  runtime_.stop();
  work.expect_turns_between();
}

// Long work that another thread brings, one more for each that runs, and a timer that is set again whenever it rings.
struct Flood {
  static constexpr int kAll = 60;

  Shard* shard = nullptr;
  std::atomic<int> begun = 0;
  std::atomic<int> posted = 0;
  int since_ring = 0;
  int most_between_rings = 0;

  void run() {
    ++since_ring;
    const int mine = ++begun;
    while (posted < std::min(mine + 3, kAll)) std::this_thread::yield();  // more waits already
    for (const uint64_t begin = monotonic_ns(); monotonic_ns() - begin < 6'000'000;) continue;
  }
  void bring() {
    for (; posted < kAll; ++posted) {
      while (begun + 3 < posted) std::this_thread::yield();
      shard->post([](void* context) { static_cast<Flood*>(context)->run(); }, this);
    }
  }
  void ring() {
    most_between_rings = std::max(most_between_rings, std::exchange(since_ring, 0));
    if (begun < kAll)
      shard->timer_start(0, [](void* context) { static_cast<Flood*>(context)->ring(); }, this);
  }
};

TEST_F(OneShard, TimersRingHoweverMuchOthersBring) {
  Flood flood;
  flood.shard = &runtime_.shard(0);
  runtime_.start();
  runtime_.run_on(0, [&] { flood.ring(); });
  std::thread other([&] { flood.bring(); });
  other.join();
  while (flood.begun < Flood::kAll) std::this_thread::yield();
  runtime_.stop();
  EXPECT_LE(flood.most_between_rings, 3);
}

}  // namespace
}  // namespace chronik::host
