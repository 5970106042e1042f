#include "kafka-proto/configs/config_values.h"

#include <algorithm>

#include "kafka-proto/configs/config_levels.h"

namespace chronik::kafka {

ConfigValues::ConfigValues(const ConfigSources& sources, const Catalog& catalog, Texts& texts)
    : texts_(texts),
      dynamic_(sources.dynamic.read(catalog)),
      keeps_records_(keeps_records(sources.services, catalog)),
      rows_(broker_config_rows(sources, texts)) {
  for (size_t i = 0; i < rows_.size(); ++i) places_[rows_[i].name] = i;
  for (const BrokerConfigRow& row : rows_) {
    const std::vector<ConfigSynonym>& synonyms = synonyms_.emplace_back(synonyms_of(row.name));
    shown_.emplace_back();
    if (!synonyms.empty()) shown_.back() = texts.keep(shown_config(row.type, synonyms.front().value));
  }
}

std::optional<std::string_view> ConfigValues::value_of(std::string_view name, ConfigSource source) const {
  const BrokerConfigRow& row = rows_[places_.at(name)];
  if (source == ConfigSource::kDefault) return row.default_value;
  if (source == ConfigSource::kStaticBroker) return row.given;
  const DynamicConfigs::Values& altered =
      source == ConfigSource::kDynamicBroker ? dynamic_.own : dynamic_.all;
  const auto found = altered.find(name);
  return found == altered.end() ? std::nullopt : std::optional<std::string_view>(found->second);
}

// As Kafka does: of all names that stand for one thing, source by source, but nothing before the name itself.
std::vector<ConfigSynonym> ConfigValues::synonyms_of(std::string_view name) const {
  std::vector<ConfigSynonym> out;
  for (const ConfigSource source : {ConfigSource::kDynamicBroker, ConfigSource::kDynamicDefault,
                                    ConfigSource::kStaticBroker, ConfigSource::kDefault}) {
    for (const std::string_view other : broker_config_chain(name)) {
      if (const auto value = value_of(other, source)) out.push_back({other, *value, source});
    }
  }
  out.erase(out.begin(), std::ranges::find(out, name, &ConfigSynonym::name));
  return out;
}

bool ConfigValues::is_read_only(std::string_view name) const {
  return !keeps_records_ || !find_dynamic_config(name).has_value();
}

std::vector<ConfigValue> ConfigValues::of_topic(
    const std::vector<std::pair<std::string_view, std::string_view>>& set) const {
  std::vector<ConfigValue> values;
  values.reserve(topic_config_table().size());
  for (const TopicConfigEntry& entry : topic_config_table()) {
    ConfigValue value{
        entry.name, entry.default_value, ConfigSource::kDefault, entry.type, entry.doc, false, {}, {}};
    if (!entry.broker_synonym.empty()) inherit(entry.broker_synonym, value);
    const auto found = std::ranges::find(set, entry.name, [](const auto& pair) { return pair.first; });
    if (found != set.end()) set_own(found->second, ConfigSource::kTopic, value);
    values.push_back(value);
  }
  return values;
}

std::vector<ConfigValue> ConfigValues::of_group(const GroupConfigValues& set) const {
  std::vector<ConfigValue> values;
  for (const GroupConfigEntry& entry : group_config_table()) {
    ConfigValue value{entry.name, {}, ConfigSource::kDefault, ConfigType::kInt, entry.doc, !keeps_records_,
                      {},         {}};
    inherit(entry.broker_synonym, value);
    const auto found = set.find(entry.name);
    if (found != set.end()) set_own(found->second, ConfigSource::kGroup, value);
    values.push_back(value);
  }
  return values;
}

void ConfigValues::inherit(std::string_view broker_synonym, ConfigValue& value) const {
  const size_t place = places_.at(broker_synonym);
  value.inherited = synonyms_[place];
  if (shown_[place].has_value()) value.value = shown_[place];
  if (!value.inherited.empty()) value.source = value.inherited.front().source;
}

void ConfigValues::set_own(std::string_view text, ConfigSource source, ConfigValue& value) const {
  value.value = texts_.keep(shown_config(value.type, text));
  value.source = source;
  value.own = {value.name, *value.value, source};
}

std::vector<ConfigValue> ConfigValues::of_broker() const {
  std::vector<ConfigValue> values;
  for (size_t i = 0; i < rows_.size(); ++i) {
    const BrokerConfigRow& row = rows_[i];
    const std::vector<ConfigSynonym>& synonyms = synonyms_[i];
    if (row.only_if_set && synonyms.empty()) continue;
    values.push_back({row.name,
                      shown_[i],
                      synonyms.empty() ? ConfigSource::kDefault : synonyms.front().source,
                      row.type,
                      row.doc,
                      is_read_only(row.name),
                      {},
                      synonyms});
  }
  return values;
}

std::vector<ConfigValue> ConfigValues::of_all_brokers() const {
  std::vector<ConfigValue> values;
  for (const auto& [name, text] : dynamic_.all) {
    const auto place = places_.find(name);
    if (place == places_.end()) continue;
    const BrokerConfigRow& row = rows_[place->second];
    values.push_back({row.name,
                      texts_.keep(shown_config(row.type, text)),
                      ConfigSource::kDynamicDefault,
                      row.type,
                      row.doc,
                      is_read_only(row.name),
                      ConfigSynonym{row.name, text, ConfigSource::kDynamicDefault},
                      {}});
  }
  return values;
}

}  // namespace chronik::kafka
