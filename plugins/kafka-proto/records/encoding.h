// Kafka's primitive encodings inside record batches: big-endian integers and zigzag varints.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "kafka-proto/wire/types.h"

namespace chronik::kafka {

using MutableBytes = std::span<uint8_t>;

template <class T>
T load_be(const uint8_t* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  if constexpr (std::endian::native == std::endian::little) value = std::byteswap(value);
  return value;
}

template <class T>
void store_be(uint8_t* p, T value) {
  if constexpr (std::endian::native == std::endian::little) value = std::byteswap(value);
  std::memcpy(p, &value, sizeof value);
}

inline constexpr size_t kMaxVarintBytes = 5;
inline constexpr size_t kMaxVarlongBytes = 10;

constexpr int64_t unzigzag(uint64_t raw) { return static_cast<int64_t>((raw >> 1) ^ (~(raw & 1) + 1)); }
constexpr uint64_t zigzag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}

// Reads a zigzag varint of at most 64 bits at p and moves p behind it. False: no whole
// one before end, or too long.
inline bool read_varlong(const uint8_t*& p, const uint8_t* end, int64_t& out) {
  if (p != end && static_cast<uint8_t>(*p) < 0x80) [[likely]] {
    out = unzigzag(static_cast<uint64_t>(*p++));
    return true;
  }
  uint64_t raw = 0;
  for (unsigned shift = 0; shift < 70 && p != end; shift += 7) {
    const auto byte = static_cast<uint64_t>(*p++);
    raw |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      if (shift == 63 && byte > 1) return false;
      out = unzigzag(raw);
      return true;
    }
  }
  return false;
}

// The same for 32 bits.
inline bool read_varint(const uint8_t*& p, const uint8_t* end, int32_t& out) {
  if (p != end && static_cast<uint8_t>(*p) < 0x80) [[likely]] {
    out = static_cast<int32_t>(unzigzag(static_cast<uint64_t>(*p++)));
    return true;
  }
  uint32_t raw = 0;
  for (unsigned shift = 0; shift < 35 && p != end; shift += 7) {
    const auto byte = static_cast<uint32_t>(*p++);
    raw |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      if (shift == 28 && byte > 15) return false;
      out = static_cast<int32_t>((raw >> 1) ^ (~(raw & 1) + 1));
      return true;
    }
  }
  return false;
}

inline void append_varlong(std::vector<uint8_t>& out, int64_t value) {
  uint64_t raw = zigzag(value);
  for (; raw >= 0x80; raw >>= 7) out.push_back(static_cast<uint8_t>(raw | 0x80));
  out.push_back(static_cast<uint8_t>(raw));
}

constexpr size_t varlong_size(int64_t value) {
  return (static_cast<size_t>(std::bit_width(zigzag(value) | 1)) + 6) / 7;
}

}  // namespace chronik::kafka
