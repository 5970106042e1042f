// A look at all of one log that nobody writes to: each record with its checksums, that they follow one another, and the index
// files. What is in memory only was looked at when it came there.
#pragma once

#include "storage-log/segment/group_log.h"
#include "storage-log/segment/segment_indexes.h"
#include "storage-log/segment/segment_view.h"

#include <functional>

namespace chronik::storage_log {

// [blocking], for one check.
class LogCheck {
 public:
  // Entries [first, last], or none, as both are 0: then everything is served all the same.
  struct Finding {
    uint64_t first = 0;
    uint64_t last = 0;
    std::string place;
    std::string what;
  };
  struct Events {
    std::function<Status(const Finding&)> found;
    std::function<Status(uint64_t bytes)> read;  // so much more of the files
    // Where the payload of an entry lies that is in the journal only, and is damaged there.
    std::function<std::string(const Place&)> place_in_journal;
  };

  LogCheck(SegmentFiles& files, SegmentIndexes& indexes, const GroupLog& log, const Events& events)
      : files_(files), indexes_(indexes), log_(log), events_(events) {}

  // An error is one of the events', or OVERLOADED: memory or open files are short. What was found before it is told.
  Status run();

 private:
  // How far the walk through one segment has come.
  struct Walk {
    const Segment& segment;
    uint64_t end = 0;  // index of the last entry that lies there
    uint64_t file_size = 0;
    uint64_t last = 0;               // index up to which all was met, or told
    std::optional<Totals> totals;    // with that one, where it is whole
    std::vector<IndexPoint> points;  // of the index file
    uint64_t lost_at = 0;            // where the last damage began
    bool is_lost = false;            // and there was no whole record behind it yet
    size_t point = 0;                // the next one
    bool is_index_stale = false;     // a point is not where a record is
  };

  Status check_segments();
  Status check_segment(const Segment& segment, const std::optional<Totals>& before);
  Status walk_through(Walk& walk, SegmentView& view);
  Status check_record(Walk& walk, SegmentView& view, uint64_t at, const RecordHead& head);
  // The next record behind damage at a place that may follow; view.limit(): none.
  Result<uint64_t> next_record(const Walk& walk, SegmentView& view, uint64_t at, RecordHead* head) const;
  static bool follows(const Walk& walk, const RecordHead& head);
  Status check_index(const Walk& walk, const SegmentIndexes::Stored& index, const SegmentId& id);
  Status check_tail();
  Status check_tail_entry(const PlacedEntry& placed);

  std::string place(const Segment& segment, uint64_t at) const;
  // Entries side by side with the same fault are one finding.
  Status tell(Finding finding);
  Status flush();
  Status note_read(uint64_t bytes);

  SegmentFiles& files_;
  SegmentIndexes& indexes_;
  const GroupLog& log_;
  const Events& events_;
  uint64_t first_ = 0;       // of the log
  uint64_t first_tail_ = 0;  // index of the first entry that is not moved; 0: all are
  std::optional<Finding> pending_;
  uint64_t read_ = 0;
};

}  // namespace chronik::storage_log
