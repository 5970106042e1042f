// Frames to several peers: what they have in common is summed once, and each is the
// frame that it would be alone.
#include "tests/unit/host/link/link_fixture.h"

#include "host/link/link_outbox.h"
#include "host/runtime/shard.h"
#include "host/runtime/slice_sums.h"

#include <array>
#include <memory>
#include <random>

namespace chronik::host {
namespace {

constexpr chr_uuid kAny{};

// Noise in a buffer of the pool, which gives it back.
struct Piece {
  Piece(BufferPool& pool, uint64_t n, uint32_t seed) : buffer(pool.alloc(n)), size(n) {
    std::mt19937 random(seed);
    for (uint64_t i = 0; i < n; ++i) buffer->bytes()[i] = static_cast<uint8_t>(random());
  }
  ~Piece() { buffer->lease()->ops->release(buffer->lease()); }
  Piece(const Piece&) = delete;
  Piece& operator=(const Piece&) = delete;
  chr_slice slice() const { return {buffer->bytes(), size, buffer->lease()}; }
  Buffer* const buffer;
  const uint64_t size;
};

// All that waits to be sent, as it goes out.
std::string drain(BufferPool& pool, LinkOutbox& outbox) {
  WriteQueue queue(pool);
  outbox.take_frames(&queue, 0);
  std::array<iovec, 64> vectors{};
  uint64_t bytes = 0;
  std::string out;
  const uint32_t n = queue.gather(vectors.data(), vectors.size(), &bytes);
  for (uint32_t i = 0; i < n; ++i)
    out.append(static_cast<const char*>(vectors[i].iov_base), vectors[i].iov_len);
  EXPECT_EQ(out.size(), queue.bytes());
  return out;
}

TEST(SliceSums, ThreePeersCostOnePassAndGetTheSameBytes) {
  BufferPool pool;
  const Piece head(pool, 120, 1), small(pool, SliceSums::kMinBytes - 1, 2),
      batch(pool, SliceSums::kMinBytes, 3), odd(pool, 16'411, 4), large(pool, (1 << 20) + 7, 5);
  const std::vector<chr_slice> slices = {head.slice(),  batch.slice(), {nullptr, 0, nullptr}, odd.slice(),
                                         small.slice(), odd.slice(),   large.slice()};
  const auto n = static_cast<uint32_t>(slices.size());
  LinkOutbox alone(pool, 64 << 20);
  alone.open();
  bool wake = false;
  ASSERT_EQ(alone.push(7, slices.data(), n, nullptr, &wake), CHR_OK);
  const std::string expected = drain(pool, alone);

  SliceSums sums;
  for (int peer = 0; peer < 3; ++peer) {
    LinkOutbox outbox(pool, 64 << 20);
    outbox.open();
    ASSERT_EQ(outbox.push(7, slices.data(), n, &sums, &wake), CHR_OK);
    EXPECT_EQ(drain(pool, outbox), expected) << peer;
  }
  EXPECT_EQ(sums.summed_bytes(), batch.size + odd.size + large.size);
}

TEST(SliceSums, MemoryIsNotUsedAnewWhileItsSumIsKnown) {
  BufferPool pool;
  SliceSums sums;
  const uint8_t* before = nullptr;
  {
    const Piece piece(pool, 16'384, 1);
    before = piece.slice().p;
    (void)sums.of(piece.slice());
  }
  {
    const Piece other(pool, 16'384, 2);
    EXPECT_NE(other.slice().p, before);
    EXPECT_EQ(sums.of(other.slice()), crc32c::extend(0, other.slice().p, other.size));
    sums.clear();
  }
  for (uint32_t seed = 3; seed < 6; ++seed) {  // the same memory each time
    const Piece again(pool, 16'384, seed);
    EXPECT_EQ(sums.of(again.slice()), crc32c::extend(0, again.slice().p, again.size));
    sums.clear();
  }
  EXPECT_TRUE(sums.empty());
}

TEST(SliceSums, ManySlicesPushOneAnotherOutAndStayRight) {
  BufferPool pool;
  SliceSums sums;
  std::vector<std::unique_ptr<Piece>> pieces;
  for (uint32_t i = 0; i < 3'000; ++i)
    pieces.push_back(std::make_unique<Piece>(pool, SliceSums::kMinBytes + i % 7, i));
  for (int round = 0; round < 2; ++round)
    for (const auto& piece : pieces)
      ASSERT_EQ(sums.of(piece->slice()), crc32c::extend(0, piece->slice().p, piece->size));
  sums.clear();
  for (const auto& piece : pieces) EXPECT_TRUE(piece->buffer->unique());
}

TEST(SliceSums, WhatNobodyLeasesIsSummedEachTime) {
  SliceSums sums;
  std::string text(SliceSums::kMinBytes, 'a');
  const chr_slice slice{reinterpret_cast<const uint8_t*>(text.data()), text.size(), nullptr};
  EXPECT_EQ(sums.of(slice), crc32c::extend(0, text.data(), text.size()));
  text[1] = 'b';
  EXPECT_EQ(sums.of(slice), crc32c::extend(0, text.data(), text.size()));
  EXPECT_TRUE(sums.empty());
}

// A node with two others, which hear what it says.
struct Three {
  Three() {
    for (int32_t id = 1; id <= 3; ++id) {
      LinkOptions options;
      options.node = id;
      nodes.push_back(std::make_unique<LinkNode>(options));
    }
    for (int32_t other : {2, 3}) {
      EXPECT_EQ(one().links().set_peer(other, of(other).address(), kAny), CHR_OK);
      EXPECT_EQ(of(other).links().set_peer(1, one().address(), kAny), CHR_OK);
    }
    for (const auto& node : nodes) node->start();
    EXPECT_TRUE(of(2).channel.told("+1 "));
    EXPECT_TRUE(of(3).channel.told("+1 "));
    while (!one().links().is_up(2) || !one().links().is_up(3)) std::this_thread::yield();
  }
  LinkNode& of(int32_t id) { return *nodes.at(static_cast<size_t>(id - 1)); }
  LinkNode& one() { return of(1); }
  void send_to_both(const chr_slice& slice) {
    for (int32_t other : {2, 3})
      EXPECT_EQ(one().links().send(one().channel_id(), other, CHR_LANE_BULK, &slice, 1), CHR_OK);
  }
  void expect_both_got(const std::string& text) {
    for (int32_t other : {2, 3}) {
      const auto frame = of(other).channel.next();
      ASSERT_TRUE(frame);
      EXPECT_EQ(frame->bytes, text);
    }
  }
  std::vector<std::unique_ptr<LinkNode>> nodes;
};

// What was sent may arrive, and this be asked, before the turn is over: the next one is asked then.
void expect_forgotten(Runtime& runtime) {
  bool empty = false;
  for (int turn = 0; !empty && turn < 1000; ++turn)
    runtime.run_on(1, [&empty] { empty = Shard::current()->sums().empty(); });
  EXPECT_TRUE(empty);
}

TEST(SliceSums, AShardForgetsThemAtTheEndOfItsTurn) {
  Three nodes;
  Runtime& runtime = nodes.one().runtime();
  const std::string text(100'000, 'x');
  const chr_slice slice = nodes.one().copy(text);
  const Lease lease = Lease::adopt(slice.lease);
  uint64_t summed = 0;
  runtime.run_on(1, [&] {
    nodes.send_to_both(slice);
    summed = Shard::current()->sums().summed_bytes();
    EXPECT_FALSE(Shard::current()->sums().empty());
  });
  EXPECT_EQ(summed, text.size());
  nodes.expect_both_got(text);
  expect_forgotten(runtime);

  // From a timer, after which nothing else need be done.
  struct Late {
    Three* nodes;
    chr_slice slice;
  } late{&nodes, slice};
  runtime.run_on(1, [&] {
    runtime.timer_start(
        0,
        [](void* context) {
          const auto* due = static_cast<Late*>(context);
          due->nodes->send_to_both(due->slice);
        },
        &late);
  });
  nodes.expect_both_got(text);
  expect_forgotten(runtime);
  runtime.run_on(1, [&] { EXPECT_EQ(Shard::current()->sums().summed_bytes(), 2 * text.size()); });
}

}  // namespace
}  // namespace chronik::host
