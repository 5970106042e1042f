#include "storage-log/recovery.h"

#include <set>

namespace chronik::storage_log {
namespace {

constexpr uint64_t kReplayBytes = 16u << 20;  // of payload that a replay keeps in memory

bool is_data_name(std::string_view name) {
  return name.ends_with(".segment") || name.ends_with(".index") || is_value_name(name);
}

}  // namespace

Status Recovery::run() {
  CHRONIK_TRY(const Folder folder, look());
  CHRONIK_TRY(CheckpointHead head, load(folder));
  CHRONIK_CHECK(parts_.segments.scan());
  CHRONIK_CHECK(parts_.journal.open(folder.journals));
  next_sequence_ = head.replay.sequence;
  if (!head.is_clean) CHRONIK_CHECK(replay(head));
  for (const std::shared_ptr<Group>& group : parts_.groups.all()) {
    group->log->resume();
    parts_.count_used(*group);
  }
  check_segments();
  CHRONIK_CHECK(remove_strangers(folder));
  ReplayStart start;
  start.sequence = next_sequence_;
  while (start.generation == 0) start.generation = parts_.host.random_u64();
  CHRONIK_CHECK(upkeep_.write_checkpoint(
      {start, parts_.groups.next_id(), /*is_clean=*/false, parts_.groups.is_nameless()}));
  CHRONIK_CHECK(parts_.journal.complete_files());
  parts_.journal.begin_generation(start);
  if (!parts_.journal.is_direct())
    parts_.host.info(
        "the file system of the data directory takes no direct writes: commits pass the page cache");
  return {};
}

Result<Recovery::Folder> Recovery::look() const {
  Folder folder;
  CHRONIK_CHECK(parts_.segments.files().list([&](std::string_view name, uint64_t) {
    if (const auto checkpoint = checkpoint_name(name))
      folder.checkpoints.push_back(*checkpoint);
    else if (const auto number = journal_number(name))
      folder.journals.push_back(*number);
    else if (is_data_name(name))
      folder.data = name;
    else
      folder.foreign = name;
    if (is_value_name(name)) folder.values.emplace_back(name);
  }));
  if (folder.foreign.empty()) return folder;
  return fail(Code::kCorrupt,
              "the folder of the store holds the file " + folder.foreign +
                  ", which is none of storage-log: set storage.plugin to the storage that wrote "
                  "it, or move the file away");
}

Result<CheckpointHead> Recovery::load(const Folder& folder) {
  CheckpointHead head;
  CHRONIK_TRY(const std::optional<std::string> content, parts_.checkpoints.load(folder.checkpoints));
  if (!content) {
    // A first start writes a checkpoint before anything else.
    if (folder.data.empty() && folder.journals.empty()) {
      head.is_clean = true;
      return head;
    }
    return fail(Code::kCorrupt, "the folder of the store holds " +
                                    (folder.data.empty() ? journal_name(folder.journals[0]) : folder.data) +
                                    ", but no checkpoint: restore this replica from another");
  }
  ByteReader in(*content);
  CHRONIK_CHECK(load_head(in, &head));
  parts_.groups.restore_next_id(head.next_group);
  if (head.nameless) parts_.groups.lost_a_name();
  while (!in.rest().empty()) CHRONIK_CHECK(load_group(in, parts_.groups));
  for (const std::shared_ptr<Group>& group : parts_.groups.all())
    parts_.value_bytes += group->keys.file_bytes();
  return head;
}

// ---- the journal ----

Status Recovery::replay(const CheckpointHead& head) {
  JournalScan scan(parts_.host, parts_.journal.files(), parts_.journal.block());
  JournalScan::Events events;
  events.frame = [this](uint64_t sequence, const chr_slice& payload) {
    return apply_frame(sequence, payload);
  };
  events.lost = [this](uint64_t sequence, const std::vector<uint64_t>& groups) { lose(sequence, groups); };
  CHRONIK_TRY(const JournalScan::Outcome outcome, scan.run(head.replay, events));
  next_sequence_ = outcome.next_sequence;
  if (outcome.dropped != 0) {
    parts_.host.info("the last commits were cut short when the store ended; none of them was acknowledged",
                     "from=" + std::to_string(outcome.next_sequence));
  }
  return {};
}

Status Recovery::apply_frame(uint64_t sequence, const chr_slice& payload) {
  std::string_view rest(reinterpret_cast<const char*>(payload.p), payload.n);
  ReadChange change;
  std::set<uint64_t> applied;  // groups may have several changes in a frame
  while (!rest.empty()) {
    CHRONIK_CHECK(read_change(&rest, &change));
    std::shared_ptr<Group> group = parts_.groups.find(change.change.group);
    // A group that is gone since is in no checkpoint.
    if (group == nullptr && !change.change.creates) continue;
    if (group == nullptr) group = parts_.groups.restore(change.change.group, change.change.name);
    const bool is_known = sequence <= group->sequence && !applied.contains(group->id);
    if (is_known || !group->damage.empty()) continue;
    applied.insert(group->id);
    parts_.apply(group, change, payload.lease, sequence);
  }
  if (parts_.sums.waiting_bytes.load() < kReplayBytes) return {};
  return parts_.mover.move_all();
}

void Recovery::lose(uint64_t sequence, const std::vector<uint64_t>& groups) {
  const std::string why = "a commit in the journal is damaged on disk (number " + std::to_string(sequence) +
                          "): restore this replica from another";
  if (groups.empty()) {
    parts_.groups.lost_a_name();
    for (const std::shared_ptr<Group>& group : parts_.groups.all()) damage(*group, why);
    return;
  }
  for (const uint64_t id : groups) {
    const std::shared_ptr<Group> group = parts_.groups.find(id);
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
  parts_.host.error("a log is damaged and not written to any more: " + why,
                    "group=" + std::to_string(group.id) + " name=" + group.name);
}

// ---- the files ----

void Recovery::check_segments() {
  for (const std::shared_ptr<Group>& group : parts_.groups.all()) {
    const Status whole = parts_.segments.check(*group->log);
    if (whole) continue;
    parts_.host.error("a log is damaged on disk, and what is missing is not served: " + whole.error().message,
                      "group=" + std::to_string(group->id) + " name=" + group->name);
  }
}

Status Recovery::remove_strangers(const Folder& folder) {
  std::vector<std::shared_ptr<GroupLog>> logs;
  std::set<std::string> values;
  for (const std::shared_ptr<Group>& group : parts_.groups.all()) {
    logs.push_back(group->log);
    group->keys.for_each_file([&](uint64_t file) { values.insert(value_name(group->id, file)); });
  }
  CHRONIK_CHECK(parts_.segments.remove_strangers(logs));
  for (const std::string& name : folder.values)
    if (!values.contains(name)) CHRONIK_CHECK(parts_.segments.files().remove(name));
  return {};
}

}  // namespace chronik::storage_log
