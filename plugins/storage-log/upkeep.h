// What is done in the background, on a blocking thread, one thing after the other: files that are out of use
// are removed, entries move from the journal's memory to their segments, checkpoints are written so that the
// files of the journal can be used again, and further files of it are made.
//
//   state   | left by
//   idle    | begin_if_due(), tick(), want_last(): running
//   running | nothing is left to do: idle
#pragma once

#include "storage-log/store_parts.h"

namespace chronik::storage_log {

class Upkeep {
 public:
  // Runs something under the store's mutex, on a blocking thread, and then whatever it leads to.
  using RunTurn = std::function<void(std::function<void(Turn&)>)>;
  using Fail = std::function<void(const Error&)>;

  Upkeep(StoreParts& parts, RunTurn run_turn, Fail fail)
      : parts_(parts), run_turn_(std::move(run_turn)), fail_(std::move(fail)) {}

  // ---- under the store's mutex ----
  // Begins where there is something to do.
  void begin_if_due(Turn& turn);
  // 50 ms have passed: what has waited for long is done now, and what failed for lack of space is tried again; checkpoints,
  // which copy all groups, in growing distances.
  void tick(Turn& turn);
  // The last one: all is moved, and a checkpoint says that nothing follows.
  void want_last(Turn& turn);
  // The disk has no room, and nothing else is tried for a while.
  bool is_held() const { return is_held_ && !is_running_; }
  bool is_running() const { return is_running_; }
  bool is_finished() const { return is_finished_; }

  // [blocking] All groups, as they are now, durably. At a start, when nothing else runs.
  Status write_checkpoint(const CheckpointHead& head);

 private:
  enum class Task { kNone, kRemove, kMove, kMakeFile, kCheckpoint, kLast };

  void begin(Turn& turn);
  Task next_task() const;
  bool has_enough_to_move() const;
  bool has_waited() const;
  void run();
  Status perform(Task task);
  void after(Task task, const Status& status);
  Status make_file();
  Status checkpoint(bool is_last);
  std::vector<uint64_t> existing_groups() const;
  Status write(const CheckpointHead& head, const std::vector<uint64_t>& groups);
  void look_at_space();

  StoreParts& parts_;
  RunTurn run_turn_;
  Fail fail_;
  bool is_running_ = false;
  bool moves_ = false;           // what waits is to be moved, be it little
  bool is_held_ = false;         // for lack of space, until the first tick after held_until_ns_
  bool holds_removals_ = false;  // likewise; otherwise they go on, as they make room
  uint64_t held_until_ns_ = 0;
  uint64_t checkpoint_pause_ns_ = 0;  // after the last one that found no room
  bool is_last_ = false;
  bool is_finished_ = false;
};

}  // namespace chronik::storage_log
