// One group's log in memory: its segments, its tail that is not in them yet, and the view of who accepts writes.
//
// Two views of a log. The *published* one is what is durable: reads, bounds() and checkpoints see it. The *accepted*
// one is that of write(): it is ahead by what is in flight, and gives every entry its place. Every accepted step is
// published later, in order, or withdrawn.
//
//     log.begin_write();                                          a write's steps, as far as they concern the log
//     log.accept_append(entries, &placed);                        places for the frame and for direct writes
//     CHRONIK_TRY(auto cut, reader.boundary(log, index, Wait::kNever));
//     log.accept_truncate(*cut);                                  nullopt: end_write(false), the same with Wait::kMay on a
//                                                                 blocking thread, and all again with what it said
//     log.end_write(true);                                        false: as if it had not begun
//     ...the frame and the direct payloads are durable...
//     log.publish_append(placed); removed = log.publish_truncate(cut);
//
// Threads: begin_write() to end_write(), accept_*, forget_unpublished(), publish_*, drop(), resume(), break_off(), load() are the
// store's, under its mutex, one at a time. Everything else: [any]. Nothing waits for the disk.
#pragma once

#include "storage-log/segment/accepted_log.h"
#include "storage-log/segment/bytes.h"
#include "storage-log/segment/index_point.h"

#include <chronik/host.hpp>

#include <memory>
#include <mutex>

namespace chronik::storage_log {

// A segment as its group lists it.
struct Segment {
  uint64_t number = 0;
  uint64_t first = 0;  // index of its first entry
  uint64_t begin =
      0;  // where the record of that lies; before it are trimmed ones, or ones that were never moved
  int64_t max_timestamp = -1;  // no entry's is larger
  uint64_t on_disk = 0;        // so many bytes of it were there at the last checkpoint
  LogEnd end;                  // with its last entry
};

// A published entry that lies in memory, with its place.
struct TailEntry {
  PlacedEntry placed;
  Lease lease;
};

// What a walk over a log goes through next: a part of one segment, or entries of the tail.
struct Stretch {
  uint64_t epoch = 0;   // of the log; another one: entries were cut off its end meanwhile
  uint64_t first = 0;   // index of the log's first entry
  std::string broken;   // why nothing is known behind the end, where the index is behind it
  bool at_end = false;  // there is nothing at or above the index; nothing below is set
  Segment segment;      // its records below `limit`, where tail is empty
  uint64_t limit = 0;
  uint64_t behind = 0;              // index of the entry at the limit, where that lies in memory
  std::optional<IndexPoint> start;  // where the walk may begin, if that is known in memory
  LogEnd before;                    // the end of the log in front of it
  std::vector<TailEntry> tail;
};

class GroupLog {
 public:
  GroupLog(uint64_t group, const SegmentOptions& options, LogSums& sums)
      : group_(group), segment_bytes_(options.segment_bytes), sums_(sums) {}
  GroupLog(const GroupLog&) = delete;
  GroupLog& operator=(const GroupLog&) = delete;
  ~GroupLog();
  uint64_t group() const { return group_; }

  // ---- write() ----
  void begin_write() { accepted_.begin_write(); }
  void end_write(bool keep) { accepted_.end_write(keep); }
  // Gives places. INVALID_ARGUMENT: the first index is not above the last one; CORRUPT: break_off(). *out gets one for
  // each entry, without payload_crc and in_segment, which the caller sets before it publishes them.
  Status accept_append(std::span<const chr_entry> entries, std::vector<PlacedEntry>* out);
  // The rest begins a new segment, so that no place is written twice.
  void accept_truncate(const Boundary& boundary) { accepted_.truncate(boundary); }
  void accept_trim(const Boundary& boundary) { accepted_.trim(boundary); }
  // All that was accepted and is not published has failed. Its places are not given out again; the segments that were begun for
  // it are to be removed.
  std::vector<SegmentId> forget_unpublished();
  // Index of the last entry; 0: the log is empty.
  uint64_t accepted_last() const { return accepted_.view().end.last; }
  // Where the accepted log is cut before an index, if that is known in memory (LogReader::boundary).
  std::optional<Boundary> known_boundary(uint64_t index) const;

  // ---- durable, in the order in which it was accepted; or from the journal at a start ----
  // Whether these may be published, one after the other: asked of what comes from the journal.
  bool fits(const std::optional<Boundary>& truncate, const std::optional<Boundary>& trim,
            std::span<const PlacedEntry> entries) const;
  // Payloads that do not lie in their segment yet are kept in memory, by their lease, until the mover wrote them. True: it has
  // something to do, with them or with points of the index.
  bool publish_append(std::span<const PlacedEntry> entries);
  // The segments that are out of the log: to SegmentFiles::remove(), as the frame that says so is durable.
  std::vector<SegmentId> publish_truncate(const Boundary& boundary);
  std::vector<SegmentId> publish_trim(const Boundary& boundary);
  std::vector<SegmentId> drop();
  // At a start, after the last frame: writes go on from what is published.
  void resume();
  // A frame with steps of this group is lost. What was published before is served; reads behind it, and accept_append(),
  // are CORRUPT with this message.
  void break_off(std::string why);

  // ---- a checkpoint: the published state, as bytes that only load() reads ----
  void save(std::string* out) const;
  // Takes what save() wrote off the front. CORRUPT: it is none.
  Status load(ByteReader& in);

  void bounds(chr_storage_bounds* out) const;
  std::vector<Segment> segments() const;
  // The first segment with a number above `after` for which test(segment) holds.
  template <class Test>
  std::optional<Segment> find_segment(uint64_t after, Test test) const {
    const std::lock_guard lock(mutex_);
    for (const Segment& segment : segments_)
      if (segment.number > after && test(segment)) return segment;
    return std::nullopt;
  }
  bool lists(uint64_t number) const;
  // So many bytes of this segment lie in its file.
  uint64_t moved_end(uint64_t number) const;
  // The largest number of a segment that there ever was.
  uint64_t last_number() const;

  // ---- LogReader ----
  // What lies at or above an index, at most so much of the tail. With `below` the walk begins before the index, so that it meets
  // the entry below it, and the tail is left out.
  Stretch stretch(uint64_t index, bool below, size_t tail_entries, uint64_t tail_bytes) const;
  // The last point in memory of this segment that is before(point).
  template <class Before>
  std::optional<IndexPoint> fresh_point(uint64_t segment, Before before) const {
    const std::lock_guard lock(mutex_);
    return fresh_.last(segment, before);
  }

  // ---- Mover ----
  // Entries that lie side by side, the first ones that wait, up to max_bytes; empty: none waits.
  std::vector<TailEntry> to_move(uint64_t max_bytes) const;
  // All up to this place is in the segments now.
  void moved(const Place& last);
  // The places of the first and the last entry that wait; segment 0: none does.
  std::pair<Place, Place> unmoved() const;
  // FreshPoints::due() and written().
  std::optional<SegmentPoints> due_points(size_t block) const;
  void points_written(uint64_t segment, size_t n);

 private:
  bool is_sound() const;
  void add_entry(const PlacedEntry& entry);
  void cut_tail(size_t keep);
  void pop_tail(size_t n);
  void remove_segments(size_t from, size_t to, std::vector<SegmentId>* removed);
  size_t tail_from(uint64_t index) const;
  size_t segment_from(uint64_t index) const;

  const uint64_t group_;
  const uint64_t segment_bytes_;
  LogSums& sums_;
  AcceptedLog accepted_;  // the store's

  mutable std::mutex mutex_;  // all below
  uint64_t first_ = 0;        // 0: the log is empty
  Totals before_;             // what the first entry's totals are without it
  LogEnd end_;
  uint64_t last_number_ = 0;  // of the segments that there were
  bool sealed_ = false;       // the next entry begins a segment
  uint64_t epoch_ = 0;        // counts what cuts off the end
  std::string broken_;
  std::vector<Segment> segments_;
  LeanQueue<TailEntry> tail_;  // from the first entry on that waits to be moved
  FreshPoints fresh_;
};

}  // namespace chronik::storage_log
