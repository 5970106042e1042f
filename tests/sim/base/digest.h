// A fast 64-bit digest of bytes: for the trace hash and for comparing payloads. Not cryptographic.
#pragma once

#include "sim/base/rng.h"

#include <cstring>
#include <string_view>

namespace chronik::sim {

inline uint64_t digest(const void* bytes, uint64_t n, uint64_t seed = 0) {
  const auto* p = static_cast<const uint8_t*>(bytes);
  uint64_t a = seed ^ 0x8ebc6af09c88c6e3ull, b = n + 0x589965cc75374cc3ull;
  const auto load = [](const uint8_t* at) {
    uint64_t v;
    std::memcpy(&v, at, sizeof v);
    return v;
  };
  for (; n >= 32; n -= 32, p += 32) {
    a = fold(a ^ load(p), load(p + 8) ^ 0xa0761d6478bd642full);
    b = fold(b ^ load(p + 16), load(p + 24) ^ 0xe7037ed1a0b428dbull);
  }
  for (; n >= 8; n -= 8, p += 8) a = fold(a ^ load(p), 0xeb44accab455d165ull);
  uint64_t tail = 0;
  std::memcpy(&tail, p, n);
  return fold(a ^ tail, b ^ 0x1d8e4e27c47d124full);
}
inline uint64_t digest(std::string_view text, uint64_t seed = 0) {
  return digest(text.data(), text.size(), seed);
}

}  // namespace chronik::sim
