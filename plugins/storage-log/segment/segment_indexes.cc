#include "storage-log/segment/segment_indexes.h"

#include <chronik/crc32c.hpp>

#include <algorithm>

namespace chronik::storage_log {
namespace {

struct Block {
  uint32_t crc;  // of all behind this field
  uint32_t n;
  uint64_t group;
  uint64_t segment;
  uint64_t number;  // of the block in its file
  IndexPoint points[kIndexBlockPoints];
};
static_assert(sizeof(Block) == 4096);

uint32_t crc_of(const Block& block) {
  return crc32c::extend(0, reinterpret_cast<const uint8_t*>(&block) + sizeof block.crc,
                        sizeof block - sizeof block.crc);
}

bool is_of(const Block& block, const SegmentId& id, uint64_t number) {
  return block.crc == crc_of(block) && block.group == id.group && block.segment == id.number &&
         block.number == number && block.n <= kIndexBlockPoints;
}

// The points of [from, to) with one at `from`, in so far as heads are whole.
Status scan(SegmentView& view, uint64_t from, uint64_t to, std::vector<IndexPoint>* out) {
  RecordHead head;
  for (uint64_t at = from; at < to; at += record_bytes(head.header.bytes)) {
    const SegmentView::Found found = view.head(at, &head);
    if (found == SegmentView::Found::kRefused) return std::unexpected(view.refusal());
    if (found != SegmentView::Found::kWhole) {
      CHRONIK_TRY(at, view.next_whole(at, &head));
      if (at >= to) return {};
    }
    if (wants_point(*out, at))
      out->push_back({head.header.index, head.header.base_offset, head.header.log_max_timestamp, at});
  }
  return {};
}

// With points where too few of them are.
Result<std::vector<IndexPoint>> fill(SegmentView& view, const std::vector<IndexPoint>& points) {
  std::vector<IndexPoint> full;
  if (points.empty() || points.front().at != view.begin())
    CHRONIK_CHECK(scan(view, view.begin(), points.empty() ? view.limit() : points.front().at, &full));
  for (size_t i = 0; i < points.size(); ++i) {
    const uint64_t next = i + 1 < points.size() ? points[i + 1].at : view.limit();
    full.push_back(points[i]);
    if (next - points[i].at > 2 * kPointDistance) CHRONIK_CHECK(scan(view, points[i].at, next, &full));
  }
  return full;
}

// With what another thread has put behind them meanwhile.
SegmentIndexes::Points with_later(SegmentIndexes::Points points, const SegmentIndexes::Points& others) {
  if (others == nullptr || others->empty()) return points;
  if (points->empty() || others->back().at <= points->back().at) return points;
  auto all = std::make_shared<std::vector<IndexPoint>>(*points);
  for (const IndexPoint& point : *others)
    if (point.at > points->back().at) all->push_back(point);
  return all;
}

}  // namespace

SegmentIndexes::Points SegmentIndexes::find(const SegmentId& id) {
  const std::lock_guard lock(mutex_);
  const auto found = cached_.find(id);
  if (found == cached_.end()) return nullptr;
  found->second.used = ++uses_;
  return found->second.points;
}

Result<SegmentIndexes::Points> SegmentIndexes::load(SegmentView& view, bool again) {
  const SegmentId& id = view.id();
  {
    const std::lock_guard lock(mutex_);
    const auto found = cached_.find(id);
    if (found != cached_.end() && (found->second.made_again || !again)) return found->second.points;
  }
  CHRONIK_TRY(std::vector<IndexPoint> filled,
              fill(view, again ? std::vector<IndexPoint>() : read_file(view)));
  Points points = std::make_shared<const std::vector<IndexPoint>>(std::move(filled));
  keep(id, points, again);
  return points;
}

std::vector<IndexPoint> SegmentIndexes::read_file(const SegmentView& view) { return stored(view).points; }

// A block at a time: the file may be sparse, and larger than all memory.
SegmentIndexes::Stored SegmentIndexes::stored(const SegmentView& view) {
  const SegmentId& id = view.id();
  Stored out;
  std::vector<IndexPoint>& points = out.points;
  const std::lock_guard lock(file_mutex_);
  const Result<File> file = files_.files().open(index_name(id), 0);
  if (!file) return out;
  out.bytes = file->info().size;
  // Where the index is larger than the segment, a walk over that is sooner done; after a cut that is in order.
  if (out.bytes > std::max(view.limit(), files_.options().segment_bytes)) out.damaged = 0;
  if (out.bytes > view.limit()) return out;
  const auto block = std::make_unique<Block>();
  for (uint64_t at = 0; at < out.bytes; at += sizeof(Block)) {
    const bool is_whole = sizeof(Block) <= out.bytes - at && file->read(at, block.get(), sizeof(Block)) &&
                          is_of(*block, id, at / sizeof(Block));
    if (!is_whole && !out.damaged) out.damaged = at;
    if (!is_whole) continue;
    for (const IndexPoint& point : std::span(block->points, block->n)) {
      const bool fits =
          point.at >= view.begin() && point.at < view.limit() &&
          (points.empty() || (point.index > points.back().index && point.at > points.back().at));
      if (fits) points.push_back(point);
    }
  }
  return out;
}

void SegmentIndexes::keep(const SegmentId& id, Points points, bool made_again) {
  const uint64_t most = files_.options().index_bytes / sizeof(IndexPoint);
  const std::lock_guard lock(mutex_);
  Cached& cached = cached_[id];
  if (!made_again) points = with_later(std::move(points), cached.points);
  if (cached.points != nullptr) cached_points_ -= cached.points->size();
  cached_points_ += points->size();
  cached = {std::move(points), made_again, ++uses_};
  while (cached_points_ > most && cached_.size() > 1) {
    const auto least =
        std::ranges::min_element(cached_, {}, [](const auto& item) { return item.second.used; });
    cached_points_ -= least->second.points->size();
    cached_.erase(least);
  }
}

Status SegmentIndexes::append(const SegmentId& id, std::span<const IndexPoint> points) {
  Block block{};
  block.n = static_cast<uint32_t>(points.size());
  block.group = id.group;
  block.segment = id.number;
  std::ranges::copy(points, block.points);
  Points before;
  {
    const std::lock_guard lock(file_mutex_);
    CHRONIK_TRY(const File file, files_.files().open(index_name(id), CHR_FILE_CREATE));
    block.number = file.info().size / sizeof block;
    block.crc = crc_of(block);
    CHRONIK_CHECK(file.write(block.number * sizeof block, &block, sizeof block));
    before = find(id);
  }
  const bool begins = block.number == 0 && points.front().at == 0;
  if (before == nullptr && !begins) return {};
  auto all = before == nullptr ? std::make_shared<std::vector<IndexPoint>>()
                               : std::make_shared<std::vector<IndexPoint>>(*before);
  while (!all->empty() && all->back().at >= points.front().at) all->pop_back();
  all->insert(all->end(), points.begin(), points.end());
  keep(id, std::move(all), false);
  return {};
}

}  // namespace chronik::storage_log
