// The sparse index of a segment: a point for a record every so many bytes.
#pragma once

#include "storage-log/segment/place.h"

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

namespace chronik::storage_log {

constexpr uint64_t kPointDistance = 32u << 10;
constexpr size_t kIndexBlockPoints = 127;

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

// Points of one segment.
struct SegmentPoints {
  uint64_t segment = 0;
  size_t written = 0;  // so many of them are in the index file
  std::vector<IndexPoint> points;
};

// The points of a log that are not in its index files yet, of the segment that is being written and of those before it.
// Used by one thread at a time.
class FreshPoints {
 public:
  void add(const chr_entry_header& header, const Place& place);
  // What lies there, or behind it in the same segment, is cut off.
  void cut(const Place& from);
  void remove(uint64_t segment);
  template <class Before>
  std::optional<IndexPoint> last(uint64_t segment, Before before) const {
    for (const SegmentPoints& fresh : segments_)
      if (fresh.segment == segment) return last_point(std::span<const IndexPoint>(fresh.points), before);
    return std::nullopt;
  }
  // The first ones that are due for a file: a whole block, or what is left of a segment that is not the last one.
  std::optional<SegmentPoints> due(size_t block) const;
  bool is_due(size_t block) const { return first_due(block) != nullptr; }
  // So many more of a segment are in its file. The last of them stays, as the next one's distance is counted from it.
  void written(uint64_t segment, size_t n);

 private:
  const SegmentPoints* first_due(size_t block) const;

  std::vector<SegmentPoints> segments_;
};

}  // namespace chronik::storage_log
