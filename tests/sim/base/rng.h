// Randomness of the simulator: every stream is a function of the seed and of a name, nothing else.
#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>

namespace chronik::sim {

// Two 64-bit values folded into one; the heart of the generator and of the digests.
inline uint64_t fold(uint64_t a, uint64_t b) {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

class Rng {
 public:
  explicit Rng(uint64_t seed = 0) : state_(seed) {}
  // A stream of its own for one purpose, so that drawing more in one place changes nothing elsewhere.
  static Rng stream(uint64_t seed, std::string_view purpose, uint64_t which = 0) {
    uint64_t state = fold(seed ^ 0x9e3779b97f4a7c15ull, which * 2 + 0xd6e8feb86659fd93ull);
    for (const char c : purpose) state = fold(state ^ static_cast<uint8_t>(c), 0xe7037ed1a0b428dbull) + 1;
    return Rng(state);
  }

  uint64_t next() {
    state_ += 0xa0761d6478bd642full;
    return fold(state_, state_ ^ 0xe7037ed1a0b428dbull);
  }
  // In [0, n); 0 where n is 0.
  uint64_t below(uint64_t n) {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(next()) * n) >> 64);
  }
  // In [low, high].
  uint64_t between(uint64_t low, uint64_t high) { return low + below(high - low + 1); }
  double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  bool chance(double p) { return p > 0 && unit() < p; }
  // Exponential with this mean.
  uint64_t around(uint64_t mean) {
    return static_cast<uint64_t>(-std::log(1.0 - unit()) * static_cast<double>(mean));
  }

 private:
  uint64_t state_;
};

}  // namespace chronik::sim
