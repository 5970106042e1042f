// DynamicConfigs: what was altered of the configs of brokers while they ran: of all of them, and of this one.
// It is kept as records of the catalog and read from an image of it, so that a log that opens at a start is
// never trimmed by other defaults than those that were set.
#pragma once

#include <atomic>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kafka-proto/configs/topic_config.h"

namespace chronik::kafka {

class Catalog;

// How many bytes a second replicas that catch up are sent, where a throttle is for them.
struct ReplicationRates {
  static constexpr int64_t kAny = std::numeric_limits<int64_t>::max();
  int64_t leader = kAny;    // by this node as their leader
  int64_t follower = kAny;  // where they are on this node
};

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
    ReplicationRates rates;
  };

  DynamicConfigs(int32_t node, const TopicConfig& topic_defaults);
  DynamicConfigs(const DynamicConfigs&) = delete;
  DynamicConfigs& operator=(const DynamicConfigs&) = delete;

  // Any shard.
  std::shared_ptr<const State> now() const { return state_.load(); }
  // Shard 0. Takes over what an image says.
  void follow_catalog(const Catalog& catalog);
  // Any shard. What an image says, which may be newer than now().
  State read(const Catalog& catalog) const;

 private:
  const std::string node_;
  const TopicConfig topic_defaults_;
  std::atomic<std::shared_ptr<const State>> state_;
};

// A config of a broker that can be altered: the defaults of topics, and the rates of throttles.
struct DynamicConfig {
  ConfigType type;
  std::string_view default_value;  // empty of rates: they are set or there are none
};
// Nothing: it cannot be altered.
std::optional<DynamicConfig> find_dynamic_config(std::string_view name);

// Sets what this config of a broker stands for. INVALID_ARGUMENT as set_topic_config().
Status set_dynamic_config(std::string_view name, std::string_view value, TopicConfig& defaults,
                          ReplicationRates& rates);

inline constexpr std::string_view kLeaderRate = "leader.replication.throttled.rate";
inline constexpr std::string_view kFollowerRate = "follower.replication.throttled.rate";

}  // namespace chronik::kafka
