// DescribeLogDirs (35): what the replicas on this broker take. All of them lie in one store, so there is one
// directory; how large its volume is, is not known here.
#include <algorithm>
#include <set>
#include <utility>

#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/by_shard.h"
#include "kafka-proto/handlers/handlers.h"
#include "kafka-proto/partition/directory.h"

namespace chronik::kafka {
namespace {

using Request = DescribeLogDirsRequest;
using Response = DescribeLogDirsResponse;

struct Survey {
  Survey(Broker& b, Call<DescribeLogDirs> c) : broker(b), call(std::move(c)) {}
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

void add(Survey& survey, const HostedTopic& topic, const std::vector<int32_t>* indexes) {
  std::set<int32_t> wanted;
  for (size_t i = 0; i < topic.partitions.size(); ++i)
    if (topic.partitions[i] != nullptr) wanted.insert(static_cast<int32_t>(i));
  if (indexes != nullptr) {
    const std::set<int32_t> asked(indexes->begin(), indexes->end());
    std::erase_if(wanted, [&](int32_t index) { return !asked.contains(index); });
  }
  if (wanted.empty()) return;
  Response::Topic& out = survey.response.results[0].topics.emplace_back();
  out.name = topic.name;
  out.partitions.reserve(wanted.size());  // others keep pointers into it
  for (const int32_t index : wanted) {
    const std::shared_ptr<Partition>& partition = topic.partitions[static_cast<size_t>(index)];
    Response::Partition& row = out.partitions.emplace_back();
    row.partition_index = index;
    survey.by_shard[partition->shard()].emplace_back(partition, &row);
  }
}

// The store's folder is the host's business; what is known is the one next to it.
std::string_view data_dir(const Host& host) {
  const std::string_view own = from_abi(host.node().directory);
  const size_t slash = own.find_last_of('/');
  return slash == std::string_view::npos || slash == 0 ? own : own.substr(0, slash);
}

}  // namespace

void handle_describe_log_dirs(Broker& broker, Call<DescribeLogDirs> call) {
  const auto survey = std::make_shared<Survey>(broker, std::move(call));
  survey->map = broker.partitions->map();
  survey->by_shard.resize(broker.host.shard_count());
  survey->response.results.emplace_back().log_dir = data_dir(broker.host);
  if (survey->call.request().topics.has_value()) {
    for (const Request::Topic& asked : *survey->call.request().topics)
      if (const HostedTopic* topic = survey->map->find(asked.topic); topic != nullptr)
        add(*survey, *topic, &asked.partitions);
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
