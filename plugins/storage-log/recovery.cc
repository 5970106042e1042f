#include "storage-log/recovery.h"

#include <chronik/crc32c.hpp>

#include <algorithm>
#include <set>

namespace chronik::storage_log {
namespace {

constexpr uint64_t kReplayBytes = 16u << 20;   // that a replay keeps in memory
constexpr uint64_t kBesidePayload = 3u << 12;  // of a frame: its head and ids, its last block, what aligns it

bool is_data_name(std::string_view name) {
  SegmentId id;
  return parse_segment_name(name, &id) || parse_index_name(name, &id) || parse_value_name(name, &id.group);
}

std::string lost_commit(uint64_t sequence) {
  return "a commit in the journal is damaged on disk (number " + std::to_string(sequence) +
         "): restore this replica from another";
}

}  // namespace

Status Recovery::read() {
  CHRONIK_CHECK(look());
  CHRONIK_CHECK(load(folder_));
  CHRONIK_CHECK(parts_.segments.scan());
  CHRONIK_CHECK(parts_.journal.open(folder_.journals));
  CHRONIK_CHECK(look_for_journals());
  tail_.next_sequence = head_.replay.sequence;
  return head_.is_clean ? Status() : replay(head_);
}

Status Recovery::run(Upkeep& upkeep) {
  is_start_ = true;
  // A process that was killed may have left names that a power loss can still take, and all that follows builds on them.
  CHRONIK_CHECK(parts_.segments.files().sync_names());
  CHRONIK_CHECK(read());
  for (const std::shared_ptr<Group>& group : parts_.groups.all()) {
    group->log->resume();
    parts_.count_used(*group);
  }
  check_segments();
  CHRONIK_CHECK(remove_strangers(folder_));
  CHRONIK_CHECK(begin(head_, upkeep));
  if (!parts_.journal.is_direct())
    parts_.host.info(
        "the file system of the data directory takes no direct writes: commits pass the page cache");
  return {};
}

Status Recovery::begin(const CheckpointHead& old, Upkeep& upkeep) {
  CheckpointHead next{{},
                      parts_.groups.next_id(),
                      /*is_clean=*/false,
                      parts_.groups.is_nameless(),
                      parts_.journal.used_files()};
  next.replay.sequence = tail_.next_sequence;
  while (next.replay.generation == 0) next.replay.generation = parts_.host.random_u64();
  const Status written = upkeep.write_checkpoint(next);
  if (!written && (written.error().code != Code::kNoSpace || parts_.checkpoints.may_count())) return written;
  if (!written) return begin_without_room(old, next);
  CHRONIK_CHECK(parts_.journal.complete_files());
  if (parts_.journal.used_files() != *next.journals) {
    next.journals = parts_.journal.used_files();
    CHRONIK_CHECK(upkeep.write_checkpoint(next));
  }
  parts_.journal.begin_generation(next.replay);
  return {};
}

// A full disk must not keep a node from what makes room again.
Status Recovery::begin_without_room(const CheckpointHead& old, CheckpointHead next) {
  parts_.journal.use_only(old.journals.value_or(*next.journals));
  if (old.is_clean) {
    // All is as the old checkpoint says, but that frames follow from now on.
    if (folder_.checkpoints.empty())
      return fail(Code::kNoSpace, "the disk has no room for a new store: free some space");
    if (old.journals && !parts_.journal.cut_files(*old.journals).empty())
      return fail(Code::kNoSpace, "the disk has no room for a checkpoint: free some space");
    next.journals = old.journals;
    CheckpointContent content{format_, {}};
    save_head(next, format_, &content.bytes);
    content.bytes.append(saved_groups_);
    CHRONIK_CHECK(parts_.checkpoints.overwrite(content));
    CHRONIK_CHECK(parts_.journal.leave_small_files());
    parts_.journal.begin_generation(next.replay);
  } else {
    CHRONIK_CHECK(parts_.journal.resume(old.replay, tail_));
    CHRONIK_CHECK(parts_.journal.leave_small_files());
  }
  parts_.room.disk_is_full();
  parts_.host.warn(
      "the disk is full: the store begins without a checkpoint of its own, and writes it once there is room");
  return {};
}

Status Recovery::look() {
  Folder& folder = folder_;
  CHRONIK_CHECK(parts_.segments.files().list([&](std::string_view name, uint64_t) {
    if (const auto checkpoint = checkpoint_name(name))
      folder.checkpoints.push_back(*checkpoint);
    else if (const auto number = journal_number(name))
      folder.journals.push_back(*number);
    else if (is_data_name(name))
      folder.data = name;
    else
      folder.foreign = name;
    uint64_t group = 0;
    if (parse_value_name(name, &group)) folder.values.emplace_back(group, name);
  }));
  if (folder.foreign.empty()) return {};
  return fail(Code::kUnsupported,
              "the folder of the store holds the file " + folder.foreign +
                  ", which is none of storage-log: set storage.plugin to the storage that wrote "
                  "it, or move the file away");
}

Status Recovery::load(const Folder& folder) {
  CheckpointHead& head = head_;
  CHRONIK_TRY(const std::optional<CheckpointContent> content, parts_.checkpoints.load(folder.checkpoints));
  if (!content) {
    // A first start writes a checkpoint before anything else.
    if (folder.data.empty() && folder.journals.empty()) {
      head.is_clean = true;
      return {};
    }
    return fail(Code::kCorrupt, "the folder of the store holds " +
                                    (folder.data.empty() ? journal_name(folder.journals[0]) : folder.data) +
                                    ", but no checkpoint: restore this replica from another");
  }
  ByteReader in(content->bytes);
  CHRONIK_CHECK(load_head(in, content->format, &head));
  format_ = content->format;
  saved_groups_ = in.rest();
  parts_.groups.restore_next_id(head.next_group);
  if (head.nameless) parts_.groups.lost_a_name();
  while (!in.rest().empty()) CHRONIK_CHECK(load_group(in, parts_.groups));
  for (const std::shared_ptr<Group>& group : parts_.groups.all())
    parts_.value_bytes += group->keys.file_bytes();
  return {};
}

// ---- the journal ----

// What a frame in such a file said would be lost, and nothing else tells of those at the end.
Status Recovery::look_for_journals() {
  if (head_.is_clean || !head_.journals) return {};
  CHRONIK_CHECK(parts_.journal.check_blocks(*head_.journals));
  for (const uint32_t number : parts_.journal.cut_files(*head_.journals))
    findings_.missing.push_back(journal_name(number));
  if (findings_.missing.empty() || !is_start_) return {};
  return fail(Code::kCorrupt, "the file " + findings_.missing.front() +
                                  " of the journal is missing or cut short, with commits that were "
                                  "acknowledged: restore the file, or put a new node in the place of "
                                  "this one");
}

Status Recovery::replay(const CheckpointHead& head) {
  JournalScan scan(parts_.host, parts_.journal.files(), parts_.journal.block());
  JournalScan::Events events;
  events.frame = [this](uint64_t sequence, const chr_slice& payload) {
    return apply_frame(sequence, payload);
  };
  events.lost = [this](uint64_t sequence, const std::vector<uint64_t>& groups) { lose(sequence, groups); };
  events.mended = [this](uint64_t sequence) {
    findings_.mended.push_back(sequence);
    if (is_start_)
      parts_.host.warn("a commit in the journal had a flipped bit, which was turned back: check the disk",
                       "number=" + std::to_string(sequence));
  };
  uint64_t durable = 0;  // a checkpoint has of each group what was durable when it was copied
  for (const std::shared_ptr<Group>& group : parts_.groups.all())
    durable = std::max(durable, group->sequence);
  CHRONIK_TRY(tail_, scan.run(head.replay, durable, events));
  if (!is_start_) return {};
  // What was being written when the store ended may be in the page cache only, and counts from here on.
  for (const File* file : parts_.journal.files()) CHRONIK_CHECK(file->sync());
  if (!tail_.dropped.empty()) {
    parts_.host.info(
        "the last commits were cut short when the store ended, or damaged since; nothing says that they were "
        "acknowledged",
        "from=" + std::to_string(tail_.next_sequence));
  }
  return {};
}

Status Recovery::apply_frame(uint64_t sequence, const chr_slice& payload) {
  std::string_view rest(reinterpret_cast<const char*>(payload.p), payload.n);
  ReadChange change;
  std::set<uint64_t> applied;  // groups may have several changes in a frame
  kept_bytes_ += payload.n + kBesidePayload;
  while (!rest.empty()) {
    CHRONIK_CHECK(read_change(&rest, &change));
    std::shared_ptr<Group> group = parts_.groups.find(change.change.group);
    // A group that is gone since is in no checkpoint.
    if (group == nullptr && !change.change.creates) continue;
    if (group == nullptr) group = parts_.groups.restore(change.change.group, change.change.name);
    const bool is_known = sequence <= group->sequence && !applied.contains(group->id);
    if (is_known || (!group->damage.empty() && !change.change.drops)) continue;
    applied.insert(group->id);
    apply(group, change, sequence, payload.lease);
  }
  if (!is_start_ || kept_bytes_ < kReplayBytes) return {};
  kept_bytes_ = 0;
  const Status moved = parts_.mover.move_all();
  if (!moved && moved.error().code != Code::kNoSpace) return moved;
  return {};
}

void Recovery::apply(const std::shared_ptr<Group>& group, ReadChange& change, uint64_t sequence,
                     chr_buf* lease) {
  if (!group->log->fits(change.change.truncate, change.change.trim, change.change.entries)) {
    findings_.lost.push_back({sequence, group->id, true, true});
    damage(*group, lost_commit(sequence));
    return;
  }
  kept_bytes_ += change.change.entries.size() * sizeof(TailEntry);
  check_payloads(*group, change, sequence);
  parts_.apply(group, change, lease, sequence);
}

// Damage is moved as it is, with the checksum that tells of it.
void Recovery::check_payloads(const Group& group, ReadChange& change, uint64_t sequence) {
  for (PlacedEntry& entry : change.entries) {
    const chr_slice& payload = entry.entry.payload;
    entry.is_damaged = !entry.in_segment && entry.payload_crc != crc32c::extend(0, payload.p, payload.n);
    if (!entry.is_damaged) continue;
    findings_.damaged_entries[{group.id, entry.place}] = sequence;
    log_error(damaged_entry(group.id, entry.entry.header.index).message, group);
  }
}

void Recovery::lose(uint64_t sequence, const std::vector<uint64_t>& groups) {
  const std::string why = lost_commit(sequence);
  if (groups.empty()) {
    findings_.lost.push_back({sequence, 0, false, true});
    parts_.groups.lost_a_name();
    for (const std::shared_ptr<Group>& group : parts_.groups.all()) damage(*group, why);
    return;
  }
  for (const uint64_t id : groups) {
    const std::shared_ptr<Group> group = parts_.groups.find(id);
    findings_.lost.push_back(
        {sequence, id, group != nullptr, group == nullptr || sequence > group->sequence});
    if (group == nullptr)
      parts_.groups.lost_a_name();
    else if (sequence > group->sequence)
      damage(*group, why);
  }
}

void Recovery::damage(Group& group, const std::string& why) {
  if (!group.damage.empty()) return;
  group.damage = why;
  group.log->break_off(why);
  log_error("a log is damaged and not written to any more: " + why, group);
}

void Recovery::log_error(const std::string& message, const Group& group) const {
  if (is_start_) parts_.host.error(message, "group=" + std::to_string(group.id) + " name=" + group.name);
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

Status Recovery::remove_strangers(const Folder& folder) {
  std::vector<std::shared_ptr<GroupLog>> logs;
  std::set<std::string> values;
  for (const std::shared_ptr<Group>& group : parts_.groups.all()) {
    logs.push_back(group->log);
    group->keys.for_each_file([&](uint64_t file) { values.insert(value_name(group->id, file)); });
  }
  const auto keeps = [this](uint64_t group) { return parts_.groups.keeps_files(group); };
  CHRONIK_CHECK(parts_.segments.remove_strangers(logs, parts_.groups.next_id(), keeps));
  for (const auto& [group, name] : folder.values)
    if (!values.contains(name) && !keeps(group)) CHRONIK_CHECK(parts_.segments.files().remove(name));
  return {};
}

}  // namespace chronik::storage_log
