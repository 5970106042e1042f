// DynamicConfigs: what was altered of the configs of brokers while they ran: of all of them, and of this one.
// It is kept as records of the catalog and read from an image of it, so that a log that opens at a start is
// never trimmed by other defaults than those that were set.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "kafka-proto/records/topic_config.h"

namespace chronik::kafka {

class Catalog;
struct Broker;

class DynamicConfigs {
 public:
  // Of the records: "<node id>/<config>", or "/<config>" of all brokers, with the value as its text.
  static constexpr std::string_view kSpace = "kafka.brokers";
  static std::string key(std::string_view node, std::string_view config);

  using Values = std::map<std::string, std::string, std::less<>>;  // by Kafka's name
  struct State {
    Values all;
    Values own;
    TopicConfig topic_defaults;  // what both make of them
  };

  explicit DynamicConfigs(const Broker& broker);
  DynamicConfigs(const DynamicConfigs&) = delete;
  DynamicConfigs& operator=(const DynamicConfigs&) = delete;

  // Any shard.
  std::shared_ptr<const State> now() const { return state_.load(); }
  // Shard 0. Takes over what an image says.
  void follow(const Catalog& catalog);
  // Any shard. What an image says, which may be newer than now().
  State read(const Catalog& catalog) const;

 private:
  const Broker& broker_;
  std::atomic<std::shared_ptr<const State>> state_;
};

// The topic config whose default this config of a broker is: those are what can be altered. nullptr: it
// cannot.
const TopicConfigEntry* find_dynamic_config(std::string_view name);

// Sets the default of topics that this config of a broker is. INVALID_ARGUMENT as set_topic_config().
Status set_dynamic_config(std::string_view name, std::string_view value, TopicConfig& defaults);

}  // namespace chronik::kafka
