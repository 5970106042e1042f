// What single groups are set to (GROUP resources), over what the keys of the broker say: the table of the configs that act,
// and what was set, which is kept as records of the catalog.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "kafka-proto/cluster/catalog.h"
#include "kafka-proto/configs/config_value.h"
#include "kafka-proto/configs/group_config.h"

namespace chronik::kafka {

struct GroupConfigEntry {
  std::string_view name;
  std::string_view broker_synonym;  // where the value comes from unless it is set
  std::string_view doc;
  int32_t least;                         // of any value
  int32_t ConsumerGroupConfig::* value;  // the broker's, and within what a group may set it
  int32_t ConsumerGroupConfig::* min;
  int32_t ConsumerGroupConfig::* max;
};

// By name.
std::span<const GroupConfigEntry> group_config_table();
// Null: there is none.
const GroupConfigEntry* find_group_config(std::string_view name);

// What is set, by Kafka's name.
using GroupConfigValues = std::map<std::string_view, std::string_view, std::less<>>;

// Whether these can be set together on a group. INVALID_ARGUMENT with a message as Kafka words it.
Status check_group_configs(const GroupConfigValues& values, const ConsumerGroupConfig& broker);
// What such a value comes to: within the bounds of the broker, which may be others than when it was set. Nothing: this build
// does not know it.
std::optional<int32_t> effective_group_config(std::string_view name, std::string_view value,
                                              const ConsumerGroupConfig& broker);

// Of the records: "<config>/<group>", with the value as its text. No name of a config has a slash.
inline constexpr std::string_view kGroupConfigSpace = "kafka.groups";
std::string group_config_key(std::string_view config, std::string_view group);
// As long as the catalog lives.
GroupConfigValues group_config_values(const Catalog& catalog, std::string_view group);
// Ids of those that anything is set of.
std::set<std::string_view> groups_with_configs(const Catalog& catalog);

}  // namespace chronik::kafka
