#include "kafka-proto/configs/broker_config.h"

#include <algorithm>

namespace chronik::kafka {

BrokerConfig::BrokerConfig(const Host& host)
    : max_request_bytes(static_cast<uint32_t>(host.config_int("max_request_size"))),
      queued_max_request_bytes(static_cast<uint64_t>(host.config_int("queued_max_request_bytes"))),
      auto_create_topics(host.config_int("auto_create_topics") != 0),
      default_partitions(static_cast<int32_t>(host.config_int("default_partitions"))),
      default_replication_factor(static_cast<int32_t>(host.config_int("default_replication_factor"))),
      fetch_max_bytes(static_cast<uint32_t>(host.config_int("fetch_max_bytes"))),
      max_fetch_sessions(static_cast<uint32_t>(host.config_int("max_fetch_sessions"))),
      producer_id_expiration_ms(host.config_int("producer_id_expiration") / 1'000'000),
      replica_lag_time_max_ns(static_cast<uint64_t>(host.config_int("replica_lag_time_max"))),
      offsets_topic_num_partitions(static_cast<int32_t>(host.config_int("offsets_topic_num_partitions"))),
      offsets_topic_replication_factor(
          static_cast<int32_t>(host.config_int("offsets_topic_replication_factor"))),
      offsets_topic_segment_bytes(static_cast<int32_t>(host.config_int("offsets_topic_segment_bytes"))) {}

int32_t default_replicas(const Services& services, const BrokerConfig& config, const Catalog& catalog) {
  if (config.default_replication_factor > 0) return config.default_replication_factor;
  return usual_replicas(services, catalog);
}

int32_t usual_replicas(const Services& services, const Catalog& catalog) {
  constexpr size_t kEnough = 3;
  const size_t nodes = std::max<size_t>(services.host.node().n_peers, catalog.brokers().size());
  return static_cast<int32_t>(std::clamp<size_t>(nodes, 1, kEnough));
}

}  // namespace chronik::kafka
