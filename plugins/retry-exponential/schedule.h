// Delays that grow by a factor, up to a limit, for a bounded number of attempts. Pure.
#pragma once

#include <cstdint>
#include <optional>

namespace chronik::retry {

struct Schedule {
  uint64_t first_ns = 100'000'000;
  uint64_t multiplier = 2;
  uint64_t limit_ns = 5'000'000'000;
  uint32_t attempts = 5;        // how many may fail before it gives up; 0: it never does
  uint32_t jitter_percent = 0;  // a delay varies by up to this much in either direction, never past the limit

  // How long to wait after `failed` attempts (from 1 on), or nothing: give up.
  std::optional<uint64_t> delay_ns(uint32_t failed, uint64_t seed) const;
};

}  // namespace chronik::retry
