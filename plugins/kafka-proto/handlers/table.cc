// Every API that is served, with its versions: ApiVersions and the dispatch both read this and nothing else.
#include <algorithm>
#include <array>

#include "kafka-proto/handlers/handlers.h"

namespace chronik::kafka {
namespace {

constexpr std::array kEntries = {
    // Versions 0 to 2 are listed and refused, as Kafka does: old librdkafka looks for them (KAFKA-18659).
    api_entry<Produce, handle_produce, 3, 13, 0, Company::kAll>(),
    api_entry<Fetch, handle_fetch, 4, 18, 4, Company::kNone>(),
    api_entry<ListOffsets, handle_list_offsets, 1, 11>(),
    api_entry<Metadata, handle_metadata, 0, 13>(),
    api_entry<ApiVersions, handle_api_versions, 0, 4, 0, Company::kAll>(),
    api_entry<CreateTopics, handle_create_topics, 2, 7>(),
    api_entry<DeleteTopics, handle_delete_topics, 1, 6>(),
    api_entry<InitProducerId, handle_init_producer_id, 0, 5>(),
    api_entry<OffsetForLeaderEpoch, handle_offset_for_leader_epoch, 2, 4>(),
    api_entry<DescribeConfigs, handle_describe_configs, 1, 4>(),
    api_entry<AlterConfigs, handle_alter_configs, 0, 2>(),
    api_entry<DescribeLogDirs, handle_describe_log_dirs, 1, 5>(),
    api_entry<CreatePartitions, handle_create_partitions, 0, 3>(),
    api_entry<ElectLeaders, handle_elect_leaders, 0, 2>(),
    api_entry<IncrementalAlterConfigs, handle_incremental_alter_configs, 0, 1>(),
    api_entry<AlterPartitionReassignments, handle_alter_partition_reassignments, 0, 1>(),
    api_entry<ListPartitionReassignments, handle_list_partition_reassignments, 0, 0>(),
    api_entry<DescribeQuorum, handle_describe_quorum, 0, 2>(),
    api_entry<UpdateFeatures, handle_update_features, 0, 2>(),
    api_entry<DescribeCluster, handle_describe_cluster, 0, 2>(),
    api_entry<DescribeTopicPartitions, handle_describe_topic_partitions, 0, 0>(),
};
static_assert(std::ranges::is_sorted(kEntries, {}, &ApiEntry::key));

}  // namespace

std::span<const ApiEntry> api_entries() { return kEntries; }

const ApiEntry* find_served(int16_t key) {
  const auto found = std::ranges::lower_bound(kEntries, static_cast<ApiKey>(key), {}, &ApiEntry::key);
  return found != kEntries.end() && found->key == static_cast<ApiKey>(key) ? &*found : nullptr;
}

void observe_request(Broker& broker, const ApiEntry& api, uint64_t took_ns) {
  broker.host.observe(broker.metrics.durations[static_cast<size_t>(&api - kEntries.data())],
                      static_cast<double>(took_ns) * 1e-9);
}

}  // namespace chronik::kafka
