// ApiVersions and the dispatch both read this and nothing else.
#include "kafka-proto/handlers/table.h"

#include <algorithm>
#include <array>

#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/alter_configs.h"
#include "kafka-proto/messages/alter_partition_reassignments.h"
#include "kafka-proto/messages/api_versions.h"
#include "kafka-proto/messages/consumer_group_describe.h"
#include "kafka-proto/messages/consumer_group_heartbeat.h"
#include "kafka-proto/messages/create_partitions.h"
#include "kafka-proto/messages/create_topics.h"
#include "kafka-proto/messages/delete_groups.h"
#include "kafka-proto/messages/delete_records.h"
#include "kafka-proto/messages/delete_topics.h"
#include "kafka-proto/messages/describe_cluster.h"
#include "kafka-proto/messages/describe_configs.h"
#include "kafka-proto/messages/describe_groups.h"
#include "kafka-proto/messages/describe_log_dirs.h"
#include "kafka-proto/messages/describe_producers.h"
#include "kafka-proto/messages/describe_quorum.h"
#include "kafka-proto/messages/describe_topic_partitions.h"
#include "kafka-proto/messages/elect_leaders.h"
#include "kafka-proto/messages/fetch.h"
#include "kafka-proto/messages/find_coordinator.h"
#include "kafka-proto/messages/heartbeat.h"
#include "kafka-proto/messages/incremental_alter_configs.h"
#include "kafka-proto/messages/init_producer_id.h"
#include "kafka-proto/messages/join_group.h"
#include "kafka-proto/messages/leave_group.h"
#include "kafka-proto/messages/list_config_resources.h"
#include "kafka-proto/messages/list_groups.h"
#include "kafka-proto/messages/list_offsets.h"
#include "kafka-proto/messages/list_partition_reassignments.h"
#include "kafka-proto/messages/metadata.h"
#include "kafka-proto/messages/offset_commit.h"
#include "kafka-proto/messages/offset_delete.h"
#include "kafka-proto/messages/offset_fetch.h"
#include "kafka-proto/messages/offset_for_leader_epoch.h"
#include "kafka-proto/messages/produce.h"
#include "kafka-proto/messages/sync_group.h"
#include "kafka-proto/messages/unregister_broker.h"
#include "kafka-proto/messages/update_features.h"

namespace chronik::kafka {
namespace {

template <class Api, int16_t Min, int16_t Max, int16_t ListedMin = Min, Company With = Company::kThoseBehind>
constexpr ApiEntry row() {
  return api_entry<Api, handle<Api>, Min, Max, ListedMin, With>();
}

constexpr std::array kEntries = {
    // Versions 0 to 2 are listed and refused, as Kafka does: old librdkafka looks for them (KAFKA-18659).
    row<Produce, 3, 13, 0, Company::kAll>(),
    row<Fetch, 4, 18, 4, Company::kNone>(),
    row<ListOffsets, 1, 11>(),
    row<Metadata, 0, 13>(),
    row<OffsetCommit, 2, 10>(),
    row<OffsetFetch, 1, 10>(),
    row<FindCoordinator, 0, 6>(),
    row<JoinGroup, 0, 9>(),
    row<Heartbeat, 0, 4>(),
    row<LeaveGroup, 0, 5>(),
    row<SyncGroup, 0, 5>(),
    row<DescribeGroups, 0, 6>(),
    row<ListGroups, 0, 5>(),
    row<ApiVersions, 0, 4, 0, Company::kAll>(),
    row<CreateTopics, 2, 7>(),
    row<DeleteTopics, 1, 6>(),
    row<DeleteRecords, 0, 2>(),
    row<InitProducerId, 0, 5>(),
    row<OffsetForLeaderEpoch, 2, 4>(),
    row<DescribeConfigs, 1, 4>(),
    row<AlterConfigs, 0, 2>(),
    row<DescribeLogDirs, 1, 5>(),
    row<CreatePartitions, 0, 3>(),
    row<DeleteGroups, 0, 2>(),
    row<ElectLeaders, 0, 2>(),
    row<IncrementalAlterConfigs, 0, 1>(),
    row<AlterPartitionReassignments, 0, 1>(),
    row<ListPartitionReassignments, 0, 0>(),
    row<OffsetDelete, 0, 0>(),
    row<DescribeQuorum, 0, 2>(),
    row<UpdateFeatures, 0, 2>(),
    row<DescribeCluster, 0, 2>(),
    row<DescribeProducers, 0, 0>(),
    row<UnregisterBroker, 0, 0>(),
    // All: it may wait for a target assignment.
    row<ConsumerGroupHeartbeat, 0, 1, 0, Company::kAll>(),
    row<ConsumerGroupDescribe, 0, 1>(),
    row<ListConfigResources, 0, 1>(),
    row<DescribeTopicPartitions, 0, 0>(),
};
static_assert(std::ranges::is_sorted(kEntries, {}, &ApiEntry::key));

}  // namespace

std::span<const ApiEntry> api_entries() { return kEntries; }

}  // namespace chronik::kafka
