#include <gtest/gtest.h>

#include <chronik/crc32c.hpp>
#include <random>
#include <vector>

namespace chronik::crc32c {
namespace {

// Bit by bit, from the definition.
uint32_t reference(const uint8_t* p, size_t n) {
  uint32_t crc = 0xffffffff;
  for (size_t i = 0; i < n; ++i) {
    crc ^= p[i];
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1)));
  }
  return ~crc;
}

std::vector<uint8_t> noise(size_t n) {
  std::mt19937 random(7);
  std::vector<uint8_t> bytes(n);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

TEST(Crc32c, KnownVectors) {
  EXPECT_EQ(extend(0, "123456789", 9), 0xe3069283u);
  EXPECT_EQ(extend(0, "", 0), 0u);
  const std::vector<uint8_t> zeros(32, 0), ones(32, 0xff);  // RFC 3720, B.4
  EXPECT_EQ(extend(0, zeros.data(), zeros.size()), 0x8a9136aau);
  EXPECT_EQ(extend(0, ones.data(), ones.size()), 0x62a8ab43u);
}

TEST(Crc32c, EveryPathAgreesWithTheDefinition) {
  const std::vector<uint8_t> bytes = noise(40'000);
  std::mt19937 random(11);
  for (int i = 0; i < 300; ++i) {
    const size_t at = random() % 64, n = i < 100 ? static_cast<size_t>(i) : random() % 39'000;
    const uint32_t expected = reference(bytes.data() + at, n);
    EXPECT_EQ(extend(0, bytes.data() + at, n), expected) << at << " " << n;
    EXPECT_EQ(~detail::extend_table(~0u, bytes.data() + at, n), expected) << at << " " << n;
  }
}

TEST(Crc32c, LaneBordersAgree) {
  const std::vector<uint8_t> bytes = noise(3 * 4096 * 2 + 3 * 256 * 2 + 17);
  for (const size_t n : {767u, 768u, 769u, 1536u, 12287u, 12288u, 12289u, 13056u, 24576u, 26129u})
    EXPECT_EQ(extend(0, bytes.data(), n), reference(bytes.data(), n)) << n;
}

TEST(Crc32c, ExtendsCombinesAndReplaces) {
  const std::vector<uint8_t> bytes = noise(20'000);
  std::mt19937 random(13);
  for (int i = 0; i < 200; ++i) {
    const size_t n = random() % 20'000, head = n == 0 ? 0 : random() % n;
    const uint32_t a = extend(0, bytes.data(), head), b = extend(0, bytes.data() + head, n - head);
    const uint32_t whole = extend(0, bytes.data(), n);
    EXPECT_EQ(extend(a, bytes.data() + head, n - head), whole);
    EXPECT_EQ(combine(a, b, n - head), whole);

    std::vector<uint8_t> changed(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(n));
    for (size_t k = 0; k < head; ++k) changed[k] ^= 0x5a;
    const uint32_t new_head = extend(0, changed.data(), head);
    EXPECT_EQ(replace_prefix(whole, a, new_head, n - head), extend(0, changed.data(), n));
  }
}

TEST(Crc32c, MovesOverAnyLengthAlikeWithAndWithoutTheInstructions) {
  static_assert(combine(0x12345678, 0, 1u << 20) ==
                detail::multiply(detail::power_of_x((1u << 20) * 8), 0x12345678));
  std::mt19937_64 random(17);
  for (int i = 0; i < 2'000; ++i) {
    const uint64_t n = random() >> (4 + random() % 60);  // so that 8 * n fits
    const auto crc = static_cast<uint32_t>(random());
    const uint32_t expected = detail::multiply(detail::power_of_x(n * 8), crc);
    ASSERT_EQ(detail::move_table(crc, n), expected) << n;
    ASSERT_EQ(detail::move(crc, n), expected) << n;
  }
}

}  // namespace
}  // namespace chronik::crc32c
