// ReplicationThrottle: sets the rates at which this node sends replicas that catch up what they lack, as
// leader.replication.throttled.rate and follower.replication.throttled.rate say. Partitions say which of
// their replicas go through which bucket. Costs next to nothing where no rate is set.
//
// In Kafka a follower asks for no more than its rate. Here leaders send, so they share it: each takes an
// equal part, of those that lead partitions of which a throttled replica on that node is not in sync.
#pragma once

#include <chronik/draft/throttle.h>

#include <map>
#include <set>

#include "kafka-proto/cluster/in_sync.h"
#include "kafka-proto/configs/dynamic_configs.h"

namespace chronik::kafka {

class PartitionDirectory;

class ReplicationThrottle {
 public:
  // The bucket of what this node sends as a leader; that of a follower is its node's id.
  static constexpr int32_t kLeaderBucket = -1;

  ReplicationThrottle(Services& services, const DynamicConfigs& configs, const InSync& in_sync,
                      const PartitionDirectory& partitions)
      : services_(services), configs_(configs), in_sync_(in_sync), partitions_(partitions) {}
  ReplicationThrottle(const ReplicationThrottle&) = delete;
  ReplicationThrottle& operator=(const ReplicationThrottle&) = delete;

  // Shard 0.
  void stop();
  // Shard 0. Takes over the rates of an image, of which dynamic_configs knows already.
  void follow_catalog(const Catalog& catalog);

 private:
  using Rates = std::map<int32_t, int64_t>;  // by bucket
  void set_rates(const Catalog& catalog);
  void set_rates_later();
  Rates wanted_rates(const Catalog& catalog) const;
  std::map<int32_t, std::set<int32_t>> leaders_of_followers(const Catalog& catalog) const;

  static constexpr uint64_t kLookNs = 1'000'000'000;  // at who leads and is in sync

  Services& services_;
  const DynamicConfigs& configs_;
  const InSync& in_sync_;
  const PartitionDirectory& partitions_;
  uint64_t timer_ = 0;
  int64_t leader_rate_ = ReplicationRates::kAny;
  Rates follower_rates_;  // by node; -1: all others
  Rates set_;
};

}  // namespace chronik::kafka
