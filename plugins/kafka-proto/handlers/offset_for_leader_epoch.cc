// OffsetForLeaderEpoch (23): where an epoch ended, so that a client finds out that its position was truncated
// (KIP-320).
#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/by_shard.h"
#include "kafka-proto/handlers/handlers.h"
#include "kafka-proto/partition/directory.h"

namespace chronik::kafka {
namespace {

using Request = OffsetForLeaderEpochRequest;
using Response = OffsetForLeaderEpochResponse;

struct EpochJob {
  explicit EpochJob(Call<OffsetForLeaderEpoch> c) : call(std::move(c)) {}
  Call<OffsetForLeaderEpoch> call;
  Response response;
  size_t left = 1;

  void one_less() {
    if (--left == 0) call.answer(response);
  }
};

// Where a row stands in the answer, which grows.
struct Place {
  size_t topic, partition;
};

void look_up(const Host& host, const std::shared_ptr<EpochJob>& job,
             const std::shared_ptr<Partition>& partition, const Request::Partition& asked, Place at) {
  ++job->left;
  on_shard(host, partition->shard(), [&host, job, partition, asked, at] {
    const ErrorCode error = partition->leads(asked.current_leader_epoch);
    const auto [epoch, end] = error == ErrorCode::kNone ? partition->epoch_end(asked.leader_epoch)
                                                        : std::pair<int32_t, int64_t>(-1, -1);
    on_shard(host, job->call.shard(), [job, at, error, epoch, end] {
      if (job->call.is_too_large()) return job->one_less();  // its row is not there any more
      Response::Partition& out = job->response.topics[at.topic].partitions[at.partition];
      out.error_code = error;
      out.leader_epoch = epoch;
      out.end_offset = end;
      job->one_less();
    });
  });
}

}  // namespace

void handle_offset_for_leader_epoch(Broker& broker, Call<OffsetForLeaderEpoch> call) {
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
        look_up(broker.host, job, partition, asked,
                {job->response.topics.size() - 1, answer.partitions.size() - 1});
      }
    }
  }
  job->one_less();
}

}  // namespace chronik::kafka
