#include "kafka-proto/configs/topic_config.h"

#include <fmt/format.h>

namespace chronik::kafka {

const TopicConfigEntry* find_topic_config(std::string_view name) {
  for (const TopicConfigEntry& entry : topic_config_table())
    if (entry.name == name) return &entry;
  return nullptr;
}

Status set_topic_config(std::string_view name, std::string_view value, TopicConfig& config) {
  const TopicConfigEntry* entry = find_topic_config(name);
  if (entry == nullptr)
    return fail(Code::kInvalidArgument, fmt::format("Unknown topic config name: {}", name));
  CHRONIK_CHECK(check_config_size(value));
  return entry->set(name, trim_config(value), config);
}

int16_t topic_config_level(std::string_view name, std::string_view value) {
  constexpr int16_t kNothingCleansUp = 2;
  if (name == "cleanup.policy" && trim_config(value).empty()) return kNothingCleansUp;
  const TopicConfigEntry* entry = find_topic_config(name);
  return entry == nullptr ? 1 : entry->level;
}

Status check_topic_config(const TopicConfig& config) {
  if (config.min_compaction_lag_ms > config.max_compaction_lag_ms)
    return fail(
        Code::kInvalidArgument,
        fmt::format("conflict topic config setting min.compaction.lag.ms ({}) > max.compaction.lag.ms ({})",
                    config.min_compaction_lag_ms, config.max_compaction_lag_ms));
  return {};
}

TopicConfig resolve_topic_config(std::span<const TopicConfigValue> values, TopicConfig defaults) {
  for (const TopicConfigValue& value : values) {
    TopicConfig with = defaults;
    if (set_topic_config(value.name, value.value, with)) {
      defaults = with;
    } else if (value.name == "cleanup.policy") {
      defaults.deletes = false;  // what it says instead of that, this build cannot do
    }
  }
  return defaults;
}

}  // namespace chronik::kafka
