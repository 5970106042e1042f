// ProducerIds: producer ids out of blocks that the catalog hands to this node. Lives on shard 0; next() may
// be called anywhere.
#pragma once

#include <functional>
#include <vector>

#include "kafka-proto/cluster/services.h"
#include "kafka-proto/wire/error_code.h"

namespace chronik::kafka {

class ProducerIds {
 public:
  // Runs on shard 0, once: NONE and an id that was never given before, or an error and -1.
  using Taker = std::function<void(ErrorCode, int64_t)>;

  explicit ProducerIds(Services& services) : services_(services) {}
  void next(Taker taker);

 private:
  void give_id(Taker taker);
  void refill();
  void refilled(const Result<chronik::ProducerIds>& ids);

  Services& services_;
  int64_t next_ = 0;
  int64_t end_ = 0;
  bool refilling_ = false;
  std::vector<Taker> waiting_;
};

}  // namespace chronik::kafka
