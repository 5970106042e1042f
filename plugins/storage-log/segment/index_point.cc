#include "storage-log/segment/index_point.h"

namespace chronik::storage_log {
namespace {

constexpr size_t kFewPoints = 4;  // of a segment that has ended: a short scan finds them again

}  // namespace

void FreshPoints::add(const chr_entry_header& header, const Place& place) {
  if (segments_.empty() || segments_.back().segment != place.segment) {
    if (!segments_.empty() && segments_.back().points.size() < segments_.back().written + kFewPoints)
      segments_.pop_back();
    segments_.push_back({place.segment, 0, {}});
  }
  std::vector<IndexPoint>& points = segments_.back().points;
  if (wants_point(points, place.at))
    points.push_back({header.index, header.base_offset, header.log_max_timestamp, place.at});
}

void FreshPoints::cut(const Place& from) {
  if (segments_.empty() || segments_.back().segment != from.segment) return;
  SegmentPoints& fresh = segments_.back();
  std::erase_if(fresh.points, [&](const IndexPoint& point) { return point.at >= from.at; });
  fresh.written = std::min(fresh.written, fresh.points.size());
}

void FreshPoints::remove(uint64_t segment) {
  std::erase_if(segments_, [&](const SegmentPoints& fresh) { return fresh.segment == segment; });
}

const SegmentPoints* FreshPoints::first_due(size_t block) const {
  for (const SegmentPoints& fresh : segments_) {
    const size_t left = fresh.points.size() - fresh.written;
    if (left != 0 && (left >= block || &fresh != &segments_.back())) return &fresh;
  }
  return nullptr;
}

std::optional<SegmentPoints> FreshPoints::due(size_t block) const {
  const SegmentPoints* const fresh = first_due(block);
  if (fresh == nullptr) return std::nullopt;
  const std::span<const IndexPoint> left = std::span(fresh->points).subspan(fresh->written);
  const auto some = left.first(std::min(left.size(), block));
  return SegmentPoints{fresh->segment, 0, {some.begin(), some.end()}};
}

void FreshPoints::written(uint64_t segment, size_t n) {
  for (SegmentPoints& fresh : segments_) {
    if (fresh.segment != segment) continue;
    fresh.written = std::min(fresh.written + n, fresh.points.size());
    const size_t gone = fresh.written == 0 ? 0 : fresh.written - 1;
    fresh.points.erase(fresh.points.begin(), fresh.points.begin() + static_cast<ptrdiff_t>(gone));
    fresh.written -= gone;
  }
  std::erase_if(segments_, [&](const SegmentPoints& fresh) {
    return fresh.segment == segment && fresh.written == fresh.points.size() && &fresh != &segments_.back();
  });
}

}  // namespace chronik::storage_log
