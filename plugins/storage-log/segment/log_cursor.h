// A walk over the published entries of a log, upwards: through its segments, then through what is still in memory.
#pragma once

#include "storage-log/segment/group_log.h"
#include "storage-log/segment/segment_indexes.h"
#include "storage-log/segment/segment_view.h"

namespace chronik::storage_log {

// Used by one thread at a time, [any] or with Wait::kMay [blocking]. It sees the log as it is when it comes there; what it stands on
// stays readable. Errors: CORRUPT, what comes next is damaged; CONFLICT, the log has changed on the way, so begin again.
class LogCursor {
 public:
  enum class Step {
    kEntry,
    kEnd,
    kNotLoaded,  // only the disk has it; never with Wait::kMay
    kChanged     // entries that were to come next have gone since the walk began
  };

  LogCursor(SegmentFiles& files, SegmentIndexes& indexes, const GroupLog& log, Wait wait,
            uint64_t tail_bytes = 64u << 10)
      : files_(files), indexes_(indexes), log_(log), wait_(wait), tail_bytes_(tail_bytes) {}

  // To the first entry at or above an index.
  Result<Step> seek(uint64_t index);
  Result<Step> next();
  const RecordHead& head() const { return head_; }
  // The payload where the cursor stands; its lease is the cursor's. nullopt: only the disk has it.
  Result<std::optional<chr_slice>> payload();
  // Of the segment where that payload lies; nullptr: it lies in memory.
  std::shared_ptr<const void> readers() const;

  // Where the log is cut before an index that lies above its first entry. nullopt: only the disk has it.
  Result<std::optional<Boundary>> boundary(uint64_t index);
  // The index of an entry from which on a search in a segment may begin: of its last point that is before(point), or of its first
  // entry. nullopt: only the disk has it.
  template <class Before>
  Result<std::optional<uint64_t>> start_in(const Segment& segment, Before before) {
    if (const auto point = log_.fresh_point(segment.number, before)) return point->index;
    CHRONIK_TRY(const std::optional<SegmentIndexes::Points> points, points_of(segment));
    if (!points) return std::nullopt;
    const auto point = last_point(std::span(**points), before);
    return point ? point->index : segment.first;
  }

 private:
  // What a walk through one segment met on its way to an index.
  struct Passed {
    LogEnd before;         // the last entry below the index
    bool damaged = false;  // behind it are records that cannot be read
  };

  Result<Step> enter(uint64_t index);
  Result<Step> enter_segment(uint64_t index);
  Result<Step> stand_on_tail();
  Result<Step> walk_to(uint64_t index, Passed* passed);
  // False: only the disk has it.
  Result<bool> open(uint64_t number, uint64_t begin, uint64_t limit, std::optional<SegmentView>* view);
  Result<std::optional<uint64_t>> start_at(uint64_t index, bool below);
  Result<std::optional<SegmentIndexes::Points>> points_of(const Segment& segment);
  Error damage() const { return damaged_entry(log_.group(), want_); }
  // The step that a head found so ends with; damage is that of the entry that is wanted.
  Result<Step> step_for(SegmentView::Found found) const;

  SegmentFiles& files_;
  SegmentIndexes& indexes_;
  const GroupLog& log_;
  const Wait wait_;
  const uint64_t tail_bytes_;
  size_t tail_entries_ = 16;  // that are taken next: more and more, as most walks are short
  uint64_t want_ = 0;         // the index that it goes to
  bool began_ = false;
  uint64_t epoch_ = 0;
  Stretch stretch_;
  std::optional<SegmentView> view_;
  uint64_t at_ = 0;  // in view_
  size_t tail_at_ = 0;
  RecordHead head_{};
};

}  // namespace chronik::storage_log
