// The configs of a broker that have a meaning here, under Kafka's names.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "kafka-proto/configs/broker_config.h"
#include "kafka-proto/configs/config_value.h"
#include "kafka-proto/configs/dynamic_configs.h"
#include "kafka-proto/configs/listen.h"
#include "kafka-proto/wire/answer_room.h"

namespace chronik::kafka {

// What the configs of this broker are read from.
struct ConfigSources {
  const Services& services;
  const BrokerConfig& config;
  const DynamicConfigs& dynamic;
  const std::atomic<std::shared_ptr<const Address>>& advertised;  // where clients find this node
};

struct BrokerConfigRow {
  std::string_view name;
  ConfigType type;
  std::optional<std::string_view> default_value;
  std::optional<std::string_view> given;  // what the node's file says
  std::string_view doc;
  bool only_if_set = false;  // is shown
};

// In the order of their names.
std::vector<BrokerConfigRow> broker_config_rows(const ConfigSources& sources, Texts& texts);

// The names that stand for one thing in several units, the one that counts first; the name
// alone where there is no other.
std::span<const std::string_view> broker_config_chain(const std::string_view& name);

}  // namespace chronik::kafka
