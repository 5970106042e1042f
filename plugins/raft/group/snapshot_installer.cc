#include "raft/group/snapshot_installer.h"

#include "raft/core/snapshot.h"
#include "raft/group/applier.h"
#include "raft/group/log_reader.h"
#include "raft/group/log_repair.h"
#include "raft/group/log_trim.h"
#include "raft/group/role_report.h"
#include "raft/group/snapshots.h"
#include "raft/group/storage_writes.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace chronik::raft {
namespace {

std::vector<chr_slice> slices_of(const std::vector<Payload>& pieces) {
  std::vector<chr_slice> slices;
  for (const Payload& piece : pieces) slices.push_back(piece.slice());
  return slices;
}

}  // namespace

void SnapshotInstaller::begin(SnapshotInstall install) { install_ = std::move(install); }

bool SnapshotInstaller::is_free_to_write() const {
  return siblings_.applier.is_idle() && !siblings_.snapshots.is_writing() && !siblings_.trim.is_busy() &&
         siblings_.writes.is_idle() && !siblings_.writes.is_waiting_for_room();
}

// Everything that was under way comes first: the last write replaces all of it, and the state machine is
// between two applies.
void SnapshotInstaller::advance_install() {
  if (!install_ || writing_ || group_.closing || !group_.is_open() || !is_free_to_write()) return;
  const SnapshotMeta& newest = siblings_.snapshots.newest();
  const SnapshotInfo& info = *install_->info;
  SnapshotMeta meta = newest;  // of a leader before, perhaps newer: what is applied is not taken back
  meta.log_start = std::max(siblings_.trim.start(), info.log_start);
  writing_ = true;
  const auto done = [this, alive = group_.alive()](const SnapshotMeta& now) {
    return [this, alive, now](const Status& status) { written(now, status); };
  };
  if (info.index > newest.index) {
    meta.generation = newest.generation + 1;
    meta.index = info.index;
    meta.term = info.term;
    meta.pieces = static_cast<uint32_t>(install_->pieces.size());
    meta.bytes = info.bytes;
    meta.checksum = info.checksum;
    meta.config = info.config;
    meta.received = true;
    const auto owner = std::make_shared<const std::vector<Payload>>(install_->pieces);
    const auto add_log = [this, alive = group_.alive(), meta](Write* write, SnapshotMeta*) {
      replace_log(meta, write);
    };
    return siblings_.snapshots.write(meta, slices_of(*owner), owner, add_log, done(meta));
  }
  Write write(group_.storage_group);
  replace_log(meta, &write);
  if (newest.index > 0) {  // it may be ahead of the log from now on
    meta.received = true;
    write.put(kSnapshotKey, encode(meta));
  }
  group_.shard->write(std::move(write), done(meta));
}

// By one that begins behind what the snapshot of the leader has in place of entries.
void SnapshotInstaller::replace_log(const SnapshotMeta& meta, Write* write) const {
  const SnapshotInfo& info = *install_->info;
  // mutant snapshot-log-kept: left out
  write->clear();
  const Base base{info.base, info.base_offset};
  write->put(kLogKey, encode(LogMeta{meta.log_start, {info.base_term}, {info.config}, base}));
  if (group_.raft->left() > LogEnd{})
    write->put(kVoteKey,
               encode(StoredVote{{group_.raft->term(), group_.raft->vote()}, 0, group_.raft->left()}));
}

void SnapshotInstaller::written(const SnapshotMeta& meta, const Status& status) {
  group_.mark();
  if (status && group_.is_open()) return load(meta);
  writing_ = false;
  if (!group_.is_open()) return;
  if (status.error().code != Code::kNoSpace) return group_.stop_with(status.error());
  group_.host().warn("Storage is full: " + group_.label + " cannot take a snapshot for now");
  siblings_.writes.wait_for_room();
}

void SnapshotInstaller::load(const SnapshotMeta& meta) {
  CHRONIK_INVARIANT(group_.host(), install_.has_value(), "a snapshot was written that nobody sent");
  if (meta.generation == siblings_.snapshots.newest().generation) return loaded(meta, StateEnd::kDone, {});
  const auto owner = std::make_shared<const std::vector<Payload>>(install_->pieces);
  StateLoad::run(
      &group_, slices_of(*owner), owner, [this] { return group_.is_open() && !dropped_; },
      [this, meta](StateEnd end, const Error& error) { loaded(meta, end, error); });
}

// The state may be ahead of the log, which catches up from its start on by appends.
void SnapshotInstaller::loaded(const SnapshotMeta& meta, StateEnd end, const Error& error) {
  writing_ = false;
  group_.mark();
  if (end == StateEnd::kFailed) return group_.stop_with(error);
  if (end == StateEnd::kDropped) return;
  const SnapshotInstall install = *std::exchange(install_, std::nullopt);
  Raft& raft = *group_.raft;
  raft.snapshot_installed(group_.now());
  siblings_.snapshots.set_installed(meta);
  siblings_.writes.set_base({install.info->base, install.info->base_offset});
  siblings_.applier.start_at(meta.index);
  siblings_.repair.forget_damage();
  siblings_.trim.set_wanted(false);
  siblings_.reader.forget_hints();
  siblings_.role.set_committed(raft.log().committed(), raft.log().committed_offset());
  group_.host().add(group_.services.metrics.snapshots_installed);
  group_.host().info("Node " + std::to_string(group_.services.self) + " installed a snapshot of " +
                     group_.label + " as of index " + std::to_string(meta.index) +
                     "; its log goes on after index " + std::to_string(install.info->base));
  siblings_.role.tell_committed();
  siblings_.trim.move_start(meta.log_start);
}

}  // namespace chronik::raft
