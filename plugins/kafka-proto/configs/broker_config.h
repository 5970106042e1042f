// BrokerConfig: what the keys of the [kafka] table say.
#pragma once

#include <chronik/host.hpp>

#include <cstdint>

#include "kafka-proto/cluster/catalog.h"
#include "kafka-proto/configs/group_config.h"
#include "kafka-proto/configs/topic_config.h"

namespace chronik::kafka {

struct BrokerConfig {
  explicit BrokerConfig(const Host& host);

  uint32_t max_request_bytes;
  uint64_t queued_max_request_bytes;
  bool auto_create_topics;
  int32_t default_partitions;
  int32_t default_replication_factor;
  uint32_t fetch_max_bytes;  // the most that one Fetch answers, whatever the client asks
  uint32_t max_fetch_sessions;
  int64_t producer_id_expiration_ms;
  uint64_t replica_lag_time_max_ns;
  TopicConfig topic_defaults;
  GroupConfig groups;
};

// So many, or as many as there are nodes, configured or registered, where those are fewer.
int32_t possible_replicas(const Services& services, const Catalog& catalog, int32_t wanted);
// How many replicas a topic gets that is created without a number.
int32_t default_replicas(const Services& services, const BrokerConfig& config, const Catalog& catalog);

}  // namespace chronik::kafka
