// Moves small entries from memory to their place in the segments, and the points of their indexes to the index files.
#pragma once

#include "storage-log/segment/group_log.h"
#include "storage-log/segment/segment_files.h"
#include "storage-log/segment/segment_indexes.h"

#include <condition_variable>
#include <list>
#include <map>
#include <memory>
#include <mutex>

namespace chronik::storage_log {

// [any] thread, but for what says otherwise.
class Mover {
 public:
  Mover(SegmentFiles& files, SegmentIndexes& indexes) : files_(files), indexes_(indexes) {}

  // After publish_append(), before a checkpoint may be begun: entries of the log may wait.
  void add(const std::shared_ptr<GroupLog>& log);
  bool has_work() const;
  // What time it is, for add() and what is left by a move.
  void set_time(uint64_t now_ns);
  // When the log that has waited longest was added. nullopt: none waits.
  std::optional<uint64_t> waits_since() const;

  // [blocking] Moves about so many bytes, of one log after the other in the order in which they came to wait. Several calls at a
  // time never take the same log. NO_SPACE: what could not be moved waits on, and the journal that has it must not be recycled.
  // IO: the store has failed.
  Status move_some(uint64_t max_bytes);
  // [blocking] All that waited when it was called: for a checkpoint, before SegmentFiles::sync_written().
  Status move_all();

 private:
  struct Item {
    std::shared_ptr<GroupLog> log;
    bool is_moving = false;  // otherwise it is queued
    std::list<GroupLog*>::iterator place;
    uint64_t since_ns = 0;
  };
  std::shared_ptr<GroupLog> claim_next();
  // Waits for who moves it just now. nullptr: it has nothing that waits.
  std::shared_ptr<GroupLog> claim(GroupLog* log);
  void enqueue(GroupLog* log, Item& item);
  std::shared_ptr<GroupLog> begin_move(Item& item);
  void release(GroupLog* log);
  Status move(GroupLog& log, uint64_t max_bytes, uint64_t* moved);
  Status write(const GroupLog& log, std::span<const TailEntry> entries);
  Status write_points(GroupLog& log);

  SegmentFiles& files_;
  SegmentIndexes& indexes_;
  mutable std::mutex mutex_;  // all below
  std::condition_variable released_;
  std::map<GroupLog*, Item> items_;
  std::list<GroupLog*> queue_;
  uint64_t now_ns_ = 0;
};

}  // namespace chronik::storage_log
