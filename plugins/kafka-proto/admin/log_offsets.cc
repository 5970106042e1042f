#include "kafka-proto/admin/log_offsets.h"

#include <memory>
#include <utility>

#include "kafka-proto/partition/by_shard.h"

namespace chronik::kafka {
namespace {

// One partition that this node hosts, on its way over the partition's shard.
struct Lookup {
  std::shared_ptr<Partition> partition;
  int64_t timestamp;
  size_t place;
  LogOffsets::Found found{};
};

void look_up(Lookup& lookup, const void* client, const std::function<void()>& done) {
  lookup.found.error = lookup.partition->leads(-1);
  if (lookup.found.error != ErrorCode::kNone) return done();
  lookup.partition->offsets().find(lookup.timestamp, client,
                                   [&lookup, done](const OffsetSearch::Found& found) {
                                     lookup.found = {found.error, found.offset};
                                     done();
                                   });
}

}  // namespace

struct LogOffsets::Job {
  std::vector<Wanted> wanted;
  Done done;
  CallCount count;
  std::vector<Found> found = std::vector<Found>(wanted.size());
  size_t left = 1;

  void one_less() {
    if (--left == 0) done(found);
  }
};

LogOffsets::LogOffsets(Services& services, PartitionDirectory& partitions, PeerCalls& calls)
    : services_(services), partitions_(partitions), calls_(calls) {
  calls.serve<ListOffsets>(kVersion, kVersion,
                           [this](PeerCall<ListOffsets> call) { answer(std::move(call)); });
}

void LogOffsets::find(std::vector<Wanted> wanted, Done done) {
  const auto job = std::make_shared<Job>(std::move(wanted), std::move(done), CallCount(services_));
  std::map<int32_t, Places> by_node;
  {
    const Catalog catalog(services_);
    for (size_t i = 0; i < job->wanted.size(); ++i) {
      const Wanted& each = job->wanted[i];
      const std::optional<chr_topic> topic = catalog.topic(each.topic);
      const auto partition = topic.has_value() ? catalog.partition(*topic, each.partition) : std::nullopt;
      if (!partition.has_value()) {
        job->found[i].error = ErrorCode::kUnknownTopicOrPartition;
      } else if (partition->leader >= 0) {
        by_node[partition->leader].push_back(i);
      }
    }
  }
  for (const auto& [node, places] : by_node)
    node == services_.host.node().id ? find_here(job, places) : find_there(job, node, places);
  job->one_less();
}

void LogOffsets::find_here(const std::shared_ptr<Job>& job, const Places& places) {
  const std::shared_ptr<const PartitionMap> map = partitions_.map();
  ByShard<Lookup> lookups;
  for (const size_t place : places) {
    const Wanted& wanted = job->wanted[place];
    const HostedTopic* const topic = map->find(wanted.topic);
    const bool is_hosted = topic != nullptr && topic->has(wanted.partition) &&
                           topic->partitions[static_cast<size_t>(wanted.partition)] != nullptr;
    if (!is_hosted) {
      job->found[place].error = ErrorCode::kNotLeaderOrFollower;
      continue;
    }
    const auto& partition = topic->partitions[static_cast<size_t>(wanted.partition)];
    lookups.add(partition->shard(), {partition, wanted.timestamp, place});
  }
  job->left += lookups.batches();
  lookups.run(
      services_.host, 0,
      [this](Lookup& lookup, const std::function<void()>& done) { look_up(lookup, this, done); },
      [job](const std::vector<Lookup>& done) {
        for (const Lookup& lookup : done) job->found[lookup.place] = lookup.found;
        job->one_less();
      });
}

void LogOffsets::find_there(const std::shared_ptr<Job>& job, int32_t node, const Places& places) {
  ListOffsetsRequest request;
  request.replica_id = -1;
  for (const size_t place : places) {
    const Wanted& wanted = job->wanted[place];
    if (request.topics.empty() || request.topics.back().name != wanted.topic)
      request.topics.emplace_back().name = wanted.topic;
    auto& row = request.topics.back().partitions.emplace_back();
    row.partition_index = wanted.partition;
    row.timestamp = wanted.timestamp;
  }
  ++job->left;
  calls_.call<ListOffsets>(node, kVersion, request, kTimeoutNs,
                           [job, places](ErrorCode error, const ListOffsetsResponse& response) {
                             // In the order of the request.
                             std::vector<Found> rows;
                             for (const auto& topic : response.topics)
                               for (const auto& row : topic.partitions)
                                 rows.push_back({row.error_code, row.offset});
                             if (error == ErrorCode::kNone && rows.size() != places.size())
                               error = ErrorCode::kUnknownServerError;
                             for (size_t i = 0; i < places.size(); ++i)
                               job->found[places[i]] = error == ErrorCode::kNone ? rows[i] : Found{error};
                             job->one_less();
                           });
}

void LogOffsets::answer(PeerCall<ListOffsets> call) {
  const auto asked = std::make_shared<PeerCall<ListOffsets>>(std::move(call));
  std::vector<Wanted> wanted;
  for (const auto& topic : asked->request().topics)
    for (const auto& row : topic.partitions)
      wanted.push_back({std::string(topic.name), row.partition_index, row.timestamp});
  Places places(wanted.size());
  for (size_t i = 0; i < places.size(); ++i) places[i] = i;
  const auto finish = [asked](const std::vector<Found>& found) {
    ListOffsetsResponse response;
    size_t next = 0;
    for (const auto& topic : asked->request().topics) {
      auto& out = response.topics.emplace_back();
      out.name = topic.name;
      for (const auto& row : topic.partitions) {
        auto& filled = out.partitions.emplace_back();
        filled.partition_index = row.partition_index;
        filled.error_code = found[next].error;
        filled.offset = found[next++].offset;
      }
    }
    asked->answer(response);
  };
  const auto job = std::make_shared<Job>(std::move(wanted), finish, CallCount(services_));
  find_here(job, places);
  job->one_less();
}

}  // namespace chronik::kafka
