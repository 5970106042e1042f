// Whether what a frame says of a log can be true of it: what applies it looks no more, and a checksum says only that it is as it was
// written.
#include "storage-log/segment/group_log.h"

#include "storage-log/segment/record.h"

#include <algorithm>

namespace chronik::storage_log {
namespace {

// A log as it is when so much of a frame was applied.
struct Outline {
  uint64_t first;  // 0: it is empty
  LogEnd end;
  std::span<const Segment> segments;
  uint64_t last_number;
  bool is_sealed;  // the next entry begins a segment

  void clear() {
    first = 0;
    end = {};
    segments = {};
    is_sealed = true;
  }
  bool truncate(const Boundary& cut) {
    if (cut.above == 0) return true;
    if (first == 0 || cut.above < cut.index || cut.above > end.last) return false;
    if (cut.below.last == 0) {
      if (cut.index > first) return false;
      clear();
      return true;
    }
    const Place& next = cut.below.next;
    const auto at = std::ranges::lower_bound(segments, next.segment, {}, &Segment::number);
    if (at == segments.end() || at->number != next.segment || next.at > at->end.next.at) return false;
    if (cut.below.last < std::max(first, at->first) || cut.below.last >= cut.index) return false;
    segments = segments.first(static_cast<size_t>(at - segments.begin()) + 1);
    end = cut.below;
    is_sealed = true;
    return true;
  }
  bool trim(const Boundary& cut) {
    if (cut.above == 0) {
      clear();
      return true;
    }
    if (first == 0 || cut.above < first || cut.above > end.last || cut.below.last >= cut.above) return false;
    first = cut.above;
    return true;
  }
  bool append(const PlacedEntry& entry) {
    const bool follows = !is_sealed && entry.place == end.next;
    const bool begins = entry.place.segment > last_number && entry.place.at == 0;
    if (entry.entry.header.index <= end.last || !(follows || begins)) return false;
    end = end_at(entry.entry.header, {}, entry.place);
    last_number = std::max(last_number, entry.place.segment);
    is_sealed = false;
    return end.next.at <= kMaxPlace && last_number <= kMaxPlace;
  }
};

}  // namespace

bool GroupLog::fits(const std::optional<Boundary>& truncate, const std::optional<Boundary>& trim,
                    std::span<const PlacedEntry> entries) const {
  const std::lock_guard lock(mutex_);
  Outline log{first_, end_, segments_, last_number_, sealed_ || segments_.empty()};
  if (truncate && !log.truncate(*truncate)) return false;
  if (trim && !log.trim(*trim)) return false;
  return std::ranges::all_of(entries, [&](const PlacedEntry& entry) { return log.append(entry); });
}

}  // namespace chronik::storage_log
