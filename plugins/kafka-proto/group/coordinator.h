// GroupCoordinator: the groups that are coordinated on this node. Finds the shard of a group.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kafka-proto/cluster/catalog.h"
#include "kafka-proto/cluster/services.h"
#include "kafka-proto/configs/broker_config.h"
#include "kafka-proto/coordinator/internal_topic.h"
#include "kafka-proto/group/shard.h"
#include "kafka-proto/partition/directory.h"

namespace chronik::kafka {

inline constexpr std::string_view kOffsetsTopic = "__consumer_offsets";

// What the keys of [kafka] say of their topic.
InternalTopic::Settings offsets_topic_settings(const Host& host, const BrokerConfig& config);

class GroupCoordinator {
 public:
  GroupCoordinator(Services& services, PartitionDirectory& partitions, const GroupConfig& config);

  // Shard 0, before the partition opens: makes it the home of groups, if it is of their topic.
  void observe(Partition& partition) const;

  // Any shard. Whether records of groups may be written; the log says once why not.
  bool is_enabled();
  // Any shard. use(NONE, shard) on the shard of the group, where this node leads it; else use(why, null) there or
  // here.
  using Use = std::function<void(ErrorCode, GroupShard*)>;
  void use(std::string_view group, Use use);
  // Any shard. The partitions of the topic of groups that are hosted here.
  std::vector<std::shared_ptr<Partition>> partitions() const;
  // On the shard of such a partition: its groups, where this node leads it; else null, and why.
  GroupShard* leading(Partition& partition, ErrorCode* why) const;
  // Shard 0. The catalog has changed: what was committed of topics that were deleted goes.
  void follow();
  // Each shard, once its partitions are closed.
  void stop_timers(uint32_t shard) { timers_[shard]->stop(); }

 private:
  ErrorCode find(std::string_view group, std::shared_ptr<Partition>* out);
  void forget_topics(std::vector<std::pair<std::string, chr_uuid>> topics);

  Services& services_;
  PartitionDirectory& partitions_;
  const GroupConfig config_;
  std::vector<std::unique_ptr<TimerWheel>> timers_;  // by shard
  const CoordinatorMetrics metrics_;
  std::atomic<bool> said_disabled_ = false;
  std::unique_ptr<const Catalog> seen_;  // on shard 0
};

}  // namespace chronik::kafka
