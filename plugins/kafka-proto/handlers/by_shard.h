// Helpers for handlers whose work lies on the shards of partitions.
#pragma once

#include "kafka-proto/records/compression.h"
#include "kafka-proto/server/broker.h"
#include "kafka-proto/server/by_shard.h"

namespace chronik::kafka {

// The codec contexts of this shard.
inline Codecs& codecs_of_this_shard(Broker& broker) {
  return *broker.codecs[static_cast<size_t>(broker.host.current_shard())];
}

}  // namespace chronik::kafka
