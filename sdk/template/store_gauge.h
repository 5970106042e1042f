// How full the storage of the node is, as a metric. It shows how a plugin uses another one's service: acquire the
// typed client in start(), call it on a shard, and end on that shard before the plugin goes.
#pragma once

#include <chronik/storage.hpp>

class StoreGauge {
 public:
  // Reads the key that schema() in plugin.cc declares.
  explicit StoreGauge(const chronik::Host& host);
  // From the plugin's start() on. Without a storage there is nothing to show.
  void start();
  // False: it completes the token once it looks no more.
  bool stop(uint64_t token);

 private:
  static void CHR_CALL look(void* self);

  const chronik::Host host_;
  const uint64_t interval_ns_;
  const uint64_t used_;
  chronik::Storage storage_;
  uint64_t timer_ = 0;
};
