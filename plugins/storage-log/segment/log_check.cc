#include "storage-log/segment/log_check.h"

#include <algorithm>
#include <utility>

namespace chronik::storage_log {
namespace {

using Found = SegmentView::Found;

constexpr size_t kTailEntries = 256;
constexpr uint64_t kTailBytes = 4u << 20;
constexpr uint64_t kReadStep = 16u << 20;

constexpr std::string_view kHead = "its head fails its check";
constexpr std::string_view kOrder = "its record does not follow the one before";
constexpr std::string_view kPayload = "its payload fails its check";

// A file that this process may not open, or a disk that fails, is told in its own words.
std::string why_not_open(const Error& error) {
  return error.code == Code::kNotFound ? "the file is missing" : error.message;
}

}  // namespace

std::string LogCheck::place(const Segment& segment, uint64_t at) const {
  return segment_name({log_.group(), segment.number}) + " at " + std::to_string(at);
}

Status LogCheck::tell(Finding finding) {
  if (pending_ && finding.first != 0 && pending_->last + 1 == finding.first &&
      pending_->what == finding.what) {
    pending_->last = finding.last;
    return {};
  }
  CHRONIK_CHECK(flush());
  pending_ = std::move(finding);
  return {};
}

Status LogCheck::flush() {
  if (!pending_) return {};
  return events_.found(*std::exchange(pending_, std::nullopt));
}

Status LogCheck::note_read(uint64_t bytes) {
  read_ += bytes;
  return read_ < kReadStep ? Status() : events_.read(std::exchange(read_, 0));
}

Status LogCheck::run() {
  chr_storage_bounds bounds{};
  log_.bounds(&bounds);
  first_ = bounds.first_index;
  if (first_ == 0) return {};
  if (const std::vector<TailEntry> tail = log_.to_move(1); !tail.empty())
    first_tail_ = tail.front().placed.entry.header.index;
  Status status = check_segments();
  if (status) status = check_tail();
  CHRONIK_CHECK(flush());
  CHRONIK_CHECK(status);
  return events_.read(std::exchange(read_, 0));
}

// ---- segments ----

Status LogCheck::check_segments() {
  std::optional<Totals> before;  // of the segment before
  for (const Segment& segment : log_.segments()) {
    CHRONIK_CHECK(check_segment(segment, before));
    before = segment.end.totals;
  }
  return {};
}

Status LogCheck::check_segment(const Segment& segment, const std::optional<Totals>& before) {
  const SegmentId id{log_.group(), segment.number};
  const uint64_t limit = log_.moved_end(segment.number);
  if (limit <= segment.begin) return {};  // all of it is in memory, and is still to be moved
  const uint64_t end = limit == segment.end.next.at ? segment.end.last : first_tail_ - 1;
  const uint64_t first = std::max(segment.first, first_);
  if (end < first) return {};
  const Result<std::shared_ptr<OpenSegment>> file = files_.open(id);
  if (!file && file.error().code == Code::kOverloaded) return std::unexpected(file.error());
  if (!file) return tell({first, end, segment_name(id), why_not_open(file.error())});
  const uint64_t size = (*file)->size();
  CHRONIK_TRY(SegmentView view, SegmentView::open(files_, *file, segment.begin, limit, Wait::kMay));
  SegmentIndexes::Stored index = indexes_.stored(view);
  Walk walk{segment, end, size, first - 1, before, std::move(index.points)};
  CHRONIK_CHECK(walk_through(walk, view));
  if (walk.is_lost) {
    const std::string what = size < limit ? "the file ends after " + std::to_string(size) + " bytes, and " +
                                                std::to_string(limit) + " are in use"
                                          : std::string(kHead);
    CHRONIK_CHECK(tell({walk.last + 1, end, place(segment, walk.lost_at), what}));
  }
  return check_index(walk, index, id);
}

// Ends with walk.is_lost where no record is whole from walk.lost_at on.
Status LogCheck::walk_through(Walk& walk, SegmentView& view) {
  RecordHead head;
  for (uint64_t at = view.begin(); at < view.limit();) {
    const Found found = view.head(at, &head);
    if (found == Found::kRefused) return std::unexpected(view.refusal());
    const bool is_whole = found == Found::kWhole && at + sizeof head + head.header.bytes <= walk.file_size;
    if (is_whole && head.header.index < first_) {
      at += record_bytes(head.header.bytes);  // trimmed
    } else if (is_whole && follows(walk, head)) {
      CHRONIK_CHECK(check_record(walk, view, at, head));
      at += record_bytes(head.header.bytes);
    } else {
      walk.lost_at = at;
      walk.is_lost = true;
      CHRONIK_TRY(at, next_record(walk, view, at, &head));
      CHRONIK_CHECK(note_read(at - walk.lost_at));
      while (walk.point < walk.points.size() && walk.points[walk.point].at < at) ++walk.point;
      if (at == view.limit()) return {};
      if (head.header.index - 1 > walk.last)
        CHRONIK_CHECK(tell({walk.last + 1, head.header.index - 1, place(walk.segment, walk.lost_at),
                            std::string(is_whole ? kOrder : kHead)}));
      walk.last = head.header.index - 1;
      walk.totals.reset();
      walk.is_lost = false;
    }
  }
  return {};
}

Status LogCheck::check_record(Walk& walk, SegmentView& view, uint64_t at, const RecordHead& head) {
  walk.last = head.header.index;
  walk.totals = head.totals;
  for (; walk.point < walk.points.size() && walk.points[walk.point].at <= at; ++walk.point) {
    const IndexPoint& point = walk.points[walk.point];
    walk.is_index_stale |=
        point != IndexPoint{head.header.index, head.header.base_offset, head.header.log_max_timestamp, at};
  }
  const uint8_t* payload = nullptr;
  const Found found = view.payload(at, head, &payload);
  if (found == Found::kRefused) return std::unexpected(view.refusal());
  if (found != Found::kWhole)
    CHRONIK_CHECK(tell({walk.last, walk.last, place(walk.segment, at), std::string(kPayload)}));
  return note_read(record_bytes(head.header.bytes));
}

Result<uint64_t> LogCheck::next_record(const Walk& walk, SegmentView& view, uint64_t at,
                                       RecordHead* head) const {
  do {
    CHRONIK_TRY(at, view.next_whole(at, head));
  } while (at < view.limit() && (head->header.index <= walk.last || head->header.index > walk.end));
  return at;
}

bool LogCheck::follows(const Walk& walk, const RecordHead& head) {
  if (head.header.index <= walk.last || head.header.index > walk.end) return false;
  return !walk.totals ||
         head.totals == Totals{walk.totals->entries + 1, walk.totals->bytes + head.header.bytes};
}

// Whatever it says, a search finds what there is: by the segment itself.
Status LogCheck::check_index(const Walk& walk, const SegmentIndexes::Stored& index, const SegmentId& id) {
  CHRONIK_CHECK(note_read(index.bytes));
  const std::string name = index_name(id);
  const std::string_view cost = ": searches read more of the segment instead";
  if (index.damaged)
    return tell({0, 0, name + " at " + std::to_string(*index.damaged),
                 std::string("a block of the index fails its check").append(cost)});
  if (!walk.is_index_stale) return {};
  return tell({0, 0, name, std::string("the index names a record that is not there").append(cost)});
}

// ---- what is not moved yet ----

Status LogCheck::check_tail() {
  for (uint64_t next = first_tail_; next != 0;) {
    const Stretch stretch = log_.stretch(next, false, kTailEntries, kTailBytes);
    next = 0;
    if (stretch.at_end) return {};
    for (const TailEntry& entry : stretch.tail) {
      next = entry.placed.entry.header.index + 1;
      CHRONIK_CHECK(check_tail_entry(entry.placed));
    }
  }
  return {};
}

// The journal has the payload, or a direct write brought it, with its head, to the segment.
Status LogCheck::check_tail_entry(const PlacedEntry& placed) {
  const uint64_t index = placed.entry.header.index;
  if (placed.is_damaged)
    return tell({index, index, events_.place_in_journal(placed.place), std::string(kPayload)});
  if (!placed.in_segment) return {};
  const auto [number, at] = placed.place;
  const uint64_t end = at + record_bytes(placed.entry.header.bytes);
  Segment segment;
  segment.number = number;
  const Result<std::shared_ptr<OpenSegment>> file = files_.open({log_.group(), number});
  if (!file && file.error().code == Code::kOverloaded) return std::unexpected(file.error());
  if (!file) return tell({index, index, segment_name({log_.group(), number}), why_not_open(file.error())});
  CHRONIK_TRY(SegmentView view, SegmentView::open(files_, *file, at, end, Wait::kMay));
  RecordHead head;
  const uint8_t* payload = nullptr;
  const Found head_found = view.head(at, &head);
  const Found found = head_found == Found::kWhole ? view.payload(at, head, &payload) : head_found;
  if (found == Found::kRefused) return std::unexpected(view.refusal());
  if (found != Found::kWhole) {
    const std::string_view what = head_found == Found::kWhole ? kPayload : kHead;
    return tell({index, index, place(segment, at), std::string(what)});
  }
  return note_read(end - at);
}

}  // namespace chronik::storage_log
