#include "raft/group/snapshots.h"

#include "raft/core/snapshot.h"
#include "raft/group/applier.h"
#include "raft/group/log_trim.h"
#include "raft/group/snapshot_installer.h"
#include "raft/group/storage_writes.h"

#include <algorithm>
#include <string>
#include <utility>

namespace chronik::raft {
namespace {

constexpr Nanos kSayUnsavedAgain = 60'000'000'000;

}  // namespace

void Snapshots::set_installed(const SnapshotMeta& meta) {
  newest_ = meta;
  bytes_since_ = 0;
}

// Whether the key that is leaving counts is not known yet: it is put anew once it is.
void Snapshots::mark_cut(Index from, Write* write) {
  const bool coming_covers = writing_ && coming_.index >= from;
  const bool newest_covers = newest_.index >= from;
  coming_.is_cut = coming_.is_cut || coming_covers;
  newest_.received = newest_.received || newest_covers;
  if (writing_ && coming_.key_leaves)
    mark_is_due_ = mark_is_due_ || coming_covers || newest_covers;
  else if (newest_covers)
    write->put(kSnapshotKey, encode(newest_));
}

void Snapshots::write_mark() {
  if (!std::exchange(mark_is_due_, false) || !newest_.received) return;
  Write write(group_.storage_group);
  write.put(kSnapshotKey, encode(newest_));
  group_.shard->write(std::move(write), [this, alive = group_.alive()](const Status& status) {
    if (!status && status.error().code != Code::kNoSpace && group_.is_open())
      group_.stop_with(status.error());
  });
}

bool Snapshots::take_failure() { return std::exchange(failed_, false); }

// A snapshot that is being sent stays as long as the log waits for its receiver: a newer one would begin from
// the first piece, and where much comes in and the way is long, none would ever arrive.
void Snapshots::count_applied(uint64_t bytes) {
  bytes_since_ += bytes;
  if (siblings_.installer.is_pending()) return;
  const Nanos now = group_.now();
  const bool sending = now < sending_until_ && now < sending_since_ + group_.settings().trim_hold;
  if (bytes_since_ >= group_.settings().snapshot_bytes && !sending) take_snapshot();
  siblings_.trim.advance_trim();
}

void Snapshots::take_snapshot() {
  const Index applied = siblings_.applier.applied();
  if (writing_ || !siblings_.applier.is_idle() || siblings_.installer.is_pending()) return;
  if (applied <= newest_.index) return;
  bytes_since_ = 0;
  SnapshotMeta meta;
  meta.generation = newest_.generation + 1;
  meta.index = applied;
  meta.term = group_.raft->log().term(applied).value_or(0);
  meta.log_start = siblings_.trim.start();
  meta.config = group_.raft->config_at(applied);
  writing_ = true;
  failed_ = false;
  coming_ = {.index = applied};
  StateSave::run(
      &group_, [this, for_close = group_.closing] { return is_save_wanted(for_close); },
      [this, meta](StateEnd end, SnapshotSink sink) { saved(meta, end, std::move(sink)); });
}

// A group that is closed saves what is applied then, or nothing; an installed one replaces all of it.
bool Snapshots::is_save_wanted(bool for_close) const {
  return group_.is_open() && group_.closing == for_close && !siblings_.installer.is_pending();
}

void Snapshots::saved(SnapshotMeta meta, StateEnd end, SnapshotSink sink) {
  if (end != StateEnd::kDone) {
    writing_ = false;
    failed_ = end == StateEnd::kFailed;
    // As where it cannot be written: a trim that waits for it is left to the next one.
    if (failed_ && group_.stream) siblings_.trim.set_wanted(false);
    if (failed_)
      group_.host().warn("The state of " + group_.label + " could not be saved; the last snapshot stays");
    return group_.mark();
  }
  meta.bytes = sink.bytes();
  meta.checksum = sink.checksum();
  const auto owner = std::make_shared<const SnapshotSink>(std::move(sink));
  std::vector<chr_slice> pieces = owner->pieces();
  meta.pieces = static_cast<uint32_t>(pieces.size());
  write(
      meta, std::move(pieces), owner,
      [this, alive = group_.alive()](Write*, SnapshotMeta* last) {
        last->received = coming_.is_cut;
        coming_.key_leaves = true;
      },
      [this, alive = group_.alive(), meta](const Status& status) { written(meta, status); });
}

// In place of the one that is there. owner keeps the pieces.
void Snapshots::write(const SnapshotMeta& meta, std::vector<chr_slice> pieces,
                      std::shared_ptr<const void> owner, SnapshotWriter::AddSteps add_steps,
                      SnapshotWriter::Done done) {
  SnapshotWriter::run(
      group_.services.store,
      [this, alive = group_.alive()](Write write, SnapshotWriter::Done written) {
        group_.shard->write(std::move(write), std::move(written));
      },
      {group_.storage_group, newest_, meta, std::move(pieces), std::move(owner)}, std::move(add_steps),
      std::move(done));
}

void Snapshots::written(const SnapshotMeta& meta, const Status& status) {
  CHRONIK_INVARIANT(group_.host(), writing_, "a snapshot was written that nobody made");
  writing_ = false;
  failed_ = !status;
  if (status) {
    newest_ = meta;
    newest_.received = coming_.is_cut;
    siblings_.trim.advance_trim();
  } else {
    // Without room it is tried again soon, as nothing else makes any; otherwise by the next trim.
    const bool full = status.error().code == Code::kNoSpace;
    siblings_.trim.set_wanted(siblings_.trim.is_wanted() && full);
    if (siblings_.trim.is_wanted()) siblings_.writes.retry_soon();
    const bool said = full && group_.now() < say_unsaved_at_;
    if (full && !said) say_unsaved_at_ = group_.now() + kSayUnsavedAgain;
    if (!said)
      group_.host().warn("The snapshot of " + group_.label +
                         " could not be written: " + status.error().message);
  }
  write_mark();
  group_.mark();
}

// ---- sent

void Snapshots::serve(const SnapshotRequest& request) {
  if (group_.now() >= sending_until_) sending_since_ = group_.now();
  sending_until_ = group_.now() + group_.settings().election_timeout;
  if (request.info == nullptr) return describe(request);
  const auto answer = [this, alive = group_.alive(), request](bool there, Payload piece) {
    if (!group_.is_open()) return;
    group_.raft->snapshot_read(group_.now(), request, there ? request.info : nullptr, std::move(piece));
    group_.mark();
  };
  if (request.info->generation != newest_.generation) return answer(false, Payload());
  group_.services.store.get(
      group_.storage_group, piece_key(newest_.generation, request.piece),
      [answer](Result<StoredValue> value) {
        const bool there = value && value->found;
        answer(there, there ? Payload::share({value->p, value->n, value->lease.get()}) : Payload());
      });
}

// The log of the receiver begins with the first entry that is there; its header says at which offset.
void Snapshots::describe(const SnapshotRequest& request) {
  if (newest_.config.members.voters.empty()) {  // there is none, or it is of a version that sent none
    take_snapshot();
    return group_.raft->snapshot_read(group_.now(), request, nullptr, Payload());
  }
  chr_storage_read args{};
  args.group = group_.storage_group;
  args.from = group_.raft->log().first_index();
  args.max_entries = args.headers_only = 1;
  group_.services.store.read(args, [this, alive = group_.alive(), request](Result<StoredEntries> first) {
    if (!group_.is_open()) return;
    std::shared_ptr<const SnapshotInfo> info;
    if (first && first->n > 0) info = info_for(EntryHeader(first->entries[0].header));
    group_.raft->snapshot_read(group_.now(), request, std::move(info), Payload());
    group_.mark();
  });
}

std::shared_ptr<const SnapshotInfo> Snapshots::info_for(const EntryHeader& first) const {
  const Index base = group_.raft->log().first_index() - 1;
  const std::optional<TermStart> base_term = group_.raft->log().term_start(base);
  if (!base_term || base == 0 || base > newest_.index || first.index <= base) return nullptr;
  SnapshotInfo info;
  info.index = newest_.index;
  info.term = newest_.term;
  info.pieces = newest_.pieces;
  info.bytes = newest_.bytes;
  info.checksum = newest_.checksum;
  info.config = newest_.config;
  info.base = base;
  // mutant snapshot-base-term: info.base_term = *base_term; info.base_term.term = newest_.term;
  info.base_term = *base_term;
  info.base_offset = first.base_offset;
  info.log_start = siblings_.trim.start();
  info.generation = newest_.generation;
  return std::make_shared<const SnapshotInfo>(std::move(info));
}

}  // namespace chronik::raft
