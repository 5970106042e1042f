#include "storage-log/recovery.h"

#include <algorithm>
#include <set>

namespace chronik::storage_log {

Recovery::Recovery(StoreParts& parts)
    : parts_(parts),
      replay_(parts, {[this](const std::string& message, const Group& group) { log_error(message, group); },
                      [this](uint64_t sequence) { log_mended(sequence); }, [this] { return move(); }}) {}

Status Recovery::run(Upkeep& upkeep) {
  // A process that was killed may have left names that a power loss can still take, and all that follows builds on them.
  CHRONIK_CHECK(parts_.segments.files().sync_names());
  CHRONIK_CHECK(replay_.load());
  CHRONIK_CHECK(refuse_missing_journals());
  CHRONIK_CHECK(replay_.apply_journal());
  CHRONIK_CHECK(sync_journal());
  for (const std::shared_ptr<Group>& group : parts_.groups.all()) {
    group->log->resume();
    parts_.count_used(*group);
  }
  check_segments();
  CHRONIK_CHECK(remove_unlisted_files());
  CHRONIK_CHECK(begin(upkeep));
  if (!parts_.journal.is_direct())
    parts_.host.info(
        "the file system of the data directory takes no direct writes: commits pass the page cache");
  return {};
}

// ---- the journal ----

Status Recovery::refuse_missing_journals() const {
  const std::vector<std::string>& missing = replay_.findings().missing;
  if (missing.empty()) return {};
  return fail(Code::kCorrupt, "the file " + missing.front() +
                                  " of the journal is missing or cut short, with commits that were "
                                  "acknowledged: restore the file, or put a new node in the place of "
                                  "this one");
}

// What was being written when the store ended may be in the page cache only, and counts from here on.
Status Recovery::sync_journal() const {
  if (replay_.head().is_clean) return {};
  for (const File* file : parts_.journal.files()) CHRONIK_CHECK(file->sync());
  if (!replay_.tail().dropped.empty()) {
    parts_.host.info(
        "the last commits were cut short when the store ended, or damaged since; nothing says that they were "
        "acknowledged",
        "from=" + std::to_string(replay_.tail().next_sequence));
  }
  return {};
}

// Where the disk has no room, it stays in memory.
Status Recovery::move() {
  const Status moved = parts_.mover.move_all();
  return !moved && moved.error().code == Code::kNoSpace ? Status() : moved;
}

void Recovery::log_mended(uint64_t sequence) const {
  parts_.host.warn("a commit in the journal had a flipped bit, which was turned back: check the disk",
                   "number=" + std::to_string(sequence));
}

void Recovery::log_error(const std::string& message, const Group& group) const {
  parts_.host.error(message, "group=" + std::to_string(group.id) + " name=" + group.name);
}

// ---- the new checkpoint ----

Status Recovery::begin(Upkeep& upkeep) {
  CheckpointHead next{{},
                      parts_.groups.next_id(),
                      /*is_clean=*/false,
                      parts_.groups.has_lost_names(),
                      parts_.journal.used_files()};
  next.replay.sequence = replay_.tail().next_sequence;
  while (next.replay.generation == 0) next.replay.generation = parts_.host.random_u64();
  const Status written = upkeep.write_checkpoint(next);
  if (!written && (written.error().code != Code::kNoSpace || parts_.checkpoints.may_count())) return written;
  if (!written) return begin_without_room(next);
  CHRONIK_CHECK(parts_.journal.complete_files());
  if (parts_.journal.used_files() != *next.journals) {
    next.journals = parts_.journal.used_files();
    CHRONIK_CHECK(upkeep.write_checkpoint(next));
  }
  parts_.journal.begin_generation(next.replay);
  return {};
}

// A full disk must not keep a node from what makes room again.
Status Recovery::begin_without_room(CheckpointHead next) {
  const CheckpointHead& old = replay_.head();
  parts_.journal.use_only(old.journals.value_or(*next.journals));
  if (old.is_clean) {
    // All is as the old checkpoint says, but that frames follow from now on.
    if (replay_.folder().checkpoints.empty())
      return fail(Code::kNoSpace, "the disk has no room for a new store: free some space");
    if (old.journals && !parts_.journal.cut_files(*old.journals).empty())
      return fail(Code::kNoSpace, "the disk has no room for a checkpoint: free some space");
    next.journals = old.journals;
    CheckpointContent content{replay_.saved_groups().format, {}};
    save_head(next, content.format, &content.bytes);
    content.bytes.append(replay_.saved_groups().bytes);
    CHRONIK_CHECK(parts_.checkpoints.overwrite(content));
    CHRONIK_CHECK(parts_.journal.leave_small_files());
    parts_.journal.begin_generation(next.replay);
  } else {
    CHRONIK_CHECK(parts_.journal.resume(old.replay, replay_.tail()));
    CHRONIK_CHECK(parts_.journal.leave_small_files());
  }
  parts_.room.disk_is_full();
  parts_.host.warn(
      "the disk is full: the store begins without a checkpoint of its own, and writes it once there is room");
  return {};
}

// ---- the files ----

void Recovery::check_segments() {
  for (const std::shared_ptr<Group>& group : parts_.groups.all()) {
    const Status whole = parts_.segments.check(*group->log);
    if (whole) continue;
    log_error("a log is damaged on disk, and what is missing is not served: " + whole.error().message,
              *group);
  }
}

Status Recovery::remove_unlisted_files() {
  std::vector<std::shared_ptr<GroupLog>> logs;
  std::set<std::string> values;
  for (const std::shared_ptr<Group>& group : parts_.groups.all()) {
    logs.push_back(group->log);
    group->keys.for_each_file([&](uint64_t file) { values.insert(value_name(group->id, file)); });
  }
  const auto keeps = [this](uint64_t group) { return parts_.groups.keeps_files(group); };
  CHRONIK_CHECK(parts_.segments.remove_unlisted_files(logs, parts_.groups.next_id(), keeps));
  for (const auto& [group, name] : replay_.folder().values)
    if (!values.contains(name) && !keeps(group)) CHRONIK_CHECK(parts_.segments.files().remove(name));
  return {};
}

}  // namespace chronik::storage_log
