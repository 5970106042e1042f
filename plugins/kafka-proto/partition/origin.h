// Origin: who appends. Topics that brokers keep for themselves take nothing from clients, but from Kafka's own
// tools, which are known by their client id; and of a coordinator's batches no producer's order is asked.
#pragma once

#include <cstdint>
#include <string_view>

namespace chronik::kafka {

enum class Origin : uint8_t {
  kClient,
  kAdmin,
  kCoordinator,  // the records of a group, or of a transaction's state
  kMarker        // the end of a transaction, in the partitions that it wrote to
};

inline constexpr std::string_view kAdminClient = "__admin_client";

inline Origin origin_of_client(std::string_view client_id) {
  return client_id == kAdminClient ? Origin::kAdmin : Origin::kClient;
}

// Else INVALID_TOPIC_EXCEPTION.
inline bool may_append(Origin origin, bool internal_topic) {
  return !internal_topic || origin != Origin::kClient;
}

// Whether a producer sends these, with sequence numbers of its own.
inline bool has_producer_order(Origin origin) {
  return origin == Origin::kClient || origin == Origin::kAdmin;
}

}  // namespace chronik::kafka
