// CreatePartitions (37).
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/catalog_change.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/create_partitions.h"

namespace chronik::kafka {
namespace {

using Request = CreatePartitionsRequest;
using Response = CreatePartitionsResponse;

struct CreatePartitionsJob : CatalogChange<chr_more_partitions> {
  explicit CreatePartitionsJob(Call<CreatePartitions> c) : call(std::move(c)) {}
  Call<CreatePartitions> call;
  Response response;
  Texts texts{call.room()};
  std::deque<std::vector<int32_t>> assignments;
};

KafkaError read_assignment(const Request::Topic& topic, const chr_topic& present, const Catalog& catalog,
                           CreatePartitionsJob& job, chr_more_partitions& out) {
  const auto added = static_cast<size_t>(topic.count) - present.n_partitions;
  if (topic.assignments->size() != added)
    return {ErrorCode::kInvalidReplicaAssignment,
            fmt::format("{} partitions are added, and {} are assigned", added, topic.assignments->size())};
  const std::optional<chr_partition> first = catalog.partition(present, 0);
  const uint32_t replicas = first.has_value() ? first->n_replicas : 1;
  const std::vector<chr_broker> brokers = catalog.brokers();
  std::vector<int32_t>& ids = job.assignments.emplace_back();
  for (const Request::Assignment& assignment : *topic.assignments) {
    if (assignment.broker_ids.size() != replicas)
      return {ErrorCode::kInvalidReplicaAssignment,
              fmt::format("every partition of this topic has {} replicas", replicas)};
    for (const int32_t id : assignment.broker_ids) {
      if (std::ranges::none_of(brokers, [&](const chr_broker& b) { return b.id == id; }))
        return {ErrorCode::kInvalidReplicaAssignment, fmt::format("there is no broker {}", id)};
      if (std::ranges::count(assignment.broker_ids, id) > 1)
        return {ErrorCode::kInvalidReplicaAssignment,
                fmt::format("broker {} stands twice in one partition", id)};
      ids.push_back(id);
    }
  }
  out.n_assignment = static_cast<uint32_t>(ids.size());
  out.assignment = ids.data();
  return {};
}

KafkaError read_topic(const Request::Topic& topic, const Catalog& catalog, CreatePartitionsJob& job,
                      chr_more_partitions& out) {
  constexpr int32_t kMaxPartitions = 10'000;
  out.topic = to_abi(topic.name);
  out.total = topic.count;
  const std::optional<chr_topic> present = catalog.topic(topic.name);
  if (!present.has_value())
    return {absent(catalog, ErrorCode::kUnknownTopicOrPartition, ErrorCode::kNotController),
            std::string(why_absent(catalog))};
  if (topic.count <= static_cast<int32_t>(present->n_partitions))
    return {ErrorCode::kInvalidPartitions,
            fmt::format("the topic has {} partitions; {} is not more", present->n_partitions, topic.count)};
  if (topic.count > kMaxPartitions)
    return {ErrorCode::kInvalidPartitions, fmt::format("a topic has at most {} partitions", kMaxPartitions)};
  if (is_internal_topic(topic.name))
    return {ErrorCode::kInvalidRequest,
            "the number of partitions says where in this topic a group or a transaction is: it stays"};
  if (topic.assignments.has_value()) return read_assignment(topic, *present, catalog, job, out);
  return {};
}

void finish_job(CreatePartitionsJob& job, chr_status overall) {
  for (size_t i = 0; i < job.places.size(); ++i) {
    Response::Topic& out = job.response.results[job.places[i]];
    const chr_status code = overall == CHR_OK ? job.results[i].code : overall;
    out.error_code = overall == CHR_OK && code == CHR_E_OUT_OF_RANGE
                         ? ErrorCode::kInvalidReplicationFactor
                         : change_error(code, ErrorCode::kInvalidPartitions, ErrorCode::kInvalidPartitions);
    if (overall == CHR_OK && code != CHR_OK) out.error_message = job.texts.keep(job.results[i].message);
  }
  job.call.answer(job.response);
}

}  // namespace

template <>
void handle<CreatePartitions>(Broker& broker, Call<CreatePartitions> call) {
  const auto job = std::make_shared<CreatePartitionsJob>(std::move(call));
  const Request& request = job->call.request();
  {
    const Catalog catalog(broker);
    std::map<std::string_view, int> times = count_names(request.topics);
    for (const Request::Topic& topic : request.topics) {
      const int count = std::exchange(times[topic.name], 0);
      if (count == 0) continue;  // it has its row
      Response::Topic& out = job->call.room().row(job->response.results);
      out.name = topic.name;
      chr_more_partitions item{};
      KafkaError problem = count > 1 ? KafkaError{ErrorCode::kInvalidRequest, std::string(kNamedTwice)}
                                     : read_topic(topic, catalog, *job, item);
      out.error_code = problem.code;
      if (problem.code != ErrorCode::kNone) {
        out.error_message = job->texts.keep(std::move(problem.message));
        continue;
      }
      job->places.push_back(job->response.results.size() - 1);
      job->items.push_back(item);
    }
  }
  if (job->call.is_too_large()) return job->call.answer(job->response);
  change_catalog(job, [&](auto done) {
    broker.metadata.create_partitions(job->items, request.validate_only, timeout_ns(request.timeout_ms),
                                      std::move(done));
  });
}

}  // namespace chronik::kafka
