// The space of the data file: zeros written ahead of need, so that commits meet no fresh pages; how much is
// live; and whether there is room for more. The drain's alone, except where it says [any].
//
// The file never shrinks; what is freed is used again. Writes that grow the store are refused when only the
// reserve is left, which lets trims, truncations and drops pass: they need pages themselves. What is free may
// lie scattered, while a large entry needs pages in a row: it gets none behind max_size. Only what LMDB needs
// page by page, or to note what it freed, may go on into the slack; where the map ends the file does.
#pragma once

#include "storage-lmdb/env.h"

#include <chronik/storage_write.hpp>

#include <algorithm>
#include <atomic>
#include <vector>

namespace chronik::storage_lmdb {

class Space {
 public:
  struct Options {
    uint64_t map_size;
    uint64_t max_size;     // 0: as far as the map
    uint64_t preallocate;  // zeros kept ahead of what is used

    uint64_t capacity() const { return max_size == 0 ? map_size : std::min(max_size, map_size); }
    // Behind max_size, so that what removes finds room where all is taken.
    uint64_t slack() const { return std::clamp<uint64_t>(max_size / 16, 1u << 20, 8u << 20); }
    // Where the file ends at the latest.
    uint64_t limit() const {
      return max_size == 0 ? map_size : std::min(map_size, (max_size + slack()) & ~uint64_t{4095});
    }
  };
  Space(Host host, std::shared_ptr<Env> env, Options options);

  // Counts pages. Once at the start, and within each write transaction for the lanes that it touched; those
  // count once it is committed, for one that finds no room leaves all as it was.
  Status count_all(MDB_txn* txn);
  Status count(MDB_txn* txn, const std::vector<uint64_t>& groups);
  void take_count();

  // Room for a drain that writes so many bytes of records, of this kind at most?
  bool has_room(Growth growth, uint64_t bytes, uint64_t entries);
  // Data was refused; could it pass by now? Where the file may not grow, something must have been freed: what
  // was free already was of no use.
  bool has_room_again();
  // The disk refused, or the map ended: only what the file has is left, until a later extension succeeds.
  void disk_is_full();
  void data_was_written() { live_at_refusal_ = UINT64_MAX; }
  // Where an entry with pages of its own must end in the next transaction.
  uint64_t row_end() const { return std::max(capacity_, env_->used_end()); }
  // Whether commits will soon meet fresh pages; whether more zeros are wanted at all.
  bool is_urgent() const { return ahead() < kUrgent; }
  bool wants_more() const { return ahead() < wanted() && !is_blocked(); }
  // Whether so many bytes in a row fit behind what is used: the file may grow, or has grown.
  bool has_row_at_end(uint64_t bytes) const;
  // Whether free pages are so few that one page more is a fresh one; whether so many bytes of records will
  // soon find no room.
  bool lacks_pages() const;
  bool will_lack_room(uint64_t bytes) const;
  // Writes one chunk of zeros behind the end of the file. Must not run beside a write transaction.
  void extend();

  // [any]
  uint64_t live_bytes() const { return live_.load(std::memory_order_relaxed); }
  uint64_t file_bytes() const { return file_end_.load(std::memory_order_relaxed); }
  uint64_t capacity() const { return capacity_; }
  // [any] Where it stops growing as things are: the volume may have less room than that.
  uint64_t reachable_capacity() const;

 private:
  static constexpr uint64_t kUrgent = 12u << 20;  // more than the reserve: the next batch is not to wait
  static constexpr uint64_t kChunk = 4u << 20;
  static constexpr uint64_t kRetryNs = 200'000'000;

  uint64_t ahead() const;
  uint64_t allocated() const;
  uint64_t reserve() const;
  uint64_t wanted() const;
  bool is_blocked() const;
  Status count_one(MDB_txn* txn, MDB_dbi dbi);

  Host host_;
  std::shared_ptr<Env> env_;
  Options options_;
  uint64_t capacity_;
  std::vector<uint64_t> pages_;  // by database handle
  std::vector<std::pair<MDB_dbi, uint64_t>> counted_;
  std::atomic<uint64_t> live_{0};
  std::atomic<uint64_t> file_end_{0};
  bool disk_full_ = false;
  uint64_t retry_at_ns_ = 0;
  uint64_t live_at_refusal_ = UINT64_MAX;
};

}  // namespace chronik::storage_lmdb
