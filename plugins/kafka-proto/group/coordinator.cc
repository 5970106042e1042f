#include "kafka-proto/group/coordinator.h"

#include <chronik/draft/config_origin.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "kafka-proto/coordinator/place.h"
#include "kafka-proto/partition/by_shard.h"

namespace chronik::kafka {

InternalTopic::Settings offsets_topic_settings(const Host& host, const BrokerConfig& config) {
  const auto* const origin = host.find<chr_config_origin_v1>(CHR_CONFIG_ORIGIN_ID);
  InternalTopic::Settings out;
  out.name = kOffsetsTopic;
  out.partitions = config.groups.offsets_topic_partitions;
  out.partitions_given =
      origin != nullptr && origin->is_given(host.self(), to_abi("offsets_topic_partitions")) != 0;
  out.replication_factor = config.groups.offsets_topic_replication_factor;
  // As Kafka's. What tools take for compaction means here that the log is trimmed to its snapshot.
  out.configs = {{"cleanup.policy", "compact"},
                 {"compression.type", "producer"},
                 {"segment.bytes", std::to_string(config.groups.offsets_topic_segment_bytes)}};
  return out;
}

namespace {

bool has_consumer_protocol(const Catalog& catalog) {
  static constexpr std::string_view kFeature = "group.version";
  return std::ranges::any_of(catalog.features(), [](const chr_feature& feature) {
    return from_abi(feature.name) == kFeature && feature.level >= 1;
  });
}

}  // namespace

GroupCoordinator::GroupCoordinator(Services& services, PartitionDirectory& partitions,
                                   const GroupConfig& config, Assignors assignors)
    : services_(services),
      partitions_(partitions),
      config_(config),
      rules_(services, config_),
      steps_(services, std::move(assignors)),
      topics_(services.host.shard_count()),
      metrics_(services.host, kOffsetsTopic) {
  for (uint32_t shard = 0; shard < services.host.shard_count(); ++shard)
    timers_.push_back(std::make_unique<TimerWheel>(services.host));
}

void GroupCoordinator::observe(Partition& partition) {
  if (partition.id().topic_name != kOffsetsTopic) return;
  const uint32_t shard = partition.shard();
  partition.observers().add_observer(
      std::make_shared<GroupShard>(services_.host, partition, metrics_, config_, *timers_[shard],
                                   ConsumerParts{rules_.feed(shard), steps_, topics_[shard], services_}));
}

void GroupCoordinator::follow_catalog(const Catalog& catalog) {
  forget_deleted_topics();
  allows_consumers_.store(has_consumer_protocol(catalog), std::memory_order_relaxed);
  if (shown_ != nullptr && !shown_->differs_from(catalog)) return;
  shown_ = std::make_shared<const CatalogTopics>(services_);
  for (uint32_t shard = 0; shard < topics_.size(); ++shard)
    services_.host.post(shard, [this, shard, view = shown_] { topics_[shard].show(view); });
}

bool GroupCoordinator::is_enabled() {
  const int16_t level = partitions_.level();
  if (level >= Observers::kSectionsLevel) return true;
  if (!said_disabled_.exchange(true))
    services_.host.warn(
        fmt::format("Groups are not coordinated while the feature chronik.version is finalized at {}: older "
                    "nodes cannot read their records. Upgrade all nodes and finalize {}, as "
                    "docs/operating/upgrade.md says",
                    level, Observers::kSectionsLevel));
  return false;
}

std::shared_ptr<Partition> GroupCoordinator::find(std::string_view group) const {
  const std::shared_ptr<const PartitionMap> map = partitions_.map();
  const HostedTopic* const topic = map->find(kOffsetsTopic);
  if (topic == nullptr || topic->partitions.empty()) return nullptr;
  const auto count = static_cast<int32_t>(topic->partitions.size());
  return topic->partitions[static_cast<size_t>(partition_of_key(group, count))];
}

ErrorCode GroupCoordinator::why_not_here(std::string_view group) const {
  const Catalog catalog(services_);
  const std::optional<chr_topic> topic = catalog.topic(kOffsetsTopic);
  if (!topic.has_value() || topic->n_partitions == 0) return ErrorCode::kNotCoordinator;
  return why_not_here(catalog, *topic, partition_of_key(group, static_cast<int32_t>(topic->n_partitions)));
}

// Elected, and not there yet, that is a moment, and whoever looks elsewhere comes back here.
ErrorCode GroupCoordinator::why_not_here(const Catalog& catalog, const chr_topic& topic,
                                         int32_t index) const {
  const std::optional<chr_partition> partition = catalog.partition(topic, index);
  return partition.has_value() && partition->leader == services_.host.node().id
             ? ErrorCode::kCoordinatorLoadInProgress
             : ErrorCode::kNotCoordinator;
}

void GroupCoordinator::use(std::string_view group, Use use) {
  if (!is_enabled()) return use(ErrorCode::kCoordinatorNotAvailable, nullptr);
  std::shared_ptr<Partition> partition = find(group);
  if (partition == nullptr) return use(why_not_here(group), nullptr);
  const uint32_t shard = partition->shard();
  on_shard(services_.host, shard, [this, partition = std::move(partition), use = std::move(use)] {
    ErrorCode error = ErrorCode::kNone;
    GroupShard* const groups = leading(*partition, &error);
    use(error, groups);
  });
}

std::vector<std::shared_ptr<Partition>> GroupCoordinator::partitions() const {
  std::vector<std::shared_ptr<Partition>> out;
  const std::shared_ptr<const PartitionMap> map = partitions_.map();
  const HostedTopic* const topic = map->find(kOffsetsTopic);
  if (topic == nullptr) return out;
  for (const std::shared_ptr<Partition>& partition : topic->partitions)
    if (partition != nullptr) out.push_back(partition);
  return out;
}

GroupShard* GroupCoordinator::leading(Partition& partition, ErrorCode* why) const {
  auto* const groups = static_cast<GroupShard*>(partition.observers().find(GroupShard::kSection));
  if (groups != nullptr && groups->leads()) return groups;
  *why = ErrorCode::kNotCoordinator;
  const LeaderHint leader = partition.leader_hint();
  if (leader.id == services_.host.node().id) {
    *why = ErrorCode::kCoordinatorLoadInProgress;
    return nullptr;
  }
  // The catalog names this node for as long as it is cut off from the others: that counts for a moment only.
  if (leader.id >= 0 || !leader.moves) return nullptr;
  const Catalog catalog(services_);
  const std::optional<chr_topic> topic = catalog.topic(kOffsetsTopic);
  if (topic.has_value()) *why = why_not_here(catalog, *topic, partition.id().index);
  return nullptr;
}

void GroupCoordinator::forget_deleted_topics() {
  auto seen = std::make_unique<const Catalog>(services_);
  if (seen_ != nullptr && seen->tells_changes()) {
    DeletedTopics deleted;
    seen->each_change_since(*seen_, [&](const chr_topic_change& change) {
      if ((change.what & CHR_TOPIC_DELETED) != 0)
        deleted[std::string(from_abi(change.topic->name))].insert(change.topic->id);
    });
    if (!deleted.empty()) forget_topics(std::move(deleted));
  }
  seen_ = std::move(seen);
}

void GroupCoordinator::forget_topics(DeletedTopics topics) {
  const auto shared = std::make_shared<const DeletedTopics>(std::move(topics));
  for (const std::shared_ptr<Partition>& partition : partitions())
    on_shard(services_.host, partition->shard(), [this, partition, shared] {
      ErrorCode why = ErrorCode::kNone;
      GroupShard* const groups = leading(*partition, &why);
      if (groups != nullptr) groups->forget_topics(*shared);
    });
}

}  // namespace chronik::kafka
