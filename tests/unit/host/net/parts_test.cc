// Where bytes wait on their way in and out: no sockets, one thread.
#include "host/net/read_buffer.h"
#include "host/net/write_queue.h"
#include "host/runtime/buffer_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <string>

namespace chronik::host {
namespace {

// Receives text into the buffer in pieces of at most `piece`; returns how many bytes
// were asked for at most at once.
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
