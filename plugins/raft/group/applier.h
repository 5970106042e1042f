// Committed entries on their way to the state machine, in order, in chunks of a few MiB.
//
//   idle      apply_committed(), and there is something -> reading  it is not in memory any more
//                                                       -> running  it is
//   reading   storage answered                          -> running, or idle where that failed
//   running   the state machine has taken the chunk     -> idle, and apply_committed() begins the next one
//
// Nothing else may change what is applied while a chunk is read or run: snapshots, installs, repairs and
// trims that need a snapshot wait for `idle`.
#pragma once

#include "raft/group/context.h"
#include "raft/log/store.h"

#include <vector>

namespace chronik::raft {

class LogRepair;
class LogTrim;
class RoleReport;
class SnapshotInstaller;
class Snapshots;

class Applier {
 public:
  struct Siblings {
    LogRepair& repair;
    LogTrim& trim;
    RoleReport& role;
    SnapshotInstaller& installer;
    Snapshots& snapshots;
  };
  Applier(GroupContext* group, const Siblings& siblings) : group_(*group), siblings_(siblings) {}

  // All that is in the state machine: a restored or an installed snapshot.
  void start_at(Index applied);
  // Committed and durable up to here.
  void set_target(Index target) { target_ = target; }
  // Applies as long as there is something and nothing stands in the way.
  void apply_committed();

  bool is_idle() const { return !busy_; }
  bool has_more() const { return applied_ < target_; }
  Index applied() const { return applied_; }

 private:
  struct Chunk {
    std::vector<Entry> from_memory;
    StoredEntries from_storage;
    std::vector<chr_entry> entries;
    size_t next = 0;
    Index end = 0;
    uint64_t bytes = 0;
  };

  bool load_chunk();
  void read_chunk();
  void chunk_read(Result<StoredEntries> read);
  void read_again_later();
  bool run_chunk();
  chr_status apply_run(size_t first, size_t n);
  void finish_chunk(chr_status status);

  GroupContext& group_;
  const Siblings siblings_;
  Index applied_ = 0;
  Index target_ = 0;
  Chunk chunk_;
  bool busy_ = false;
};

}  // namespace chronik::raft
