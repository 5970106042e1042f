#include "kafka-proto/server/server.h"

#include <algorithm>

#include "kafka-proto/server/connection.h"

namespace chronik::kafka {

Server::Server(Services& s, const BrokerConfig& c, std::span<const ApiEntry> a, Broker& b)
    : services(s),
      config(c),
      apis(a),
      broker(b),
      metrics(s.host, a),
      requests(s.host, c.queued_max_request_bytes) {
  for (uint32_t shard = 0; shard < s.host.shard_count(); ++shard) {
    connections.push_back(std::make_unique<ConnectionSet>());
    turns.push_back(std::make_unique<Turns>(s.host, shard));
  }
}

Server::~Server() = default;

const ApiEntry* Server::find_api(int16_t key) const {
  const auto found = std::ranges::lower_bound(apis, static_cast<ApiKey>(key), {}, &ApiEntry::key);
  return found != apis.end() && found->key == static_cast<ApiKey>(key) ? &*found : nullptr;
}

void Server::observe_request(const ApiEntry& api, uint64_t took_ns) const {
  services.host.observe(metrics.durations[static_cast<size_t>(&api - apis.data())],
                        static_cast<double>(took_ns) * 1e-9);
}

}  // namespace chronik::kafka
