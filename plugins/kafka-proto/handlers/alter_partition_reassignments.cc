// AlterPartitionReassignments (45): moves partitions to other replicas, or takes that back (KIP-455). The
// catalog keeps the target, and the leaders of the partitions pursue it.
#include <utility>

#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/catalog_change.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/alter_partition_reassignments.h"

namespace chronik::kafka {
namespace {

using Request = AlterPartitionReassignmentsRequest;
using Response = AlterPartitionReassignmentsResponse;

constexpr size_t kMaxItems = 10'000;

struct AlterReassignmentsJob : CatalogChange<chr_reassignment, std::pair<size_t, size_t>> {
  explicit AlterReassignmentsJob(Call<AlterPartitionReassignments> c) : call(std::move(c)) {}
  Call<AlterPartitionReassignments> call;
  Response response;
  Texts texts{call.room()};
};

ErrorCode error_of(const chr_change_result& result) {
  switch (result.code) {
    case CHR_E_OUT_OF_RANGE:
      return ErrorCode::kInvalidReplicationFactor;
    case CHR_E_CONFLICT:
      return ErrorCode::kNoReassignmentInProgress;
    default:
      return change_error(result.code, ErrorCode::kUnknownServerError, ErrorCode::kInvalidReplicaAssignment);
  }
}

void finish_job(AlterReassignmentsJob& job, chr_status overall) {
  Response& response = job.response;
  response.error_message.reset();
  response.allow_replication_factor_change = job.call.request().allow_replication_factor_change;
  if (overall != CHR_OK) {
    response.error_code = change_error(overall, ErrorCode::kUnknownServerError, ErrorCode::kInvalidRequest);
    response.error_message = "the leader of the catalog did not answer in time";
    response.responses.clear();
    return job.call.answer(response);
  }
  for (size_t i = 0; i < job.places.size(); ++i) {
    const auto [topic, partition] = job.places[i];
    Response::Partition& out = response.responses[topic].partitions[partition];
    out.error_code = error_of(job.results[i]);
    if (out.error_code != ErrorCode::kNone) out.error_message = job.texts.keep(job.results[i].message);
  }
  job.call.answer(response);
}

// What is more than fits one change of the catalog; Kafka says the same of more than 10,000 changes.
void refuse(AlterReassignmentsJob& job) {
  job.response.error_code = ErrorCode::kPolicyViolation;
  job.response.error_message = "Unable to perform excessively large batch operation.";
  job.response.responses.clear();
  job.call.answer(job.response);
}

chr_reassignment item_of(const chr_topic& topic, const Request::Partition& asked, bool any_factor) {
  chr_reassignment item{};
  item.topic = topic.id;
  item.partition = asked.partition_index;
  if (!asked.replicas.has_value()) {
    item.flags = CHR_REASSIGN_CANCEL;
    return item;
  }
  item.flags = any_factor ? 0u : static_cast<uint32_t>(CHR_REASSIGN_SAME_FACTOR);
  item.replicas = asked.replicas->data();
  item.n_replicas = static_cast<uint32_t>(asked.replicas->size());
  return item;
}

}  // namespace

template <>
void handle<AlterPartitionReassignments>(Broker& broker, Call<AlterPartitionReassignments> call) {
  const auto job = std::make_shared<AlterReassignmentsJob>(std::move(call));
  const Request& request = job->call.request();
  {
    const Catalog catalog(broker);
    for (const Request::Topic& asked : request.topics) {
      Response::Topic& out = job->call.room().row(job->response.responses);
      out.name = asked.name;
      const std::optional<chr_topic> topic = catalog.topic(asked.name);
      for (const Request::Partition& partition : asked.partitions) {
        Response::Partition& row = job->call.room().row(out.partitions);
        row.partition_index = partition.partition_index;
        row.error_message.reset();
        const bool known =
            topic.has_value() && catalog.partition(*topic, partition.partition_index).has_value();
        if (known) {
          job->items.push_back(item_of(*topic, partition, request.allow_replication_factor_change));
          job->places.emplace_back(job->response.responses.size() - 1, out.partitions.size() - 1);
        } else {
          row.error_code = absent(catalog, ErrorCode::kUnknownTopicOrPartition, ErrorCode::kNotController);
          row.error_message = "The topic or partition does not exist.";
        }
      }
    }
  }
  if (job->call.is_too_large()) return job->call.answer(job->response);
  if (job->items.size() > kMaxItems) return refuse(*job);
  change_catalog(job, [&](auto done) {
    broker.metadata.alter_reassignments(job->items, timeout_ns(request.timeout_ms), std::move(done));
  });
}

}  // namespace chronik::kafka
