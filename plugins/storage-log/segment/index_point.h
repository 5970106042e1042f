// The sparse index of a segment: a point for a record every so many bytes.
#pragma once

#include "storage-log/segment/place.h"

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

namespace chronik::storage_log {

constexpr uint64_t kPointDistance = 32u << 10;

// A record that a search may begin at.
struct IndexPoint {
  uint64_t index = 0;
  int64_t base_offset = 0;
  int64_t log_max_timestamp = 0;
  uint64_t at = 0;
  bool operator==(const IndexPoint&) const = default;
};
static_assert(sizeof(IndexPoint) == 32, "as in the file");

inline bool wants_point(std::span<const IndexPoint> points, uint64_t at) {
  return points.empty() || at >= points.back().at + kPointDistance;
}

// The last point that is before(point), which holds for a first part of them.
template <class Before>
std::optional<IndexPoint> last_point(std::span<const IndexPoint> points, Before before) {
  const auto end = std::ranges::partition_point(points, before);
  if (end == points.begin()) return std::nullopt;
  return *(end - 1);
}

// Points of one segment that are not in its index file yet. The last one stays when it was written, as the next one's distance is
// counted from it.
struct FreshPoints {
  uint64_t segment = 0;
  size_t written = 0;
  std::vector<IndexPoint> points;
};

}  // namespace chronik::storage_log
