// InSyncReplicas: which replicas of a partition are in sync, as its leader knows, and how many copies an append
// with acks=all gets. On the partition's shard, but for shown().
//
//   a replica is | while
//   in sync      | it is this node; or its link is up, and it has all that is committed, or had the whole log at
//                | most replica_lag_time_max ago. A new leader knows nothing of the others yet, and counts them as
//                | if they had had it when it began to lead
//   behind       | else. It may be throttled, where the topic's configs name it
//
// report_changes() tells nodes and clients. Other nodes take it that all replicas are in sync, but of those
// partitions that they are told of.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "kafka-proto/partition/replica.h"

namespace chronik::kafka {

class InSyncReplicas {
 public:
  // The members as the leader knows them now.
  struct State {
    std::vector<int32_t> in_sync;
    uint32_t wanted = 1;  // copies, by an append with acks=all
    int64_t copied = -1;  // what lies below this offset is on so many disks
    bool enough() const { return in_sync.size() >= wanted; }
  };

  explicit InSyncReplicas(Replica& replica) : replica_(replica) {}
  InSyncReplicas(const InSyncReplicas&) = delete;
  InSyncReplicas& operator=(const InSyncReplicas&) = delete;

  // For acks=all: as many as min.insync.replicas says, and no more than there are.
  uint32_t copies_wanted(uint32_t voters) const;
  // For acks=all: whether so many are in sync.
  bool enough() const;
  State find() const;
  // Called where it leads, and where it leads no more: tells what changed. Nothing: it does not lead.
  std::optional<State> report_changes();

  // Any shard: as of the last report_changes(); null where this replica does not lead.
  std::shared_ptr<const std::vector<int32_t>> shown() const { return shown_.load(); }

 private:
  void report(const std::vector<int32_t>& in_sync);
  void throttle(const std::vector<int32_t>& in_sync);

  Replica& replica_;
  std::atomic<std::shared_ptr<const std::vector<int32_t>>> shown_;
  std::vector<int32_t> reported_;  // what other nodes were told; empty: nothing, or that all are
  uint64_t reported_term_ = 0;
  std::vector<std::pair<int32_t, int32_t>> throttled_;  // nodes and buckets, as consensus was told
};

}  // namespace chronik::kafka
