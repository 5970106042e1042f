// ListOffsets (2): where a partition begins, ends, or was at a time.
#include <map>
#include <utility>

#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/list_offsets.h"
#include "kafka-proto/partition/by_shard.h"
#include "kafka-proto/partition/directory.h"
#include "kafka-proto/partition/offsets.h"

namespace chronik::kafka {
namespace {

using Request = ListOffsetsRequest;
using Response = ListOffsetsResponse;

// Where a row stands in the answer, which grows.
struct Place {
  size_t topic, partition;
};

struct Lookup {
  std::shared_ptr<Partition> partition;
  const Request::Partition* asked;  // of the call
  Place at;
  OffsetSearch::Found found{};
};

struct ListOffsetsJob {
  ListOffsetsJob(Broker& b, Call<ListOffsets> c) : broker(b), call(std::move(c)) {}
  Broker& broker;
  Call<ListOffsets> call;
  Response response;
  ByShard<Lookup> lookups;
  size_t left = 1;

  void one_less() {
    if (--left == 0) call.answer(response);
  }
};

// A special timestamp that came with a version which does not have it yet.
bool too_old_for(int64_t timestamp, int16_t version) {
  if (timestamp == kMaxTimestamp) return version < 7;
  if (timestamp == kEarliestLocal) return version < 8;
  if (timestamp == kLatestTiered) return version < 9;
  if (timestamp == kEarliestPending) return version < 11;
  return timestamp < kEarliestPending;
}

void look_up(const ListOffsetsJob& job, Lookup& lookup, const std::function<void()>& done) {
  const ErrorCode error = lookup.partition->leads(lookup.asked->current_leader_epoch);
  if (error != ErrorCode::kNone) {
    lookup.found = {error};
    return done();
  }
  lookup.partition->offsets().find(lookup.asked->timestamp, job.call.client(),
                                   [&lookup, done](const OffsetSearch::Found& found) {
                                     lookup.found = found;
                                     done();
                                   });
}

void add_found(ListOffsetsJob& job, const std::vector<Lookup>& lookups) {
  for (const Lookup& lookup : lookups) {
    if (job.call.is_too_large()) break;  // its rows are not there any more
    Response::Partition& out = job.response.topics[lookup.at.topic].partitions[lookup.at.partition];
    out.error_code = lookup.found.error;
    out.offset = lookup.found.offset;
    out.timestamp = lookup.found.timestamp;
    out.leader_epoch = lookup.found.epoch;
  }
  job.one_less();
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
ErrorCode check(const ListOffsetsJob& job, std::string_view topic, const HostedTopic* hosted,
                const Request::Partition& asked) {
  if (too_old_for(asked.timestamp, job.call.version())) return ErrorCode::kUnsupportedVersion;
  if (hosted == nullptr || !hosted->has(asked.partition_index))
    return not_hosted(job.broker, topic, nullptr, asked.partition_index);
  const bool here = hosted->partitions[static_cast<size_t>(asked.partition_index)] != nullptr;
  return here ? ErrorCode::kNone : ErrorCode::kNotLeaderOrFollower;
}

}  // namespace

template <>
void handle<ListOffsets>(Broker& broker, Call<ListOffsets> call) {
  const auto job = std::make_shared<ListOffsetsJob>(broker, std::move(call));
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
      if (out.error_code != ErrorCode::kNone || room.passed()) continue;
      const auto& partition = hosted->partitions[static_cast<size_t>(asked.partition_index)];
      job->lookups.add(partition->shard(), {partition, &asked, {found->second, answers.size() - 1}});
    }
  }
  job->left += job->lookups.batches();
  job->lookups.run(
      broker.host, job->call.shard(),
      [job](Lookup& lookup, const std::function<void()>& done) { look_up(*job, lookup, done); },
      [job](const std::vector<Lookup>& lookups) { add_found(*job, lookups); });
  job->one_less();
}

}  // namespace chronik::kafka
