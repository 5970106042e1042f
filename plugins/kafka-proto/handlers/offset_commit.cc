// OffsetCommit (8): stores how far a group is. Partitions that do not exist have an error of their own; the
// rest is written as one, in the turn of the group.
#include <utility>

#include "kafka-proto/group/coordinator.h"
#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/offset_commit.h"

namespace chronik::kafka {
namespace {

using Request = OffsetCommitRequest;
using Response = OffsetCommitResponse;

constexpr int16_t kByEpoch = 9;  // from here on clients know the errors of the consumer protocol
constexpr int16_t kById = 10;

struct OffsetCommitJob {
  Broker& broker;
  Call<OffsetCommit> call;
  Response response;
  bool has_late_rows = false;  // whose errors come after that of the member
};

int64_t later(int64_t now_ms, int64_t retention_ms) {
  return retention_ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + retention_ms;
}

// What is to be written goes into commit, with an error of NONE in its row until that is over.
void add_topic(OffsetCommitJob& job, const Catalog& catalog, const Request::Topic& topic,
               GroupShard::CommitRequest& commit) {
  const bool by_id = job.call.version() >= kById;
  const std::optional<chr_topic> known = by_id ? catalog.topic(topic.topic_id) : catalog.topic(topic.name);
  const Request& request = job.call.request();
  const int64_t now_ms = job.broker.host.unix_ms();
  const int32_t max_metadata = job.broker.config.groups.offset_metadata_max_bytes;
  Response::Topic& out = job.call.room().row(job.response.topics);
  out.name = topic.name;
  out.topic_id = topic.topic_id;
  const ErrorCode no_topic =
      absent(catalog, by_id ? ErrorCode::kUnknownTopicId : ErrorCode::kUnknownTopicOrPartition,
             ErrorCode::kCoordinatorNotAvailable);
  for (const Request::Partition& partition : topic.partitions) {
    if (job.call.room().passed()) return;
    Response::Partition& row = job.call.room().row(out.partitions);
    row.partition_index = partition.partition_index;
    if (!known.has_value()) {
      row.error_code = no_topic;
    } else if (partition.partition_index < 0 ||
               static_cast<uint32_t>(partition.partition_index) >= known->n_partitions) {
      row.error_code = ErrorCode::kUnknownTopicOrPartition;
    } else if (std::cmp_greater(partition.committed_metadata.value_or("").size(), max_metadata)) {
      row.error_code = ErrorCode::kOffsetMetadataTooLarge;
      job.has_late_rows = true;
    } else {
      group::OffsetCommitRecord& record = commit.offsets.emplace_back();
      record.group = request.group_id;
      record.topic = from_abi(known->name);
      record.partition = partition.partition_index;
      record.value = group::OffsetCommitRecord::Value{};
      group::OffsetCommitRecord::Value& value = *record.value;
      value.offset = partition.committed_offset;
      value.leader_epoch = partition.committed_leader_epoch;
      value.metadata = partition.committed_metadata.value_or("");
      value.commit_timestamp_ms = now_ms;
      if (request.retention_time_ms >= 0)
        value.expire_timestamp_ms = later(now_ms, request.retention_time_ms);
      value.topic_id = known->id;
    }
  }
}

// On any shard. An error of all is that of rows with too much metadata too: Kafka looks at these last.
void finish_job(OffsetCommitJob& job, const GroupShard::CommitResult& result) {
  auto refused = result.refused.begin();
  for (Response::Topic& topic : job.response.topics)
    for (Response::Partition& row : topic.partitions) {
      const bool is_late = row.error_code == ErrorCode::kOffsetMetadataTooLarge;
      if (is_late && result.error != ErrorCode::kNone) row.error_code = result.error;
      if (row.error_code != ErrorCode::kNone) continue;
      if (refused != result.refused.end()) row.error_code = *refused++;
      if (row.error_code == ErrorCode::kNone) row.error_code = result.error;
    }
  job.call.answer(job.response);
}

}  // namespace

template <>
void handle<OffsetCommit>(Broker& broker, Call<OffsetCommit> call) {
  const auto job = std::make_shared<OffsetCommitJob>(broker, std::move(call));
  const Request& request = job->call.request();
  GroupShard::CommitRequest commit;
  commit.group = request.group_id;
  commit.claim.member_id = request.member_id;
  commit.claim.generation = request.generation_id_or_member_epoch;
  if (request.group_instance_id.has_value())
    commit.claim.instance_id = std::string(*request.group_instance_id);
  commit.knows_group_id_not_found = job->call.version() >= kByEpoch;
  {
    const Catalog catalog(broker);
    for (const Request::Topic& topic : request.topics)
      if (!topic.partitions.empty()) add_topic(*job, catalog, topic, commit);
  }
  if (job->call.is_too_large() || (commit.offsets.empty() && !job->has_late_rows))
    return job->call.answer(job->response);
  const auto shared = std::make_shared<GroupShard::CommitRequest>(std::move(commit));
  broker.groups->use(request.group_id, [job, shared](ErrorCode error, GroupShard* groups) {
    if (groups == nullptr) return finish_job(*job, {error, {}});
    groups->commit_offsets(std::move(*shared),
                           [job](const GroupShard::CommitResult& result) { finish_job(*job, result); });
  });
}

}  // namespace chronik::kafka
