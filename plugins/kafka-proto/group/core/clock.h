// Now: the leader's time, handed in by whoever calls; nothing that is applied reads it.
#pragma once

#include <cstdint>

namespace chronik::kafka::group {

struct Now {
  int64_t monotonic_ms = 0;  // deadlines are of this
  int64_t wall_ms = 0;       // what records carry
};

}  // namespace chronik::kafka::group
