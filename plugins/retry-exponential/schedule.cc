#include "retry-exponential/schedule.h"

#include <algorithm>

namespace chronik::retry {
namespace {

uint64_t scatter(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

}  // namespace

std::optional<uint64_t> Schedule::delay_ns(uint32_t failed, uint64_t seed) const {
  if (attempts != 0 && failed >= attempts) return std::nullopt;
  uint64_t delay = std::min(first_ns, limit_ns);
  for (uint32_t i = 1; i < failed && delay < limit_ns && multiplier > 1; ++i) {
    delay = delay > limit_ns / multiplier ? limit_ns : delay * multiplier;
  }
  if (jitter_percent == 0) return delay;
  const uint64_t spread = delay / 100 * jitter_percent;
  return std::min(limit_ns, delay - spread + scatter(seed) % (2 * spread + 1));
}

}  // namespace chronik::retry
