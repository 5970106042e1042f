// OffsetForLeaderEpoch (23): where an epoch ended,
// so that a client finds out that its position was truncated (KIP-320).
#include <tuple>
#include <utility>

#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/offset_for_leader_epoch.h"
#include "kafka-proto/partition/by_shard.h"
#include "kafka-proto/partition/directory.h"

namespace chronik::kafka {
namespace {

using Request = OffsetForLeaderEpochRequest;
using Response = OffsetForLeaderEpochResponse;

// Where a row stands in the answer, which grows.
struct Place {
  size_t topic, partition;
};

struct Lookup {
  std::shared_ptr<Partition> partition;
  const Request::Partition* asked;  // of the call
  Place at;
  ErrorCode error = ErrorCode::kNone;
  std::pair<int32_t, int64_t> found{-1, -1};  // epoch and where it ends
};

struct EpochJob {
  explicit EpochJob(Call<OffsetForLeaderEpoch> c) : call(std::move(c)) {}
  Call<OffsetForLeaderEpoch> call;
  Response response;
  ByShard<Lookup> lookups;
  size_t left = 1;

  void one_less() {
    if (--left == 0) call.answer(response);
  }
};

void look_up(Lookup& lookup) {
  lookup.error = lookup.partition->leads(lookup.asked->current_leader_epoch);
  if (lookup.error == ErrorCode::kNone)
    lookup.found = lookup.partition->offsets().epoch_end(lookup.asked->leader_epoch);
}

void add_ends(EpochJob& job, const std::vector<Lookup>& lookups) {
  for (const Lookup& lookup : lookups) {
    if (job.call.is_too_large()) break;  // its rows are not there any more
    Response::Partition& out = job.response.topics[lookup.at.topic].partitions[lookup.at.partition];
    out.error_code = lookup.error;
    std::tie(out.leader_epoch, out.end_offset) = lookup.found;
  }
  job.one_less();
}

}  // namespace

template <>
void handle<OffsetForLeaderEpoch>(Broker& broker, Call<OffsetForLeaderEpoch> call) {
  const auto job = std::make_shared<EpochJob>(std::move(call));
  const std::shared_ptr<const PartitionMap> map = broker.partitions->map();
  const Request& request = job->call.request();
  AnswerRoom& room = job->call.room();
  for (const Request::Topic& topic : request.topics) {
    Response::Topic& answer = room.row(job->response.topics);
    answer.topic = topic.topic;
    const HostedTopic* hosted = map->find(topic.topic);
    for (const Request::Partition& asked : topic.partitions) {
      Response::Partition& out = room.row(answer.partitions);
      out.partition = asked.partition;
      if (hosted == nullptr || !hosted->has(asked.partition)) {
        out.error_code = not_hosted(broker, topic.topic, nullptr, asked.partition);
      } else if (const auto& partition = hosted->partitions[static_cast<size_t>(asked.partition)];
                 partition == nullptr) {
        out.error_code = ErrorCode::kNotLeaderOrFollower;
      } else if (!room.passed()) {
        job->lookups.add(
            partition->shard(),
            {partition, &asked, {job->response.topics.size() - 1, answer.partitions.size() - 1}});
      }
    }
  }
  job->left += job->lookups.batches();
  job->lookups.run(
      broker.host, job->call.shard(),
      [job](Lookup& lookup, const std::function<void()>& done) {
        look_up(lookup);
        done();
      },
      [job](const std::vector<Lookup>& lookups) { add_ends(*job, lookups); });
  job->one_less();
}

}  // namespace chronik::kafka
