// The pure parts of the runtime: timer heap, operation table, buffers, receiving and sending queues.
#include "host/runtime/buffer_pool.h"
#include "host/runtime/op_table.h"
#include "host/runtime/timer_queue.h"
#include "host/runtime/turn_clock.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <string>

namespace chronik::host {
namespace {

void nothing(void*) {}
void nothing_done(void*, const chr_done*) {}

TEST(TimerQueue, AgreesWithAModelUnderRandomUse) {
  std::mt19937 random(7);
  TimerQueue queue;
  std::map<std::pair<uint64_t, uint64_t>, uint64_t> model;  // (due, order) -> id
  uint64_t order = 0;
  for (int step = 0; step < 20'000; ++step) {
    const auto choice = random() % 10;
    if (choice < 5) {
      const uint64_t due = random() % 1000;
      const uint64_t id = queue.start(due, nothing, reinterpret_cast<void*>(++order));
      ASSERT_NE(id, 0u);
      model[{due, order}] = id;
    } else if (choice < 7 && !model.empty()) {
      auto victim = model.begin();
      std::advance(victim, random() % model.size());
      ASSERT_TRUE(queue.cancel(victim->second));
      ASSERT_FALSE(queue.cancel(victim->second));
      model.erase(victim);
    } else {
      TimerQueue::Due due{};
      const uint64_t now = random() % 1000;
      const bool expected = !model.empty() && model.begin()->first.first <= now;
      ASSERT_EQ(queue.pop_due(now, UINT64_MAX, &due), expected);
      if (!expected) continue;
      ASSERT_EQ(reinterpret_cast<uint64_t>(due.context), model.begin()->first.second);
      ASSERT_FALSE(queue.cancel(model.begin()->second));
      model.erase(model.begin());
    }
  }
}

TEST(TimerQueue, TimersStartedByTimersWaitForTheNextTurn) {
  TimerQueue queue;
  queue.start(0, nothing, nullptr);
  const uint64_t limit = queue.started();
  queue.start(0, nothing, nullptr);
  TimerQueue::Due due{};
  EXPECT_TRUE(queue.pop_due(5, limit, &due));
  EXPECT_FALSE(queue.pop_due(5, limit, &due));
  EXPECT_TRUE(queue.pop_due(5, queue.started(), &due));
}

TEST(OpTable, TokensAreOfOneUse) {
  OpTable table(3);
  const uint64_t first = table.begin(nothing_done, nullptr);
  EXPECT_EQ(OpTable::shard_of(first), 3u);
  OpTable::Op op;
  EXPECT_TRUE(table.end(first, &op));
  EXPECT_FALSE(table.end(first, &op));
  const uint64_t second = table.begin(nothing_done, nullptr);
  EXPECT_NE(first, second);  // the slot is used again, the token is not
  EXPECT_FALSE(table.end(first, &op));
  EXPECT_EQ(table.open(), 1u);
  EXPECT_FALSE(OpTable(2).end(second, &op));
  EXPECT_TRUE(table.end(second, &op));
  EXPECT_FALSE(table.end(0, &op));
}

TEST(BufferPool, RecyclesLastInFirstOut) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "nothing is recycled under the address sanitizer";
#endif
  BufferPool pool;
  Buffer* a = pool.alloc(5000);
  Buffer* b = pool.alloc(8192);
  EXPECT_EQ(a->capacity, 8192u);
  a->lease()->ops->retain(a->lease());
  a->lease()->ops->release(a->lease());
  EXPECT_TRUE(a->unique());
  a->lease()->ops->release(a->lease());
  b->lease()->ops->release(b->lease());
  EXPECT_EQ(pool.cached_bytes(), 2 * 8192u);
  EXPECT_EQ(pool.alloc(4097), b);
  EXPECT_EQ(pool.alloc(4097), a);
  a->lease()->ops->release(a->lease());
  b->lease()->ops->release(b->lease());
  pool.trim();  // both were needed since the start
  EXPECT_EQ(pool.cached_bytes(), 2 * 8192u);
  pool.trim();
  EXPECT_EQ(pool.cached_bytes(), 8192u);
  pool.trim();
  EXPECT_EQ(pool.cached_bytes(), 0u);
}

TEST(BufferPool, KeepsNoMoreThanItsBound) {
  BufferPool pool({.max_cached = 1 << 20});
  std::vector<Buffer*> buffers;
  for (int i = 0; i < 8; ++i) buffers.push_back(pool.alloc(256 << 10));
  buffers.push_back(pool.alloc(100 << 20));  // larger than any class
  std::memset(buffers.back()->bytes(), 1, 100 << 20);
  EXPECT_EQ(pool.live(0), 9);
  for (Buffer* buffer : buffers) buffer->lease()->ops->release(buffer->lease());
  EXPECT_LE(pool.cached_bytes(), 1u << 20);
  EXPECT_EQ(pool.live(0), 0);
}

// A peak of one size after a peak of another: what the first left behind goes before the second grows.
TEST(BufferPool, KeepsLittleWhileMuchIsInUse) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "nothing is recycled under the address sanitizer";
#endif
  constexpr uint64_t kMiB = 1 << 20;
  const auto release = [](const std::vector<Buffer*>& buffers) {
    for (Buffer* buffer : buffers) buffer->lease()->ops->release(buffer->lease());
  };
  BufferPool pool({.max_cached = 8 * kMiB, .max_held = 16 * kMiB, .max_cached_above = kMiB});
  std::vector<Buffer*> large, small;
  for (int i = 0; i < 8; ++i) large.push_back(pool.alloc(kMiB));
  release(large);
  EXPECT_EQ(pool.cached_bytes(), 8 * kMiB) << "little is in use";
  for (int i = 0; i < 64; ++i) {
    small.push_back(pool.alloc(256 << 10));
    EXPECT_LE(pool.held_bytes(), 17 * kMiB);
  }
  EXPECT_EQ(pool.cached_bytes(), kMiB);
  small.push_back(pool.alloc(256 << 10));
  release(small);
  EXPECT_EQ(pool.cached_bytes(), 8 * kMiB) << "little is in use again";
  EXPECT_EQ(pool.held_bytes(), pool.cached_bytes());
}

// Of many small ones no more goes than a large one needs.
TEST(BufferPool, ManySmallOnesMakeRoomForALargeOne) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "nothing is recycled under the address sanitizer";
#endif
  BufferPool pool({.max_cached = 64 << 20, .max_held = 64 << 20, .max_cached_above = 0});
  std::vector<Buffer*> small;
  for (int i = 0; i < 100'000; ++i) small.push_back(pool.alloc(512));
  for (Buffer* buffer : small) buffer->lease()->ops->release(buffer->lease());
  ASSERT_EQ(pool.cached_bytes(), 100'000u * 512);
  Buffer* const large = pool.alloc(40 << 20);
  EXPECT_LE(pool.held_bytes(), 64u << 20);
  EXPECT_GT(pool.cached_bytes(), 0u) << "no more goes than is needed";
  large->lease()->ops->release(large->lease());
}

TEST(TurnClock, KnowsTheLongestTurnOfTheLastMinutesAndCountsLongOnes) {
  constexpr uint64_t kMs = 1'000'000;
  TurnClock clock;
  uint64_t now = 5'000'000'000'000;
  const auto turn = [&](uint64_t took) {
    clock.note(now, now + took);
    now += took;
  };
  for (const uint64_t ms : {3, 20, 7}) turn(ms * kMs);
  EXPECT_EQ(clock.longest_ns(), 20 * kMs);
  EXPECT_EQ(clock.long_turns(), 0u);
  turn(21 * kMs);
  turn(30 * kMs);
  EXPECT_EQ(clock.long_turns(), 2u);
  now += TurnClock::kWindowNs;
  turn(1 * kMs);
  EXPECT_EQ(clock.longest_ns(), 30 * kMs) << "of the window before";
  now += TurnClock::kWindowNs;
  turn(2 * kMs);
  EXPECT_EQ(clock.longest_ns(), 2 * kMs);
  EXPECT_EQ(clock.long_turns(), 2u);
}

// What a large request leaves in malloc: free pieces below one that is still used.
TEST(TrimMalloc, GivesBackWhatIsNotUsed) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer has a malloc of its own";
#endif
  tune_malloc();
  const auto resident = [] {
    std::ifstream in("/proc/self/statm");
    uint64_t size = 0, pages = 0, shared = 0;
    in >> size >> pages >> shared;
    return (pages - shared) * 4096;
  };
  std::vector<std::unique_ptr<std::string>> pieces;
  for (int i = 0; i < 300; ++i) pieces.push_back(std::make_unique<std::string>(1 << 20, 'x'));
  pieces.erase(pieces.begin(), pieces.end() - 1);
  EXPECT_GT(resident(), 300u << 20);
  trim_malloc(0);
  EXPECT_LT(resident(), 64u << 20);
}

}  // namespace
}  // namespace chronik::host
