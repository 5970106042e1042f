#include "kafka-proto/handlers/config_values.h"

#include <algorithm>

namespace chronik::kafka {

std::vector<ConfigValue> topic_config_values(
    const Broker&, const std::vector<std::pair<std::string_view, std::string_view>>& set, Texts&) {
  std::vector<ConfigValue> values;
  for (const TopicConfigEntry& entry : topic_config_table()) {
    ConfigValue value{entry.name, entry.default_value, ConfigSource::kDefault, entry.type, entry.doc, false,
                      {}};
    const auto found = std::ranges::find(set, entry.name, [](const auto& pair) { return pair.first; });
    if (found != set.end()) {
      value.value = found->second;
      value.source = ConfigSource::kTopic;
      value.synonyms.push_back({entry.name, found->second, ConfigSource::kTopic});
    }
    value.synonyms.push_back({entry.broker_synonym, entry.default_value, ConfigSource::kDefault});
    values.push_back(std::move(value));
  }
  return values;
}

std::vector<ConfigValue> broker_config_values(const Broker& broker, Texts& texts) {
  const BrokerConfig& config = broker.config;
  std::vector<ConfigValue> values;
  const auto add = [&](std::string_view name, std::string value, ConfigType type, std::string_view doc) {
    const std::string_view kept = texts.keep(std::move(value));
    values.push_back({name,
                      kept,
                      ConfigSource::kStaticBroker,
                      type,
                      doc,
                      true,
                      {{name, kept, ConfigSource::kStaticBroker}}});
  };
  add("broker.id", std::to_string(broker.host.node().id), ConfigType::kInt, "The id of this node (node_id).");
  add("node.id", std::to_string(broker.host.node().id), ConfigType::kInt, "The id of this node (node_id).");
  add("auto.create.topics.enable", config.auto_create_topics ? "true" : "false", ConfigType::kBoolean,
      "Whether asking for the metadata of an unknown topic creates it (kafka.auto_create_topics).");
  add("num.partitions", std::to_string(config.default_partitions), ConfigType::kInt,
      "Partitions of a topic that is created without a number (kafka.default_partitions).");
  add("default.replication.factor", std::to_string(default_replicas(broker, Catalog(broker))),
      ConfigType::kInt,
      "Replicas of a topic that is created without a number (kafka.default_replication_factor).");
  add("socket.request.max.bytes", std::to_string(config.max_request_bytes), ConfigType::kInt,
      "The largest request that is accepted (kafka.max_request_size).");
  add("fetch.max.bytes", std::to_string(config.fetch_max_bytes), ConfigType::kInt,
      "The most that one Fetch answers (kafka.fetch_max_bytes).");
  for (const TopicConfigEntry& entry : topic_config_table()) {
    values.push_back({entry.broker_synonym,
                      entry.default_value,
                      ConfigSource::kDefault,
                      entry.type,
                      entry.doc,
                      true,
                      {{entry.broker_synonym, entry.default_value, ConfigSource::kDefault}}});
  }
  return values;
}

}  // namespace chronik::kafka
