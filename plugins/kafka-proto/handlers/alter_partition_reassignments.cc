// AlterPartitionReassignments (45): moves partitions to other replicas, or takes that back (KIP-455). The
// catalog keeps the target, and the leaders of the partitions pursue it.
#include <utility>

#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/alter_partition_reassignments.h"

namespace chronik::kafka {
namespace {

using Request = AlterPartitionReassignmentsRequest;
using Response = AlterPartitionReassignmentsResponse;

constexpr size_t kMostItems = 10'000;

struct Alteration {
  explicit Alteration(Call<AlterPartitionReassignments> c) : call(std::move(c)) {}
  Call<AlterPartitionReassignments> call;
  Response response;
  Texts texts{call.room()};
  std::vector<chr_reassignment> items;
  std::vector<std::pair<size_t, size_t>> places;  // where each of them stands in the answer
  std::vector<chr_change_result> results;
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

void finish(Alteration& alteration, chr_status overall) {
  Response& response = alteration.response;
  response.error_message.reset();
  response.allow_replication_factor_change = alteration.call.request().allow_replication_factor_change;
  if (overall != CHR_OK) {
    response.error_code = change_error(overall, ErrorCode::kUnknownServerError, ErrorCode::kInvalidRequest);
    response.error_message = "the leader of the catalog did not answer in time";
    response.responses.clear();
    return alteration.call.answer(response);
  }
  for (size_t i = 0; i < alteration.places.size(); ++i) {
    const auto [topic, partition] = alteration.places[i];
    Response::Partition& out = response.responses[topic].partitions[partition];
    out.error_code = error_of(alteration.results[i]);
    if (out.error_code != ErrorCode::kNone)
      out.error_message = alteration.texts.keep(alteration.results[i].message);
  }
  alteration.call.answer(response);
}

// What is more than fits one change of the catalog; Kafka says the same of more than 10,000 changes.
void refuse(Alteration& alteration) {
  alteration.response.error_code = ErrorCode::kPolicyViolation;
  alteration.response.error_message = "Unable to perform excessively large batch operation.";
  alteration.response.responses.clear();
  alteration.call.answer(alteration.response);
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
  const auto alteration = std::make_shared<Alteration>(std::move(call));
  const Request& request = alteration->call.request();
  {
    const Catalog catalog(broker);
    for (const Request::Topic& asked : request.topics) {
      Response::Topic& out = alteration->call.room().row(alteration->response.responses);
      out.name = asked.name;
      const std::optional<chr_topic> topic = catalog.topic(asked.name);
      for (const Request::Partition& partition : asked.partitions) {
        Response::Partition& row = alteration->call.room().row(out.partitions);
        row.partition_index = partition.partition_index;
        row.error_message.reset();
        const bool known =
            topic.has_value() && catalog.partition(*topic, partition.partition_index).has_value();
        if (known) {
          alteration->items.push_back(item_of(*topic, partition, request.allow_replication_factor_change));
          alteration->places.emplace_back(alteration->response.responses.size() - 1,
                                          out.partitions.size() - 1);
        } else {
          row.error_code = absent(catalog, ErrorCode::kUnknownTopicOrPartition, ErrorCode::kNotController);
          row.error_message = "The topic or partition does not exist.";
        }
      }
    }
  }
  if (alteration->call.is_too_large()) return alteration->call.answer(alteration->response);
  if (alteration->items.size() > kMostItems) return refuse(*alteration);
  if (alteration->items.empty()) return finish(*alteration, CHR_OK);
  alteration->results.resize(alteration->items.size());
  const Service<chr_metadata_v1>& metadata = broker.metadata;
  const chr_status status = broker.host.async(
      [&](uint64_t token) {
        return metadata.table->alter_reassignments(
            metadata.self, alteration->items.data(), static_cast<uint32_t>(alteration->items.size()),
            timeout_ns(request.timeout_ms), alteration->results.data(), token, nullptr);
      },
      [alteration](const chr_done& done) { finish(*alteration, done.code); });
  if (status != CHR_PENDING) finish(*alteration, status);
}

}  // namespace chronik::kafka
