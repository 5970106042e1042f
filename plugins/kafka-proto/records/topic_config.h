// The topic configs that have an effect here: one table that CreateTopics, DescribeConfigs and the reference
// page read, and the typed values that the broker works with. A config that is not in the table is refused.
#pragma once

#include <chronik/result.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "batch.h"
#include "compression.h"

namespace chronik::kafka {

struct TopicConfig {
  bool compacted = false;                  // cleanup.policy
  int64_t retention_ms = 604'800'000;      // -1: for ever
  int64_t retention_bytes = -1;            // of one partition; negative: any number
  int32_t max_message_bytes = 1'048'588;   // of one batch, as it is stored
  std::optional<Compression> compression;  // nothing: as the producer sent it
  int gzip_level = -1;
  int lz4_level = 9;
  int zstd_level = 3;
  TimestampType timestamp_type = TimestampType::kCreateTime;
  int64_t timestamp_before_max_ms = std::numeric_limits<int64_t>::max();
  int64_t timestamp_after_max_ms = 3'600'000;
  int32_t min_insync_replicas = 1;

  // Of `compression`; a codec without levels has none.
  CompressionLevel compression_level() const;
};

// As DescribeConfigs numbers them.
enum class ConfigType : int8_t { kBoolean = 1, kString = 2, kInt = 3, kLong = 5, kList = 7 };

struct TopicConfigEntry {
  std::string_view name;
  ConfigType type;
  std::string_view default_value;
  std::string_view broker_synonym;
  std::string_view doc;
  // Checks the value, from which white space around it is gone, and sets it.
  Status (*set)(const TopicConfigEntry& entry, std::string_view value, TopicConfig& config);
};

// Sorted by name.
std::span<const TopicConfigEntry> topic_config_table();

// nullptr: not in the table.
const TopicConfigEntry* find_topic_config(std::string_view name);

// Sets one config by its text. INVALID_ARGUMENT with a message as Kafka words it, for INVALID_CONFIG.
Status set_topic_config(std::string_view name, std::string_view value, TopicConfig& config);

struct TopicConfigValue {
  std::string_view name;
  std::string_view value;
};

// All values of a topic over the defaults of the broker.
Result<TopicConfig> resolve_topic_config(std::span<const TopicConfigValue> values, TopicConfig defaults = {});

}  // namespace chronik::kafka
