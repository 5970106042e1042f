// DescribeTopicPartitions (75): topics in full, page by page (KIP-966). Never creates a topic.
#include <algorithm>

#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/describe_topic_partitions.h"

namespace chronik::kafka {
namespace {

constexpr int32_t kMaxPartitions = 2000;

using Response = DescribeTopicPartitionsResponse;

// The names to describe, sorted, from the cursor's topic on; an empty request means all of them.
std::vector<std::string_view> names_in_order(const DescribeTopicPartitionsRequest& request,
                                             const Catalog& catalog) {
  std::vector<std::string_view> names;
  for (const auto& topic : request.topics) names.push_back(topic.name);
  if (request.topics.empty()) {
    for (uint32_t i = 0; i < catalog.topic_count(); ++i) names.push_back(from_abi(catalog.topic_at(i)->name));
  }
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  if (request.cursor.has_value()) {
    const auto first = std::ranges::lower_bound(names, request.cursor->topic_name);
    names.erase(names.begin(), first);
  }
  return names;
}

Response::Topic head(const chr_topic& topic) {
  Response::Topic out;
  out.name = from_abi(topic.name);
  out.topic_id = topic.id;
  out.is_internal = topic.internal != 0 || is_internal_topic(from_abi(topic.name));
  out.topic_authorized_operations = kTopicOperations;
  return out;
}

Response::Partition describe_one(Describing& describing, const chr_topic& topic, int32_t index) {
  auto out = describing.partition<Response::Partition>(topic, index);
  if (out.error_code == ErrorCode::kLeaderNotAvailable)
    out.error_code = ErrorCode::kNone;  // the leader is -1
  // Null is legal here, and Java's client falls over it.
  out.eligible_leader_replicas.emplace();
  out.last_known_elr.emplace();
  return out;
}

Response::Topic missing(std::string_view name, ErrorCode code) {
  Response::Topic out;
  out.error_code = code;
  out.name = name;
  return out;
}

// A cursor names a partition, and one of the topics where the request names any.
bool cursor_is_valid(const DescribeTopicPartitionsRequest& request) {
  if (!request.cursor.has_value()) return true;
  if (request.cursor->partition_index < 0) return false;
  return request.topics.empty() ||
         std::ranges::find(request.topics, request.cursor->topic_name,
                           &DescribeTopicPartitionsRequest::Topic::name) != request.topics.end();
}

void refuse_all(Call<DescribeTopicPartitions>& call, Response& response) {
  for (const auto& topic : call.request().topics)
    call.room().row(response.topics) = missing(topic.name, ErrorCode::kInvalidRequest);
}

}  // namespace

template <>
void handle<DescribeTopicPartitions>(Broker& broker, Call<DescribeTopicPartitions> call) {
  const Catalog catalog(broker);
  const DescribeTopicPartitionsRequest& request = call.request();
  Response response;
  if (!cursor_is_valid(request)) {
    refuse_all(call, response);
    return call.answer(response);
  }
  Describing describing(broker, catalog);
  int32_t room = std::clamp(request.response_partition_limit, 1, kMaxPartitions);
  for (const std::string_view name : names_in_order(request, catalog)) {
    const std::optional<chr_topic> topic = catalog.topic(name);
    if (!topic.has_value()) {
      call.room().row(response.topics) = missing(
          name, topic_name_problem(name).empty()
                    ? absent(catalog, ErrorCode::kUnknownTopicOrPartition, ErrorCode::kLeaderNotAvailable)
                    : ErrorCode::kInvalidTopicException);
      response.topics.back().topic_authorized_operations = kTopicOperations;
      continue;
    }
    const bool resumed = request.cursor.has_value() && request.cursor->topic_name == name;
    int32_t next = resumed ? request.cursor->partition_index : 0;
    const auto count = static_cast<int32_t>(topic->n_partitions);
    if (room > 0) call.room().row(response.topics) = head(*topic);
    for (; next < count && room > 0; ++next, --room)
      call.room().row(response.topics.back().partitions) = describe_one(describing, *topic, next);
    if (next < count) {
      response.next_cursor.emplace();
      response.next_cursor->topic_name = name;
      response.next_cursor->partition_index = next;
      break;
    }
  }
  call.answer(response);
}

}  // namespace chronik::kafka
