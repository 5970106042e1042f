// Whether there is room for a write, and what operators hear of a store that is full.
//
//   state | entered by                                                         | health of "space"
//   room  | there is room again for as much as was refused, or data is written |
//         | while nothing was refused for a second                             | ready
//   full  | a write is refused for lack of space                               | degraded
#pragma once

#include <chronik/storage_write.hpp>

#include <algorithm>

namespace chronik::storage_log {

// Under the store's mutex.
class Room {
 public:
  // max_size: 0 where there is none.
  Room(Host host, uint64_t max_size) : host_(host), max_size_(max_size) {}

  // What all files take, together with what is on its way to them.
  void note_taken(uint64_t bytes) { taken_ = bytes; }
  // Bytes of a write that came, or that was refused then.
  void count_arrival(uint64_t bytes) { came_ += static_cast<int64_t>(bytes); }
  void count_refusal(uint64_t bytes) { came_ -= static_cast<int64_t>(bytes); }
  // Before the file system is asked what it has left. unwritten: what came, and may not be in files yet. Returns how much is: below
  // 0 where a start left more than has come since.
  int64_t begin_look(uint64_t unwritten);
  // What it has left, with what begin_look() returned.
  void note_free(uint64_t bytes, int64_t written);
  // So much came since the last look that another one is due, lest the disk be taken for full.
  bool wants_look() const;
  // It refused a write; it took one, or gave something back.
  void disk_is_full();
  void disk_has_room() { refused_by_disk_ns_ = 0; }
  bool is_disk_full() const { return refused_by_disk_ns_ != 0; }

  // What lies in the journal and could not be moved to its segment yet, what it can take without a checkpoint, and what it
  // holds in all.
  void note_journal(uint64_t unmoved, uint64_t left, uint64_t capacity) {
    unmoved_ = unmoved;
    journal_left_ = left;
    journal_ = capacity;
  }

  // Whether a write that was counted as taken may be accepted. is_direct: its payloads or values go to files at once.
  bool has(Growth growth, bool is_direct, uint64_t bytes) const;
  void refused(uint64_t bytes);
  void wrote(const OwnedWrite& write);
  // Something was removed.
  void look_again();
  bool is_full() const { return is_full_; }
  // Less than a quarter of it is left: nothing is kept that could go.
  bool is_tight() const { return left() < capacity() / 4; }
  // Where the files must stop growing.
  uint64_t capacity() const;

 private:
  bool is_refused_by_disk(bool is_direct) const;
  uint64_t size_left() const;
  uint64_t disk_left() const;
  uint64_t left() const { return std::min(size_left(), disk_left()); }
  uint64_t reserve() const;
  void set_full(bool full);

  Host host_;
  const uint64_t max_size_;
  uint64_t taken_ = 0;
  int64_t came_ = 0;
  uint64_t free_ = UINT64_MAX;  // of the disk, when it was asked
  int64_t came_then_ = 0;
  int64_t written_then_ = 0;
  uint64_t refused_by_disk_ns_ = 0;  // when, last; 0: not since it took something
  uint64_t unmoved_ = 0;
  uint64_t journal_left_ = 0;
  uint64_t journal_ = 0;
  bool is_full_ = false;
  uint64_t refused_ns_ = 0;
  uint64_t refused_bytes_ = 0;
};

}  // namespace chronik::storage_log
