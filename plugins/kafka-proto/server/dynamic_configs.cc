#include "kafka-proto/server/dynamic_configs.h"

#include <fmt/format.h>

#include "kafka-proto/server/broker.h"

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
void set_all(const DynamicConfigs::Values& values, TopicConfig& defaults) {
  for (const auto& [name, value] : values) {
    TopicConfig with = defaults;
    if (set_dynamic_config(name, value, with)) defaults = with;
  }
}

}  // namespace

std::string DynamicConfigs::key(std::string_view node, std::string_view config) {
  return fmt::format("{}/{}", node, config);
}

DynamicConfigs::DynamicConfigs(const Broker& broker)
    : broker_(broker), state_(std::make_shared<const State>(State{{}, {}, broker.config.topic_defaults})) {}

DynamicConfigs::State DynamicConfigs::read(const Catalog& catalog) const {
  State state{values_of(catalog, {}), values_of(catalog, std::to_string(broker_.host.node().id)),
              broker_.config.topic_defaults};
  set_all(state.all, state.topic_defaults);
  set_all(state.own, state.topic_defaults);
  return state;
}

void DynamicConfigs::follow(const Catalog& catalog) {
  const std::shared_ptr<const State> before = now();
  State state = read(catalog);
  if (state.all != before->all || state.own != before->own)
    state_.store(std::make_shared<const State>(std::move(state)));
}

Status set_dynamic_config(std::string_view name, std::string_view value, TopicConfig& defaults) {
  const TopicConfigEntry* entry = find_dynamic_config(name);
  if (entry == nullptr) return fail(Code::kInvalidArgument, fmt::format("{} cannot be altered", name));
  CHRONIK_CHECK(entry->set(name, trim_config(value), defaults));
  // Of a topic it may be: everything is too old at once.
  if (name == "log.retention.ms" && defaults.retention_ms == 0)
    return fail(Code::kInvalidArgument,
                "requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1");
  return {};
}

const TopicConfigEntry* find_dynamic_config(std::string_view name) {
  for (const TopicConfigEntry& entry : topic_config_table())
    if (!entry.broker_synonym.empty() && entry.broker_synonym == name) return &entry;
  return nullptr;
}

}  // namespace chronik::kafka
