// GroupCoordinator: the groups that are coordinated on this node. Finds the shard of a group.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

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

 private:
  ErrorCode find(std::string_view group, std::shared_ptr<Partition>* out);

  Services& services_;
  PartitionDirectory& partitions_;
  const GroupConfig config_;
  std::vector<std::unique_ptr<TimerWheel>> timers_;  // by shard
  const CoordinatorMetrics metrics_;
  std::atomic<bool> said_disabled_ = false;
};

}  // namespace chronik::kafka
