// A log of which a part is damaged on disk. Others have what this node lacks: one of them leads, and brings
// it. Until then this node has, in Raft's sense, a shorter log; but others may rest on what it acknowledged,
// so it votes as if it held that still, and does not campaign.
//
//   sound     a read finds damage               -> damaged    from an index on; a leader hands over
//   damaged   the log is trimmed to behind it   -> sound
//             somebody else leads, all is idle  -> mending    Recovery reads the log without that part
//   mending   the log ends before it            -> sound      the leader's appends bring the rest
//   sound     storage cannot delete the part    -> keeping    nothing was done, nor is anything from now on
//   keeping   all is idle                       -> mending    Recovery reads the log as it is, up to its end
//
// Where storage cannot even delete what is damaged, nothing is repaired any more.
#pragma once

#include "raft/group/context.h"

namespace chronik::raft {

class Applier;
class LogTrim;
class SnapshotInstaller;
class Snapshots;
class StorageWrites;

class LogRepair {
 public:
  struct Siblings {
    Applier& applier;
    LogTrim& trim;
    SnapshotInstaller& installer;
    Snapshots& snapshots;
    StorageWrites& writes;
  };
  LogRepair(GroupContext* group, const Siblings& siblings) : group_(*group), siblings_(siblings) {}

  // from: the first entry that may be damaged; 0: not known.
  void read_failed(const Error& error, Index from);
  // What is to be applied next is damaged.
  bool blocks_apply() const;
  // Nothing new is written or applied, as the log is to be left out soon.
  bool is_due() const;
  void advance_repair();
  // Another log came in its place.
  void forget_damage() { lost_from_ = 0; }
  // Storage refused to delete what is damaged.
  void keep_damaged(const Error& error);

 private:
  bool is_mendable_from(Index from) const;
  bool is_free() const;
  void hand_on();
  void leave_out_damage();
  void read_kept();
  void mended(Result<Recovered> found);

  GroupContext& group_;
  const Siblings siblings_;
  Index lost_from_ = 0;  // found to be damaged on disk from here on, to be fetched from others; 0: nothing is
  Nanos mend_after_ = 0;
  Nanos hand_on_at_ = 0;
  Nanos say_damaged_at_ = 0;
  bool cut_refused_ = false;  // by storage
  bool keeping_ = false;
};

}  // namespace chronik::raft
