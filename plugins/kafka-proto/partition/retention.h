// Retention: trims the oldest batches of a partition that are too old or too many. Costs nothing while the
// oldest one may stay: it is remembered. The leader proposes what goes to all; a replica whose storage is full
// goes ahead, as the proposal may wait for room. On the partition's shard.
//
//   state    | left with
//   idle     | retain(): the oldest batch is not known, or is due: looking
//   looking  | the headers were read: idle; on a leader where something is due: trimming
//   trimming | the trim is committed, or refused: idle, or looking again where more may be due. It does not keep
//            | from looking; what is asked for only grows
#pragma once

#include <cstdint>

#include "kafka-proto/partition/replica.h"

namespace chronik::kafka {

class Retention {
 public:
  explicit Retention(Replica& replica) : replica_(replica) {}
  Retention(const Retention&) = delete;
  Retention& operator=(const Retention&) = delete;

  // While the replica is open.
  void retain();
  // The same, of a log whose state is in snapshots: where it has segment.bytes, all of it goes, once each replica
  // has a snapshot, and no sooner by time or size.
  void trim_to_snapshot();

 private:
  // The oldest batch, as it was seen last; valid while the log starts at its offset.
  struct Oldest {
    int64_t offset = -1;
    int64_t end = -1;
    int64_t max_timestamp = -1;
    uint64_t bytes = 0;
  };

  void look_at_head(const chr_group_bounds& now, uint64_t max_bytes);
  void retain_from(int64_t start, const chr_entries& head, uint64_t asked_bytes);
  uint64_t due_bytes(const TopicConfig& config) const;
  bool is_too_old(const Oldest& batch, const TopicConfig& config) const;
  bool is_due(const Oldest& batch, uint64_t log_bytes) const;
  void trim(int64_t offset, bool again);
  bool trim_alone(int64_t offset);

  Replica& replica_;
  bool looking_ = false;
  int64_t trimming_to_ = -1;  // where the log is to start, as was asked for last; -1: nothing is under way
  Oldest oldest_;
};

}  // namespace chronik::kafka
