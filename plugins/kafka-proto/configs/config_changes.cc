#include "kafka-proto/configs/config_changes.h"

#include <chronik/draft/internal_topics.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "kafka-proto/cluster/catalog_errors.h"
#include "kafka-proto/cluster/topic_names.h"
#include "kafka-proto/configs/config_levels.h"
#include "kafka-proto/configs/dynamic_group_configs.h"

namespace chronik::kafka {
namespace {

constexpr int8_t kTopicResource = 2;
constexpr int8_t kBrokerResource = 4;
constexpr int8_t kGroupResource = 32;

// What Kafka says of a whole resource before it looks at values.
KafkaError check_names(const WantedConfigs& wanted) {
  std::set<std::string_view> names;
  std::vector<std::string_view> without_value;
  for (const WantedConfig& config : wanted.configs) {
    if (!names.insert(config.name).second)
      return {ErrorCode::kInvalidRequest, "Error due to duplicate config keys"};
    if (config.name.starts_with(CHR_OWN_CONFIGS))
      return {ErrorCode::kInvalidConfig, fmt::format("{} cannot be altered", config.name)};
    if (config.operation != ConfigOperation::kDelete && !config.value.has_value())
      without_value.push_back(config.name);
  }
  if (without_value.empty()) return {};
  return {ErrorCode::kInvalidRequest,
          fmt::format("Null value not supported for : {}", fmt::join(without_value, ","))};
}

std::vector<std::string_view> elements(std::string_view list) {
  std::vector<std::string_view> out = config_elements(list);
  std::erase_if(out, [](std::string_view element) { return element.empty(); });
  return out;
}

std::string changed_list(std::string_view list, std::string_view change, bool append) {
  std::vector<std::string_view> out = elements(list);
  const std::vector<std::string_view> changed = elements(change);
  if (append) {
    std::set<std::string_view> there(out.begin(), out.end());
    // mutant lists_compared: std::ranges::copy_if(changed, std::back_inserter(out), [&](std::string_view
    //     element) { return std::ranges::find(out, element) == out.end(); });
    std::ranges::copy_if(changed, std::back_inserter(out),
                         [&](std::string_view element) { return there.insert(element).second; });
  } else {
    const std::set<std::string_view> gone(changed.begin(), changed.end());
    std::erase_if(out, [&](std::string_view element) { return gone.contains(element); });
  }
  return fmt::format("{}", fmt::join(out, ","));
}

// The value of a config that is altered, where it is not to be removed. `present`: what is set now.
KafkaError new_value(const WantedConfig& wanted, const std::optional<DynamicConfig>& known, bool of_broker,
                     std::optional<std::string_view> present, std::string* out) {
  *out = *wanted.value;
  if (wanted.operation == ConfigOperation::kSet) return {};
  const bool append = wanted.operation == ConfigOperation::kAppend;
  if (!append && wanted.operation != ConfigOperation::kSubtract)
    return {ErrorCode::kInvalidRequest,
            fmt::format("there is no operation {} on configs", static_cast<int>(wanted.operation))};
  if (!known.has_value() || known->type != ConfigType::kList) {
    const std::string_view verb = append ? "append" : "subtract";
    return {ErrorCode::kInvalidConfig,
            of_broker ? fmt::format("Config value {} is not allowed for config key: {}", verb, wanted.name)
                      : fmt::format("Can't {} to key {} because its type is not LIST.",
                                    append ? "APPEND" : "SUBTRACT", wanted.name)};
  }
  *out = changed_list(present.value_or(known->default_value), *wanted.value, append);
  return {};
}

KafkaError too_old_for_records(std::string_view what) {
  return {ErrorCode::kInvalidRequest,
          fmt::format("configs of {} can be altered once the feature chronik.version is finalized at {}",
                      what, kRecordsLevel)};
}

}  // namespace

KafkaError ConfigChanges::add(const Catalog& catalog, const WantedConfigs& wanted) {
  const bool is_known =
      wanted.type == kTopicResource || wanted.type == kBrokerResource || wanted.type == kGroupResource;
  if (!is_known)
    return {ErrorCode::kInvalidRequest,
            fmt::format("Unknown resource type {}", static_cast<int>(wanted.type))};
  if (KafkaError problem = check_names(wanted); problem.code != ErrorCode::kNone) return problem;
  Part part{topics_.size(), 0, records_.size(), 0};
  KafkaError problem = wanted.type == kTopicResource    ? add_topic(catalog, wanted)
                       : wanted.type == kBrokerResource ? add_broker(catalog, wanted)
                                                        : add_group(catalog, wanted);
  if (problem.code != ErrorCode::kNone) {
    records_.resize(part.records_before);
    return problem;
  }
  part.topics_after = topics_.size();
  part.records_after = records_.size();
  parts_.push_back(part);
  return {};
}

KafkaError ConfigChanges::add_topic(const Catalog& catalog, const WantedConfigs& wanted) {
  if (wanted.name.empty()) return {ErrorCode::kInvalidRequest, "Default topic resources are not allowed."};
  if (std::string problem = topic_name_problem(wanted.name); !problem.empty())
    return {ErrorCode::kInvalidTopicException, std::move(problem)};
  const std::optional<chr_topic> topic = catalog.topic(wanted.name);
  Values set;
  if (topic.has_value()) {
    for (const auto& [name, value] : catalog.configs(*topic)) set.emplace(name, value);
  }
  Values after = wanted.replace ? Values() : set;
  std::vector<chr_config_change> changes;
  for (const WantedConfig& config : wanted.configs) {
    chr_config_change& out = changes.emplace_back();
    KafkaError problem = change_topic(catalog, set, config, &out);
    if (problem.code != ErrorCode::kNone) return problem;
    after.erase(from_abi(out.key));
    if (out.remove == 0) after.emplace(from_abi(out.key), from_abi(out.value));
  }
  if (KafkaError problem = check_together(after); problem.code != ErrorCode::kNone) return problem;
  if (!topic.has_value())
    return {absent(catalog, ErrorCode::kUnknownTopicOrPartition, ErrorCode::kNotController),
            fmt::format("The topic '{}' does not exist.", wanted.name)};
  for (const auto& [name, value] : set) {
    if (wanted.replace && !after.contains(name) && !name.starts_with(CHR_OWN_CONFIGS))
      changes.push_back({to_abi(keep(std::string(name))), {}, 1, 0});
  }
  if (changes.empty()) return {};
  changes_.push_back(std::move(changes));
  const std::vector<chr_config_change>& kept = changes_.back();
  topics_.push_back({topic->id, kept.data(), static_cast<uint32_t>(kept.size()), 0});
  return {};
}

KafkaError ConfigChanges::check_together(const Values& values) const {
  std::vector<TopicConfigValue> texts;
  for (const auto& [name, value] : values) texts.push_back({name, value});
  const Status valid =
      check_topic_config(resolve_topic_config(texts, sources_.dynamic.now()->topic_defaults));
  if (!valid) return {ErrorCode::kInvalidConfig, valid.error().message};
  return {};
}

KafkaError ConfigChanges::change_topic(const Catalog& catalog, const Values& set, const WantedConfig& wanted,
                                       chr_config_change* out) {
  const std::string_view name = keep(std::string(wanted.name));
  *out = {to_abi(name), {}, 1, 0};
  if (wanted.operation == ConfigOperation::kDelete) return {};  // also of what was never set, or is unknown
  std::string value;
  const auto present = set.find(wanted.name);
  const TopicConfigEntry* const entry = find_topic_config(wanted.name);
  const auto known =
      entry == nullptr ? std::nullopt : std::optional(DynamicConfig{entry->type, entry->default_value});
  KafkaError problem = new_value(
      wanted, known, false,
      present == set.end() ? std::nullopt : std::optional<std::string_view>(present->second), &value);
  if (problem.code != ErrorCode::kNone) return problem;
  TopicConfig resolved;
  if (const Status valid = set_topic_config(wanted.name, value, resolved); !valid)
    return {ErrorCode::kInvalidConfig, valid.error().message};
  if (std::string too_new = too_new_problem(catalog, wanted.name, value); !too_new.empty())
    return {ErrorCode::kInvalidConfig, std::move(too_new)};
  *out = {to_abi(name), to_abi(keep(std::move(value))), 0, 0};
  return {};
}

KafkaError ConfigChanges::check_node(std::string_view name) const {
  if (name.empty()) return {};  // all brokers
  int32_t id = -1;
  const char* const end = name.data() + name.size();
  const auto [parsed, error] = std::from_chars(name.data(), end, id);
  if (error != std::errc() || parsed != end)
    return {ErrorCode::kInvalidRequest, fmt::format("Node id must be an integer, but it is: {}", name)};
  if (id != sources_.services.host.node().id)
    return {ErrorCode::kInvalidRequest, fmt::format("Unexpected broker id, expected {}, but received {}",
                                                    sources_.services.host.node().id, id)};
  return {};
}

// To remove what was never set is no error, and Kafka's tools do so.
KafkaError ConfigChanges::check_dynamic(const Catalog& catalog, const WantedConfigs& wanted) {
  if (known_.empty()) known_ = broker_config_rows(sources_, texts_);
  std::vector<std::string_view> fixed;
  bool changes = false;
  for (const WantedConfig& config : wanted.configs) {
    if (config.operation == ConfigOperation::kDelete) continue;
    changes = true;
    if (std::ranges::find(known_, config.name, &BrokerConfigRow::name) == known_.end())
      return {ErrorCode::kInvalidConfig, fmt::format("Unknown broker config name: {}", config.name)};
    if (!find_dynamic_config(config.name).has_value()) fixed.push_back(config.name);
  }
  std::ranges::sort(fixed);
  if (!fixed.empty())
    return {ErrorCode::kInvalidRequest,
            fmt::format("Cannot update these configs dynamically: [{}]", fmt::join(fixed, ", "))};
  if (changes && !keeps_records(sources_.services, catalog)) return too_old_for_records("brokers");
  return {};
}

KafkaError ConfigChanges::add_broker(const Catalog& catalog, const WantedConfigs& wanted) {
  if (KafkaError problem = check_node(wanted.name); problem.code != ErrorCode::kNone) return problem;
  if (KafkaError problem = check_dynamic(catalog, wanted); problem.code != ErrorCode::kNone) return problem;
  // However the request spells the id.
  const std::string node =
      wanted.name.empty() ? std::string() : std::to_string(sources_.services.host.node().id);
  if (!set_.has_value()) set_ = sources_.dynamic.read(catalog);
  const DynamicConfigs::Values& set = wanted.name.empty() ? set_->all : set_->own;
  std::set<std::string_view> named;
  for (const WantedConfig& config : wanted.configs) {
    // mutant broker_configs_compared: if (std::ranges::count(wanted.configs, config.name,
    //     &WantedConfig::name) == 1) named.insert(config.name);
    named.insert(config.name);
    const auto present = set.find(config.name);
    if (config.operation == ConfigOperation::kDelete) {
      if (present != set.end())
        change_record(DynamicConfigs::kSpace, DynamicConfigs::key(node, config.name), std::nullopt);
      continue;
    }
    std::string value;
    KafkaError problem = new_value(
        config, find_dynamic_config(config.name), true,
        present == set.end() ? std::nullopt : std::optional<std::string_view>(present->second), &value);
    if (problem.code != ErrorCode::kNone) return problem;
    TopicConfig resolved;
    ReplicationRates rates;
    Status valid = check_config_size(value);
    if (valid) valid = set_dynamic_config(config.name, value, resolved, rates);
    if (!valid) return {ErrorCode::kInvalidRequest, valid.error().message};
    change_record(DynamicConfigs::kSpace, DynamicConfigs::key(node, config.name), std::move(value));
  }
  for (const auto& [name, value] : set) {
    if (wanted.replace && !named.contains(name))
      change_record(DynamicConfigs::kSpace, DynamicConfigs::key(node, name), std::nullopt);
  }
  return {};
}

KafkaError ConfigChanges::add_group(const Catalog& catalog, const WantedConfigs& wanted) {
  if (wanted.name.empty()) return {ErrorCode::kInvalidRequest, "Default group resources are not allowed."};
  const GroupConfigValues set = group_config_values(catalog, wanted.name);
  GroupConfigValues after = wanted.replace ? GroupConfigValues() : set;
  for (const WantedConfig& config : wanted.configs) {
    const auto present = set.find(config.name);
    if (config.operation == ConfigOperation::kDelete) {
      after.erase(config.name);
      continue;
    }
    std::string value;
    const GroupConfigEntry* const entry = find_group_config(config.name);
    const auto known = entry == nullptr ? std::nullopt : std::optional(DynamicConfig{ConfigType::kInt, {}});
    KafkaError problem = new_value(
        config, known, false,
        present == set.end() ? std::nullopt : std::optional<std::string_view>(present->second), &value);
    if (problem.code != ErrorCode::kNone) return problem;
    after.insert_or_assign(config.name, keep(std::move(value)));
    if (group_config_key(config.name, wanted.name).size() > CHR_MAX_RECORD_KEY_BYTES)
      return {ErrorCode::kInvalidConfig,
              fmt::format("the name of a group of which {} is set has at most {} bytes", config.name,
                          CHR_MAX_RECORD_KEY_BYTES - config.name.size() - 1)};
  }
  if (!after.empty() && !keeps_records(sources_.services, catalog)) return too_old_for_records("groups");
  if (const Status valid = check_group_configs(after, sources_.config.groups.consumer); !valid)
    return {ErrorCode::kInvalidConfig, valid.error().message};
  for (const auto& [name, value] : set)
    if (!after.contains(name))
      change_record(kGroupConfigSpace, group_config_key(name, wanted.name), std::nullopt);
  for (const auto& [name, value] : after) {
    const auto before = set.find(name);
    if (before == set.end() || before->second != value)
      change_record(kGroupConfigSpace, group_config_key(name, wanted.name), std::string(value));
  }
  return {};
}

void ConfigChanges::change_record(std::string_view space, std::string key, std::optional<std::string> value) {
  chr_record_change& out = records_.emplace_back();
  out.space = to_abi(space);
  out.key = to_abi(keep(std::move(key)));
  if (!value.has_value()) {
    out.flags = CHR_RECORD_REMOVE;
  } else {
    out.value = to_abi(keep(std::move(*value)));
  }
}

void ConfigChanges::submit(bool validate_only, std::function<void()> done) {
  constexpr uint64_t kTimeoutNs = 30'000'000'000;  // the request has none
  done_ = std::move(done);
  topic_results_.resize(topics_.size());
  record_results_.resize(records_.size());
  left_ = 1;
  const auto propose = [&](chr_status* status, auto&& call) {
    ++left_;
    const chr_status begun = sources_.services.host.async(call, [this, status](const chr_done& d) {
      *status = d.code;
      one_done();
    });
    if (begun == CHR_PENDING) return;
    *status = begun;
    --left_;
  };
  if (!topics_.empty()) {
    propose(&topics_status_, [&](uint64_t token) {
      return sources_.services.metadata.table()->alter_configs(
          sources_.services.metadata.self(), topics_.data(), static_cast<uint32_t>(topics_.size()),
          validate_only ? 1 : 0, kTimeoutNs, topic_results_.data(), token, nullptr);
    });
  }
  if (!records_.empty() && !validate_only) {
    propose(&records_status_, [&](uint64_t token) {
      return sources_.services.records.table->change(sources_.services.records.self, records_.data(),
                                                     static_cast<uint32_t>(records_.size()), kTimeoutNs,
                                                     record_results_.data(), token, nullptr);
    });
  }
  one_done();
}

void ConfigChanges::one_done() {
  if (--left_ == 0) std::exchange(done_, nullptr)();
}

KafkaError ConfigChanges::outcome(size_t i) const {
  const Part& part = parts_[i];
  const auto judge = [](chr_status overall, const chr_change_result& result) {
    const chr_status code = overall == CHR_OK ? result.code : overall;
    return KafkaError{change_error(code, ErrorCode::kUnknownServerError, ErrorCode::kInvalidConfig),
                      overall == CHR_OK ? result.message : "the catalog could not be changed"};
  };
  for (size_t at = part.topics_before; at < part.topics_after; ++at) {
    KafkaError problem = judge(topics_status_, topic_results_[at]);
    if (problem.code != ErrorCode::kNone) return problem;
  }
  for (size_t at = part.records_before; at < part.records_after; ++at) {
    const bool gone =
        (records_[at].flags & CHR_RECORD_REMOVE) != 0 && record_results_[at].code == CHR_E_NOT_FOUND;
    KafkaError problem = judge(records_status_, record_results_[at]);
    if (problem.code != ErrorCode::kNone && !(records_status_ == CHR_OK && gone)) return problem;
  }
  return {};
}

}  // namespace chronik::kafka
