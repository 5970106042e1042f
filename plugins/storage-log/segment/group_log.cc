#include "storage-log/segment/group_log.h"

#include "storage-log/segment/record.h"

#include <algorithm>

namespace chronik::storage_log {
namespace {

void discount_unmoved(const PlacedEntry& entry, LogSums& sums) {
  if (entry.in_segment) return;
  --sums.unmoved_entries;
  sums.unmoved_bytes -= entry.entry.header.bytes;
}

}  // namespace

GroupLog::~GroupLog() {
  pop_tail(tail_.size());
  std::vector<SegmentId> removed;
  remove_segments(0, segments_.size(), &removed);
}

Status GroupLog::accept_append(std::span<const chr_entry> entries, std::vector<PlacedEntry>* out) {
  if (entries.empty()) return {};
  {
    const std::lock_guard lock(mutex_);
    if (!broken_.empty()) return fail(Code::kCorrupt, broken_);
  }
  const uint64_t last = accepted_.view().end.last;
  if (entries.front().header.index <= last) {
    return fail(Code::kInvalidArgument, "append of entry " + std::to_string(entries.front().header.index) +
                                            " to group " + std::to_string(group_) + ", whose last entry is " +
                                            std::to_string(last));
  }
  accepted_.append(entries, segment_bytes_, out);
  return {};
}

std::vector<SegmentId> GroupLog::forget_unpublished() {
  AcceptedLog::View view = accepted_.view();
  const std::lock_guard lock(mutex_);
  std::vector<SegmentId> begun;
  for (uint64_t number = last_number_ + 1; number <= view.last_number; ++number)
    begun.push_back({group_, number});
  view.first = first_;
  view.before = before_;
  view.end = view.durable = end_;
  view.next = {};
  accepted_.reset(view);
  return begun;
}

void GroupLog::resume() {
  const std::lock_guard lock(mutex_);
  AcceptedLog::View view;
  view.first = first_;
  view.before = before_;
  view.end = view.durable = end_;
  view.last_number = last_number_;
  if (!sealed_ && !segments_.empty()) view.next = end_.next;
  accepted_.reset(view);
}

std::optional<Boundary> GroupLog::known_boundary(uint64_t index) const {
  if (const std::optional<Boundary> known = accepted_.boundary(index)) return known;
  const std::lock_guard lock(mutex_);
  const size_t above = tail_from(index);
  if (above == tail_.size() || above == 0) return std::nullopt;
  const auto end_of = [&](size_t i) {
    const PlacedEntry& placed = tail_[i].placed;
    return end_at(placed.entry.header, placed.totals, placed.place);
  };
  Boundary boundary;
  boundary.index = index;
  boundary.above = tail_[above].placed.entry.header.index;
  boundary.below = end_of(above - 1);
  return boundary;
}

bool GroupLog::publish_append(std::span<const PlacedEntry> entries) {
  const std::lock_guard lock(mutex_);
  for (const PlacedEntry& entry : entries) add_entry(entry);
  return !tail_.empty() || fresh_.is_due(kIndexBlockPoints);
}

void GroupLog::add_entry(const PlacedEntry& given) {
  PlacedEntry entry = given;
  const chr_entry_header& header = entry.entry.header;
  entry.totals = {end_.totals.entries + 1, end_.totals.bytes + header.bytes};
  if (first_ == 0) {
    first_ = header.index;
    before_ = end_.totals;
  }
  if (segments_.empty() || segments_.back().number != entry.place.segment) {
    Segment segment;
    segment.number = entry.place.segment;
    segment.first = header.index;
    segments_.push_back(segment);
    last_number_ = std::max(last_number_, segment.number);
    sealed_ = false;
  }
  Segment& segment = segments_.back();
  end_ = end_at(header, entry.totals, entry.place);
  segment.end = end_;
  if (header.records != 0) segment.max_timestamp = std::max(segment.max_timestamp, header.max_timestamp);
  accepted_.published(end_);
  fresh_.add(header, entry.place);
  if (entry.in_segment) {
    if (tail_.empty()) return;
    entry.entry.payload = {};
  } else {
    ++sums_.unmoved_entries;
    sums_.unmoved_bytes += header.bytes;
  }
  tail_.push_back({entry, Lease::share(entry.entry.payload.lease)});
}

std::vector<SegmentId> GroupLog::publish_truncate(const Boundary& boundary) {
  std::vector<SegmentId> removed;
  if (boundary.above == 0) return removed;
  const std::lock_guard lock(mutex_);
  ++epoch_;
  cut_tail(tail_from(boundary.index));
  end_ = boundary.below;
  sealed_ = true;
  size_t keep = 0;
  if (boundary.below.last == 0) {
    first_ = 0;
  } else {
    while (keep < segments_.size() && segments_[keep].number <= end_.next.segment) ++keep;
  }
  remove_segments(keep, segments_.size(), &removed);
  if (keep == 0) return removed;
  Segment& last = segments_.back();
  last.end = end_;
  last.on_disk = std::min(last.on_disk, end_.next.at);
  fresh_.cut(end_.next);
  return removed;
}

std::vector<SegmentId> GroupLog::publish_trim(const Boundary& boundary) {
  std::vector<SegmentId> removed;
  const std::lock_guard lock(mutex_);
  first_ = boundary.above;
  before_ = boundary.below.totals;
  if (first_ != 0) {
    pop_tail(tail_from(first_));
    remove_segments(0, segment_from(first_), &removed);
    if (boundary.below.last == 0 || segments_.empty()) return removed;
    const Place& first = boundary.below.next;
    segments_.front().first = first_;
    if (first.segment == segments_.front().number) segments_.front().begin = first.at;
    return removed;
  }
  ++epoch_;
  cut_tail(0);
  end_ = {};
  end_.totals = boundary.below.totals;
  sealed_ = true;
  remove_segments(0, segments_.size(), &removed);
  return removed;
}

std::vector<SegmentId> GroupLog::drop() {
  Boundary all;
  all.index = UINT64_MAX;
  return publish_trim(all);
}

void GroupLog::break_off(std::string why) {
  const std::lock_guard lock(mutex_);
  broken_ = std::move(why);
}

void GroupLog::remove_segments(size_t from, size_t to, std::vector<SegmentId>* removed) {
  for (size_t i = from; i < to; ++i) {
    const Segment& segment = segments_[i];
    removed->push_back({group_, segment.number});
    fresh_.remove(segment.number);
  }
  segments_.erase(segments_.begin() + static_cast<ptrdiff_t>(from),
                  segments_.begin() + static_cast<ptrdiff_t>(to));
}

void GroupLog::cut_tail(size_t keep) {
  for (size_t i = keep; i < tail_.size(); ++i) discount_unmoved(tail_[i].placed, sums_);
  tail_.shorten(keep);
}

void GroupLog::pop_tail(size_t n) {
  for (size_t i = 0; i < n; ++i) discount_unmoved(tail_[i].placed, sums_);
  while (n < tail_.size() && tail_[n].placed.in_segment) ++n;
  tail_.pop_front(n);
}

size_t GroupLog::tail_from(uint64_t index) const {
  const auto tail = tail_.all();
  return static_cast<size_t>(
      std::ranges::partition_point(
          tail, [index](const TailEntry& entry) { return entry.placed.entry.header.index < index; }) -
      tail.begin());
}

size_t GroupLog::segment_from(uint64_t index) const {
  return static_cast<size_t>(
      std::ranges::partition_point(segments_,
                                   [index](const Segment& segment) { return segment.end.last < index; }) -
      segments_.begin());
}

void GroupLog::bounds(chr_storage_bounds* out) const {
  const std::lock_guard lock(mutex_);
  out->first_index = first_;
  out->last_index = end_.last;
  out->entries = first_ == 0 ? 0 : end_.totals.entries - before_.entries;
  out->bytes = first_ == 0 ? 0 : end_.totals.bytes - before_.bytes;
}

std::vector<Segment> GroupLog::segments() const {
  const std::lock_guard lock(mutex_);
  return segments_;
}

bool GroupLog::lists(uint64_t number) const {
  const std::lock_guard lock(mutex_);
  return std::ranges::binary_search(segments_, number, {}, &Segment::number);
}

uint64_t GroupLog::moved_end(uint64_t number) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::lower_bound(segments_, number, {}, &Segment::number);
  if (found == segments_.end() || found->number != number) return 0;
  const Place end{number, found->end.next.at};
  if (tail_.empty()) return end.at;
  const Place& waits = tail_.front().placed.place;
  return waits.segment < number ? 0 : std::min(end, waits).at;
}

uint64_t GroupLog::last_number() const {
  const std::lock_guard lock(mutex_);
  return last_number_;
}

Stretch GroupLog::stretch(uint64_t index, bool below, size_t tail_entries, uint64_t tail_bytes) const {
  const std::lock_guard lock(mutex_);
  Stretch out;
  out.epoch = epoch_;
  out.first = first_;
  index = std::max(index, first_);
  if (first_ == 0 || index > end_.last) {
    out.broken = broken_;
    out.at_end = true;
    return out;
  }
  if (!below && !tail_.empty() && index >= tail_.front().placed.entry.header.index) {
    uint64_t bytes = 0;
    for (size_t i = tail_from(index); i < tail_.size() && out.tail.size() < tail_entries; ++i) {
      out.tail.push_back(tail_[i]);
      bytes += tail_[i].placed.entry.header.bytes;
      if (bytes > tail_bytes) break;
    }
    return out;
  }
  const size_t i = segment_from(index);
  out.segment = segments_[i];
  out.limit = out.segment.end.next.at;
  if (i != 0) {
    out.before = segments_[i - 1].end;
  } else {
    out.before.totals = before_;
    out.before.next = {out.segment.number, out.segment.begin};
  }
  if (!tail_.empty() && tail_.front().placed.place.segment == out.segment.number) {
    out.limit = tail_.front().placed.place.at;
    out.behind = tail_.front().placed.entry.header.index;
  }
  if (index > out.segment.first) {
    out.start = fresh_.last(out.segment.number, [&](const IndexPoint& point) {
      return below ? point.index < index : point.index <= index;
    });
  }
  return out;
}

std::vector<TailEntry> GroupLog::to_move(uint64_t max_bytes) const {
  const std::lock_guard lock(mutex_);
  std::vector<TailEntry> out;
  uint64_t bytes = 0;
  for (size_t i = 0; i < tail_.size() && bytes < max_bytes; ++i) {
    const PlacedEntry& placed = tail_[i].placed;
    if (!out.empty()) {
      const PlacedEntry& before = out.back().placed;
      if (placed.in_segment || placed.place.segment != before.place.segment ||
          placed.place.at != before.place.at + record_bytes(before.entry.header.bytes))
        break;
    }
    bytes += record_bytes(placed.entry.header.bytes);
    out.push_back(tail_[i]);
  }
  return out;
}

void GroupLog::moved(const Place& last) {
  const std::lock_guard lock(mutex_);
  size_t n = 0;
  while (n < tail_.size() && tail_[n].placed.place <= last) ++n;
  pop_tail(n);
}

std::pair<Place, Place> GroupLog::unmoved() const {
  const std::lock_guard lock(mutex_);
  if (tail_.empty()) return {};
  return {tail_.front().placed.place, tail_.back().placed.place};
}

std::optional<SegmentPoints> GroupLog::due_points(size_t block) const {
  const std::lock_guard lock(mutex_);
  return fresh_.due(block);
}

void GroupLog::points_written(uint64_t segment, size_t n) {
  const std::lock_guard lock(mutex_);
  fresh_.written(segment, n);
}

}  // namespace chronik::storage_log
