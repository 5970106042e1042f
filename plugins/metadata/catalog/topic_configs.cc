// What is set on topics: TopicTable's part that deals with it, and its rules.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "metadata/catalog/catalog.h"
#include "metadata/catalog/rules.h"

namespace chronik::metadata {
namespace {

Verdict invalid(std::string message) { return {CHR_E_INVALID_ARGUMENT, std::move(message)}; }

Configs changed(const Configs& before, const std::vector<ConfigChange>& changes) {
  std::map<std::string, std::string> out(before.begin(), before.end());
  for (const ConfigChange& change : changes) {
    if (change.remove)
      out.erase(change.key);
    else
      out[change.key] = change.value;
  }
  return {out.begin(), out.end()};
}

}  // namespace

Verdict check_configs(const Configs& configs) {
  std::set<std::string_view> keys;
  if (configs.size() > kMaxConfigs) return invalid(fmt::format("more than {} configs", kMaxConfigs));
  for (const auto& [key, value] : configs) {
    if (key.empty() || key.size() > kMaxConfigKeyBytes || value.size() > kMaxConfigValueBytes)
      return invalid("a config's key or value is empty or too long");
    if (!keys.insert(key).second) return invalid("a config is given twice");
  }
  return {};
}

Verdict check(const Catalog& catalog, const AlteredConfigs& item) {
  const Topic* topic = catalog.find(item.id);
  if (topic == nullptr) return {CHR_E_NOT_FOUND, "this topic does not exist"};
  if (item.changes.size() > kMaxConfigs)
    return invalid(fmt::format("more than {} changes of configs", kMaxConfigs));
  return check_configs(changed(topic->configs, item.changes));
}

void TopicTable::apply(const AlterConfigs& command, Change* change) {
  for (const AlteredConfigs& item : command.items) change->out->items.push_back(alter_configs(item, change));
}

ItemResult TopicTable::alter_configs(const AlteredConfigs& item, Change* change) {
  Verdict verdict = item.verdict;
  if (verdict.code == CHR_OK) verdict = check(change->catalog, item);
  if (verdict.code != CHR_OK) return {verdict.code, verdict.message, item.id, 0};
  const Topic& before = *find(item.id);
  const ItemResult done{CHR_OK, {}, item.id, static_cast<uint32_t>(before.partitions.size())};
  Configs configs = changed(before.configs, item.changes);
  if (configs == before.configs) return done;
  Topic& topic = edit(item.id, change->generation);
  topic.configs = std::move(configs);
  version_ = change->version;
  renew_digest(&topic);
  change->out->changed = true;
  return done;
}

}  // namespace chronik::metadata
