// DescribeProducers (61): the idempotent producers that partitions remember (KIP-664). One partition after the other:
// each may have many, and only so many are held as an answer has room for.
#include <map>
#include <set>
#include <utility>

#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/describe_producers.h"
#include "kafka-proto/partition/directory.h"

namespace chronik::kafka {
namespace {

using Request = DescribeProducersRequest;
using Response = DescribeProducersResponse;

// Until there are transactions.
constexpr int32_t kNoCoordinatorEpoch = -1;

struct Wanted {
  std::shared_ptr<Partition> partition;
  size_t topic_row, row;  // where it stands in the answer
};

struct DescribeProducersJob {
  DescribeProducersJob(Broker& b, Call<DescribeProducers> c) : broker(b), call(std::move(c)) {}
  Broker& broker;
  Call<DescribeProducers> call;
  Response response;
  std::vector<Wanted> wanted;
  size_t next = 0;
};
using Job = std::shared_ptr<DescribeProducersJob>;

void set_error(Response::Partition& out, ErrorCode error) {
  out.error_code = error;
  if (error == ErrorCode::kUnknownTopicOrPartition) out.error_message = "this partition does not exist";
  if (error == ErrorCode::kInvalidTopicException) out.error_message = "this is no legal topic name";
  if (error == ErrorCode::kNotLeaderOrFollower) out.error_message = "this broker does not lead the partition";
}

void describe_next(const Job& job);

// On the connection's shard.
void add_producers(const Job& job, ErrorCode error, const std::vector<ProducerStates::Producer>& producers) {
  const Wanted& wanted = job->wanted[job->next++];
  Response::Partition& out = job->response.topics[wanted.topic_row].partitions[wanted.row];
  set_error(out, error);
  for (const ProducerStates::Producer& producer : producers) {
    Response::Producer& row = job->call.room().row(out.active_producers);
    row.producer_id = producer.id;
    row.producer_epoch = producer.epoch;
    row.last_sequence = producer.last_sequence;
    row.last_timestamp = producer.last_timestamp;
    row.coordinator_epoch = kNoCoordinatorEpoch;
  }
  describe_next(job);
}

void describe_next(const Job& job) {
  if (job->next == job->wanted.size() || job->call.is_too_large()) return job->call.answer(job->response);
  const std::shared_ptr<Partition>& partition = job->wanted[job->next].partition;
  // Posted, so that others have their turn between two partitions.
  job->broker.host.post(partition->shard(), [job, partition] {
    std::vector<ProducerStates::Producer> producers;
    const ErrorCode error = partition->leads(-1);
    if (error == ErrorCode::kNone)
      partition->producers().for_each([&](const auto& producer) { producers.push_back(producer); });
    job->broker.host.post(job->call.shard(), [job, error, producers = std::move(producers)] {
      add_producers(job, error, producers);
    });
  });
}

// Answers what can be said at once; NONE: the partition must be asked.
ErrorCode check(const Catalog& catalog, std::string_view topic, const HostedTopic* hosted, int32_t index) {
  if (hosted == nullptr && !topic_name_problem(topic).empty()) return ErrorCode::kInvalidTopicException;
  if (hosted == nullptr || !hosted->has(index)) return not_hosted(catalog, topic, nullptr, index);
  const bool here = hosted->partitions[static_cast<size_t>(index)] != nullptr;
  return here ? ErrorCode::kNone : ErrorCode::kNotLeaderOrFollower;
}

// However often a request names a partition, it is told of once: its producers may take a thousand times what
// names it.
void read(DescribeProducersJob& job) {
  std::map<std::string_view, std::set<int32_t>> asked;
  for (const Request::Topic& topic : job.call.request().topics)
    asked[topic.name].insert(topic.partition_indexes.begin(), topic.partition_indexes.end());
  const std::shared_ptr<const PartitionMap> map = job.broker.partitions->map();
  const Catalog catalog(job.broker);
  AnswerRoom& room = job.call.room();
  for (const auto& [name, indexes] : asked) {
    const HostedTopic* hosted = map->find(name);
    Response::Topic& topic = room.row(job.response.topics);
    topic.name = name;
    for (const int32_t index : indexes) {
      Response::Partition& out = room.row(topic.partitions);
      out.partition_index = index;
      set_error(out, check(catalog, name, hosted, index));
      if (out.error_code != ErrorCode::kNone || room.passed()) continue;
      job.wanted.push_back({hosted->partitions[static_cast<size_t>(index)], job.response.topics.size() - 1,
                            topic.partitions.size() - 1});
    }
  }
}

}  // namespace

template <>
void handle<DescribeProducers>(Broker& broker, Call<DescribeProducers> call) {
  const auto job = std::make_shared<DescribeProducersJob>(broker, std::move(call));
  read(*job);
  describe_next(job);
}

}  // namespace chronik::kafka
