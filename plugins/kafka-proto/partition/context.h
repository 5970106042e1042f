// PartitionContext: what partitions work with.
#pragma once

#include "kafka-proto/cluster/in_sync.h"
#include "kafka-proto/cluster/services.h"
#include "kafka-proto/configs/broker_config.h"

namespace chronik::kafka {

class PartitionDirectory;

// The same for all partitions of an instance, and lives longer than they do.
struct PartitionContext {
  PartitionContext(const Services& s, const BrokerConfig& c, InSync& i, PartitionDirectory& d)
      : services(s),
        host(s.host),
        consensus(s.consensus),
        throttle(s.throttle),
        config(c),
        in_sync(&i),
        partitions(&d) {}

  bool is_up(int32_t node) const { return services.is_up(node); }
  bool is_linked(int32_t node) const { return services.is_linked(node); }

  const Services& services;
  const Host& host;
  const Service<chr_consensus_v1>& consensus;
  const Service<chr_throttle_v1>& throttle;
  const BrokerConfig& config;
  InSync* const in_sync;
  PartitionDirectory* const partitions;
};

}  // namespace chronik::kafka
