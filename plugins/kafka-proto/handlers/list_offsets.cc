// ListOffsets (2): where a partition begins, ends, or was at a time.
#include <map>
#include <utility>

#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/by_shard.h"
#include "kafka-proto/handlers/handlers.h"
#include "kafka-proto/partition/directory.h"
#include "kafka-proto/partition/offsets.h"

namespace chronik::kafka {
namespace {

using Request = ListOffsetsRequest;
using Response = ListOffsetsResponse;

struct ListJob {
  ListJob(Broker& b, Call<ListOffsets> c) : broker(b), call(std::move(c)) {}
  Broker& broker;
  Call<ListOffsets> call;
  Response response;
  size_t left = 1;

  void one_less() {
    if (--left == 0) call.answer(response);
  }
};

// A special timestamp that came with a version which does not have it yet.
bool too_old_for(int64_t timestamp, int16_t version) {
  if (timestamp == kLargestTimestamp) return version < 7;
  if (timestamp == kEarliestLocal) return version < 8;
  if (timestamp == kLatestTiered) return version < 9;
  if (timestamp == kEarliestPending) return version < 11;
  return timestamp < kEarliestPending;
}

// Where a row stands in the answer, which grows.
struct Place {
  size_t topic, partition;
};

void look_up(const std::shared_ptr<ListJob>& job, const std::shared_ptr<Partition>& partition,
             const Request::Partition& asked, Place at) {
  ++job->left;
  on_shard(job->broker.host, partition->shard(), [job, partition, asked, at] {
    const auto finish = [job, at](const Partition::FoundOffset& found) {
      on_shard(job->broker.host, job->call.shard(), [job, at, found] {
        if (job->call.is_too_large()) return job->one_less();  // its row is not there any more
        Response::Partition& out = job->response.topics[at.topic].partitions[at.partition];
        out.error_code = found.error;
        out.offset = found.offset;
        out.timestamp = found.timestamp;
        out.leader_epoch = found.epoch;
        job->one_less();
      });
    };
    const ErrorCode error = partition->leads(asked.current_leader_epoch);
    if (error != ErrorCode::kNone) return finish({error});
    partition->find_offset(asked.timestamp, job->call.client(), finish);
  });
}

// How often a request names each partition.
std::map<std::pair<std::string_view, int32_t>, int> count_names(const Request& request) {
  std::map<std::pair<std::string_view, int32_t>, int> counts;
  for (const Request::Topic& topic : request.topics) {
    for (const Request::Partition& partition : topic.partitions)
      ++counts[{topic.name, partition.partition_index}];
  }
  return counts;
}

// Answers what can be said at once; NONE: the partition must be asked.
ErrorCode check(const ListJob& job, std::string_view topic, const HostedTopic* hosted,
                const Request::Partition& asked) {
  if (too_old_for(asked.timestamp, job.call.version())) return ErrorCode::kUnsupportedVersion;
  if (hosted == nullptr || !hosted->has(asked.partition_index))
    return not_hosted(job.broker, topic, nullptr, asked.partition_index);
  const bool here = hosted->partitions[static_cast<size_t>(asked.partition_index)] != nullptr;
  return here ? ErrorCode::kNone : ErrorCode::kNotLeaderOrFollower;
}

}  // namespace

void handle_list_offsets(Broker& broker, Call<ListOffsets> call) {
  const auto job = std::make_shared<ListJob>(broker, std::move(call));
  const std::shared_ptr<const PartitionMap> map = broker.partitions->map();
  const Request& request = job->call.request();
  AnswerRoom& room = job->call.room();
  auto counts = count_names(request);
  std::map<std::string_view, size_t> topics;  // where each stands in the answer
  for (const Request::Topic& topic : request.topics) {
    const HostedTopic* hosted = map->find(topic.name);
    const auto [found, is_new] = topics.try_emplace(topic.name);
    if (is_new) {
      room.row(job->response.topics).name = topic.name;
      found->second = job->response.topics.size() - 1;
    }
    std::vector<Response::Partition>& answers = job->response.topics[found->second].partitions;
    for (const Request::Partition& asked : topic.partitions) {
      int& count = counts[{topic.name, asked.partition_index}];
      if (count == 0) continue;  // it was named before, and answered there
      Response::Partition& out = room.row(answers);
      out.partition_index = asked.partition_index;
      out.error_code = count > 1 ? ErrorCode::kInvalidRequest : check(*job, topic.name, hosted, asked);
      count = 0;
      if (out.error_code == ErrorCode::kNone && !room.passed())
        look_up(job, hosted->partitions[static_cast<size_t>(asked.partition_index)], asked,
                {found->second, answers.size() - 1});
    }
  }
  job->one_less();
}

}  // namespace chronik::kafka
