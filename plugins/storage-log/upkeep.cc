#include "storage-log/upkeep.h"

namespace chronik::storage_log {
namespace {

constexpr uint64_t kMaxMovedPerStep = 8u << 20;  // bytes, before something else has its turn
// What waits to be moved takes memory, and each move a write to a file: so much of it is waited for.
constexpr uint64_t kMoveThreshold = 2u << 20;
constexpr uint64_t kEntryBytes = 256;         // that an entry takes in memory beside its payload, about
constexpr size_t kRemoveAtOnce = 16;          // files
constexpr size_t kGroupsAtOnce = 64;          // of a checkpoint, while others wait for the mutex
constexpr uint64_t kMinPauseNs = 50'000'000;  // between checkpoints that are refused
constexpr uint64_t kMaxPauseNs = 800'000'000;
constexpr uint64_t kMoreRoom = 1u << 20;  // bytes that came free, so that a checkpoint may find room

}  // namespace

void Upkeep::tick(Turn& turn) {
  moves_ = moves_ || is_held_ || has_waited();
  is_held_ = holds_removals_ = false;
  parts_.segments.tick();
  // A store that is full looks whether it still is.
  if (parts_.room.is_full() && !is_running_ && !parts_.failure.has_failed()) begin(turn);
  begin_if_due(turn);
}

void Upkeep::begin_if_due(Turn& turn) {
  if (parts_.room.is_tight()) parts_.segments.give_up_spares();
  // A store that takes much looks whether it will be full.
  const bool looks = parts_.room.wants_look() && !parts_.failure.has_failed();
  if (!is_running_ && (looks || next_task() != Task::kNone)) begin(turn);
}

void Upkeep::want_last(Turn& turn) {
  is_last_ = true;
  parts_.segments.give_up_spares();
  if (!is_running_) begin(turn);
}

void Upkeep::begin(Turn& turn) {
  is_running_ = true;
  turn.then.push_back([this] { parts_.host.blocking([this] { run(); }); });
}

Upkeep::Task Upkeep::next_task() const {
  if (parts_.failure.has_failed() || is_finished_) return Task::kNone;
  const bool removes = parts_.segments.has_removals() || parts_.values.has_removals();
  if (removes && !holds_removals_) return Task::kRemove;
  if (is_last_) return Task::kLast;
  if (is_held_) return Task::kNone;
  if (parts_.journal.wants_checkpoint() && !checkpoint_is_paused()) return Task::kCheckpoint;
  if (parts_.mover.has_work() && (moves_ || has_enough_to_move())) return Task::kMove;
  // A file is of use once a checkpoint names it.
  if (parts_.journal.wants_file() && !checkpoint_is_paused()) return Task::kMakeFile;
  return Task::kNone;
}

bool Upkeep::has_enough_to_move() const {
  const uint64_t enough =
      std::min({kMoveThreshold, parts_.options.queue_bytes / 4, parts_.journal.capacity() / 16});
  return enough <= parts_.sums.unmoved_bytes.load(std::memory_order_relaxed) +
                       kEntryBytes * parts_.sums.unmoved_entries.load(std::memory_order_relaxed);
}

bool Upkeep::has_waited() const {
  const std::optional<uint64_t> since = parts_.mover.waits_since();
  return since && parts_.host.now_ns() >= *since + parts_.options.move_after_ns;
}

void Upkeep::run() {
  for (;;) {
    look_at_space();
    Task task = Task::kNone;
    run_turn_([&](Turn&) {
      task = next_task();
      if (task == Task::kNone) {
        is_running_ = false;
        moves_ = false;
      }
    });
    if (task == Task::kNone) return;  // the store may be gone already
    const Status status = perform(task);
    run_turn_([&](Turn&) { after(task, status); });
  }
}

Status Upkeep::perform(Task task) {
  switch (task) {
    case Task::kRemove:
      CHRONIK_CHECK(parts_.values.remove_some());
      return parts_.segments.remove_some(kRemoveAtOnce);
    case Task::kMove:
      return parts_.mover.move_some(kMaxMovedPerStep);
    case Task::kMakeFile:
      return make_file();
    default:
      return checkpoint(task == Task::kLast);
  }
}

void Upkeep::after(Task task, const Status& status) {
  parts_.update_room();
  parts_.note_sizes();
  if (task == Task::kLast) is_finished_ = true;
  if (status) return after_success(task);
  const Code code = status.error().code;
  if (code != Code::kNoSpace && code != Code::kOverloaded) {
    fail_(status.error());
    return;
  }
  // It stays in the journal meanwhile.
  is_held_ = true;
  holds_removals_ = holds_removals_ || task == Task::kRemove;
  if (task == Task::kCheckpoint) pause_checkpoints(code == Code::kNoSpace);
  if (code == Code::kOverloaded) return;  // too many files are open: a matter of moments
  if (task == Task::kMakeFile)
    parts_.journal.stop_making_files();
  else
    parts_.room.disk_is_full();
}

void Upkeep::after_success(Task task) {
  if (task == Task::kCheckpoint) {
    checkpoint_pause_ns_ = 0;
    if (std::exchange(checkpoint_lacks_room_, false)) parts_.room.disk_has_room();
  } else if (task == Task::kMove) {
    // Room for a move need not be enough for a checkpoint, and without one the journal fills.
    if (!checkpoint_lacks_room_) parts_.room.disk_has_room();
  } else if (task == Task::kRemove) {
    parts_.room.disk_has_room();
    parts_.room.look_again();
  }
}

bool Upkeep::checkpoint_is_paused() const { return parts_.host.now_ns() < checkpoint_due_ns_; }

void Upkeep::pause_checkpoints(bool lacks_room) {
  checkpoint_lacks_room_ = checkpoint_lacks_room_ || lacks_room;
  checkpoint_pause_ns_ =
      lacks_room ? std::clamp(2 * checkpoint_pause_ns_, kMinPauseNs, kMaxPauseNs) : kMinPauseNs;
  checkpoint_due_ns_ = parts_.host.now_ns() + checkpoint_pause_ns_;
  free_then_ = free_;
}

Status Upkeep::make_file() {
  CHRONIK_TRY(auto made, parts_.journal.make_file());
  const std::lock_guard lock(parts_.mutex);
  parts_.journal.add_file(made.first, std::move(made.second));
  return {};
}

void Upkeep::look_at_space() {
  int64_t written = 0;
  {
    const std::lock_guard lock(parts_.mutex);
    written = parts_.room.begin_look(parts_.unwritten_bytes());
  }
  const Result<uint64_t> free = parts_.segments.files().free_bytes();
  if (!free) return;  // as it was
  const std::lock_guard lock(parts_.mutex);
  parts_.update_room();
  parts_.room.note_free(*free, written);
  parts_.room.look_again();
  free_ = *free;
  if (free_ - std::min(free_, free_then_) > kMoreRoom) checkpoint_due_ns_ = 0;
}

// ---- checkpoints ----

Status Upkeep::checkpoint(bool is_last) {
  CheckpointHead head;
  std::vector<uint64_t> groups;
  {
    const std::lock_guard lock(parts_.mutex);
    head = {parts_.journal.replay_start(), parts_.groups.next_id(), is_last, parts_.groups.has_lost_names(),
            parts_.journal.used_files()};
    groups = existing_groups();
  }
  CHRONIK_CHECK(write(head, groups));
  const std::lock_guard lock(parts_.mutex);
  parts_.journal.release(head.replay);
  parts_.metrics.note_checkpoint();
  return {};
}

Status Upkeep::write_checkpoint(const CheckpointHead& head) { return write(head, existing_groups()); }

std::vector<uint64_t> Upkeep::existing_groups() const {
  std::vector<uint64_t> groups;
  for (const std::shared_ptr<Group>& group : parts_.groups.all())
    if (group->exists) groups.push_back(group->id);
  return groups;
}

// Each group is as of the frame that was its last when it was copied; a replay leaves out what it has already.
Status Upkeep::write(const CheckpointHead& head, const std::vector<uint64_t>& groups) {
  std::string content;
  save_head(head, kCheckpointFormat, &content);
  for (size_t i = 0; i < groups.size();) {
    const std::lock_guard lock(parts_.mutex);
    for (size_t n = 0; n < kGroupsAtOnce && i < groups.size(); ++n, ++i)
      if (const std::shared_ptr<Group> group = parts_.groups.find(groups[i])) save_group(*group, &content);
  }
  CHRONIK_CHECK(parts_.mover.move_all());
  CHRONIK_CHECK(parts_.segments.sync_written());
  return parts_.checkpoints.write(content);
}

}  // namespace chronik::storage_log
