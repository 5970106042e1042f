// Configs with their values and where each value comes from, as DescribeConfigs and CreateTopics show them.
#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/records/topic_config.h"

namespace chronik::kafka {

// As DescribeConfigs numbers them.
enum class ConfigSource : int8_t { kTopic = 1, kStaticBroker = 4, kDefault = 5 };

struct ConfigValue {
  std::string_view name;
  std::string_view value;
  ConfigSource source;
  ConfigType type;
  std::string_view doc;
  bool read_only;
  // Where the value would come from next, the innermost first.
  struct Synonym {
    std::string_view name;
    std::string_view value;
    ConfigSource source;
  };
  std::vector<Synonym> synonyms;
};

// Every topic config that has an effect, with what was set on this topic over the defaults.
std::vector<ConfigValue> topic_config_values(
    const Broker& broker, const std::vector<std::pair<std::string_view, std::string_view>>& set,
    Texts& texts);

// The configs of a broker under Kafka's names: what the node's TOML says and the defaults of topics.
std::vector<ConfigValue> broker_config_values(const Broker& broker, Texts& texts);

}  // namespace chronik::kafka
