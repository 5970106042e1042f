// Reads and searches of a log. What is in memory is answered at once; else the same call on a blocking thread answers.
#pragma once

#include "storage-log/segment/log_cursor.h"

#include <chronik/host.hpp>

namespace chronik::storage_log {

// [any] thread; with Wait::kMay: [blocking].
class LogReader {
 public:
  LogReader(SegmentFiles& files, SegmentIndexes& indexes) : files_(files), indexes_(indexes) {}

  // As chr_storage_v1.read. False: only the disk has it; never with Wait::kMay. CORRUPT: the first entry wanted is damaged.
  Result<bool> read(const GroupLog& log, const chr_storage_read& args, Wait wait, chr_entries* out) const;
  // As chr_storage_v1.find; NOT_FOUND. False as above.
  Result<bool> find(const GroupLog& log, int32_t by, int64_t value, Wait wait, chr_entry_header* out) const;

  // Where the accepted log is cut before an index, for accept_trim() and accept_truncate(). kNever: the store's, as accept_*;
  // nullopt: only the disk has it. kMay: [blocking], only where kNever said so; publish_* may go on beside it, and what it says
  // holds until the next accept_* of this log.
  Result<std::optional<Boundary>> boundary(const GroupLog& log, uint64_t index, Wait wait) const;

 private:
  using Header = std::optional<chr_entry_header>;
  // False: only the disk has it. An entry that is not there is nullopt.
  Result<bool> find_offset(const GroupLog& log, int64_t offset, Wait wait, Header* out) const;
  Result<bool> find_timestamp(const GroupLog& log, int64_t timestamp, Wait wait, Header* out) const;
  Result<bool> find_max_timestamp(const GroupLog& log, Wait wait, Header* out) const;
  Result<bool> find_in_segment(const GroupLog& log, const Segment& segment, int64_t timestamp, Wait wait,
                               Header* out) const;
  Result<bool> find_max_in_segment(const GroupLog& log, const Segment& segment, Wait wait, Header* out) const;
  // The first entry of [from, to] for which the test holds.
  template <class Test>
  Result<bool> scan(LogCursor& cursor, uint64_t from, uint64_t to, Test test, Header* out) const;

  SegmentFiles& files_;
  SegmentIndexes& indexes_;
};

}  // namespace chronik::storage_log
