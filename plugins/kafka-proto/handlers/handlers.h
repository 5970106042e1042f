// One function per API. Each has a file of its own with Kafka's rules for it; table.cc lists them with their
// versions.
#pragma once

#include "kafka-proto/messages/alter_configs.h"
#include "kafka-proto/messages/alter_partition_reassignments.h"
#include "kafka-proto/messages/api_versions.h"
#include "kafka-proto/messages/create_partitions.h"
#include "kafka-proto/messages/create_topics.h"
#include "kafka-proto/messages/delete_topics.h"
#include "kafka-proto/messages/describe_cluster.h"
#include "kafka-proto/messages/describe_configs.h"
#include "kafka-proto/messages/describe_log_dirs.h"
#include "kafka-proto/messages/describe_quorum.h"
#include "kafka-proto/messages/describe_topic_partitions.h"
#include "kafka-proto/messages/elect_leaders.h"
#include "kafka-proto/messages/fetch.h"
#include "kafka-proto/messages/incremental_alter_configs.h"
#include "kafka-proto/messages/init_producer_id.h"
#include "kafka-proto/messages/list_offsets.h"
#include "kafka-proto/messages/list_partition_reassignments.h"
#include "kafka-proto/messages/metadata.h"
#include "kafka-proto/messages/offset_for_leader_epoch.h"
#include "kafka-proto/messages/produce.h"
#include "kafka-proto/messages/update_features.h"
#include "kafka-proto/server/api_entry.h"

namespace chronik::kafka {

void handle_alter_configs(Broker& broker, Call<AlterConfigs> call);
void handle_alter_partition_reassignments(Broker& broker, Call<AlterPartitionReassignments> call);
void handle_api_versions(Broker& broker, Call<ApiVersions> call);
void handle_create_partitions(Broker& broker, Call<CreatePartitions> call);
void handle_create_topics(Broker& broker, Call<CreateTopics> call);
void handle_delete_topics(Broker& broker, Call<DeleteTopics> call);
void handle_describe_cluster(Broker& broker, Call<DescribeCluster> call);
void handle_describe_configs(Broker& broker, Call<DescribeConfigs> call);
void handle_describe_log_dirs(Broker& broker, Call<DescribeLogDirs> call);
void handle_describe_quorum(Broker& broker, Call<DescribeQuorum> call);
void handle_describe_topic_partitions(Broker& broker, Call<DescribeTopicPartitions> call);
void handle_elect_leaders(Broker& broker, Call<ElectLeaders> call);
void handle_fetch(Broker& broker, Call<Fetch> call);
void handle_incremental_alter_configs(Broker& broker, Call<IncrementalAlterConfigs> call);
void handle_init_producer_id(Broker& broker, Call<InitProducerId> call);
void handle_list_offsets(Broker& broker, Call<ListOffsets> call);
void handle_list_partition_reassignments(Broker& broker, Call<ListPartitionReassignments> call);
void handle_metadata(Broker& broker, Call<Metadata> call);
void handle_offset_for_leader_epoch(Broker& broker, Call<OffsetForLeaderEpoch> call);
void handle_produce(Broker& broker, Call<Produce> call);
void handle_update_features(Broker& broker, Call<UpdateFeatures> call);

}  // namespace chronik::kafka
