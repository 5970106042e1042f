#include "storage-log/segment/log_reader.h"

#include <chronik/entries_lease.hpp>

#include <algorithm>

namespace chronik::storage_log {
namespace {

using Step = LogCursor::Step;

// What keeps the payloads of one read where they are.
class Payloads {
 public:
  // The lease is borrowed; readers: of the segment where the payload lies, if it does.
  void keep(chr_buf* lease, std::shared_ptr<const void> readers) {
    if (readers != nullptr && (readers_.empty() || readers_.back() != readers))
      readers_.push_back(std::move(readers));
    if (lease != nullptr && (leases_.empty() || leases_.back().get() != lease))
      leases_.push_back(Lease::share(lease));
  }
  bool is_recalled() const { return std::ranges::any_of(leases_, &Lease::is_recalled); }

 private:
  std::vector<Lease> leases_;
  std::vector<std::shared_ptr<const void>> readers_;
};
using Answer = EntriesLease<Payloads>;

// The entries of one read, as far as they may be given out. False: only the disk has them.
Result<bool> collect(LogCursor& cursor, const chr_storage_read& args, Answer& entries) {
  Result<Step> step = cursor.seek(args.from);
  uint64_t bytes = 0;
  for (;; step = cursor.next()) {
    if (!step && entries.empty()) return std::unexpected(step.error());
    if (!step) return true;  // damaged: whoever reads on from there is told
    if (*step == Step::kNotLoaded) return false;
    if (*step == Step::kChanged && entries.empty()) return fail(Code::kConflict, "the log has changed");
    if (*step != Step::kEntry) return true;
    const chr_entry_header& header = cursor.head().header;
    if (args.to != 0 && header.index >= args.to) return true;
    if (args.headers_only != 0) {
      entries.add(header, nullptr, 0);
    } else {
      if (!entries.empty() && (bytes > args.max_bytes || header.bytes > args.max_bytes - bytes)) return true;
      const Result<std::optional<chr_slice>> payload = cursor.payload();
      if (!payload && entries.empty()) return std::unexpected(payload.error());
      if (!payload) return true;
      if (!*payload) return false;
      entries.held().keep((*payload)->lease, cursor.readers());
      entries.add(header, (*payload)->p, (*payload)->n);
      bytes += header.bytes;
      if (bytes > args.max_bytes) return true;
    }
    if (args.max_entries != 0 && entries.size() == args.max_entries) return true;
  }
}

// Again while the log changes under it.
template <class Try>
Result<bool> until_it_stands(Try attempt) {
  for (;;) {
    Result<bool> done = attempt();
    if (done || done.error().code != Code::kConflict) return done;
  }
}

}  // namespace

Result<bool> LogReader::read(const GroupLog& log, const chr_storage_read& args, Wait wait,
                             chr_entries* out) const {
  std::unique_ptr<Answer> entries;
  CHRONIK_TRY(const bool is_there, until_it_stands([&] {
                entries = std::make_unique<Answer>();
                LogCursor cursor(files_, indexes_, log, wait,
                                 args.headers_only != 0 ? UINT64_MAX : args.max_bytes);
                return collect(cursor, args, *entries);
              }));
  if (!is_there) return false;
  Answer::publish(std::move(entries), out);
  return true;
}

Result<bool> LogReader::find(const GroupLog& log, int32_t by, int64_t value, Wait wait,
                             chr_entry_header* out) const {
  Header found;
  const auto search = [&]() -> Result<bool> {
    found.reset();
    if (by == CHR_FIND_OFFSET) return find_offset(log, value, wait, &found);
    if (by == CHR_FIND_TIMESTAMP) return find_timestamp(log, value, wait, &found);
    return find_max_timestamp(log, wait, &found);
  };
  CHRONIK_TRY(const bool is_there, until_it_stands(search));
  if (!is_there) return false;
  if (!found) return fail(Code::kNotFound, "no such entry");
  *out = *found;
  return true;
}

template <class Test>
Result<bool> LogReader::scan(LogCursor& cursor, uint64_t from, uint64_t to, Test test, Header* out) const {
  CHRONIK_TRY(Step step, cursor.seek(from));
  for (;;) {
    if (step == Step::kNotLoaded) return false;
    if (step == Step::kEnd) return true;
    if (step == Step::kChanged) {
      CHRONIK_TRY(step, cursor.seek(from));
      continue;
    }
    const chr_entry_header& header = cursor.head().header;
    if (header.index > to) return true;
    if (test(header)) {
      *out = header;
      return true;
    }
    from = header.index;
    CHRONIK_TRY(step, cursor.next());
  }
}

Result<bool> LogReader::find_offset(const GroupLog& log, int64_t offset, Wait wait, Header* out) const {
  const auto segment = log.find_segment(0, [&](const Segment& s) { return s.end.next_offset > offset; });
  if (!segment) return true;
  LogCursor cursor(files_, indexes_, log, wait);
  CHRONIK_TRY(const std::optional<uint64_t> start, cursor.start_in(*segment, [&](const IndexPoint& point) {
    return point.base_offset <= offset;
  }));
  if (!start) return false;
  const auto holds = [&](const chr_entry_header& h) { return h.records != 0 && next_offset(h) > offset; };
  return scan(cursor, *start, UINT64_MAX, holds, out);
}

Result<bool> LogReader::find_timestamp(const GroupLog& log, int64_t timestamp, Wait wait, Header* out) const {
  uint64_t after = 0;
  for (;;) {
    const auto segment =
        log.find_segment(after, [&](const Segment& s) { return s.max_timestamp >= timestamp; });
    if (!segment) return true;
    CHRONIK_TRY(const bool is_there, find_in_segment(log, *segment, timestamp, wait, out));
    if (!is_there) return false;
    if (*out) return true;
    after = segment->number;  // what reached it there was trimmed or cut off
  }
}

Result<bool> LogReader::find_in_segment(const GroupLog& log, const Segment& segment, int64_t timestamp,
                                        Wait wait, Header* out) const {
  LogCursor cursor(files_, indexes_, log, wait);
  // Where the largest timestamp up to a point is below, all before it are.
  CHRONIK_TRY(const std::optional<uint64_t> start, cursor.start_in(segment, [&](const IndexPoint& point) {
    return point.log_max_timestamp < timestamp;
  }));
  if (!start) return false;
  const auto holds = [&](const chr_entry_header& h) {
    return h.records != 0 && h.max_timestamp >= timestamp;
  };
  return scan(cursor, *start, segment.end.last, holds, out);
}

Result<bool> LogReader::find_max_in_segment(const GroupLog& log, const Segment& segment, Wait wait,
                                            Header* out) const {
  CHRONIK_TRY(const bool is_there, find_in_segment(log, segment, segment.max_timestamp, wait, out));
  if (!is_there || *out) return is_there;
  // The entry that it was counted for has gone.
  LogCursor cursor(files_, indexes_, log, wait);
  Header best;
  const auto note = [&](const chr_entry_header& h) {
    const bool larger = h.max_timestamp >= 0 && (!best || h.max_timestamp > best->max_timestamp);
    if (h.records != 0 && larger) best = h;
    return false;
  };
  CHRONIK_TRY(const bool is_whole, scan(cursor, segment.first, segment.end.last, note, out));
  *out = best;
  return is_whole;
}

Result<bool> LogReader::find_max_timestamp(const GroupLog& log, Wait wait, Header* out) const {
  std::vector<Segment> segments = log.segments();
  std::ranges::stable_sort(segments, std::greater(), &Segment::max_timestamp);
  for (const Segment& segment : segments) {
    if (segment.max_timestamp < 0 || (*out && segment.max_timestamp < (*out)->max_timestamp)) break;
    Header found;
    CHRONIK_TRY(const bool is_there, find_max_in_segment(log, segment, wait, &found));
    if (!is_there) return false;
    const bool is_better =
        found && (!*out || found->max_timestamp > (*out)->max_timestamp ||
                  (found->max_timestamp == (*out)->max_timestamp && found->index < (*out)->index));
    if (is_better) *out = found;
  }
  return true;
}

Result<std::optional<Boundary>> LogReader::boundary(const GroupLog& log, uint64_t index, Wait wait) const {
  if (wait == Wait::kNever) {
    if (const std::optional<Boundary> known = log.known_boundary(index)) return known;
  }
  return LogCursor(files_, indexes_, log, wait).boundary(index);
}

}  // namespace chronik::storage_log
