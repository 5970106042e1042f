// Origin: who appends. Topics that brokers keep for themselves take nothing from clients: what is in their
// logs every replica must be able to read. Of what brokers append by themselves no producer's order is asked.
#pragma once

#include <cstdint>

namespace chronik::kafka {

enum class Origin : uint8_t {
  kClient,
  kMarker  // the end of a transaction, in the partitions that it wrote to
};

// Whether a producer sends these, with sequence numbers of its own.
inline bool has_producer_order(Origin origin) { return origin == Origin::kClient; }

}  // namespace chronik::kafka
