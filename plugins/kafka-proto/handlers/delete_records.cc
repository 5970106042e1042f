// DeleteRecords (21): the log of a partition starts at an offset from now on. A partition that is named twice has
// one row, and the last offset counts.
#include <algorithm>
#include <map>
#include <utility>

#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/delete_records.h"
#include "kafka-proto/partition/by_shard.h"
#include "kafka-proto/partition/directory.h"

namespace chronik::kafka {
namespace {

using Request = DeleteRecordsRequest;
using Response = DeleteRecordsResponse;
using Deleted = RecordDeletion::Deleted;

// A client waits at least so long: this includes the disks, which Kafka does not wait for.
constexpr int32_t kMinWaitMs = 1'000;

struct DeleteRecordsJob;

struct Deletion {
  std::shared_ptr<Partition> partition;
  int64_t offset;
  size_t topic_row, row;  // where it stands in the answer
  Deleted result{ErrorCode::kRequestTimedOut};
};

// Deletions on one shard, where all but job is touched until they are merged.
struct Bundle {
  static constexpr size_t kMaxAtOnce = 256;  // so that nobody waits for all of a large request

  std::shared_ptr<DeleteRecordsJob> job;
  std::vector<Deletion> items;
  size_t left = 0;
  bool over = false;  // what was there was handed over; later results are dropped
};

struct DeleteRecordsJob {
  DeleteRecordsJob(Broker& b, Call<DeleteRecords> c) : broker(b), call(std::move(c)) {}
  Broker& broker;
  Call<DeleteRecords> call;
  Response response;
  std::map<uint32_t, std::vector<std::shared_ptr<Bundle>>> bundles;  // by shard
  size_t left = 1;
  uint64_t timer = 0;
  std::shared_ptr<DeleteRecordsJob> alive;  // while the timer runs
};

void one_less(DeleteRecordsJob& job) {
  if (--job.left != 0) return;
  job.broker.host.cancel_timer(std::exchange(job.timer, 0));
  job.bundles.clear();
  const std::shared_ptr<DeleteRecordsJob> alive = std::exchange(job.alive, nullptr);
  job.call.answer(job.response);
}

// On the connection's shard.
void merge(DeleteRecordsJob& job, const Bundle& bundle) {
  for (const Deletion& item : bundle.items) {
    Response::Partition& out = job.response.topics[item.topic_row].partitions[item.row];
    out.error_code = item.result.error;
    out.low_watermark = item.result.low_watermark;
  }
  one_less(job);
}

// On the shard of the partitions: everything is there, or time is up.
void hand_over(const std::shared_ptr<Bundle>& bundle) {
  if (std::exchange(bundle->over, true)) return;
  on_shard(bundle->job->broker.host, bundle->job->call.shard(), [bundle] { merge(*bundle->job, *bundle); });
}

// On the shard of the partitions.
void delete_all(const std::shared_ptr<Bundle>& bundle) {
  bundle->left = bundle->items.size();
  for (size_t i = 0; i < bundle->items.size(); ++i) {
    const Deletion& item = bundle->items[i];
    item.partition->deletion().delete_below(item.offset, [bundle, i](const Deleted& deleted) {
      if (bundle->over) return;
      bundle->items[i].result = deleted;
      if (--bundle->left == 0) hand_over(bundle);
    });
  }
}

// What is not there by then says REQUEST_TIMED_OUT: it may still happen.
void start_timer(const std::shared_ptr<DeleteRecordsJob>& job) {
  job->alive = job;
  job->timer = job->broker.host.timer(
      timeout_ns(std::max(job->call.request().timeout_ms, kMinWaitMs)),
      [](void* context) {
        const std::shared_ptr<DeleteRecordsJob> late = static_cast<DeleteRecordsJob*>(context)->alive;
        late->timer = 0;
        for (const auto& [shard, bundles] : std::exchange(late->bundles, {}))
          for (const std::shared_ptr<Bundle>& bundle : bundles)
            on_shard(late->broker.host, shard, [bundle] { hand_over(bundle); });
      },
      job.get());
}

// Answers what can be said at once; NONE: the partition must be asked.
ErrorCode check(const Broker& broker, std::string_view topic, const HostedTopic* hosted, int32_t index) {
  if (hosted == nullptr || !hosted->has(index)) return not_hosted(broker, topic, nullptr, index);
  if (hosted->internal || is_internal_topic(topic)) return ErrorCode::kInvalidTopicException;
  const bool here = hosted->partitions[static_cast<size_t>(index)] != nullptr;
  return here ? ErrorCode::kNone : ErrorCode::kNotLeaderOrFollower;
}

void add(const std::shared_ptr<DeleteRecordsJob>& job, Deletion deletion) {
  std::vector<std::shared_ptr<Bundle>>& bundles = job->bundles[deletion.partition->shard()];
  if (bundles.empty() || bundles.back()->items.size() >= Bundle::kMaxAtOnce) {
    bundles.emplace_back(std::make_shared<Bundle>())->job = job;
    ++job->left;
  }
  bundles.back()->items.push_back(std::move(deletion));
}

void read(const std::shared_ptr<DeleteRecordsJob>& job) {
  std::map<std::string_view, std::map<int32_t, int64_t>> asked;
  for (const Request::Topic& topic : job->call.request().topics)
    for (const Request::Partition& partition : topic.partitions)
      asked[topic.name][partition.partition_index] = partition.offset;
  const std::shared_ptr<const PartitionMap> map = job->broker.partitions->map();
  AnswerRoom& room = job->call.room();
  for (const auto& [name, partitions] : asked) {
    const HostedTopic* hosted = map->find(name);
    Response::Topic& topic = room.row(job->response.topics);
    topic.name = name;
    for (const auto& [index, offset] : partitions) {
      Response::Partition& out = room.row(topic.partitions);
      out.partition_index = index;
      out.low_watermark = -1;
      out.error_code = check(job->broker, name, hosted, index);
      if (out.error_code != ErrorCode::kNone || room.passed()) continue;
      add(job, {hosted->partitions[static_cast<size_t>(index)], offset, job->response.topics.size() - 1,
                topic.partitions.size() - 1});
    }
  }
}

}  // namespace

template <>
void handle<DeleteRecords>(Broker& broker, Call<DeleteRecords> call) {
  const auto job = std::make_shared<DeleteRecordsJob>(broker, std::move(call));
  read(job);
  if (job->call.is_too_large()) {
    job->bundles.clear();
    return job->call.answer(job->response);
  }
  const auto bundles = job->bundles;
  for (const auto& [shard, of_shard] : bundles)
    for (const std::shared_ptr<Bundle>& bundle : of_shard)
      on_shard(broker.host, shard, [bundle] { delete_all(bundle); });
  if (job->left > 1) start_timer(job);
  one_less(*job);
}

}  // namespace chronik::kafka
