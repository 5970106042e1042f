// CreateTopics (19).
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "kafka-proto/configs/config_levels.h"
#include "kafka-proto/configs/config_values.h"
#include "kafka-proto/coordinator/internal_topic.h"
#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/catalog_change.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/create_topics.h"

namespace chronik::kafka {
namespace {

using Request = CreateTopicsRequest;
using Response = CreateTopicsResponse;

constexpr int64_t kMaxPartitions = 10'000;  // of all topics of a request; metadata has the same limits
constexpr std::string_view kTooManyPartitions = "Excessively large number of partitions per request.";
constexpr size_t kMaxReplicas = 32;  // of a partition

// Names that differ in '.' and '_' only would give metrics the same names. Looks at the catalog when it is
// first asked about a name that has one of them.
class SimilarNames {
 public:
  explicit SimilarNames(const Broker& broker) : broker_(broker) {}
  // The existing topic that has such a name, or null.
  const std::string* find(std::string_view name) {
    if (name.find_first_of("._") == std::string_view::npos) return nullptr;
    if (!read_) read();
    const auto found = names_.find(plain(name));
    return found == names_.end() ? nullptr : &found->second;
  }

 private:
  static std::string plain(std::string_view name) {
    std::string out(name);
    std::ranges::replace(out, '.', '_');
    return out;
  }
  void read() {
    read_ = true;
    const Catalog catalog(broker_);
    for (uint32_t i = 0; i < catalog.topic_count(); ++i) {
      const std::string_view name = from_abi(catalog.topic_at(i)->name);
      if (name.find_first_of("._") != std::string_view::npos) names_.emplace(plain(name), name);
    }
  }

  const Broker& broker_;
  bool read_ = false;
  std::unordered_map<std::string, std::string> names_;
};

struct CreateTopicsJob : CatalogChange<chr_new_topic> {
  CreateTopicsJob(Broker& b, Call<CreateTopics> c) : broker(b), call(std::move(c)), similar_names(b) {}
  Broker& broker;
  Call<CreateTopics> call;
  Response response;
  Texts texts{call.room()};
  SimilarNames similar_names;
  std::deque<std::vector<int32_t>> assignments;
  std::deque<std::vector<chr_config_entry>> configs;
};

// The manual assignment as one list, partition by partition, all with the same number of replicas.
KafkaError read_assignment(const Request::Topic& topic, std::vector<int32_t>& out) {
  const size_t count = topic.assignments.size();
  const size_t replicas = topic.assignments[0].broker_ids.size();
  // Also what keeps check_assignment() linear.
  // mutant assignments_compared: if (replicas > 100'000'000) return {ErrorCode::kInvalidReplicaAssignment,
  //     fmt::format("a partition has at most {} replicas, not {}", kMaxReplicas, replicas)};
  if (replicas > kMaxReplicas)
    return {ErrorCode::kInvalidReplicaAssignment,
            fmt::format("a partition has at most {} replicas, not {}", kMaxReplicas, replicas)};
  std::vector<const std::vector<int32_t>*> by_index(count, nullptr);
  for (const Request::Assignment& assignment : topic.assignments) {
    const auto index = static_cast<size_t>(assignment.partition_index);
    if (assignment.partition_index < 0 || index >= count || by_index[index] != nullptr)
      return {ErrorCode::kInvalidReplicaAssignment,
              "partitions must be numbered from 0 on, without gaps or repeats"};
    if (assignment.broker_ids.empty() || assignment.broker_ids.size() != replicas)
      return {ErrorCode::kInvalidReplicaAssignment,
              "every partition needs the same number of replicas, at least one"};
    by_index[index] = &assignment.broker_ids;
  }
  for (const std::vector<int32_t>* ids : by_index) out.insert(out.end(), ids->begin(), ids->end());
  return {};
}

KafkaError check_assignment(const std::vector<int32_t>& ids, size_t replicas) {
  for (size_t i = 0; i < ids.size(); ++i) {
    for (size_t j = i - i % replicas; j < i; ++j) {
      if (ids[j] == ids[i])
        return {ErrorCode::kInvalidReplicaAssignment,
                fmt::format("broker {} stands twice in one partition", ids[i])};
    }
  }
  return {};
}

// Whether the nodes are there is what the catalog's leader says: some may be about to register.
KafkaError read_size(const Broker& broker, const Request::Topic& topic, const Catalog& catalog,
                     CreateTopicsJob& job, chr_new_topic& out) {
  if (!topic.assignments.empty()) {
    if (topic.num_partitions != -1 || topic.replication_factor != -1)
      return {ErrorCode::kInvalidRequest,
              "an assignment stands in place of the numbers of partitions and replicas"};
    std::vector<int32_t>& ids = job.assignments.emplace_back();
    KafkaError problem = read_assignment(topic, ids);
    const size_t replicas = topic.assignments[0].broker_ids.size();
    if (problem.code == ErrorCode::kNone) problem = check_assignment(ids, replicas);
    out.partitions = static_cast<int32_t>(topic.assignments.size());
    out.replication_factor = static_cast<int32_t>(replicas);
    out.assignment = ids.data();
    return problem;
  }
  out.partitions = topic.num_partitions == -1 ? broker.config.default_partitions : topic.num_partitions;
  out.replication_factor = topic.replication_factor == -1 ? default_replicas(broker, broker.config, catalog)
                                                          : topic.replication_factor;
  if (out.partitions < 1)
    return {ErrorCode::kInvalidPartitions,
            fmt::format("the number of partitions must be at least 1, not {}", out.partitions)};
  if (out.replication_factor < 1)
    return {ErrorCode::kInvalidReplicationFactor, "the replication factor must be at least 1"};
  return {};
}

KafkaError read_configs(const Request::Topic& topic, const Catalog& catalog, CreateTopicsJob& job,
                        chr_new_topic& out) {
  TopicConfig resolved = job.broker.dynamic_configs->now()->topic_defaults;
  std::vector<chr_config_entry>& entries = job.configs.emplace_back();
  std::map<std::string_view, std::string_view> values;
  for (const Request::Config& config : topic.configs) {
    if (!config.value.has_value())
      return {ErrorCode::kInvalidConfig, fmt::format("{} has no value", config.name)};
    if (const Status set = set_topic_config(config.name, *config.value, resolved); !set)
      return {ErrorCode::kInvalidConfig, set.error().message};
    if (std::string problem = too_new_problem(catalog, config.name, *config.value); !problem.empty())
      return {ErrorCode::kInvalidConfig, std::move(problem)};
    values[config.name] = *config.value;  // of a config that is set twice the last counts
  }
  if (const Status together = check_topic_config(resolved); !together)
    return {ErrorCode::kInvalidConfig, together.error().message};
  for (const auto& [name, value] : values) entries.push_back({to_abi(name), to_abi(value)});
  out.configs = entries.data();
  out.n_configs = static_cast<uint32_t>(entries.size());
  return {};
}

KafkaError read_topic(const Request::Topic& topic, const Catalog& catalog, CreateTopicsJob& job,
                      chr_new_topic& out) {
  out.name = to_abi(topic.name);
  if (std::string problem = topic_name_problem(topic.name); !problem.empty())
    return {ErrorCode::kInvalidTopicException, std::move(problem)};
  if (topic.name == kCatalogTopic)
    return {ErrorCode::kInvalidRequest,
            fmt::format("Creation of internal topic {} is prohibited.", topic.name)};
  if (catalog.topic(topic.name).has_value())
    return {ErrorCode::kTopicAlreadyExists, fmt::format("Topic '{}' already exists.", topic.name)};
  // With other settings than its own it would hold no groups.
  if (topic.name == job.broker.offsets_topic->name())
    return {ErrorCode::kInvalidTopicException,
            fmt::format("Topic '{}' is made by the brokers when the first group comes.", topic.name)};
  if (const std::string* other = job.similar_names.find(topic.name); other != nullptr)
    return {ErrorCode::kInvalidTopicException,
            fmt::format("Topic '{}' collides with existing topic: {}", topic.name, *other)};
  KafkaError problem = read_size(job.broker, topic, catalog, job, out);
  if (problem.code == ErrorCode::kNone) problem = read_configs(topic, catalog, job, out);
  return problem;
}

void describe_created(CreateTopicsJob& job, const ConfigValues& values, const chr_new_topic& topic,
                      const chr_change_result& result, Response::Topic& out) {
  out.topic_id = result.topic;
  out.num_partitions = topic.partitions;
  out.replication_factor = static_cast<int16_t>(topic.replication_factor);
  std::vector<std::pair<std::string_view, std::string_view>> set;
  for (uint64_t i = 0; i < topic.n_configs; ++i)
    set.emplace_back(from_abi(topic.configs[i].key), from_abi(topic.configs[i].value));
  for (const ConfigValue& value : values.of_topic(set)) {
    Response::Config& config = job.call.room().row(*out.configs);
    config.name = value.name;
    config.value = value.value;
    const auto given = std::ranges::find(set, value.name, [](const auto& each) { return each.first; });
    if (given != set.end()) config.value = given->second;  // as it is, and not as it is read
    config.config_source = static_cast<int8_t>(value.source);
  }
}

void finish_job(CreateTopicsJob& job, chr_status overall) {
  const ConfigValues values(job.broker.config_sources(), Catalog(job.broker), job.texts);
  for (size_t i = 0; i < job.places.size(); ++i) {
    Response::Topic& out = job.response.topics[job.places[i]];
    const chr_change_result& result = job.results[i];
    const chr_status code = overall == CHR_OK ? result.code : overall;
    out.error_code = change_error(code, ErrorCode::kTopicAlreadyExists,
                                  job.items[i].assignment != nullptr ? ErrorCode::kInvalidReplicaAssignment
                                                                     : ErrorCode::kInvalidTopicException);
    const bool too_few = overall == CHR_OK && (code == CHR_E_OUT_OF_RANGE || code == CHR_E_UNAVAILABLE);
    if (too_few)
      out.error_code = job.items[i].assignment != nullptr ? ErrorCode::kInvalidReplicaAssignment
                                                          : ErrorCode::kInvalidReplicationFactor;
    if (code == CHR_OK) {
      describe_created(job, values, job.items[i], result, out);
    } else if (overall == CHR_OK) {
      out.error_message = job.texts.keep(result.message);
    }
  }
  job.call.answer(job.response);
}

// Whether a request asks for more partitions than one request may, as Kafka counts them: in the topics that
// it names once.
bool asks_for_too_many(const Broker& broker, const Request& request,
                       const std::map<std::string_view, int>& times) {
  int64_t partitions = 0;
  for (const Request::Topic& topic : request.topics) {
    if (times.at(topic.name) != 1) continue;
    const int32_t count =
        topic.num_partitions == -1 ? broker.config.default_partitions : std::max(topic.num_partitions, 0);
    partitions += topic.assignments.empty() ? count : static_cast<int64_t>(topic.assignments.size());
  }
  return partitions > kMaxPartitions;
}

// The row of a topic that the request names once or more often.
void add_topic(CreateTopicsJob& job, const Catalog& catalog, const Request::Topic& topic,
               KafkaError problem) {
  Response::Topic& out = job.call.room().row(job.response.topics);
  out.name = topic.name;
  chr_new_topic wanted{};
  if (problem.code == ErrorCode::kNone) problem = read_topic(topic, catalog, job, wanted);
  out.error_code = problem.code;
  out.error_message.reset();
  if (problem.code != ErrorCode::kNone) {
    out.error_message = job.texts.keep(std::move(problem.message));
    return;
  }
  job.places.push_back(job.response.topics.size() - 1);
  job.items.push_back(wanted);
}

}  // namespace

template <>
void handle<CreateTopics>(Broker& broker, Call<CreateTopics> call) {
  const auto job = std::make_shared<CreateTopicsJob>(broker, std::move(call));
  const Request& request = job->call.request();
  {
    const Catalog catalog(broker);
    std::map<std::string_view, int> times = count_names(request.topics);
    const bool too_many = asks_for_too_many(broker, request, times);
    for (const Request::Topic& topic : request.topics) {
      const int count = std::exchange(times[topic.name], 0);
      if (count == 0) continue;  // it has its row
      KafkaError problem;
      if (too_many) problem = {ErrorCode::kPolicyViolation, std::string(kTooManyPartitions)};
      if (count > 1) problem = {ErrorCode::kInvalidRequest, std::string(kNamedTwice)};
      add_topic(*job, catalog, topic, std::move(problem));
    }
  }
  if (job->call.is_too_large()) return job->call.answer(job->response);
  change_catalog(job, [&](auto done) {
    broker.metadata.create_topics(job->items, request.validate_only, timeout_ns(request.timeout_ms),
                                  std::move(done));
  });
}

}  // namespace chronik::kafka
