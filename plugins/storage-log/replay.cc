#include "storage-log/replay.h"

#include <chronik/crc32c.hpp>

#include <algorithm>
#include <set>

namespace chronik::storage_log {
namespace {

constexpr uint64_t kReplayBytes = 12u << 20;  // that a replay keeps in memory

bool is_data_name(std::string_view name) {
  SegmentId id;
  return parse_segment_name(name, &id) || parse_index_name(name, &id) || parse_value_name(name, &id.group);
}

std::string lost_commit(uint64_t sequence) {
  return "a commit in the journal is damaged on disk (number " + std::to_string(sequence) + ")";
}

}  // namespace

// ---- the folder and its checkpoint ----

Status Replay::load() {
  CHRONIK_CHECK(list_folder());
  CHRONIK_CHECK(load_checkpoint());
  CHRONIK_CHECK(parts_.segments.scan());
  CHRONIK_CHECK(parts_.journal.open(folder_.journals));
  tail_.next_sequence = head_.replay.sequence;
  return find_missing_journals();
}

Status Replay::list_folder() {
  CHRONIK_CHECK(parts_.segments.files().list([&](std::string_view name, uint64_t) {
    if (const auto checkpoint = checkpoint_name(name))
      folder_.checkpoints.push_back(*checkpoint);
    else if (const auto number = journal_number(name))
      folder_.journals.push_back(*number);
    else if (is_data_name(name))
      folder_.data = name;
    else
      folder_.foreign = name;
    uint64_t group = 0;
    if (parse_value_name(name, &group)) folder_.values.emplace_back(group, name);
  }));
  if (folder_.foreign.empty()) return {};
  return fail(Code::kUnsupported,
              "the folder of the store holds the file " + folder_.foreign +
                  ", which is none of storage-log: set storage.plugin to the storage that wrote "
                  "it, or move the file away");
}

Status Replay::load_checkpoint() {
  CHRONIK_TRY(const std::optional<CheckpointContent> content, parts_.checkpoints.load(folder_.checkpoints));
  if (!content) {
    // A first start writes a checkpoint before anything else.
    if (folder_.data.empty() && folder_.journals.empty()) {
      head_.is_clean = true;
      return {};
    }
    return fail(
        Code::kCorrupt,
        "the folder of the store holds " +
            (folder_.data.empty() ? journal_name(folder_.journals[0]) : folder_.data) +
            ", but no checkpoint: put a new node in the place of this one, or restore a backup of data_dir");
  }
  ByteReader in(content->bytes);
  CHRONIK_CHECK(load_head(in, content->format, &head_));
  saved_groups_ = {content->format, std::string(in.rest())};
  parts_.groups.restore_next_id(head_.next_group);
  if (head_.has_lost_names) parts_.groups.note_lost_name();
  while (!in.rest().empty()) CHRONIK_CHECK(load_group(in, parts_.groups));
  for (const std::shared_ptr<Group>& group : parts_.groups.all())
    parts_.value_bytes += group->keys.file_bytes();
  return {};
}

// What a frame in such a file said would be lost, and nothing else tells of those at the end.
Status Replay::find_missing_journals() {
  if (head_.is_clean || !head_.journals) return {};
  CHRONIK_CHECK(parts_.journal.check_blocks(*head_.journals));
  for (const uint32_t number : parts_.journal.cut_files(*head_.journals))
    findings_.missing.push_back(journal_name(number));
  return {};
}

// ---- the journal ----

Status Replay::apply_journal() {
  if (head_.is_clean) return {};
  JournalScan scan(parts_.host, parts_.journal.files(), parts_.journal.block());
  JournalScan::Events events;
  events.frame = [this](uint64_t sequence, const chr_slice& payload) {
    return apply_frame(sequence, payload);
  };
  events.lost = [this](uint64_t sequence, const std::vector<uint64_t>& groups) { lose(sequence, groups); };
  events.mended = [this](uint64_t sequence) {
    findings_.mended.push_back(sequence);
    if (events_.mended) events_.mended(sequence);
  };
  uint64_t durable = 0;  // a checkpoint has of each group what was durable when it was copied
  for (const std::shared_ptr<Group>& group : parts_.groups.all())
    durable = std::max(durable, group->sequence);
  CHRONIK_TRY(tail_, scan.run(head_.replay, durable, events));
  return {};
}

Status Replay::apply_frame(uint64_t sequence, const chr_slice& payload) {
  std::string_view rest(reinterpret_cast<const char*>(payload.p), payload.n);
  ReadChange change;
  std::set<uint64_t> applied;  // groups may have several changes in a frame
  kept_bytes_ += payload.n;
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
  if (kept_bytes_ < kReplayBytes || !events_.kept_much) return {};
  kept_bytes_ = 0;
  return events_.kept_much();
}

void Replay::apply(const std::shared_ptr<Group>& group, ReadChange& change, uint64_t sequence,
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
void Replay::check_payloads(const Group& group, ReadChange& change, uint64_t sequence) {
  for (PlacedEntry& entry : change.entries) {
    const chr_slice& payload = entry.entry.payload;
    entry.is_damaged = !entry.in_segment && entry.payload_crc != crc32c::extend(0, payload.p, payload.n);
    if (!entry.is_damaged) continue;
    findings_.damaged_entries[{group.id, entry.place}] = sequence;
    tell(damaged_entry(group.id, entry.entry.header.index).message, group);
  }
}

void Replay::lose(uint64_t sequence, const std::vector<uint64_t>& groups) {
  const std::string why = lost_commit(sequence);
  if (groups.empty()) {
    findings_.lost.push_back({sequence, 0, false, true});
    parts_.groups.note_lost_name();
    for (const std::shared_ptr<Group>& group : parts_.groups.all()) damage(*group, why);
    return;
  }
  for (const uint64_t id : groups) {
    const std::shared_ptr<Group> group = parts_.groups.find(id);
    findings_.lost.push_back(
        {sequence, id, group != nullptr, group == nullptr || sequence > group->sequence});
    if (group == nullptr)
      parts_.groups.note_lost_name();
    else if (sequence > group->sequence)
      damage(*group, why);
  }
}

void Replay::damage(Group& group, const std::string& why) {
  if (!group.damage.empty()) return;
  group.damage = why;
  group.log->break_off(why);
  tell("a log is damaged and not written to any more: " + why, group);
}

void Replay::tell(const std::string& message, const Group& group) const {
  if (events_.damaged) events_.damaged(message, group);
}

}  // namespace chronik::storage_log
