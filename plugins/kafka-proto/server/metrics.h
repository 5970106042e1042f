// What kafka-proto counts.
#pragma once

#include <fmt/format.h>
#include <chronik/host.hpp>

#include <span>
#include <vector>

#include "kafka-proto/server/api_entry.h"

namespace chronik::kafka {

struct ServerMetrics {
  ServerMetrics(const Host& host, std::span<const ApiEntry> apis)
      : connections(host.gauge("chronik_kafka_connections", "Open client connections.")),
        refused(host.counter("chronik_kafka_refused_connections_total",
                             "Connections that were ended because of what they sent.")),
        bytes_in(host.counter("chronik_kafka_request_bytes_total", "Bytes of requests received.")),
        bytes_out(host.counter("chronik_kafka_response_bytes_total", "Bytes of responses sent.")) {
    for (const ApiEntry& api : apis) {
      durations.push_back(host.histogram("chronik_kafka_request_duration_seconds",
                                         "Time from a whole request to its answer.",
                                         fmt::format("api=\"{}\"", api_info(api.key).name)));
    }
  }

  uint64_t connections;
  uint64_t refused;
  uint64_t bytes_in;
  uint64_t bytes_out;
  std::vector<uint64_t> durations;  // a histogram for each API, in their order
};

}  // namespace chronik::kafka
