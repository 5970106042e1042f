// Server: what the connections of a node share.
// Made at the start, constant until the stop except through its parts.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "kafka-proto/cluster/services.h"
#include "kafka-proto/configs/broker_config.h"
#include "kafka-proto/server/api_entry.h"
#include "kafka-proto/server/metrics.h"
#include "kafka-proto/server/request_budget.h"
#include "kafka-proto/server/turns.h"

namespace chronik::kafka {

class ConnectionSet;

struct Server {
  // apis: by rising key. broker: what their handlers get; nothing here looks into it.
  Server(Services& services, const BrokerConfig& config, std::span<const ApiEntry> apis, Broker& broker);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Null: this API is not served.
  const ApiEntry* find_api(int16_t key) const;
  // Counts one answered request, by API.
  void observe_request(const ApiEntry& api, uint64_t took_ns) const;

  Services& services;
  const BrokerConfig& config;
  const std::span<const ApiEntry> apis;
  Broker& broker;
  const ServerMetrics metrics;
  RequestBudget requests;
  // One per shard, each touched on its shard only.
  std::vector<std::unique_ptr<ConnectionSet>> connections;
  std::vector<std::unique_ptr<Turns>> turns;
};

}  // namespace chronik::kafka
