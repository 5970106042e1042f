// The start of the log moves up: at once for readers, on disk as far as members and the snapshot allow.
//
//   idle      want(), advance_trim()               -> finding   storage looks for the first entry that stays
//   finding   it is known                          -> idle      it needs a newer snapshot; still wanted
//                                                  -> deleting  the snapshot covers what goes
//   deleting  storage answered                     -> idle
//
// advance_trim() goes on where it is still wanted: when a snapshot was written, and when storage may have
// room for one again.
#pragma once

#include "raft/group/context.h"
#include "raft/log/recovery.h"
#include "raft/log/write.h"

namespace chronik::raft {

class Applier;
class SnapshotInstaller;
class Snapshots;
class StorageWrites;

class LogTrim {
 public:
  struct Siblings {
    Applier& applier;
    SnapshotInstaller& installer;
    Snapshots& snapshots;
    StorageWrites& writes;
  };
  LogTrim(GroupContext* group, const Siblings& siblings) : group_(*group), siblings_(siblings) {}

  void restore(const Recovered& found);
  // The Kafka offset at which the log starts.
  int64_t start() const { return start_; }
  // Whether it starts there at all replicas.
  bool is_agreed(int64_t offset) const;
  // From the start of the log on.
  uint64_t bytes() const;

  // An entry that trims was applied.
  void apply_entry(const chr_entry& entry);
  // Without such an entry, on a node that has no room; entries from limit on stay.
  void trim_ahead(int64_t offset, Index limit);
  // Readers see nothing below from now on.
  void move_start(int64_t offset);

  bool is_wanted() const { return wanted_; }
  void set_wanted(bool wanted) { wanted_ = wanted; }
  bool is_busy() const { return busy_; }
  // The group is being forgotten: a write that deletes all is on its way, or (false) it is over.
  void set_busy(bool busy) { busy_ = busy; }
  void advance_trim();

 private:
  void found(Result<chr_entry_header> header);
  void trim_to(Index first);
  void write_trim(Index first);
  void note_trimmed(Index first);
  void trim_failed(const Error& error);

  GroupContext& group_;
  const Siblings siblings_;
  int64_t start_ = 0;
  int64_t agreed_start_ = 0;   // as far as an entry says so to all; full storage may be ahead of that
  uint64_t hidden_bytes_ = 0;  // as many at least lie below the start of the log, still to be deleted
  Index start_index_ = 0;      // where the log is to begin on disk
  bool wanted_ = false;
  bool busy_ = false;  // finding or deleting
  Index goal_ = 0;     // as far as the log would go if nobody needed it
  Index limit_ = 0;    // the entry that asked for it stays
};

}  // namespace chronik::raft
