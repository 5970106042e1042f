#include "kafka-proto/configs/dynamic_group_configs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace chronik::kafka {
namespace {

using Config = ConsumerGroupConfig;

constexpr std::array kTable = {
    GroupConfigEntry{"consumer.assignment.interval.ms", "group.consumer.assignment.interval.ms",
                     "How long the group keeps a target assignment at least.", 0,
                     &Config::assignment_interval_ms, &Config::min_assignment_interval_ms,
                     &Config::max_assignment_interval_ms},
    GroupConfigEntry{"consumer.heartbeat.interval.ms", "group.consumer.heartbeat.interval.ms",
                     "How often members of the group are told to send a heartbeat.", 1,
                     &Config::heartbeat_interval_ms, &Config::min_heartbeat_interval_ms,
                     &Config::max_heartbeat_interval_ms},
    GroupConfigEntry{"consumer.session.timeout.ms", "group.consumer.session.timeout.ms",
                     "How long a member of the group may be silent before it is removed.", 1,
                     &Config::session_timeout_ms, &Config::min_session_timeout_ms,
                     &Config::max_session_timeout_ms},
};

Result<int32_t> parse(const GroupConfigEntry& entry, std::string_view value) {
  CHRONIK_TRY(const int32_t number, parse_config_int(entry.name, trim_config(value)));
  if (number < entry.least)
    return invalid_config(entry.name, value, fmt::format("Value must be at least {}", entry.least));
  return number;
}

std::string unknown_name(std::string_view name) {
  if (name.starts_with("share.") || name.starts_with("streams."))
    return fmt::format("{} cannot be set: there are no {} groups here", name, name.substr(0, name.find('.')));
  return fmt::format("Unknown group config name: {}", name);
}

}  // namespace

std::span<const GroupConfigEntry> group_config_table() { return kTable; }

const GroupConfigEntry* find_group_config(std::string_view name) {
  const auto found = std::ranges::find(kTable, name, &GroupConfigEntry::name);
  return found == kTable.end() ? nullptr : &*found;
}

Status check_group_configs(const GroupConfigValues& values, const ConsumerGroupConfig& broker) {
  for (const auto& [name, value] : values)
    if (find_group_config(name) == nullptr) return fail(Code::kInvalidArgument, unknown_name(name));
  Config after = broker;
  for (const auto& [name, value] : values) {
    CHRONIK_CHECK(check_config_size(value));
    const GroupConfigEntry& entry = *find_group_config(name);
    CHRONIK_TRY(after.*entry.value, parse(entry, value));
  }
  for (const GroupConfigEntry& entry : kTable) {
    const int32_t value = after.*entry.value;
    const std::string_view rest = entry.broker_synonym.substr(std::string_view("group.consumer.").size());
    if (value < broker.*entry.min)
      return fail(Code::kInvalidArgument,
                  fmt::format("{} must be greater than or equal to group.consumer.min.{}", entry.name, rest));
    if (value > broker.*entry.max)
      return fail(Code::kInvalidArgument,
                  fmt::format("{} must be less than or equal to group.consumer.max.{}", entry.name, rest));
  }
  if (after.session_timeout_ms <= after.heartbeat_interval_ms)
    return fail(Code::kInvalidArgument,
                "consumer.session.timeout.ms must be greater than consumer.heartbeat.interval.ms");
  return {};
}

std::optional<int32_t> effective_group_config(std::string_view name, std::string_view value,
                                              const ConsumerGroupConfig& broker) {
  const GroupConfigEntry* const entry = find_group_config(name);
  const Result<int32_t> number = parse_config_int(name, trim_config(value));
  if (entry == nullptr || !number) return std::nullopt;
  return std::clamp(*number, broker.*entry->min, broker.*entry->max);
}

std::string group_config_key(std::string_view config, std::string_view group) {
  return fmt::format("{}/{}", config, group);
}

GroupConfigValues group_config_values(const Catalog& catalog, std::string_view group) {
  GroupConfigValues out;
  for (const GroupConfigEntry& entry : kTable)
    if (const auto value = catalog.record(kGroupConfigSpace, group_config_key(entry.name, group)))
      out.emplace(entry.name, *value);
  return out;
}

std::set<std::string_view> groups_with_configs(const Catalog& catalog) {
  std::set<std::string_view> out;
  for (const auto& [key, value] : catalog.records(kGroupConfigSpace, {}))
    out.insert(key.substr(key.find('/') + 1));
  return out;
}

}  // namespace chronik::kafka
