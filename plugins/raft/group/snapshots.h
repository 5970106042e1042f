// The state of the state machine in the keys of the group: made here, and sent to members that are too far
// behind.
//
//   idle      take_snapshot()                   -> saving   of what is applied then (StateSave)
//   saving    all was saved                     -> writing  in the same call, or some turns later
//             it failed                         -> idle     has_failed() until the next attempt
//             closing, stopped, or one of the   -> idle     as if it had not begun
//             leader is to be installed
//   writing   storage answered                  -> idle     with a newer snapshot, or has_failed()
//
// The one that is there counts until the next one is durable. Entries are applied all the while.
#pragma once

#include "raft/group/context.h"
#include "raft/group/state_stream.h"
#include "raft/log/snapshot_writer.h"

#include <memory>
#include <vector>

namespace chronik::raft {

class Applier;
class LogTrim;
class SnapshotInstaller;
class StorageWrites;

class Snapshots {
 public:
  struct Siblings {
    Applier& applier;
    LogTrim& trim;
    SnapshotInstaller& installer;
    StorageWrites& writes;
  };
  Snapshots(GroupContext* group, const Siblings& siblings) : group_(*group), siblings_(siblings) {}

  // The newest that is durable; index 0: there is none.
  const SnapshotMeta& newest() const { return newest_; }
  void set_newest(const SnapshotMeta& meta) { newest_ = meta; }
  // An installed one: there is no log that it does not cover.
  void set_installed(const SnapshotMeta& meta);
  // The log on disk loses its entries from `from` on, which a snapshot may cover, be it one that is on its way: part
  // of the write that makes it so.
  void mark_cut(Index from, Write* write);

  // Where enough log was applied since the last one.
  void count_applied(uint64_t bytes);
  // Of what is applied now; nothing where that is covered already, or where something is on its way.
  void take_snapshot();
  // Saving, too.
  bool is_writing() const { return writing_; }
  // Whether the last attempt failed; take_failure() forgets it.
  bool has_failed() const { return failed_; }
  bool take_failure();
  // Puts a snapshot in place of the one that is there. owner keeps the pieces.
  void write(const SnapshotMeta& meta, std::vector<chr_slice> pieces, std::shared_ptr<const void> owner,
             SnapshotWriter::AddSteps add_steps, SnapshotWriter::Done done);

  // Describes it to the core, or reads a piece of it.
  void serve(const SnapshotRequest& request);

 private:
  bool is_save_wanted(bool for_close) const;
  void write_mark();
  void saved(SnapshotMeta meta, StateEnd end, SnapshotSink sink);
  void written(const SnapshotMeta& meta, const Status& status);
  void describe(const SnapshotRequest& request);
  std::shared_ptr<const SnapshotInfo> info_for(const EntryHeader& first) const;

  GroupContext& group_;
  const Siblings siblings_;
  SnapshotMeta newest_;
  bool writing_ = false;
  bool failed_ = false;
  struct {
    Index index = 0;
    bool is_cut = false;      // the log on disk may end before it
    bool key_leaves = false;  // storage has its key, and has not answered
  } coming_;                  // while it is saved and written
  bool mark_is_due_ = false;  // of a cut that came while the key was leaving
  uint64_t bytes_since_ = 0;  // of applied log
  Nanos sending_since_ = 0;   // to whoever asks for it
  Nanos sending_until_ = 0;
  Nanos say_unsaved_at_ = 0;
};

}  // namespace chronik::raft
