#include "storage-log/store_parts.h"

#include "storage-log/segment/record.h"

#include <algorithm>

namespace chronik::storage_log {

void StoreParts::count_arrival(const OwnedWrite& write) {
  undurable_bytes += write.bytes();
  room.count_arrival(write.bytes());
}

void StoreParts::count_refusal(const OwnedWrite& write) {
  undurable_bytes -= write.bytes();
  room.count_refusal(write.bytes());
}

uint64_t StoreParts::unwritten_bytes() const {
  const uint64_t heads = sums.unmoved_entries.load(std::memory_order_relaxed) * record_bytes(0);
  return undurable_bytes + sums.unmoved_bytes.load(std::memory_order_relaxed) + heads;
}

uint64_t StoreParts::taken_bytes() const {
  return segments.file_bytes() + journal.capacity() + checkpoints.file_bytes() + value_bytes +
         sums.unmoved_bytes.load(std::memory_order_relaxed) + undurable_bytes;
}

void StoreParts::update_room() {
  room.note_taken(taken_bytes());
  room.note_journal(sums.unmoved_bytes.load(std::memory_order_relaxed), journal.left(), journal.capacity());
}

void StoreParts::note_sizes() {
  metrics.note_sizes(
      {groups.count(), used_bytes, taken_bytes(), sums.unmoved_bytes.load(std::memory_order_relaxed)});
}

void StoreParts::apply(const std::shared_ptr<Group>& group, const ReadChange& read, chr_buf* lease,
                       uint64_t sequence) {
  const GroupChange& change = read.change;
  group->sequence = sequence;
  if (change.creates) groups.mark_existing(*group);
  std::vector<SegmentId> gone;
  const auto add_gone = [&](std::vector<SegmentId> more) {
    gone.insert(gone.end(), more.begin(), more.end());
  };
  std::vector<uint64_t> gone_values;
  if (change.truncate) add_gone(group->log->publish_truncate(*change.truncate));
  if (change.trim) add_gone(group->log->publish_trim(*change.trim));
  if (!change.entries.empty()) {
    std::vector<PlacedEntry> entries(change.entries.begin(), change.entries.end());
    for (PlacedEntry& entry : entries)
      if (!entry.in_segment) entry.entry.payload.lease = lease;
    if (group->log->publish_append(entries)) mover.add(group->log);
  }
  const uint64_t values_before = group->keys.file_bytes();
  for (const KeyChange& key : change.keys) {
    group->keys.apply(key, &gone_values);
    group->next_value = std::max(group->next_value, key.file + 1);
  }
  if (change.drops) {
    add_gone(group->log->drop());
    group->keys.clear(&gone_values);
  }
  value_bytes += group->keys.file_bytes() - values_before;
  for (const uint64_t number : gone_values) values.remove(group->id, number);
  if (!gone.empty()) segments.remove(gone);
  count_used(*group);
  if (change.drops) groups.remove(*group);
}

void StoreParts::count_used(Group& group) {
  chr_storage_bounds bounds{};
  group.log->bounds(&bounds);
  const uint64_t used = bounds.bytes + bounds.entries * sizeof(RecordHead) + group.keys.bytes();
  used_bytes += used - std::exchange(group.used, used);
}

void Turn::finish(uint32_t shard, uint64_t token, chr_status code, std::string_view message) {
  End& end = ends.emplace_back();
  end.shard = shard;
  end.message = message;
  chr_done& one = end.done;
  one.token = token;
  one.code = code;
  if (code == CHR_E_NO_SPACE || code == CHR_E_OVERLOADED) one.flags = CHR_ERROR_RETRIABLE;
  if (code == CHR_E_IO) one.flags = CHR_ERROR_PLUGIN_FATAL;
}

}  // namespace chronik::storage_log
