// ListConfigResources (74): what there are configs of (KIP-714, KIP-1142). Of client metrics, which version 0 lists
// alone, there are none.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "kafka-proto/configs/dynamic_group_configs.h"
#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/list_config_resources.h"

namespace chronik::kafka {
namespace {

using Response = ListConfigResourcesResponse;

enum ResourceType : int8_t {
  kTopics = 2,
  kBrokers = 4,
  kBrokerLoggers = 8,  // as in Kafka, of each broker, though none can be set
  kClientMetrics = 16,
  kGroups = 32,
};
constexpr int8_t kAll[] = {kTopics, kBrokers, kBrokerLoggers, kClientMetrics, kGroups};
constexpr int16_t kTypes = 1;  // the version that has them

struct ListConfigResourcesJob {
  explicit ListConfigResourcesJob(Call<ListConfigResources> c) : call(std::move(c)) {}
  Call<ListConfigResources> call;
  Response response;
  Texts texts{call.room()};

  void add(int8_t type, std::string name) {
    Response::Resource& out = call.room().row(response.config_resources);
    out.resource_name = texts.keep(std::move(name));
    out.resource_type = type;
  }
};

bool is_asked(const ListConfigResourcesRequest& request, int16_t version, int8_t type) {
  if (version < kTypes) return type == kClientMetrics;
  const std::vector<int8_t>& types = request.resource_types;
  return types.empty() || std::ranges::find(types, type) != types.end();
}

}  // namespace

template <>
void handle<ListConfigResources>(Broker& broker, Call<ListConfigResources> call) {
  ListConfigResourcesJob job(std::move(call));
  const ListConfigResourcesRequest& request = job.call.request();
  const int16_t version = job.call.version();
  const bool known = std::ranges::all_of(
      request.resource_types, [](int8_t type) { return std::ranges::find(kAll, type) != std::end(kAll); });
  if (version >= kTypes && !known) {
    job.response.error_code = ErrorCode::kUnsupportedVersion;
    return job.call.answer(job.response);
  }
  const Catalog catalog(broker);
  for (uint32_t i = 0; is_asked(request, version, kTopics) && i < catalog.topic_count(); ++i) {
    if (const std::optional<chr_topic> topic = catalog.topic_at(i))
      job.add(kTopics, std::string(from_abi(topic->name)));
  }
  for (const int8_t type : {kBrokers, kBrokerLoggers}) {
    if (!is_asked(request, version, type)) continue;
    for (const chr_broker& each : usable_brokers(broker, catalog)) job.add(type, fmt::format("{}", each.id));
  }
  if (is_asked(request, version, kGroups))
    for (const std::string_view group : groups_with_configs(catalog)) job.add(kGroups, std::string(group));
  job.call.answer(job.response);
}

}  // namespace chronik::kafka
