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
  // 50 ms have passed: what has waited for long is done now, and what was refused for lack of space or of open files is tried
  // again; checkpoints, which copy all groups, after growing pauses.
  void tick(Turn& turn);
  // The last one: all is moved, and a checkpoint says that nothing follows.
  void want_last(Turn& turn);
  // What would make room was refused, and is not tried again at once.
  bool is_held() const { return !is_running_ && (is_held_ || checkpoint_is_paused()); }
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
  bool checkpoint_is_paused() const;
  void pause_checkpoints(bool lacks_room);
  void after_success(Task task);
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
  bool moves_ = false;                  // what waits is to be moved, be it little
  bool is_held_ = false;                // something was refused; until the next tick
  bool holds_removals_ = false;         // likewise; otherwise they go on, as they make room
  uint64_t checkpoint_due_ns_ = 0;      // no checkpoint is tried before, unless the disk has more room
  uint64_t checkpoint_pause_ns_ = 0;    // after the last one that was refused; 0: it was written
  bool checkpoint_lacks_room_ = false;  // the disk had none for the last one
  uint64_t free_then_ = 0;              // bytes that the disk had left at that refusal
  uint64_t free_ = 0;                   // bytes that it had left at the last look
  bool is_last_ = false;
  bool is_finished_ = false;
};

}  // namespace chronik::storage_log
