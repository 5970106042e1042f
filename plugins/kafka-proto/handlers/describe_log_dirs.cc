// DescribeLogDirs (35): what the replicas on this broker take. All of them lie in one store, so there is one
// directory, as large as the store may become.
#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/describe_log_dirs.h"
#include "kafka-proto/partition/by_shard.h"
#include "kafka-proto/partition/directory.h"

namespace chronik::kafka {
namespace {

using Request = DescribeLogDirsRequest;
using Response = DescribeLogDirsResponse;

struct DescribeLogDirsJob {
  DescribeLogDirsJob(Broker& b, Call<DescribeLogDirs> c) : broker(b), call(std::move(c)) {}
  Broker& broker;
  Call<DescribeLogDirs> call;
  std::shared_ptr<const PartitionMap> map;  // holds the names
  Response response;
  std::vector<std::vector<std::pair<std::shared_ptr<Partition>, Response::Partition*>>> by_shard;
  size_t left = 1;

  void one_less() {
    if (--left == 0) call.answer(response);
  }
};

// indexes: what to tell of, each once; null: every partition.
void add(DescribeLogDirsJob& survey, const HostedTopic& topic, std::vector<int32_t>* indexes) {
  std::vector<int32_t> all;
  if (indexes == nullptr) {
    all.resize(topic.partitions.size());
    std::iota(all.begin(), all.end(), 0);
    indexes = &all;
  }
  std::erase_if(*indexes, [&](int32_t index) {
    return !topic.has(index) || topic.partitions[static_cast<size_t>(index)] == nullptr;
  });
  if (indexes->empty()) return;
  Response::Topic& out = survey.response.results[0].topics.emplace_back();
  out.name = topic.name;
  out.partitions.reserve(indexes->size());  // others keep pointers into it
  for (const int32_t index : *indexes) {
    const std::shared_ptr<Partition>& partition = topic.partitions[static_cast<size_t>(index)];
    Response::Partition& row = out.partitions.emplace_back();
    row.partition_index = index;
    survey.by_shard[partition->shard()].emplace_back(partition, &row);
  }
}

// However often a request names a topic or a partition, it is told of once.
void add_asked(DescribeLogDirsJob& survey, const std::vector<Request::Topic>& topics) {
  std::map<std::string_view, std::vector<int32_t>> asked;
  for (const Request::Topic& topic : topics) {
    std::vector<int32_t>& indexes = asked[topic.topic];
    // mutant log_dirs_of_all: indexes.insert(indexes.end(), topic.partitions.begin(),
    //     topic.partitions.end()); if (const HostedTopic* hosted = survey.map->find(topic.topic); hosted !=
    //     nullptr) { std::set<int32_t> wanted; for (size_t i = 0; i < hosted->partitions.size(); ++i)
    //     wanted.insert(static_cast<int32_t>(i)); }
    indexes.insert(indexes.end(), topic.partitions.begin(), topic.partitions.end());
  }
  for (auto& [name, indexes] : asked) {
    const HostedTopic* const topic = survey.map->find(name);
    if (topic == nullptr) continue;
    std::ranges::sort(indexes);
    indexes.erase(std::ranges::unique(indexes).begin(), indexes.end());
    add(survey, *topic, &indexes);
  }
}

// What the store may take, and what of that is free.
void add_room(const Broker& broker, Response::Dir& out) {
  if (!broker.storage) return;
  const Result<chr_storage_usage> usage = broker.storage.usage();
  if (!usage) return;
  const uint64_t total = std::min<uint64_t>(usage->capacity_bytes, INT64_MAX);
  out.total_bytes = static_cast<int64_t>(total);
  out.usable_bytes = static_cast<int64_t>(total - std::min(usage->used_bytes, total));
}

// The store's folder is the host's business; what is known is the one next to it.
std::string_view data_dir(const Host& host) {
  const std::string_view own = from_abi(host.node().directory);
  const size_t slash = own.find_last_of('/');
  return slash == std::string_view::npos || slash == 0 ? own : own.substr(0, slash);
}

}  // namespace

template <>
void handle<DescribeLogDirs>(Broker& broker, Call<DescribeLogDirs> call) {
  const auto survey = std::make_shared<DescribeLogDirsJob>(broker, std::move(call));
  survey->map = broker.partitions->map();
  survey->by_shard.resize(broker.host.shard_count());
  survey->response.results.emplace_back().log_dir = data_dir(broker.host);
  add_room(broker, survey->response.results.back());
  if (survey->call.request().topics.has_value()) {
    add_asked(*survey, *survey->call.request().topics);
  } else {
    for (const auto& [id, topic] : survey->map->topics()) add(*survey, *topic, nullptr);
  }
  for (uint32_t shard = 0; shard < survey->by_shard.size(); ++shard) {
    if (survey->by_shard[shard].empty()) continue;
    ++survey->left;
    on_shard(broker.host, shard, [survey, shard] {
      for (const auto& [partition, row] : survey->by_shard[shard])
        row->partition_size = static_cast<int64_t>(partition->bounds().bytes);
      on_shard(survey->broker.host, survey->call.shard(), [survey] { survey->one_less(); });
    });
  }
  survey->one_less();
}

}  // namespace chronik::kafka
