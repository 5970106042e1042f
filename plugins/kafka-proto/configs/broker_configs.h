// The configs of a broker that have a meaning here, under Kafka's names.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "kafka-proto/configs/config_value.h"
#include "kafka-proto/handlers/answers.h"

namespace chronik::kafka {

struct BrokerConfigRow {
  std::string_view name;
  ConfigType type;
  std::optional<std::string_view> default_value;
  std::optional<std::string_view> given;  // what the node's file says
  std::string_view doc;
  bool only_if_set = false;  // is shown
};

// In the order of their names.
std::vector<BrokerConfigRow> broker_config_rows(const Broker& broker, Texts& texts);

// The names that stand for one thing in several units, the one that counts first; the name alone where there
// is no other.
std::span<const std::string_view> broker_config_chain(const std::string_view& name);

}  // namespace chronik::kafka
