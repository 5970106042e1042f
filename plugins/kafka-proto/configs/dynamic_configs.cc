#include "kafka-proto/configs/dynamic_configs.h"

#include <fmt/format.h>

#include "kafka-proto/cluster/catalog.h"

namespace chronik::kafka {
namespace {

DynamicConfigs::Values values_of(const Catalog& catalog, std::string_view node) {
  DynamicConfigs::Values out;
  const std::string prefix = DynamicConfigs::key(node, {});
  for (const auto& [key, value] : catalog.records(DynamicConfigs::kSpace, prefix))
    out.emplace(key.substr(prefix.size()), value);
  return out;
}

// What this build does not know is left out: a newer one may have set it.
void set_all(const DynamicConfigs::Values& values, DynamicConfigs::State& state) {
  for (const auto& [name, value] : values) {
    TopicConfig with = state.topic_defaults;
    if (set_dynamic_config(name, value, with, state.rates)) state.topic_defaults = with;
  }
}

const TopicConfigEntry* find_default(std::string_view name) {
  for (const TopicConfigEntry& entry : topic_config_table())
    if (!entry.broker_synonym.empty() && entry.broker_synonym == name) return &entry;
  return nullptr;
}

bool is_rate(std::string_view name) { return name == kLeaderRate || name == kFollowerRate; }

}  // namespace

std::string DynamicConfigs::key(std::string_view node, std::string_view config) {
  return fmt::format("{}/{}", node, config);
}

DynamicConfigs::DynamicConfigs(int32_t node, const TopicConfig& topic_defaults)
    : node_(std::to_string(node)),
      topic_defaults_(topic_defaults),
      state_(std::make_shared<const State>(State{{}, {}, topic_defaults, {}})) {}

DynamicConfigs::State DynamicConfigs::read(const Catalog& catalog) const {
  State state{values_of(catalog, {}), values_of(catalog, node_), topic_defaults_, {}};
  set_all(state.all, state);
  set_all(state.own, state);
  return state;
}

void DynamicConfigs::follow_catalog(const Catalog& catalog) {
  const std::shared_ptr<const State> before = now();
  State state = read(catalog);
  if (state.all != before->all || state.own != before->own)
    state_.store(std::make_shared<const State>(std::move(state)));
}

Status set_dynamic_config(std::string_view name, std::string_view value, TopicConfig& defaults,
                          ReplicationRates& rates) {
  if (is_rate(name)) {
    CHRONIK_TRY(const int64_t rate, parse_config_long(name, trim_config(value)));
    if (rate < 0) return invalid_config(name, value, "Value must be at least 0");
    (name == kLeaderRate ? rates.leader : rates.follower) = rate;
    return {};
  }
  const TopicConfigEntry* entry = find_default(name);
  if (entry == nullptr) return fail(Code::kInvalidArgument, fmt::format("{} cannot be altered", name));
  CHRONIK_CHECK(entry->set(name, trim_config(value), defaults));
  // Of a topic it may be: everything is too old at once.
  if (name == "log.retention.ms" && defaults.retention_ms == 0)
    return fail(Code::kInvalidArgument,
                "requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1");
  return {};
}

std::optional<DynamicConfig> find_dynamic_config(std::string_view name) {
  if (is_rate(name)) return DynamicConfig{ConfigType::kLong, {}};
  const TopicConfigEntry* entry = find_default(name);
  if (entry == nullptr) return std::nullopt;
  return DynamicConfig{entry->type, entry->default_value};
}

}  // namespace chronik::kafka
