// Configs with their values and where each value comes from, as DescribeConfigs and CreateTopics show them.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "kafka-proto/configs/broker_config_rows.h"
#include "kafka-proto/configs/dynamic_configs.h"
#include "kafka-proto/configs/dynamic_group_configs.h"
#include "kafka-proto/configs/topic_config.h"

namespace chronik::kafka {

// As DescribeConfigs numbers them.
enum class ConfigSource : int8_t {
  kTopic = 1,
  kDynamicBroker = 2,
  kDynamicDefault = 3,
  kStaticBroker = 4,
  kDefault = 5,
  kGroup = 8
};

// A name under which a value was set.
struct ConfigSynonym {
  std::string_view name;
  std::string_view value;
  ConfigSource source;
};

struct ConfigValue {
  std::string_view name;
  std::optional<std::string_view> value;
  ConfigSource source;
  ConfigType type;
  std::string_view doc;
  bool read_only;
  // What was set on the topic or the group itself; then where the value would come from next, the innermost first.
  std::optional<ConfigSynonym> own;
  std::span<const ConfigSynonym> inherited;
};

// The configs of this broker and what topics and groups inherit of them; one serves a whole
// request. The Texts outlive it.
class ConfigValues {
 public:
  ConfigValues(const ConfigSources& sources, const Catalog& catalog, Texts& texts);
  ConfigValues(const ConfigValues&) = delete;
  ConfigValues& operator=(const ConfigValues&) = delete;

  // Every topic config, with what was set on this topic over the defaults.
  std::vector<ConfigValue> of_topic(
      const std::vector<std::pair<std::string_view, std::string_view>>& set) const;
  // Likewise of a group, with the broker's under their own names.
  std::vector<ConfigValue> of_group(const GroupConfigValues& set) const;
  // The configs of this broker: what was altered, what the node's TOML says, and the defaults of topics.
  std::vector<ConfigValue> of_broker() const;
  // What was altered for all brokers.
  std::vector<ConfigValue> of_all_brokers() const;

 private:
  std::optional<std::string_view> value_of(std::string_view name, ConfigSource source) const;
  std::vector<ConfigSynonym> synonyms_of(std::string_view name) const;
  bool is_read_only(std::string_view name) const;
  void inherit(std::string_view broker_synonym, ConfigValue& value) const;
  void set_own(std::string_view text, ConfigSource source, ConfigValue& value) const;

  Texts& texts_;
  const DynamicConfigs::State dynamic_;
  const bool keeps_records_;
  std::vector<BrokerConfigRow> rows_;
  std::map<std::string_view, size_t> places_;           // of rows_, by name
  std::vector<std::vector<ConfigSynonym>> synonyms_;    // of each row
  std::vector<std::optional<std::string_view>> shown_;  // the value of each row
};

}  // namespace chronik::kafka
