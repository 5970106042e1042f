// CRC32C (Castagnoli), the checksum of Kafka's record batches. Header-only, [any]
// thread, no state, no allocation.
//
// With SSE4.2 and PCLMUL (asked of the CPU at run time) three lanes run interleaved, since one crc32
// instruction takes three cycles but a new one can start in each; elsewhere a slicing-by-8 table does the
// work. Both give the same values.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace chronik::crc32c {

namespace detail {

inline constexpr uint32_t kPolynomial = 0x82f63b78;  // bit-reflected: x^0 is the top bit

// a * b mod P, both bit-reflected.
constexpr uint32_t multiply(uint32_t a, uint32_t b) {
  uint32_t product = 0;
  for (uint32_t bit = 0x80000000u; bit != 0; bit >>= 1) {
    if (a & bit) product ^= b;
    b = (b & 1) ? (b >> 1) ^ kPolynomial : b >> 1;
  }
  return product;
}

// x^n mod P.
constexpr uint32_t power_of_x(uint64_t n) {
  uint32_t result = 0x80000000u;
  uint32_t square = 0x40000000u;
  for (; n != 0; n >>= 1) {
    if (n & 1) result = multiply(result, square);
    square = multiply(square, square);
  }
  return result;
}

// x^-33 mod P: the powers of x repeat after 2^31 - 1 of them.
inline constexpr uint32_t kBack33 = power_of_x((uint64_t{1} << 31) - 1 - 33);

// At k: x^(8 * 2^k), which moves a CRC over 2^k zero bytes; times x^-33, see shift_factor().
struct Moves {
  std::array<uint32_t, 64> plain{}, hardware{};
};
constexpr Moves make_moves() {
  Moves moves;
  uint32_t power = power_of_x(8);
  for (size_t k = 0; k < 64; ++k, power = multiply(power, power)) {
    moves.plain[k] = power;
    moves.hardware[k] = multiply(power, kBack33);
  }
  return moves;
}
inline constexpr Moves kMoves = make_moves();

constexpr uint32_t move_table(uint32_t crc, uint64_t n) {
  for (; n != 0; n &= n - 1) crc = multiply(kMoves.plain[static_cast<size_t>(std::countr_zero(n))], crc);
  return crc;
}

using Tables = std::array<std::array<uint32_t, 256>, 8>;

constexpr Tables make_tables() {
  Tables tables{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) ? (crc >> 1) ^ kPolynomial : crc >> 1;
    tables[0][i] = crc;
  }
  for (size_t t = 1; t < 8; ++t)
    for (uint32_t i = 0; i < 256; ++i)
      tables[t][i] = (tables[t - 1][i] >> 8) ^ tables[0][tables[t - 1][i] & 0xff];
  return tables;
}

inline constexpr Tables kTables = make_tables();

inline uint64_t load64(const uint8_t* p) {
  uint64_t value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

inline uint32_t extend_table(uint32_t crc, const uint8_t* p, size_t n) {
  if constexpr (std::endian::native == std::endian::little) {
    for (; n >= 8; p += 8, n -= 8) {
      const uint64_t x = load64(p) ^ crc;
      crc = kTables[7][x & 0xff] ^ kTables[6][(x >> 8) & 0xff] ^ kTables[5][(x >> 16) & 0xff] ^
            kTables[4][(x >> 24) & 0xff] ^ kTables[3][(x >> 32) & 0xff] ^ kTables[2][(x >> 40) & 0xff] ^
            kTables[1][(x >> 48) & 0xff] ^ kTables[0][x >> 56];
    }
  }
  for (; n > 0; ++p, --n) crc = (crc >> 8) ^ kTables[0][(crc ^ *p) & 0xff];
  return crc;
}

#if defined(__x86_64__)

// Lengths of one lane: long ones amortise the merge of the lanes, short ones serve what is left.
inline constexpr size_t kLongLane = 4096;
inline constexpr size_t kShortLane = 256;

// The factor that moves a CRC over n zero bytes when the product then passes through one crc32 instruction,
// which multiplies by x^32 itself (and the carry-less product of reflected numbers lies one bit off).
constexpr uint32_t shift_factor(size_t n) { return power_of_x(n * 8 - 33); }

template <size_t kLane>
__attribute__((target("sse4.2,pclmul"))) inline const uint8_t* lanes(uint64_t& crc, const uint8_t* p) {
  uint64_t crc0 = crc, crc1 = 0, crc2 = 0;
  for (size_t i = 0; i < kLane; i += 8) {
    crc0 = _mm_crc32_u64(crc0, load64(p + i));
    crc1 = _mm_crc32_u64(crc1, load64(p + kLane + i));
    crc2 = _mm_crc32_u64(crc2, load64(p + 2 * kLane + i));
  }
  constexpr uint32_t kTwoLanes = shift_factor(2 * kLane), kOneLane = shift_factor(kLane);
  const __m128i a = _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<int64_t>(crc0)),
                                         _mm_cvtsi32_si128(static_cast<int>(kTwoLanes)), 0);
  const __m128i b = _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<int64_t>(crc1)),
                                         _mm_cvtsi32_si128(static_cast<int>(kOneLane)), 0);
  const auto merged = static_cast<uint64_t>(_mm_cvtsi128_si64(_mm_xor_si128(a, b)));
  crc = _mm_crc32_u64(0, merged) ^ crc2;
  return p + 3 * kLane;
}

__attribute__((target("sse4.2,pclmul"))) inline uint32_t extend_sse42(uint32_t start, const uint8_t* p,
                                                                      size_t n) {
  uint64_t crc = start;
  for (; n >= 3 * kLongLane; n -= 3 * kLongLane) p = lanes<kLongLane>(crc, p);
  for (; n >= 3 * kShortLane; n -= 3 * kShortLane) p = lanes<kShortLane>(crc, p);
  for (; n >= 8; p += 8, n -= 8) crc = _mm_crc32_u64(crc, load64(p));
  auto tail = static_cast<uint32_t>(crc);
  for (; n > 0; ++p, --n) tail = _mm_crc32_u8(tail, *p);
  return tail;
}

__attribute__((target("sse4.2,pclmul"))) inline uint32_t move_sse42(uint32_t crc, uint64_t n) {
  for (; n != 0; n &= n - 1) {
    const uint32_t factor = kMoves.hardware[static_cast<size_t>(std::countr_zero(n))];
    const __m128i product = _mm_clmulepi64_si128(_mm_cvtsi32_si128(static_cast<int>(crc)),
                                                 _mm_cvtsi32_si128(static_cast<int>(factor)), 0);
    crc = static_cast<uint32_t>(_mm_crc32_u64(0, static_cast<uint64_t>(_mm_cvtsi128_si64(product))));
  }
  return crc;
}

inline bool has_sse42() { return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul"); }

#endif

// The CRC of n zero bytes behind what `crc` covers, but for the inversions.
constexpr uint32_t move(uint32_t crc, uint64_t n) {
#if defined(__x86_64__)
  if (!std::is_constant_evaluated() && has_sse42()) return move_sse42(crc, n);
#endif
  return move_table(crc, n);
}

}  // namespace detail

// The CRC of what `crc` covers followed by n bytes at data. Start with 0.
inline uint32_t extend(uint32_t crc, const void* data, size_t n) {
  const auto* p = static_cast<const uint8_t*>(data);
#if defined(__x86_64__)
  if (detail::has_sse42()) return ~detail::extend_sse42(~crc, p, n);
#endif
  return ~detail::extend_table(~crc, p, n);
}

inline uint32_t value(std::span<const uint8_t> bytes) { return extend(0, bytes.data(), bytes.size()); }

// The CRC of `a` followed by `b`, from the CRCs of both and the length of b; the bytes are not read.
constexpr uint32_t combine(uint32_t crc_a, uint32_t crc_b, uint64_t length_b) {
  return detail::move(crc_a, length_b) ^ crc_b;
}

// The CRC of a text whose beginning was replaced by another of the same length: from the CRC of the whole, of
// the old and of the new beginning, and the number of bytes behind it, which are not read.
constexpr uint32_t replace_prefix(uint32_t crc, uint32_t crc_old, uint32_t crc_new, uint64_t length_behind) {
  return crc ^ detail::move(crc_old ^ crc_new, length_behind);
}

}  // namespace chronik::crc32c
