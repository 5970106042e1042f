// PartitionContext: what the partitions of a node stand on. The directory makes one for all of them; constant
// as long as they live. Functions: any shard.
#pragma once

#include <chronik/consensus.h>
#include <chronik/draft/state_machine_stream.h>
#include <chronik/draft/throttle.h>
#include <chronik/host.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace chronik::kafka {

class CodecLane;
class Partition;
class PartitionInfo;

struct PartitionContext {
  Host host;
  const chr_consensus_v1* consensus = nullptr;
  void* consensus_self = nullptr;
  const chr_throttle_v1* throttle = nullptr;             // absent where consensus does not offer it
  const chr_state_machine_stream_v1* streams = nullptr;  // likewise
  void* streams_self = nullptr;
  int32_t leader_bucket = -1;  // of the throttle; a follower's is its node's id
  uint64_t replica_lag_time_max_ns = 0;
  int64_t producer_id_expiration_ms = 0;
  CodecLane* codec_lane = nullptr;

  // Whether a node is up, as clients are told; and whether its link is, by which replicas are fed.
  std::function<bool(int32_t node)> is_up;
  std::function<bool(int32_t node)> is_linked;
  // Whether the members of partitions are as new as what the leader of the catalog said last.
  std::function<bool()> is_catalog_current;
  // The level of chronik.version that the cluster agreed to write.
  std::function<int16_t()> level;
  // This node leads in this term, and these replicas are in sync. Empty: all are, or it leads no more.
  std::function<void(const PartitionInfo& partition, uint64_t term, const std::vector<int32_t>& nodes)>
      report_in_sync;
  // The leader here has made these nodes the members: the catalog shall show it.
  std::function<void(const std::shared_ptr<Partition>& partition, const std::vector<int32_t>& now)>
      members_changed;
};

}  // namespace chronik::kafka
