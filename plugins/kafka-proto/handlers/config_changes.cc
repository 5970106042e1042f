#include "kafka-proto/handlers/config_changes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "kafka-proto/handlers/config_values.h"

namespace chronik::kafka {
namespace {

constexpr int8_t kTopicResource = 2;
constexpr int8_t kBrokerResource = 4;
constexpr size_t kMostValueBytes = 32'767;

// What Kafka says of a whole resource before it looks at values.
ConfigProblem check_names(const WantedConfigs& wanted) {
  std::set<std::string_view> names;
  std::vector<std::string_view> without_value;
  for (const WantedConfig& config : wanted.configs) {
    if (!names.insert(config.name).second)
      return {ErrorCode::kInvalidRequest, "Error due to duplicate config keys"};
    if (config.operation != ConfigOperation::kDelete && !config.value.has_value())
      without_value.push_back(config.name);
  }
  if (without_value.empty()) return {};
  return {ErrorCode::kInvalidRequest,
          fmt::format("Null value not supported for : {}", fmt::join(without_value, ","))};
}

std::vector<std::string_view> elements(std::string_view list) {
  std::vector<std::string_view> out;
  for (size_t at = 0; at <= list.size();) {
    const size_t comma = std::min(list.find(',', at), list.size());
    std::string_view element = list.substr(at, comma - at);
    while (element.starts_with(' ')) element.remove_prefix(1);
    while (element.ends_with(' ')) element.remove_suffix(1);
    if (!element.empty()) out.push_back(element);
    at = comma + 1;
  }
  return out;
}

std::string changed_list(std::string_view list, std::string_view change, bool append) {
  std::vector<std::string_view> out = elements(list);
  const std::vector<std::string_view> changed = elements(change);
  if (append) {
    std::set<std::string_view> there(out.begin(), out.end());
    std::ranges::copy_if(changed, std::back_inserter(out),
                         [&](std::string_view element) { return there.insert(element).second; });
  } else {
    const std::set<std::string_view> gone(changed.begin(), changed.end());
    std::erase_if(out, [&](std::string_view element) { return gone.contains(element); });
  }
  return fmt::format("{}", fmt::join(out, ","));
}

}  // namespace

ConfigProblem ConfigChanges::add(const Catalog& catalog, const WantedConfigs& wanted) {
  if (wanted.type != kTopicResource && wanted.type != kBrokerResource)
    return {ErrorCode::kInvalidRequest,
            fmt::format("Unknown resource type {}", static_cast<int>(wanted.type))};
  if (ConfigProblem problem = check_names(wanted); problem.code != ErrorCode::kNone) return problem;
  return wanted.type == kTopicResource ? add_topic(catalog, wanted) : check_broker(wanted);
}

ConfigProblem ConfigChanges::add_topic(const Catalog& catalog, const WantedConfigs& wanted) {
  if (wanted.name.empty()) return {ErrorCode::kInvalidRequest, "Default topic resources are not allowed."};
  if (std::string problem = topic_name_problem(wanted.name); !problem.empty())
    return {ErrorCode::kInvalidTopicException, std::move(problem)};
  const std::optional<chr_topic> topic = catalog.topic(wanted.name);
  if (!topic.has_value())
    return {ErrorCode::kUnknownTopicOrPartition, fmt::format("The topic '{}' does not exist.", wanted.name)};
  std::map<std::string_view, std::string_view> set;
  for (const auto& [name, value] : catalog.configs(*topic)) set.emplace(name, value);
  std::vector<chr_config_change> changes;
  for (const WantedConfig& config : wanted.configs) {
    chr_config_change& out = changes.emplace_back();
    if (ConfigProblem problem = change(set, config, &out); problem.code != ErrorCode::kNone) return problem;
  }
  for (const auto& [name, value] : set) {
    const bool named = std::ranges::any_of(wanted.configs, [&](const auto& c) { return c.name == name; });
    if (wanted.replace && !named) changes.push_back({to_abi(texts_.keep(std::string(name))), {}, 1, 0});
  }
  if (changes.empty()) return {};
  changes_.push_back(std::move(changes));
  const std::vector<chr_config_change>& kept = changes_.back();
  topics_.push_back({topic->id, kept.data(), static_cast<uint32_t>(kept.size()), 0});
  return {};
}

ConfigProblem ConfigChanges::change(const std::map<std::string_view, std::string_view>& set,
                                    const WantedConfig& wanted, chr_config_change* out) {
  const std::string_view name = texts_.keep(std::string(wanted.name));
  *out = {to_abi(name), {}, 1, 0};
  if (wanted.operation == ConfigOperation::kDelete) return {};  // also of what was never set, or is unknown
  std::string value(*wanted.value);
  if (wanted.operation != ConfigOperation::kSet) {
    const bool append = wanted.operation == ConfigOperation::kAppend;
    const TopicConfigEntry* entry = find_topic_config(wanted.name);
    if (!append && wanted.operation != ConfigOperation::kSubtract)
      return {ErrorCode::kInvalidRequest,
              fmt::format("there is no operation {} on configs", static_cast<int>(wanted.operation))};
    if (entry == nullptr || entry->type != ConfigType::kList)
      return {ErrorCode::kInvalidConfig, fmt::format("Can't {} to key {} because its type is not LIST.",
                                                     append ? "APPEND" : "SUBTRACT", wanted.name)};
    const auto present = set.find(wanted.name);
    value = changed_list(present == set.end() ? entry->default_value : present->second, value, append);
  }
  if (value.size() > kMostValueBytes)
    return {
        ErrorCode::kInvalidConfig,
        fmt::format("The configuration value cannot be added because it exceeds the maximum value size of "
                    "{} bytes.",
                    kMostValueBytes)};
  TopicConfig resolved;
  if (const Status valid = set_topic_config(wanted.name, value, resolved); !valid)
    return {ErrorCode::kInvalidConfig, valid.error().message};
  *out = {to_abi(name), to_abi(texts_.keep(std::move(value))), 0, 0};
  return {};
}

// Configs of a broker are what its file says: none can be set from here. To remove what was never set is no
// error, and Kafka's tools do so.
ConfigProblem ConfigChanges::check_broker(const WantedConfigs& wanted) {
  if (!wanted.name.empty()) {
    int32_t id = -1;
    const char* const end = wanted.name.data() + wanted.name.size();
    const auto [parsed, error] = std::from_chars(wanted.name.data(), end, id);
    if (error != std::errc() || parsed != end)
      return {ErrorCode::kInvalidRequest,
              fmt::format("Node id must be an integer, but it is: {}", wanted.name)};
    if (id != broker_.host.node().id)
      return {ErrorCode::kInvalidRequest,
              fmt::format("Unexpected broker id, expected {}, but received {}", broker_.host.node().id, id)};
  }
  Texts texts;
  const std::vector<ConfigValue> known = broker_config_values(broker_, texts);
  std::vector<std::string_view> fixed;
  for (const WantedConfig& config : wanted.configs) {
    if (config.operation == ConfigOperation::kDelete) continue;
    if (std::ranges::find(known, config.name, &ConfigValue::name) == known.end())
      return {ErrorCode::kInvalidConfig, fmt::format("Unknown broker config name: {}", config.name)};
    fixed.push_back(config.name);
  }
  if (fixed.empty()) return {};
  return {ErrorCode::kInvalidRequest,
          fmt::format("Cannot update these configs dynamically: [{}]", fmt::join(fixed, ", "))};
}

}  // namespace chronik::kafka
