// Request frames: whatever a client sends, opening and decoding it must end in a request or an error. What
// decodes must also survive encoding and decoding again.
#include <cstdint>
#include <cstdlib>

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
#include "kafka-proto/messages/describe_producers.h"
#include "kafka-proto/messages/describe_topic_partitions.h"
#include "kafka-proto/messages/fetch.h"
#include "kafka-proto/messages/find_coordinator.h"
#include "kafka-proto/messages/heartbeat.h"
#include "kafka-proto/messages/init_producer_id.h"
#include "kafka-proto/messages/join_group.h"
#include "kafka-proto/messages/leave_group.h"
#include "kafka-proto/messages/list_config_resources.h"
#include "kafka-proto/messages/list_groups.h"
#include "kafka-proto/messages/list_offsets.h"
#include "kafka-proto/messages/metadata.h"
#include "kafka-proto/messages/offset_commit.h"
#include "kafka-proto/messages/offset_delete.h"
#include "kafka-proto/messages/offset_fetch.h"
#include "kafka-proto/messages/offset_for_leader_epoch.h"
#include "kafka-proto/messages/produce.h"
#include "kafka-proto/messages/sync_group.h"
#include "kafka-proto/messages/unregister_broker.h"
#include "kafka-proto/wire/frame.h"

namespace {

using namespace chronik::kafka;

template <class Request>
void decode(InRequest& in) {
  const int16_t version = in.header.request_api_version;
  const auto request = Request::decode(in.body, version);
  if (!request) return;
  Writer out;
  request->encode(out, version);
  const std::vector<uint8_t> bytes = std::move(out).finish().copy();
  Reader again(bytes);
  const auto second = Request::decode(again, version);
  if (!second || !(*second == *request)) std::abort();
}

template <class... Apis>
void decode_any(InRequest& in) {
  const auto key = static_cast<ApiKey>(in.header.request_api_key);
  ((Apis::kApi == key ? decode<typename Apis::Request>(in) : void()), ...);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto request = open_request(Bytes(data, size));
  if (request && request->supported)
    decode_any<Produce, Fetch, ListOffsets, Metadata, ApiVersions, CreateTopics, DeleteTopics, InitProducerId,
               OffsetForLeaderEpoch, DescribeConfigs, CreatePartitions, DescribeCluster,
               DescribeTopicPartitions, FindCoordinator, JoinGroup, SyncGroup, Heartbeat, LeaveGroup,
               OffsetCommit, OffsetFetch, OffsetDelete, DescribeGroups, ListGroups, DeleteGroups,
               ConsumerGroupHeartbeat, ConsumerGroupDescribe, DeleteRecords, ListConfigResources,
               UnregisterBroker, DescribeProducers>(*request);
  return 0;
}
