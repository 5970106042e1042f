// What kafka-proto counts.
#pragma once

#include <chronik/host.hpp>

#include <vector>

namespace chronik::kafka {

struct ServerMetrics {
  explicit ServerMetrics(const Host& host)
      : connections(host.gauge("chronik_kafka_connections", "Open client connections.")),
        refused(host.counter("chronik_kafka_refused_connections_total",
                             "Connections that were ended because of what they sent.")),
        bytes_in(host.counter("chronik_kafka_request_bytes_total", "Bytes of requests received.")),
        bytes_out(host.counter("chronik_kafka_response_bytes_total", "Bytes of responses sent.")) {}

  uint64_t connections;
  uint64_t refused;
  uint64_t bytes_in;
  uint64_t bytes_out;
  std::vector<uint64_t> durations;  // a histogram per row of api_entries()
};

struct Broker;
struct ApiEntry;
// Counts one answered request, by API.
void observe_request(Broker& broker, const ApiEntry& api, uint64_t took_ns);

}  // namespace chronik::kafka
