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
      groups(group_config(host)) {}

int32_t default_replicas(const Services& services, const BrokerConfig& config, const Catalog& catalog) {
  if (config.default_replication_factor > 0) return config.default_replication_factor;
  constexpr int32_t kEnough = 3;
  return possible_replicas(services, catalog, kEnough);
}

int32_t possible_replicas(const Services& services, const Catalog& catalog, int32_t wanted) {
  const size_t nodes = std::max<size_t>(services.host.node().n_peers, catalog.brokers().size());
  return static_cast<int32_t>(std::clamp<size_t>(nodes, 1, static_cast<size_t>(wanted)));
}

}  // namespace chronik::kafka
