// The records of one segment, read from its map, of which nothing is touched that is not in memory.
#pragma once

#include "storage-log/segment/record.h"
#include "storage-log/segment/segment_files.h"

namespace chronik::storage_log {

// With kMay: [blocking], the disk is asked for what is not in memory.
enum class Wait { kNever, kMay };

class SegmentView {
 public:
  // kRefused: the system has no means to load it for now, see refusal(). With Wait::kMay only.
  enum class Found { kWhole, kDamaged, kNotLoaded, kRefused };

  // Of the records of [begin, limit).
  static Result<SegmentView> open(const SegmentFiles& files, std::shared_ptr<OpenSegment> segment,
                                  uint64_t begin, uint64_t limit, Wait wait);
  const SegmentId& id() const { return segment_->id(); }
  uint64_t begin() const { return begin_; }
  uint64_t limit() const { return limit_; }
  chr_buf* lease() const { return bytes_.lease.get(); }
  std::shared_ptr<const void> readers() const { return segment_->readers(); }

  // The head of the record at a place.
  Found head(uint64_t at, RecordHead* out);
  // The payload behind a whole head, checked; *p is set where it is whole.
  Found payload(uint64_t at, const RecordHead& head, const uint8_t** p);
  // [blocking] The first place behind `at` with a whole head; limit() where there is none. OVERLOADED: as kRefused.
  Result<uint64_t> next_whole(uint64_t at, RecordHead* out);
  // What the system said, after kRefused.
  const Error& refusal() const { return refusal_; }

 private:
  SegmentView(std::shared_ptr<OpenSegment> segment, MappedBytes bytes, uint64_t begin, uint64_t limit,
              Wait wait)
      : segment_(std::move(segment)), bytes_(std::move(bytes)), begin_(begin), limit_(limit), wait_(wait) {}
  // [at, at + n) may be touched afterwards, where it says kWhole.
  Found bring(uint64_t at, uint64_t n, uint64_t ahead);
  Found load(uint64_t at, uint64_t n);

  std::shared_ptr<OpenSegment> segment_;
  MappedBytes bytes_;
  uint64_t begin_;
  uint64_t limit_;
  Wait wait_;
  uint64_t loaded_from_ = 0;  // what may be touched
  uint64_t loaded_to_ = 0;
  uint64_t ahead_ = 0;  // how much to load at a time
  uint64_t pace_ = 0;   // and behind small records
  Error refusal_;       // of the last load that failed
};

}  // namespace chronik::storage_log
