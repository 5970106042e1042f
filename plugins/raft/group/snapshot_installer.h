// A snapshot of a leader in place of all that the group had.
//
//   none      begin()                                            -> waiting
//   waiting   advance_install(): nothing else is under way now   -> writing
//   writing   it is durable                                      -> none     the state machine has loaded it
//             storage is full                                    -> waiting  tried again soon
//             it failed                                          -> the group stops
#pragma once

#include "raft/group/context.h"
#include "raft/log/write.h"

#include <optional>

namespace chronik::raft {

class Applier;
class LogReader;
class LogRepair;
class LogTrim;
class RoleReport;
class Snapshots;
class StorageWrites;

class SnapshotInstaller {
 public:
  struct Siblings {
    Applier& applier;
    LogReader& reader;
    LogRepair& repair;
    LogTrim& trim;
    RoleReport& role;
    Snapshots& snapshots;
    StorageWrites& writes;
  };
  SnapshotInstaller(GroupContext* group, const Siblings& siblings) : group_(*group), siblings_(siblings) {}

  void begin(SnapshotInstall install);
  void advance_install();
  // Nothing else may begin until it is done.
  bool is_pending() const { return install_.has_value(); }
  bool is_writing() const { return writing_; }

 private:
  bool is_free_to_write() const;
  void replace_log(const SnapshotMeta& meta, Write* write) const;
  void written(const SnapshotMeta& meta, const Status& status);
  void load(const SnapshotMeta& meta);

  GroupContext& group_;
  const Siblings siblings_;
  std::optional<SnapshotInstall> install_;
  bool writing_ = false;
};

}  // namespace chronik::raft
