#include "kafka-proto/group/coordinator.h"

#include <chronik/draft/config_origin.h>
#include <fmt/format.h>

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

GroupCoordinator::GroupCoordinator(Services& services, PartitionDirectory& partitions,
                                   const GroupConfig& config)
    : services_(services), partitions_(partitions), config_(config), metrics_(services.host, kOffsetsTopic) {
  for (uint32_t shard = 0; shard < services.host.shard_count(); ++shard)
    timers_.push_back(std::make_unique<TimerWheel>(services.host));
}

void GroupCoordinator::observe(Partition& partition) const {
  if (partition.id().topic_name != kOffsetsTopic) return;
  partition.add_observer(std::make_shared<GroupShard>(services_.host, partition, metrics_, config_,
                                                      *timers_[partition.shard()]));
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

ErrorCode GroupCoordinator::find(std::string_view group, std::shared_ptr<Partition>* out) {
  if (!is_enabled()) return ErrorCode::kCoordinatorNotAvailable;
  const std::shared_ptr<const PartitionMap> map = partitions_.map();
  const HostedTopic* const topic = map->find(kOffsetsTopic);
  if (topic == nullptr || topic->partitions.empty()) return ErrorCode::kNotCoordinator;
  const auto count = static_cast<int32_t>(topic->partitions.size());
  *out = topic->partitions[static_cast<size_t>(partition_of_key(group, count))];
  return *out == nullptr ? ErrorCode::kNotCoordinator : ErrorCode::kNone;
}

void GroupCoordinator::use(std::string_view group, Use use) {
  std::shared_ptr<Partition> partition;
  if (const ErrorCode error = find(group, &partition); error != ErrorCode::kNone) return use(error, nullptr);
  const uint32_t shard = partition->shard();
  on_shard(services_.host, shard, [this, partition = std::move(partition), use = std::move(use)] {
    auto* const groups = static_cast<GroupShard*>(partition->find_observer(GroupShard::kSection));
    if (groups != nullptr && groups->leads()) return use(ErrorCode::kNone, groups);
    // Elected, and not there yet: that is a moment, and whoever looks elsewhere comes back here.
    const bool comes = partition->leader_hint().id == services_.host.node().id;
    use(comes ? ErrorCode::kCoordinatorLoadInProgress : ErrorCode::kNotCoordinator, nullptr);
  });
}

}  // namespace chronik::kafka
