// Helpers for handlers whose work lies on the shards of partitions.
#pragma once

#include <utility>

#include "kafka-proto/records/compression.h"
#include "kafka-proto/server/broker.h"

namespace chronik::kafka {

// Runs fn on a shard: at once where that is this one, else posted.
template <class F>
void on_shard(const Host& host, uint32_t shard, F&& fn) {
  if (host.current_shard() == static_cast<int32_t>(shard)) {
    std::forward<F>(fn)();
  } else {
    host.post(shard, std::forward<F>(fn));
  }
}

// The codec contexts of this shard.
inline Codecs& codecs_of_this_shard(Broker& broker) {
  return *broker.codecs[static_cast<size_t>(broker.host.current_shard())];
}

}  // namespace chronik::kafka
