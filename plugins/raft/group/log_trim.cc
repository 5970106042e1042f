#include "raft/group/log_trim.h"

#include "raft/group/applier.h"
#include "raft/group/snapshot_installer.h"
#include "raft/group/snapshots.h"
#include "raft/group/storage_writes.h"

#include <algorithm>
#include <utility>

namespace chronik::raft {

// A log may also start within its first entry, which is none that is still to be deleted.
void LogTrim::restore(const Recovered& found) {
  start_ = std::max(start_, found.log_start);
  const bool is_below = found.first_offset < start_ && found.first_end <= start_;
  if (is_below) hidden_bytes_ = group_.services.store.bounds(group_.storage_group).bytes;
}

// This replica may be ahead where its storage is full, and does not know what it was told before a restart.
// Commands take no offset: where there are no records, those that came lie below the end all the same.
bool LogTrim::is_agreed(int64_t offset) const {
  const RaftLog& log = group_.raft->log();
  if (offset > agreed_start_) return false;
  if (offset != start_ || offset != log.end_offset()) return offset <= start_;
  return log.first_index() >= siblings_.applier.applied();
}

// While some of what lies below the start is still to be deleted, what came since, which is no more than it
// has: whoever trims by size must not take twice what lies there once.
uint64_t LogTrim::bytes() const {
  const uint64_t all = group_.services.store.bounds(group_.storage_group).bytes;
  return all - std::min(all, hidden_bytes_);
}

void LogTrim::move_start(int64_t offset) {
  if (offset <= start_) return;
  start_ = offset;
  hidden_bytes_ = group_.services.store.bounds(group_.storage_group).bytes;
  group_.machine.trimmed(group_.machine_context, start_);
}

// The log starts at the offset from now on. What lies below stays on disk while a member that is not too far
// behind needs it.
void LogTrim::apply_entry(const chr_entry& entry) {
  const Result<TrimCommand> trim =
      decode_trim({reinterpret_cast<const char*>(entry.payload.p), entry.payload.n});
  if (!trim) {
    group_.host().fatal("A trim of " + group_.label + " cannot be applied: " + trim.error().message);
    return;
  }
  const int64_t wanted = std::min(trim->offset, entry.header.base_offset);
  agreed_start_ = std::max(agreed_start_, wanted);
  if (wanted < start_) return;
  goal_ = entry.header.index;
  limit_ = std::min(goal_, trim->limit + 1);
  move_start(wanted);
  wanted_ = true;
}

// What lies below is committed, and it is this node that has no room.
void LogTrim::trim_ahead(int64_t offset, Index limit) {
  const Index applied = siblings_.applier.applied();
  move_start(offset);
  goal_ = applied;
  limit_ = std::max(limit_, std::min(limit, applied));
  wanted_ = true;
  advance_trim();
}

void LogTrim::advance_trim() {
  if (!wanted_ || busy_ || siblings_.snapshots.is_writing() || siblings_.installer.is_pending()) return;
  if (!group_.is_open() || group_.raft->lost_from() != 0) return;
  wanted_ = false;
  busy_ = true;
  group_.services.store.find(
      group_.storage_group, CHR_FIND_OFFSET, start_,
      [this, alive = group_.alive()](Result<chr_entry_header> header) { found(std::move(header)); });
}

void LogTrim::found(Result<chr_entry_header> header) {
  busy_ = false;
  start_index_ = header ? header->index : goal_;
  const Index first = std::min(limit_, start_index_);
  const bool known = header || header.error().code == Code::kNotFound;
  if (group_.is_open() && known) trim_to(first);
  if (!known && header.error().code == Code::kOverloaded) {
    wanted_ = true;
    siblings_.writes.retry_soon();
  }
  group_.mark();
}

void LogTrim::trim_to(Index first) {
  Snapshots& snapshots = siblings_.snapshots;
  // mutant trim-above-snapshot: if (false) {
  if (first > snapshots.newest().index + 1) {
    wanted_ = true;  // goes on when the snapshot is there
    if (!siblings_.applier.is_idle()) return;
    // Where there was no room for one, what the last one covers goes first.
    const bool no_room = snapshots.take_failure() && siblings_.writes.is_full();
    if (!no_room) snapshots.take_snapshot();
    if (snapshots.is_writing()) return;
    wanted_ = no_room;
    if (no_room) siblings_.writes.retry_soon();
    first = snapshots.newest().index + 1;
  }
  // What is applied may be ahead of the log.
  const RaftLog& log = group_.raft->log();
  first = std::min({first, siblings_.applier.applied(), log.applied()});
  if (first <= log.first_index()) return note_trimmed(log.first_index());
  group_.raft->trim(first);
  write_trim(first);
}

void LogTrim::write_trim(Index first) {
  Write write(group_.storage_group);
  write.trim(first);
  // What only deletes finds room where nothing else does, and where the log starts shows at its first entry.
  StorageWrites& writes = siblings_.writes;
  if (writes.is_full()) {
    writes.forget_meta();
  } else {
    writes.note_meta();
    write.put(kLogKey, encode(meta_of(*group_.raft, start_, writes.base())));
  }
  busy_ = true;
  group_.shard->write(std::move(write), [this, alive = group_.alive(), first](const Status& status) {
    busy_ = false;
    status ? note_trimmed(first) : trim_failed(status.error());
    advance_trim();
    group_.mark();
  });
}

// Deleted up to where the log starts, unless that has moved meanwhile.
void LogTrim::note_trimmed(Index first) {
  if (first >= start_index_ && !wanted_) hidden_bytes_ = 0;
}

void LogTrim::trim_failed(const Error& error) {
  siblings_.writes.forget_meta();
  if (!group_.is_open()) return;
  group_.host().warn("The log of " + group_.label + " could not be trimmed: " + error.message);
}

}  // namespace chronik::raft
