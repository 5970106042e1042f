// DescribeConfigs (32): of topics, of this broker, and of groups.
#include <algorithm>
#include <charconv>
#include <set>

#include "kafka-proto/cluster/catalog_errors.h"
#include "kafka-proto/cluster/topic_names.h"
#include "kafka-proto/configs/config_values.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/describe_configs.h"

namespace chronik::kafka {
namespace {

using Request = DescribeConfigsRequest;
using Response = DescribeConfigsResponse;

enum ResourceType : int8_t { kTopicResource = 2, kBrokerResource = 4, kGroupResource = 32 };

void describe(const Request& request, const ConfigValue& value, AnswerRoom& room, Response::Config& out) {
  out.name = value.name;
  out.value = value.value;
  out.read_only = value.read_only;
  out.config_source = static_cast<int8_t>(value.source);
  out.config_type = static_cast<int8_t>(value.type);
  out.documentation.reset();
  if (request.include_documentation) out.documentation = value.doc;
  if (!request.include_synonyms) return;
  const auto add = [&](const ConfigSynonym& synonym) {
    Response::Synonym& s = room.row(out.synonyms);
    s.name = synonym.name;
    s.value = synonym.value;
    s.source = static_cast<int8_t>(synonym.source);
  };
  if (value.own.has_value()) add(*value.own);
  for (const ConfigSynonym& synonym : value.inherited) add(synonym);
}

void fill(const Request& request, const Request::Resource& resource, const std::vector<ConfigValue>& values,
          AnswerRoom& room, Response::Resource& out) {
  std::set<std::string_view> keys;
  if (resource.configuration_keys.has_value())
    keys.insert(resource.configuration_keys->begin(), resource.configuration_keys->end());
  for (const ConfigValue& value : values) {
    if (keys.empty() || keys.contains(value.name)) describe(request, value, room, room.row(out.configs));
  }
}

void refuse(Response::Resource& out, ErrorCode code, std::string_view message) {
  out.error_code = code;
  out.error_message = message;
}

void describe_topic(const Catalog& catalog, const Request& request, const Request::Resource& resource,
                    const ConfigValues& values, AnswerRoom& room, Response::Resource& out) {
  if (!topic_name_problem(resource.resource_name).empty())
    return refuse(out, ErrorCode::kInvalidTopicException, "this is no legal topic name");
  const std::optional<chr_topic> topic = catalog.topic(resource.resource_name);
  if (!topic.has_value())
    return refuse(out, absent(catalog, ErrorCode::kUnknownTopicOrPartition, ErrorCode::kLeaderNotAvailable),
                  why_absent(catalog));
  fill(request, resource, values.of_topic(catalog.configs(*topic)), room, out);
}

void describe_broker(const Broker& broker, const Request& request, const Request::Resource& resource,
                     const ConfigValues& values, AnswerRoom& room, Response::Resource& out) {
  if (resource.resource_name.empty()) return fill(request, resource, values.of_all_brokers(), room, out);
  int32_t id = -1;
  const char* const end = resource.resource_name.data() + resource.resource_name.size();
  const auto [parsed, error] = std::from_chars(resource.resource_name.data(), end, id);
  if (error != std::errc() || parsed != end || id != broker.host.node().id)
    return refuse(out, ErrorCode::kInvalidRequest, "ask the broker that has this id for its configs");
  fill(request, resource, values.of_broker(), room, out);
}

// Also of one that does not exist: what it would be like.
void describe_group(const Catalog& catalog, const Request& request, const Request::Resource& resource,
                    const ConfigValues& values, AnswerRoom& room, Response::Resource& out) {
  if (resource.resource_name.empty())
    return refuse(out, ErrorCode::kInvalidRequest, "Group name must not be empty");
  fill(request, resource, values.of_group(group_config_values(catalog, resource.resource_name)), room, out);
}

}  // namespace

template <>
void handle<DescribeConfigs>(Broker& broker, Call<DescribeConfigs> call) {
  const Catalog catalog(broker);
  const Request& request = call.request();
  Texts texts(call.room());
  const ConfigValues values(broker.config_sources(), catalog, texts);
  Response response;
  std::set<std::pair<int8_t, std::string_view>> told;
  for (const Request::Resource& resource : request.resources) {
    // A row is hundreds of times as long as what asks for it, so each resource has one; see
    // docs/differences.md.
    // mutant brokers_told_often: if (!told.emplace(resource.resource_type, resource.resource_name).second
    //     && resource.resource_type == kTopicResource) continue;
    // mutant resources_told_often: left out
    if (!told.emplace(resource.resource_type, resource.resource_name).second) continue;
    Response::Resource& out = call.room().row(response.results);
    out.resource_type = resource.resource_type;
    out.resource_name = resource.resource_name;
    out.error_message = "";  // as Kafka, which says null elsewhere
    if (resource.resource_type == kTopicResource) {
      describe_topic(catalog, request, resource, values, call.room(), out);
    } else if (resource.resource_type == kBrokerResource) {
      describe_broker(broker, request, resource, values, call.room(), out);
    } else if (resource.resource_type == kGroupResource) {
      describe_group(catalog, request, resource, values, call.room(), out);
    } else {
      refuse(out, ErrorCode::kInvalidRequest,
             "only topics (2), brokers (4) and groups (32) have configs here");
    }
  }
  call.answer(response);
}

}  // namespace chronik::kafka
