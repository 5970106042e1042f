// Delays that grow by a factor, up to a limit, for a bounded number of attempts. Pure. The defaults of the keys
// stand in the schema (plugin.cc).
#pragma once

#include <cstdint>
#include <optional>

namespace chronik::retry {

struct Schedule {
  uint64_t first_ns = 0;
  uint64_t multiplier = 1;
  uint64_t limit_ns = 0;
  uint32_t attempts = 0;        // how many may fail before it gives up; 0: it never does
  uint32_t jitter_percent = 0;  // a delay varies by up to this much in either direction, never past the limit

  // How long to wait after `failed` attempts (from 1 on), or nothing: give up.
  std::optional<uint64_t> delay_ns(uint32_t failed, uint64_t seed) const;
};

}  // namespace chronik::retry
