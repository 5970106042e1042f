// The configs of a topic: one table of all keys of Kafka 4.3.1, which CreateTopics,
// DescribeConfigs and docs/configs.md read, and the typed values that the broker works with.
// A key that is not in the table is refused.
#pragma once

#include <chronik/result.hpp>

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "kafka-proto/configs/config_value.h"
#include "kafka-proto/configs/throttled_replicas.h"
#include "kafka-proto/records/batch_rules.h"

namespace chronik::kafka {

struct TopicConfig : BatchRules {
  bool deletes = true;                    // cleanup.policy: retention acts
  int64_t retention_ms = 604'800'000;     // -1: for ever
  int64_t retention_bytes = -1;           // of one partition; negative: any number
  int32_t segment_bytes = 1'073'741'824;  // at which a coordinator's log is trimmed to its snapshot
  int32_t min_insync_replicas = 1;
  // Null: no replicas. Shared, as they may be many.
  std::shared_ptr<const ThrottledReplicas> leader_throttled, follower_throttled;
  // Nothing compacts: kept to compare them, as Kafka does.
  int64_t min_compaction_lag_ms = 0;
  int64_t max_compaction_lag_ms = std::numeric_limits<int64_t>::max();
};

struct TopicConfigEntry {
  std::string_view name;
  ConfigType type;
  std::string_view default_value;
  // The config of a broker that the default comes from; empty: none.
  std::string_view broker_synonym;
  // False: checked, stored and shown, as there is nothing here that it could change.
  bool acts;
  // The level of chronik.version that brought it.
  int16_t level;
  std::string_view doc;
  // Checks the value, from which white space around it is gone, and sets it. `name` is for the message.
  Status (*set)(std::string_view name, std::string_view value, TopicConfig& config);
};

// Sorted by name.
std::span<const TopicConfigEntry> topic_config_table();

// nullptr: not in the table.
const TopicConfigEntry* find_topic_config(std::string_view name);

// Sets one config by its text. INVALID_ARGUMENT with a message as Kafka words it, for INVALID_CONFIG.
Status set_topic_config(std::string_view name, std::string_view value, TopicConfig& config);

// The level of chronik.version at which every node reads a valid value. One of before would leave out all
// that is set on the topic, were this in the catalog.
int16_t topic_config_level(std::string_view name, std::string_view value);

// Whether values that are fine one by one fit together.
Status check_topic_config(const TopicConfig& config);

struct TopicConfigValue {
  std::string_view name;
  std::string_view value;
};

// All values of a topic over the defaults of the broker. What this build does not know is left out, as a
// newer one may have set it; with a cleanup.policy that it does not know nothing is deleted.
TopicConfig resolve_topic_config(std::span<const TopicConfigValue> values, TopicConfig defaults = {});

}  // namespace chronik::kafka
