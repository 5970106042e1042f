// The pure parts of the runtime: timer heap, operation table, buffers, receiving and sending queues.
#include "host/net/read_buffer.h"
#include "host/net/write_queue.h"
#include "host/runtime/buffer_pool.h"
#include "host/runtime/op_table.h"
#include "host/runtime/timer_queue.h"

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
  BufferPool pool(1 << 20);
  std::vector<Buffer*> buffers;
  for (int i = 0; i < 8; ++i) buffers.push_back(pool.alloc(256 << 10));
  buffers.push_back(pool.alloc(100 << 20));  // larger than any class
  std::memset(buffers.back()->bytes(), 1, 100 << 20);
  EXPECT_EQ(pool.live(0), 9);
  for (Buffer* buffer : buffers) buffer->lease()->ops->release(buffer->lease());
  EXPECT_LE(pool.cached_bytes(), 1u << 20);
  EXPECT_EQ(pool.live(0), 0);
}

// Receives text into the buffer in pieces of at most `piece`; returns how many bytes were asked for at most
// at once.
void receive(ReadBuffer& input, std::string_view text, size_t piece = SIZE_MAX) {
  while (!text.empty()) {
    const auto space = input.space();
    ASSERT_FALSE(space.empty());
    const size_t n = std::min({space.size(), text.size(), piece});
    std::memcpy(space.data(), text.data(), n);
    input.received(n);
    text.remove_prefix(n);
  }
}

std::string_view view(chr_slice slice) { return {reinterpret_cast<const char*>(slice.p), slice.n}; }

TEST(ReadBuffer, AnnouncedFramesCostOnlyWhatArrived) {
  BufferPool pool;
  ReadBuffer input(pool);
  receive(input, "head");
  input.consumed(0, uint64_t{2} << 30);
  EXPECT_LE(input.space().size(), 8u << 10);
  EXPECT_LE(input.capacity(), 8u << 10);
  std::string body(100'000, 'x');
  receive(input, body, 1000);
  EXPECT_EQ(input.unconsumed().n, 100'004u);
  EXPECT_LE(input.capacity(), 512u << 10);  // twice what arrived, rounded up
  EXPECT_EQ(view(input.unconsumed()), "head" + body);
}

// A frame of 100 MB that comes in steps of 256 KiB, as who counts memory asks for it.
TEST(ReadBuffer, LargeFramesGrowInPlaceByWhatArrived) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "nothing is mapped under the address sanitizer";
#endif
  constexpr uint64_t kStep = 256 << 10, kFrame = 100 << 20;
  BufferPool pool;
  ReadBuffer input(pool);
  uint64_t most = 0;
  for (uint64_t have = 0; have < kFrame; have += kStep) {
    input.consumed(0, have + kStep);
    receive(input, std::string(kStep, static_cast<char>('a' + have / kStep % 26)));
    most = std::max(most, pool.mapped_bytes() - pool.cached_bytes());
    ASSERT_LE(input.capacity(), 2 * (have + kStep));
  }
  EXPECT_LE(most, kFrame + kFrame / 8 + kStep);
  const std::string_view all = view(input.unconsumed());
  ASSERT_EQ(all.size(), kFrame);
  for (uint64_t have = 0; have < kFrame; have += kStep) {
    ASSERT_EQ(all[have], static_cast<char>('a' + have / kStep % 26));
    ASSERT_EQ(all[have + kStep - 1], all[have]);
  }
  input.drop();
  EXPECT_LE(pool.mapped_bytes(), pool.cached_bytes());  // which counts small ones too
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

TEST(ReadBuffer, AProvenPeersLargeFramesComeWithoutACopy) {
  BufferPool pool;
  ReadBuffer input(pool);
  const std::string frame(1'000'000, 'f');
  std::vector<Lease> kept;
  for (int round = 0; round < 4; ++round) {
    size_t received = 0;
    const uint8_t* first = nullptr;
    int moves = 0;
    while (received < frame.size()) {
      const auto space = input.space();
      const size_t n = std::min<size_t>({space.size(), frame.size() - received, 60'000});
      std::memcpy(space.data(), frame.data(), n);
      input.received(n);
      received += n;
      if (first != nullptr && input.unconsumed().p != first) ++moves;
      first = input.unconsumed().p;
      if (received < frame.size()) input.consumed(0, frame.size());
    }
    ASSERT_EQ(input.unconsumed().n, frame.size());
    EXPECT_LE(moves, round == 0 ? 20 : 0) << "round " << round;
    kept.push_back(Lease::share(input.unconsumed().lease));
    input.consumed(frame.size(), 0);
    input.rest(false);
    EXPECT_EQ(input.capacity(), 0u) << "a full frame's buffer belongs to those who keep it";
  }
}

TEST(ReadBuffer, KeptBytesStayWhileTheRestOfTheirBufferIsUsed) {
  BufferPool pool;
  ReadBuffer input(pool);
  std::vector<std::pair<chr_slice, Lease>> kept;
  for (int i = 0; i < 1000; ++i) {
    receive(input, "record " + std::to_string(i));
    const chr_slice bytes = input.unconsumed();
    kept.emplace_back(bytes, Lease::share(bytes.lease));
    input.consumed(bytes.n, 0);
    input.rest(false);
  }
  for (int i = 0; i < 1000; ++i)
    EXPECT_EQ(view(kept[static_cast<size_t>(i)].first), "record " + std::to_string(i));
  EXPECT_LT(pool.live(0), 100);  // they share
  kept.clear();
  input.rest(true);
  EXPECT_EQ(pool.live(0), 0);
}

TEST(ReadBuffer, RandomFramesArriveWhole) {
  std::mt19937 random(11);
  BufferPool pool;
  ReadBuffer input(pool);
  std::string stream, got;
  std::vector<size_t> sizes;
  for (int i = 0; i < 300; ++i) {
    sizes.push_back(random() % 20 == 0 ? random() % 3'000'000 : random() % 5000);
    const auto size = static_cast<uint32_t>(sizes.back());
    stream.append(reinterpret_cast<const char*>(&size), 4);
    for (size_t b = 0; b < size; ++b) stream += static_cast<char>(b * 31 + size);
  }
  std::vector<Lease> kept;
  size_t at = 0;
  uint64_t need = 4;
  while (at < stream.size() || input.unconsumed().n >= need) {
    if (at < stream.size()) {
      const auto space = input.space();
      const size_t n = std::min<size_t>({space.size(), stream.size() - at, 1 + random() % 300'000});
      std::memcpy(space.data(), stream.data() + at, n);
      input.received(n);
      at += n;
    }
    while (input.unconsumed().n >= need) {
      const chr_slice bytes = input.unconsumed();
      uint32_t size = 0;
      std::memcpy(&size, bytes.p, 4);
      need = 4 + uint64_t{size};
      if (bytes.n < need) {
        input.consumed(0, need);
        break;
      }
      got.append(view(bytes).substr(0, need));
      if (random() % 2 == 0) kept.push_back(Lease::share(bytes.lease));
      if (kept.size() > 10) kept.erase(kept.begin());
      input.consumed(need, 0);
      need = 4;
    }
    input.rest(random() % 3 == 0);
  }
  EXPECT_EQ(got.size(), stream.size());
  EXPECT_TRUE(got == stream);
}

struct Foreign {
  chr_buf base{&kOps};
  int references = 1;
  static void CHR_CALL retain(chr_buf* buf) { ++reinterpret_cast<Foreign*>(buf)->references; }
  static void CHR_CALL release(chr_buf* buf) { --reinterpret_cast<Foreign*>(buf)->references; }
  static constexpr chr_buf_ops kOps = {retain, release, nullptr};
};

std::string gathered(const WriteQueue& queue) {
  iovec vectors[64];
  uint64_t bytes = 0;
  std::string out;
  const uint32_t n = queue.gather(vectors, 64, &bytes);
  for (uint32_t i = 0; i < n; ++i)
    out.append(static_cast<const char*>(vectors[i].iov_base), vectors[i].iov_len);
  EXPECT_EQ(bytes, out.size());
  return out;
}

chr_slice slice_of(std::string_view text, chr_buf* lease) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size(), lease};
}

TEST(WriteQueue, ReleasesEachLeaseWhenItsLastByteIsSent) {
  BufferPool pool;
  WriteQueue queue(pool);
  Foreign a, b;
  const chr_slice slices[] = {slice_of("hello ", &a.base), slice_of("", &a.base), slice_of("world", &b.base),
                              slice_of("!", nullptr)};
  queue.push(slices, 4, 5);
  EXPECT_EQ(queue.bytes(), 12u);
  EXPECT_EQ(a.references, 2);
  queue.sent(5);
  EXPECT_EQ(a.references, 2);
  EXPECT_EQ(gathered(queue), " world!");
  queue.sent(3);
  EXPECT_EQ(a.references, 1);
  EXPECT_EQ(b.references, 2);
  queue.clear();
  EXPECT_EQ(b.references, 1);
  EXPECT_TRUE(queue.empty());
}

TEST(WriteQueue, CopiesWhatOthersLease) {
  BufferPool pool;
  WriteQueue queue(pool);
  Foreign a;
  Buffer* own = pool.alloc(10);
  std::memcpy(own->bytes(), "own", 3);
  const chr_slice slices[] = {slice_of("static ", nullptr),
                              slice_of("leased ", &a.base),
                              {own->bytes(), 3, own->lease()},
                              slice_of(" again", &a.base)};
  queue.push(slices, 4, 5);
  own->lease()->ops->release(own->lease());
  EXPECT_EQ(queue.oldest_foreign_ns(), 5u);
  EXPECT_EQ(queue.foreign_bytes(), 13u);
  queue.sent(9);
  ASSERT_TRUE(queue.copy_foreign());
  EXPECT_EQ(a.references, 1);
  EXPECT_EQ(queue.oldest_foreign_ns(), UINT64_MAX);
  EXPECT_EQ(gathered(queue), "ased own again");
  queue.sent(queue.bytes());
  EXPECT_EQ(pool.live(0), 0);
}

}  // namespace
}  // namespace chronik::host
