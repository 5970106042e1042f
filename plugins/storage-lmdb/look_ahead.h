// The reads that bring into memory what is to be removed (warmer.h): of one group at a time. Guarded by the
// store's mutex: a read ends on a thread of its own, and the drain takes over what it found.
//
//   state   | the next read | left by
//   idle    | may begin     | begin_read()
//   reading | waits         | end_read(): with news for the drain, or with a group that has to wait
#pragma once

#include "storage-lmdb/warmer.h"

#include <utility>

namespace chronik::storage_lmdb {

class LookAhead {
 public:
  bool is_reading() const { return is_reading_; }
  void begin_read() { is_reading_ = true; }
  // The index below which entries of the group are in memory now, or why they could not be read.
  void end_read(uint64_t group, const Result<uint64_t>& below);

  // What was read since the drain took it last.
  bool has_news() const { return !news_.empty(); }
  WarmBelow take_news() { return std::exchange(news_, {}); }

  // Whether what is gone of the group cannot be read: not before the next start where its pages are damaged,
  // not before the next drain where something else was in the way.
  bool has_to_wait(uint64_t group) const { return damaged_.contains(group) || not_now_.contains(group); }
  // The drain ends: the next one tries again.
  void end_drain() { not_now_.clear(); }

 private:
  bool is_reading_ = false;
  WarmBelow news_;
  std::set<uint64_t> damaged_;
  std::set<uint64_t> not_now_;
};

}  // namespace chronik::storage_lmdb
