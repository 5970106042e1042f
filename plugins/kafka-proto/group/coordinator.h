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
#include "kafka-proto/group/catalog_topics.h"
#include "kafka-proto/group/group_rules.h"
#include "kafka-proto/group/shard.h"
#include "kafka-proto/partition/directory.h"

namespace chronik::kafka {

inline constexpr std::string_view kOffsetsTopic = "__consumer_offsets";

// What the keys of [kafka] say of their topic.
InternalTopic::Settings offsets_topic_settings(const Host& host, const BrokerConfig& config);

class GroupCoordinator {
 public:
  // assignors: those that the config names.
  GroupCoordinator(Services& services, PartitionDirectory& partitions, const GroupConfig& config,
                   Assignors assignors);

  // Shard 0, before the partition opens: makes it the home of groups, if it is of their topic.
  void observe(Partition& partition);

  // Shard 0, at the start and at the stop: what single groups are set to is followed between them.
  void start() { rules_.start(); }
  void stop() { rules_.stop(); }
  // Shard 0: the catalog has changed, or who leads.
  void follow_catalog(const Catalog& catalog);

  // Any shard. Whether records of groups may be written; the log says once why not.
  bool is_enabled();
  // Any shard. Whether there are groups of the consumer protocol: the feature group.version is finalized.
  bool allows_consumer_groups() const { return allows_consumers_.load(std::memory_order_relaxed); }
  // Any shard. use(NONE, shard) on the shard of the group, where this node leads it; else use(why, null)
  // there or here.
  using Use = std::function<void(ErrorCode, GroupShard*)>;
  void use(std::string_view group, Use use);
  // Any shard. The partitions of the topic of groups that are hosted here.
  std::vector<std::shared_ptr<Partition>> partitions() const;
  // On the shard of such a partition: its groups, where this node leads it; else null, and why.
  GroupShard* leading(Partition& partition, ErrorCode* why) const;
  // Each shard, once its partitions are closed.
  void stop_timers(uint32_t shard) { timers_[shard]->stop(); }

 private:
  // Null: it is not hosted here.
  std::shared_ptr<Partition> find(std::string_view group) const;
  ErrorCode why_not_here(std::string_view group) const;
  ErrorCode why_not_here(const Catalog& catalog, const chr_topic& topic, int32_t index) const;
  // What was committed of them goes.
  void forget_deleted_topics();
  void forget_topics(DeletedTopics topics);

  Services& services_;
  PartitionDirectory& partitions_;
  const GroupConfig config_;
  GroupRulesReader rules_;
  const ConsumerSteps steps_;
  std::vector<std::unique_ptr<TimerWheel>> timers_;  // by shard
  std::vector<TopicFeed> topics_;                    // likewise
  std::shared_ptr<const CatalogTopics> shown_;       // what they show; shard 0
  const CoordinatorMetrics metrics_;
  std::atomic<bool> said_disabled_ = false;
  std::unique_ptr<const Catalog> seen_;  // on shard 0
  std::atomic<bool> allows_consumers_ = false;
};

}  // namespace chronik::kafka
