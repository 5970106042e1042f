#include "storage-log/segment/log_cursor.h"

#include <algorithm>

namespace chronik::storage_log {
namespace {

using Found = SegmentView::Found;

constexpr size_t kMaxTailEntries = 1024;           // taken from memory at a time
constexpr uint64_t kNoIndex = 2 * kPointDistance;  // a segment up to this size is walked from its beginning

}  // namespace

Result<LogCursor::Step> LogCursor::seek(uint64_t index) {
  began_ = false;
  return enter(index);
}

Result<LogCursor::Step> LogCursor::next() {
  const uint64_t last = head_.header.index;
  if (!stretch_.tail.empty()) {
    if (++tail_at_ < stretch_.tail.size()) return stand_on_tail();
    return enter(last + 1);
  }
  want_ = last + 1;
  at_ += record_bytes(head_.header.bytes);
  if (at_ >= stretch_.limit) return enter(std::max(last + 1, stretch_.behind));
  return step_for(view_->head(at_, &head_));
}

Result<LogCursor::Step> LogCursor::step_for(Found found) const {
  if (found == Found::kRefused) return std::unexpected(view_->refusal());
  if (found == Found::kDamaged) return std::unexpected(damage());
  return found == Found::kWhole ? Step::kEntry : Step::kNotLoaded;
}

Result<LogCursor::Step> LogCursor::enter(uint64_t index) {
  const bool is_on_its_way = began_;
  for (;;) {
    want_ = index;
    stretch_ = log_.stretch(index, false, tail_entries_, tail_bytes_);
    tail_entries_ = std::min(2 * tail_entries_, kMaxTailEntries);
    if (began_ && (stretch_.epoch != epoch_ || stretch_.first > index)) return Step::kChanged;
    began_ = true;
    epoch_ = stretch_.epoch;
    if (stretch_.at_end && !stretch_.broken.empty()) return fail(Code::kCorrupt, stretch_.broken);
    if (stretch_.at_end) return Step::kEnd;
    want_ = index = std::max(index, stretch_.first);
    tail_at_ = 0;
    if (!stretch_.tail.empty()) return stand_on_tail();
    Result<Step> step = enter_segment(index);
    if (step) {
      if (*step != Step::kEnd) return step;
      index = stretch_.behind;  // nothing lies between
    } else if (step.error().code != Code::kConflict) {
      return step;
    } else if (is_on_its_way) {
      return Step::kChanged;
    } else {
      began_ = false;
    }
  }
}

// kEnd: what comes next lies in memory.
Result<LogCursor::Step> LogCursor::enter_segment(uint64_t index) {
  if (stretch_.limit == 0 && stretch_.behind != 0) return Step::kEnd;
  // All that the segment had was cut off behind damage.
  if (stretch_.limit == 0) return std::unexpected(damage());
  CHRONIK_TRY(const bool is_open,
              open(stretch_.segment.number, stretch_.segment.begin, stretch_.limit, &view_));
  if (!is_open) return Step::kNotLoaded;
  CHRONIK_TRY(const std::optional<uint64_t> start, start_at(index, false));
  if (!start) return Step::kNotLoaded;
  at_ = *start;
  Passed passed;
  CHRONIK_TRY(const Step step, walk_to(index, &passed));
  // Between the last whole entry and the next one an entry may be lost; the next one itself is whole.
  const bool met = step == Step::kEntry && head_.header.index == index;
  if (passed.damaged && !met && step != Step::kNotLoaded) return std::unexpected(damage());
  if (step == Step::kEnd && stretch_.behind == 0) return std::unexpected(damage());
  return step;
}

Result<LogCursor::Step> LogCursor::stand_on_tail() {
  const PlacedEntry& placed = stretch_.tail[tail_at_].placed;
  head_ = RecordHead{0, placed.payload_crc, placed.totals, placed.entry.header};
  return Step::kEntry;
}

Result<LogCursor::Step> LogCursor::walk_to(uint64_t index, Passed* passed) {
  while (at_ < stretch_.limit) {
    const Found found = view_->head(at_, &head_);
    if (found == Found::kNotLoaded || found == Found::kRefused) return step_for(found);
    if (found == Found::kDamaged) {
      if (wait_ == Wait::kNever) return Step::kNotLoaded;
      passed->damaged = true;
      CHRONIK_TRY(at_, view_->next_whole(at_, &head_));
      if (at_ >= stretch_.limit) break;
    }
    if (head_.header.index >= index) return Step::kEntry;
    passed->before = end_at(head_.header, head_.totals, {view_->id().number, at_});
    passed->damaged = false;
    at_ += record_bytes(head_.header.bytes);
  }
  return Step::kEnd;
}

Result<bool> LogCursor::open(uint64_t number, uint64_t begin, uint64_t limit,
                             std::optional<SegmentView>* view) {
  const SegmentId id{log_.group(), number};
  std::shared_ptr<OpenSegment> file = files_.find(id);
  if (file == nullptr) {
    if (wait_ == Wait::kNever) return false;
    Result<std::shared_ptr<OpenSegment>> opened = files_.open(id);
    if (!opened && opened.error().code == Code::kNotFound) {
      if (!log_.lists(number)) return fail(Code::kConflict, segment_name(id) + " is gone");
      return fail(Code::kCorrupt, "the file " + segment_name(id) + " is missing");
    }
    if (!opened) return std::unexpected(opened.error());
    file = std::move(*opened);
  }
  CHRONIK_TRY(SegmentView opened, SegmentView::open(files_, std::move(file), begin, limit, wait_));
  view->emplace(std::move(opened));
  return true;
}

// Where in view_ a walk to the index begins. A point that no record lies at has the index made again.
Result<std::optional<uint64_t>> LogCursor::start_at(uint64_t index, bool below) {
  const uint64_t begin = view_->begin();
  std::optional<IndexPoint> start = stretch_.start;
  if (index <= stretch_.segment.first || (!start && view_->limit() - begin <= kNoIndex)) return begin;
  const auto before = [&](const IndexPoint& point) {
    return below ? point.index < index : point.index <= index;
  };
  if (!start) {
    SegmentIndexes::Points points = indexes_.find(view_->id());
    if (points == nullptr && wait_ == Wait::kNever) return std::nullopt;
    if (points == nullptr) {
      CHRONIK_TRY(points, indexes_.load(*view_, false));
    }
    start = last_point(std::span(*points), before);
  }
  if (!start || start->at <= begin) return begin;
  RecordHead head;
  const Found found = view_->head(start->at, &head);
  if (found == Found::kWhole && head.header.index == start->index) return start->at;
  if (found == Found::kRefused) return std::unexpected(view_->refusal());
  if (wait_ == Wait::kNever) return std::nullopt;
  CHRONIK_TRY(const SegmentIndexes::Points again, indexes_.load(*view_, true));
  start = last_point(std::span(*again), before);
  return start ? std::max(start->at, begin) : begin;
}

Result<std::optional<SegmentIndexes::Points>> LogCursor::points_of(const Segment& segment) {
  const uint64_t limit = log_.moved_end(segment.number);
  if (limit <= segment.begin + kNoIndex) return std::make_shared<const std::vector<IndexPoint>>();
  if (SegmentIndexes::Points points = indexes_.find({log_.group(), segment.number})) return points;
  std::optional<SegmentView> view;
  if (wait_ == Wait::kNever) return std::nullopt;
  CHRONIK_CHECK(open(segment.number, segment.begin, limit, &view));
  CHRONIK_TRY(SegmentIndexes::Points points, indexes_.load(*view, false));
  return points;
}

Result<std::optional<chr_slice>> LogCursor::payload() {
  const uint8_t* p = nullptr;
  Found found = Found::kWhole;
  if (stretch_.tail.empty()) {
    found = view_->payload(at_, head_, &p);
  } else {
    const PlacedEntry& placed = stretch_.tail[tail_at_].placed;
    if (placed.is_damaged) return std::unexpected(damaged_entry(log_.group(), head_.header.index));
    if (!placed.in_segment) return placed.entry.payload;
    const auto& [number, at] = placed.place;
    const uint64_t end = at + record_bytes(head_.header.bytes);
    if (!view_ || view_->id().number != number || view_->limit() < end) {
      CHRONIK_TRY(const bool is_open, open(number, at, end, &view_));
      if (!is_open) return std::nullopt;
    }
    found = view_->payload(placed.place.at, head_, &p);
  }
  if (found == Found::kNotLoaded) return std::nullopt;
  if (found == Found::kRefused) return std::unexpected(view_->refusal());
  if (found == Found::kDamaged) return std::unexpected(damaged_entry(log_.group(), head_.header.index));
  return chr_slice{p, head_.header.bytes, view_->lease()};
}

std::shared_ptr<const void> LogCursor::readers() const {
  const bool is_in_segment = stretch_.tail.empty() || stretch_.tail[tail_at_].placed.in_segment;
  return is_in_segment ? view_->readers() : nullptr;
}

Result<std::optional<Boundary>> LogCursor::boundary(uint64_t index) {
  for (;;) {
    stretch_ = log_.stretch(index, true, 0, 0);
    Boundary boundary;
    boundary.index = index;
    // Cut, or trimmed, by what was published meanwhile: the log in memory knows it now.
    if (stretch_.at_end || index <= stretch_.first) return boundary;
    boundary.above = stretch_.behind;
    boundary.below = stretch_.before;
    if (stretch_.limit == 0) return boundary;
    const Result<bool> is_open =
        open(stretch_.segment.number, stretch_.segment.begin, stretch_.limit, &view_);
    if (!is_open && is_open.error().code == Code::kConflict) continue;
    if (!is_open) return std::unexpected(is_open.error());
    if (!*is_open) return std::nullopt;
    CHRONIK_TRY(const std::optional<uint64_t> start, start_at(index, true));
    if (!start) return std::nullopt;
    at_ = *start;
    Passed passed;
    CHRONIK_TRY(const Step step, walk_to(index, &passed));
    if (step == Step::kNotLoaded) return std::nullopt;
    if (passed.before.last != 0) boundary.below = passed.before;
    if (step == Step::kEntry) boundary.above = head_.header.index;
    if (!passed.damaged) return boundary;
    // What is damaged stays in the log on either side, so that nobody takes it for a log that is whole without it.
    boundary.below.last = index - 1;
    boundary.above = index;
    return boundary;
  }
}

}  // namespace chronik::storage_log
