// ListPartitionReassignments (46): which partitions are on their way to other replicas (KIP-455). What does
// not exist, or does not move, is left out.
#include <algorithm>

#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/list_partition_reassignments.h"

namespace chronik::kafka {
namespace {

using Response = ListPartitionReassignmentsResponse;

std::vector<int32_t> without(const std::vector<int32_t>& nodes, const std::vector<int32_t>& taken) {
  std::vector<int32_t> out;
  std::ranges::copy_if(nodes, std::back_inserter(out),
                       [&](int32_t node) { return std::ranges::find(taken, node) == taken.end(); });
  return out;
}

void add(const Catalog& catalog, const chr_topic& topic, int32_t index, AnswerRoom& room,
         Response::Topic& out) {
  const std::optional<chr_partition> partition = catalog.partition(topic, index);
  if (!partition.has_value() || partition->n_target == 0) return;
  const Partition::Members members = Partition::Members::of(*partition);
  Response::Partition& moving = room.row(out.partitions);
  moving.partition_index = index;
  moving.replicas = members.all();
  moving.adding_replicas = without(members.target, members.replicas);
  moving.removing_replicas = without(moving.replicas, members.target);
  room.take_bytes(2 * sizeof(int32_t) * moving.replicas.size());
}

void add(const Catalog& catalog, const chr_topic& topic, const std::vector<int32_t>* indexes,
         AnswerRoom& room, Response& response) {
  Response::Topic out;
  out.name = from_abi(topic.name);
  if (indexes != nullptr) {
    for (const int32_t index : *indexes) add(catalog, topic, index, room, out);
  } else {
    for (uint32_t i = 0; i < topic.n_partitions; ++i) add(catalog, topic, static_cast<int32_t>(i), room, out);
  }
  if (!out.partitions.empty()) room.row(response.topics) = std::move(out);
}

}  // namespace

template <>
void handle<ListPartitionReassignments>(Broker& broker, Call<ListPartitionReassignments> call) {
  const Catalog catalog(broker);
  Response response;
  response.error_message.reset();
  if (call.request().topics.has_value()) {
    for (const auto& asked : *call.request().topics) {
      const std::optional<chr_topic> topic = catalog.topic(asked.name);
      if (topic.has_value()) add(catalog, *topic, &asked.partition_indexes, call.room(), response);
    }
  } else {
    for (uint32_t i = 0; i < catalog.topic_count(); ++i)
      add(catalog, *catalog.topic_at(i), nullptr, call.room(), response);
  }
  call.answer(response);
}

}  // namespace chronik::kafka
