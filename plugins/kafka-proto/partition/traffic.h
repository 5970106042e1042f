// Traffic: what a partition tells metrics of itself while it leads. On its shard, but for count_fetched().
//
//   state  | left with
//   silent | report() where it leads: shown
//   shown  | report() where it does not, hide(): silent; its series vanish, the counters of its topic stay
#pragma once

#include <atomic>
#include <optional>
#include <utility>

#include "kafka-proto/partition/metrics.h"
#include "kafka-proto/partition/replica.h"

namespace chronik::kafka {

class Traffic {
 public:
  void count_appended(uint64_t bytes) { appended_bytes_ += bytes; }
  // Any shard.
  void count_fetched(uint64_t bytes) { fetched_bytes_.fetch_add(bytes, std::memory_order_relaxed); }

  void report(const Replica& replica) {
    if (!replica.is_open() || !replica.leads()) return hide();
    const Host& host = replica.context().host;
    const PartitionInfo& info = replica.info();
    if (!metrics_.has_value()) metrics_.emplace(host, info.id().topic_name, info.id().index);
    const std::shared_ptr<const PartitionMembers> members = info.members();
    metrics_->report(replica.bounds(), members->preferred() == host.node().id, members->all().size());
    if (const uint64_t bytes = std::exchange(appended_bytes_, 0); bytes != 0)
      host.add(metrics_->traffic.in, static_cast<double>(bytes));
    if (const uint64_t bytes = fetched_bytes_.exchange(0, std::memory_order_relaxed); bytes != 0)
      host.add(metrics_->traffic.out, static_cast<double>(bytes));
  }
  void hide() { metrics_.reset(); }

 private:
  uint64_t appended_bytes_ = 0;  // since the last report
  std::atomic<uint64_t> fetched_bytes_{0};
  std::optional<PartitionMetrics> metrics_;
};

}  // namespace chronik::kafka
