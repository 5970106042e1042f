// Changes of configs, as IncrementalAlterConfigs asks for them
// and AlterConfigs, which replaces all that is set.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kafka-proto/configs/broker_config_rows.h"
#include "kafka-proto/configs/dynamic_configs.h"
#include "kafka-proto/wire/kafka_error.h"

namespace chronik::kafka {

// As IncrementalAlterConfigs numbers them.
enum class ConfigOperation : int8_t { kSet = 0, kDelete = 1, kAppend = 2, kSubtract = 3 };

struct WantedConfig {
  std::string_view name;
  ConfigOperation operation = ConfigOperation::kSet;
  std::optional<std::string_view> value;
};

struct WantedConfigs {  // of one resource
  int8_t type = 0;
  std::string_view name;
  bool replace = false;  // what is not named is set no more
  std::vector<WantedConfig> configs;
};

// What is to change in the catalog, resource by resource; owns the texts.
class ConfigChanges {
 public:
  explicit ConfigChanges(const ConfigSources& sources) : sources_(sources) {}
  ConfigChanges(const ConfigChanges&) = delete;
  ConfigChanges& operator=(const ConfigChanges&) = delete;

  // Adds one resource. A problem: nothing of it changes, and it does not count as added.
  KafkaError add(const Catalog& catalog, const WantedConfigs& wanted);
  // Proposes what was added; done() on this shard. This object lives until then.
  void submit(bool validate_only, std::function<void()> done);
  // How it ended for the resource that was added as the i-th.
  KafkaError outcome(size_t i) const;

 private:
  using Values = std::map<std::string_view, std::string_view, std::less<>>;  // what is set, by name
  struct Part {  // what a resource changes: a topic, or records
    size_t topics_before, topics_after;
    size_t records_before, records_after;
  };

  KafkaError add_topic(const Catalog& catalog, const WantedConfigs& wanted);
  KafkaError add_broker(const Catalog& catalog, const WantedConfigs& wanted);
  KafkaError add_group(const Catalog& catalog, const WantedConfigs& wanted);
  KafkaError change_topic(const Catalog& catalog, const Values& set, const WantedConfig& wanted,
                          chr_config_change* out);
  // Whether what is set on a topic then goes together.
  KafkaError check_together(const Values& values) const;
  KafkaError check_node(std::string_view name) const;
  KafkaError check_dynamic(const Catalog& catalog, const WantedConfigs& wanted);
  void change_record(std::string_view space, std::string key, std::optional<std::string> value);
  std::string_view keep(std::string text) { return texts_.keep(std::move(text)); }
  void one_done();

  const ConfigSources sources_;
  Texts texts_;
  // Of brokers, for all resources of a request: read where the first one is added.
  std::vector<BrokerConfigRow> known_;
  std::optional<DynamicConfigs::State> set_;
  std::deque<std::vector<chr_config_change>> changes_;
  std::vector<chr_topic_configs> topics_;
  std::vector<chr_record_change> records_;
  std::vector<Part> parts_;
  std::vector<chr_change_result> topic_results_, record_results_;
  chr_status topics_status_ = CHR_OK, records_status_ = CHR_OK;  // of the whole proposals
  int left_ = 0;
  std::function<void()> done_;
};

}  // namespace chronik::kafka
