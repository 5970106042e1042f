// LongPolls: fetches that wait for more of a partition, or for word that this node leads no more. On the
// partition's shard.
//
//   a poll is | left with
//   waiting   | wake(): fired; over on its side: forgotten when room is made
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "kafka-proto/partition/fetch_wait.h"
#include "kafka-proto/partition/replica.h"

namespace chronik::kafka {

class LongPolls {
 public:
  explicit LongPolls(const Replica& replica) : replica_(replica) {}

  bool empty() const { return waits_.empty(); }
  // Fired at once where there is more to read than at `seen`, or this node does not lead.
  void add_wait(int64_t seen_high_watermark, std::shared_ptr<FetchWait> wait) {
    if (!replica_.is_open() || !replica_.leads() || replica_.high_watermark() > seen_high_watermark)
      return wait->fire();
    if (waits_.size() >= kSweepFrom && waits_.size() == waits_.capacity())
      std::erase_if(waits_, [](const auto& w) { return w->over(); });
    waits_.push_back(std::move(wait));
  }
  void wake() {
    for (const std::shared_ptr<FetchWait>& wait : std::exchange(waits_, {})) wait->fire();
  }

 private:
  static constexpr size_t kSweepFrom = 64;

  const Replica& replica_;
  std::vector<std::shared_ptr<FetchWait>> waits_;
};

}  // namespace chronik::kafka
