// The state of the state machine in the keys of the group: made here, sent to members that are too far
// behind, or received from a leader in place of all that the group had.
#include "raft/core/snapshot.h"
#include "raft/group/group.h"
#include "raft/log/snapshot_sink.h"

#include <algorithm>
#include <string>
#include <utility>

namespace chronik::raft {
namespace {

constexpr Nanos kSayUnsavedAgain = 60'000'000'000;

}  // namespace

// A snapshot that is being sent stays as long as the log waits for its receiver: a newer one would begin from
// the first piece, and where much comes in and the way is long, none would ever arrive.
void Group::maybe_snapshot() {
  if (install_) return;
  const Nanos now = shard_->now();
  const bool sending = now < sending_until_ && now < sending_since_ + services_.settings.trim_hold;
  if (bytes_since_snapshot_ >= services_.settings.snapshot_bytes && !sending) take_snapshot();
  if (trim_wanted_) pump_trim();
}

void Group::take_snapshot() {
  if (snapshotting_ || applying_ || install_ || applied_ <= snapshot_.index) return;
  bytes_since_snapshot_ = 0;
  SnapshotSink sink(services_.host);
  const chr_sink abi = sink.abi();
  snapshot_failed_ = machine_.save(context_, &abi) < 0;
  if (snapshot_failed_) {
    services_.host.warn("The state of " + label_ + " could not be saved; the last snapshot stays");
    return mark();
  }
  SnapshotMeta meta;
  meta.generation = snapshot_.generation + 1;
  meta.index = applied_;
  meta.term = raft_->log().term(applied_).value_or(0);
  meta.log_start = log_start_;
  meta.bytes = sink.bytes();
  meta.checksum = sink.checksum();
  meta.config = raft_->config_at(applied_);
  snapshotting_ = true;
  const auto owner = std::make_shared<const SnapshotSink>(std::move(sink));
  std::vector<chr_slice> pieces = owner->pieces();
  meta.pieces = static_cast<uint32_t>(pieces.size());
  write_snapshot(
      meta, std::move(pieces), owner, [](Write*) {},
      [self = shared_from_this(), meta](const Status& status) { self->snapshot_written(meta, status); });
}

// In place of the one that is there. owner keeps the pieces.
void Group::write_snapshot(const SnapshotMeta& meta, std::vector<chr_slice> pieces,
                           std::shared_ptr<const void> owner, SnapshotWriter::AddSteps add_steps,
                           SnapshotWriter::Done done) {
  SnapshotWriter::run(
      services_.store,
      [self = shared_from_this()](Write write, SnapshotWriter::Done written) {
        self->shard_->write(std::move(write), std::move(written));
      },
      {storage_group_, snapshot_, meta, std::move(pieces), std::move(owner)}, std::move(add_steps),
      std::move(done));
}

void Group::snapshot_written(const SnapshotMeta& meta, const Status& status) {
  snapshotting_ = false;
  snapshot_failed_ = !status;
  if (status) {
    snapshot_ = meta;
    if (trim_wanted_) pump_trim();
  } else {
    // Without room it is tried again soon, as nothing else makes any; otherwise by the next trim.
    const bool full = status.error().code == Code::kNoSpace;
    trim_wanted_ = trim_wanted_ && full;
    if (trim_wanted_) try_again_soon();
    if (full && shard_->now() < say_unsaved_at_) return mark();
    if (full) say_unsaved_at_ = shard_->now() + kSayUnsavedAgain;
    services_.host.warn("The snapshot of " + label_ + " could not be written: " + status.error().message);
  }
  mark();
}

// ---- sent

void Group::serve_snapshot(const SnapshotRequest& request) {
  if (shard_->now() >= sending_until_) sending_since_ = shard_->now();
  sending_until_ = shard_->now() + services_.settings.election_timeout;
  if (request.info == nullptr) return describe_snapshot(request);
  const auto answer = [self = shared_from_this(), request](bool there, Payload piece) {
    if (self->state_ != State::kOpen) return;
    self->raft_->snapshot_read(self->shard_->now(), request, there ? request.info : nullptr,
                               std::move(piece));
    self->mark();
  };
  if (request.info->generation != snapshot_.generation) return answer(false, Payload());
  services_.store.get(
      storage_group_, piece_key(snapshot_.generation, request.piece), [answer](Result<StoredValue> value) {
        const bool there = value && value->found;
        answer(there, there ? Payload::share({value->p, value->n, value->lease.get()}) : Payload());
      });
}

// The log of the receiver begins with the first entry that is there; its header says at which offset.
void Group::describe_snapshot(const SnapshotRequest& request) {
  if (snapshot_.config.members.voters.empty()) {  // there is none, or it is of a version that sent none
    take_snapshot();
    return raft_->snapshot_read(shard_->now(), request, nullptr, Payload());
  }
  chr_storage_read args{};
  args.group = storage_group_;
  args.from = raft_->log().first_index();
  args.max_entries = args.headers_only = 1;
  services_.store.read(args, [self = shared_from_this(), request](Result<StoredEntries> first) {
    if (self->state_ != State::kOpen) return;
    std::shared_ptr<const SnapshotInfo> info;
    if (first && first->n > 0) info = self->snapshot_info(EntryHeader(first->entries[0].header));
    self->raft_->snapshot_read(self->shard_->now(), request, std::move(info), Payload());
    self->mark();
  });
}

std::shared_ptr<const SnapshotInfo> Group::snapshot_info(const EntryHeader& first) const {
  const Index base = raft_->log().first_index() - 1;
  const std::optional<TermStart> base_term = raft_->log().term_start(base);
  if (!base_term || base == 0 || base > snapshot_.index || first.index <= base) return nullptr;
  SnapshotInfo info;
  info.index = snapshot_.index;
  info.term = snapshot_.term;
  info.pieces = snapshot_.pieces;
  info.bytes = snapshot_.bytes;
  info.checksum = snapshot_.checksum;
  info.config = snapshot_.config;
  info.base = base;
  // mutant snapshot-base-term: info.base_term = *base_term; info.base_term.term = snapshot_.term;
  info.base_term = *base_term;
  info.base_offset = first.base_offset;
  info.log_start = log_start_;
  info.generation = snapshot_.generation;
  return std::make_shared<const SnapshotInfo>(std::move(info));
}

// ---- received

// Everything that was under way comes first: the last write replaces all of it, and the state machine is
// between two applies.
void Group::pump_install() {
  if (!install_ || install_writing_ || closing_ || state_ != State::kOpen) return;
  if (applying_ || snapshotting_ || trimming_ || writes_in_flight_ > 0) return;
  if (shard_->now() < full_until_) return;
  const SnapshotInfo& info = *install_->info;
  SnapshotMeta meta = snapshot_;  // of a leader before, perhaps newer: what is applied is not taken back
  meta.log_start = std::max(log_start_, info.log_start);
  install_writing_ = true;
  const auto done = [self = shared_from_this()](const SnapshotMeta& now) {
    return [self, now](const Status& status) { self->install_written(now, status); };
  };
  if (info.index > snapshot_.index) {
    meta.generation = snapshot_.generation + 1;
    meta.index = info.index;
    meta.term = info.term;
    meta.pieces = static_cast<uint32_t>(install_->pieces.size());
    meta.bytes = info.bytes;
    meta.checksum = info.checksum;
    meta.config = info.config;
    meta.received = true;
    const auto owner = std::make_shared<const std::vector<Payload>>(install_->pieces);
    const auto replace_log = [self = shared_from_this(), meta](Write* write) {
      self->replace_log(meta, write);
    };
    return write_snapshot(meta, slices_of(*owner), owner, replace_log, done(meta));
  }
  Write write(storage_group_);
  replace_log(meta, &write);
  if (snapshot_.index > 0) {  // it may be ahead of the log from now on
    meta.received = true;
    write.put(kSnapshotKey, encode(meta));
  }
  shard_->write(std::move(write), done(meta));
}

// By one that begins behind what the snapshot of the leader has in place of entries.
void Group::replace_log(const SnapshotMeta& meta, Write* write) const {
  const SnapshotInfo& info = *install_->info;
  // mutant snapshot-log-kept: left out
  write->clear();
  const Base base{info.base, info.base_offset};
  write->put(kLogKey, encode(LogMeta{meta.log_start, {info.base_term}, {info.config}, base}));
  if (raft_->left() > LogEnd{})
    write->put(kVoteKey, encode(StoredVote{{raft_->term(), raft_->vote()}, 0, raft_->left()}));
}

std::vector<chr_slice> Group::slices_of(const std::vector<Payload>& pieces) {
  std::vector<chr_slice> slices;
  for (const Payload& piece : pieces) slices.push_back(piece.slice());
  return slices;
}

void Group::install_written(const SnapshotMeta& meta, const Status& status) {
  install_writing_ = false;
  mark();
  if (state_ != State::kOpen) return;
  if (!status && status.error().code != Code::kNoSpace) return stop_with(status.error());
  if (status) return install_loaded(meta);
  services_.host.warn("Storage is full: " + label_ + " cannot take a snapshot for now");
  full_until_ = shard_->now() + kRetryWhenFull;
  try_again_soon();
}

// The state may be ahead of the log, which catches up from its start on by appends.
void Group::install_loaded(const SnapshotMeta& meta) {
  const SnapshotInstall install = *std::exchange(install_, std::nullopt);
  if (meta.generation != snapshot_.generation) {
    const std::vector<chr_slice> pieces = slices_of(install.pieces);
    chr_error error = make_abi_error();
    const chr_status loaded =
        machine_.load(context_, pieces.data(), static_cast<uint32_t>(pieces.size()), &error);
    if (loaded < 0) return stop_with(from_abi(error, loaded));
  }
  raft_->snapshot_installed(shard_->now());
  snapshot_ = meta;
  base_ = {install.info->base, install.info->base_offset};
  applied_ = apply_target_ = meta.index;
  lost_from_ = 0;
  cuts_ = false;
  bytes_since_snapshot_ = 0;
  trim_wanted_ = false;
  meta_on_disk_ = MetaOnDisk(*raft_);
  hints_.clear();
  visible_ = raft_->log().committed();
  high_watermark_ = raft_->log().committed_offset();
  services_.host.add(services_.metrics.snapshots_installed);
  services_.host.info("Node " + std::to_string(services_.self) + " installed a snapshot of " + label_ +
                      " as of index " + std::to_string(meta.index) + "; its log goes on after index " +
                      std::to_string(base_.index));
  tell_committed();
  start_log_at(meta.log_start);
}

}  // namespace chronik::raft
