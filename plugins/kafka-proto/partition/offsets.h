// Timestamps that ask ListOffsets for a place instead of a time.
#pragma once

#include <cstdint>

namespace chronik::kafka {

inline constexpr int64_t kLatest = -1;
inline constexpr int64_t kEarliest = -2;
inline constexpr int64_t kMaxTimestamp = -3;     // version 7 on
inline constexpr int64_t kEarliestLocal = -4;    // version 8 on; the same as earliest without a remote tier
inline constexpr int64_t kLatestTiered = -5;     // version 9 on; nothing is tiered
inline constexpr int64_t kEarliestPending = -6;  // version 11 on; nothing waits to be tiered

}  // namespace chronik::kafka
