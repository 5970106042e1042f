// ElectLeaders (43): gives leadership to the preferred replicas (KIP-460). An unclean election does not exist
// here: a leader is who a majority of the replicas elects, and it never lacks what was committed.
#include <map>
#include <utility>

#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/elect_leaders.h"
#include "kafka-proto/partition/by_shard.h"
#include "kafka-proto/partition/elections.h"

namespace chronik::kafka {
namespace {

using Request = ElectLeadersRequest;
using Response = ElectLeadersResponse;

constexpr int8_t kPreferred = 0;
constexpr int8_t kUnclean = 1;

struct ElectLeadersJob {
  explicit ElectLeadersJob(Call<ElectLeaders> c) : call(std::move(c)) {}
  Call<ElectLeaders> call;
  Response response;
  Texts texts{call.room()};
  // The client named no partitions: those that need no election are not told, though their topics are.
  bool all = false;
  std::vector<Elections::Item> items;
  std::vector<std::pair<size_t, size_t>> places;  // where each of them stands in the answer
};

std::optional<std::string_view> message_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNone:
      return std::nullopt;
    case ErrorCode::kElectionNotNeeded:
      return "there is a leader, and it is the preferred replica where that was asked for";
    case ErrorCode::kPreferredLeaderNotAvailable:
      return "the preferred replica is down, or did not catch up in time";
    case ErrorCode::kLeaderNotAvailable:
      return "no leader is known that could hand leadership over";
    case ErrorCode::kEligibleLeadersNotAvailable:
      return "unclean elections do not exist: a majority of the replicas elects the leader once it is up";
    case ErrorCode::kUnknownTopicOrPartition:
      return "the topic or partition does not exist";
    default:
      return error_name(code);
  }
}

void add_partition(const Broker& broker, ElectLeadersJob& job, const Catalog& catalog,
                   const std::optional<chr_topic>& topic, int32_t index) {
  const bool unclean = job.call.version() >= 1 && job.call.request().election_type == kUnclean;
  const std::optional<chr_partition> partition =
      topic.has_value() ? catalog.partition(*topic, index) : std::optional<chr_partition>();
  Response::Topic& to = job.response.replica_election_results.back();
  Response::Partition& out = job.call.room().row(to.partition_result);
  out.partition_id = index;
  if (!partition.has_value()) {
    out.error_code = absent(catalog, ErrorCode::kUnknownTopicOrPartition, ErrorCode::kNotController);
  } else if (unclean) {
    out.error_code =
        is_led(broker, *partition) ? ErrorCode::kElectionNotNeeded : ErrorCode::kEligibleLeadersNotAvailable;
  } else {
    job.items.push_back({topic->id, index});
    job.places.emplace_back(job.response.replica_election_results.size() - 1, to.partition_result.size() - 1);
  }
}

void read(const Broker& broker, ElectLeadersJob& job, const Catalog& catalog) {
  const Request& request = job.call.request();
  job.all = !request.topic_partitions.has_value();
  std::vector<Response::Topic>& topics = job.response.replica_election_results;
  for (uint32_t i = 0; job.all && i < catalog.topic_count(); ++i) {
    const std::optional<chr_topic> topic = catalog.topic_at(i);
    job.call.room().row(topics).topic = job.texts.keep(std::string(from_abi(topic->name)));
    for (uint32_t p = 0; p < topic->n_partitions; ++p)
      add_partition(broker, job, catalog, topic, static_cast<int32_t>(p));
  }
  if (job.all) return;
  for (const Request::Topic& asked : *request.topic_partitions) {
    job.call.room().row(topics).topic = asked.topic;
    const std::optional<chr_topic> topic = catalog.topic(asked.topic);
    for (const int32_t index : asked.partitions) add_partition(broker, job, catalog, topic, index);
  }
}

// What kind of election is asked for, nobody knows: each partition says so, too.
void refuse(ElectLeadersJob& job) {
  AnswerRoom& room = job.call.room();
  Response& response = job.response;
  response.error_code = ErrorCode::kInvalidRequest;
  if (!job.call.request().topic_partitions.has_value()) return job.call.answer(response);
  for (const Request::Topic& asked : *job.call.request().topic_partitions) {
    Response::Topic& topic = room.row(response.replica_election_results);
    topic.topic = asked.topic;
    for (const int32_t index : asked.partitions) {
      Response::Partition& out = room.row(topic.partition_result);
      out.partition_id = index;
      out.error_code = ErrorCode::kInvalidRequest;
      out.error_message = "elections are of type 0 (preferred) or 1 (unclean)";
    }
  }
  job.call.answer(response);
}

void finish_job(ElectLeadersJob& job, const std::vector<ErrorCode>& codes) {
  std::vector<Response::Topic>& topics = job.response.replica_election_results;
  for (size_t i = 0; i < codes.size(); ++i)
    topics[job.places[i].first].partition_result[job.places[i].second].error_code = codes[i];
  for (Response::Topic& topic : topics) {
    if (job.all)
      std::erase_if(topic.partition_result, [](const Response::Partition& partition) {
        return partition.error_code == ErrorCode::kElectionNotNeeded;
      });
    for (Response::Partition& partition : topic.partition_result)
      partition.error_message = message_of(partition.error_code);
  }
  job.call.answer(job.response);
}

}  // namespace

template <>
void handle<ElectLeaders>(Broker& broker, Call<ElectLeaders> call) {
  const auto job = std::make_shared<ElectLeadersJob>(std::move(call));
  const int8_t type = job->call.version() >= 1 ? job->call.request().election_type : kPreferred;
  if (type != kPreferred && type != kUnclean) return refuse(*job);
  read(broker, *job, Catalog(broker));
  if (job->call.is_too_large()) return job->call.answer(job->response);
  const uint32_t home = job->call.shard();
  on_shard(broker.host, 0, [&broker, job, home] {
    broker.elections->elect(job->items, timeout_ns(job->call.request().timeout_ms),
                            [&broker, job, home](const std::vector<ErrorCode>& codes) {
                              on_shard(broker.host, home, [job, codes] { finish_job(*job, codes); });
                            });
  });
}

}  // namespace chronik::kafka
