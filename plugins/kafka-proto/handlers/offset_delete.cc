// OffsetDelete (47): forgets how far a group is in partitions that it no longer consumes. Partitions that do not exist
// have an error of their own; of the rest a group says for each topic whether it may be forgotten.
#include <utility>

#include "kafka-proto/group/coordinator.h"
#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/offset_delete.h"
#include "kafka-proto/partition/by_shard.h"

namespace chronik::kafka {
namespace {

using Request = OffsetDeleteRequest;
using Response = OffsetDeleteResponse;

struct OffsetDeleteJob {
  Broker& broker;
  Call<OffsetDelete> call;
  Response response{};
  std::vector<size_t> places{};  // of the topics that the group is asked about, among those of the response
};

void add_topic(OffsetDeleteJob& job, const Catalog& catalog, const Request::Topic& topic,
               GroupShard::OffsetDeletion& deletion) {
  const std::optional<chr_topic> known = catalog.topic(topic.name);
  GroupShard::OffsetDeletion::Topic asked{std::string(topic.name), {}};
  Response::Topic& out = job.call.room().row(job.response.topics);
  out.name = topic.name;
  for (const Request::Partition& partition : topic.partitions) {
    if (job.call.room().passed()) return;
    Response::Partition& row = job.call.room().row(out.partitions);
    row.partition_index = partition.partition_index;
    const bool exists = known.has_value() && partition.partition_index >= 0 &&
                        static_cast<uint32_t>(partition.partition_index) < known->n_partitions;
    if (exists) {
      asked.partitions.push_back(partition.partition_index);
    } else {
      row.error_code = known.has_value() ? ErrorCode::kUnknownTopicOrPartition
                                         : absent(catalog, ErrorCode::kUnknownTopicOrPartition,
                                                  ErrorCode::kCoordinatorNotAvailable);
    }
  }
  if (asked.partitions.empty()) return;
  job.places.push_back(job.response.topics.size() - 1);
  deletion.topics.push_back(std::move(asked));
}

// On the connection's shard.
void finish_job(OffsetDeleteJob& job, const GroupShard::OffsetDeletionResult& result) {
  job.response.error_code = result.error;
  if (result.error != ErrorCode::kNone) job.response.topics.clear();
  for (size_t i = 0; i < result.topics.size() && i < job.places.size(); ++i)
    for (Response::Partition& row : job.response.topics[job.places[i]].partitions)
      if (row.error_code == ErrorCode::kNone) row.error_code = result.topics[i];
  job.call.answer(job.response);
}

}  // namespace

template <>
void handle<OffsetDelete>(Broker& broker, Call<OffsetDelete> call) {
  const auto job = std::make_shared<OffsetDeleteJob>(broker, std::move(call));
  const Request& request = job->call.request();
  if (request.group_id.empty()) return finish_job(*job, {ErrorCode::kInvalidGroupId, {}});
  GroupShard::OffsetDeletion deletion;
  {
    const Catalog catalog(broker);
    for (const Request::Topic& topic : request.topics)
      if (!topic.partitions.empty()) add_topic(*job, catalog, topic, deletion);
  }
  if (job->call.is_too_large() || deletion.topics.empty()) return job->call.answer(job->response);
  const auto finish = [job](GroupShard::OffsetDeletionResult result) {
    on_shard(job->broker.host, job->call.shard(),
             [job, result = std::move(result)] { finish_job(*job, result); });
  };
  broker.groups->use(request.group_id, [id = std::string(request.group_id), deletion, finish](
                                           ErrorCode error, GroupShard* groups) {
    groups == nullptr ? finish({error, {}}) : groups->delete_offsets(id, deletion, finish);
  });
}

}  // namespace chronik::kafka
