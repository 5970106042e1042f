#include "metadata/catalog/features.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace chronik::metadata {
namespace {

// metadata.version is Kafka's, for tools that ask which release the cluster is at: nothing here is stored by
// it, so it may go down again. 7 is 3.3-IV3, the lowest of Kafka 4. group.version 1 is what clients of the consumer
// protocol (KIP-848) ask for.
constexpr std::array kKnown = {
    FeatureRange{kOwnFeature, 1, 3},
    FeatureRange{"metadata.version", 7, 30},
    FeatureRange{"group.version", 0, 1},
};

const FeatureRange* find(std::string_view name) {
  const auto found = std::ranges::find(kKnown, name, &FeatureRange::name);
  return found == kKnown.end() ? nullptr : &*found;
}

int16_t level_of(const Record& record) {
  int16_t level = 0;
  std::from_chars(record.value.data(), record.value.data() + record.value.size(), level);
  return level;
}

Verdict invalid(std::string message) { return {CHR_E_INVALID_ARGUMENT, std::move(message)}; }

// Whether every node that the catalog or __meta names has said, since its link came up, that it knows this.
// One that is down has not: it may come back as an older build.
Verdict known_everywhere(const Catalog& catalog, const ClusterView& view, const FeatureUpdate& item) {
  std::set<int32_t> nodes = view.voters;
  for (const auto& [id, node] : catalog.nodes()) nodes.insert(id);
  for (const int32_t node : nodes) {
    const auto told = view.features.find(node);
    if (told == view.features.end())
      return invalid(fmt::format("Node {} is down, or runs a build without feature levels.", node));
    const auto range = std::ranges::find(told->second, item.name, &ToldRange::name);
    if (range == told->second.end())
      return invalid(fmt::format("Node {} does not support this feature.", node));
    if (item.level < range->min || item.level > range->max)
      return invalid(fmt::format("Node {} only supports versions {}-{}", node, range->min, range->max));
  }
  return {};
}

Verdict check(const Catalog& catalog, const ClusterView& view, const FeatureUpdate& item, bool has_records) {
  const FeatureRange* known = find(item.name);
  if (item.type < FeatureUpdate::kUpgrade || item.type > FeatureUpdate::kUnsafeDowngrade)
    return invalid("The controller does not support the given upgrade type.");
  if (item.level < 0) return invalid("A feature version cannot be less than 0.");
  if (known == nullptr) return invalid("No node supports this feature.");
  if (Verdict verdict = known_everywhere(catalog, view, item); verdict.code != CHR_OK) return verdict;
  const int16_t now = finalized_level(catalog.records().spaces(), item.name);
  if (item.level < now && item.type == FeatureUpdate::kUpgrade)
    return invalid("Can't downgrade without setting the upgrade type to either safe or unsafe downgrade.");
  if (item.level > now && item.type != FeatureUpdate::kUpgrade)
    return invalid("Can't downgrade to a newer version.");
  if (item.level < now && item.name == kOwnFeature)
    return invalid(
        fmt::format("What was written since level {} has forms that older builds cannot read.", now));
  // The command itself is of that level.
  if (!has_records) return invalid(fmt::format("{} must be at {} first.", kOwnFeature, kRecordsLevel));
  return {};
}

}  // namespace

std::span<const FeatureRange> known_features() { return kKnown; }

std::vector<FeatureLevel> newest_levels() {
  std::vector<FeatureLevel> out;
  for (const FeatureRange& feature : kKnown) out.push_back({std::string(feature.name), feature.max});
  return out;
}

int16_t finalized_level(const Records::Spaces& spaces, std::string_view feature) {
  const Record* record = find_record(spaces, kFeatures, feature);
  if (record != nullptr) return level_of(*record);
  const FeatureRange* known = find(feature);
  return known == nullptr ? int16_t{0} : known->min;
}

std::string unknown_level(const Records::Spaces& spaces) {
  std::string out;
  each_record(spaces, kFeatures, {}, [&](const Record& record) {
    const FeatureRange* known = find(record.key);
    const int16_t level = level_of(record);
    if (known == nullptr)
      out = fmt::format("{} is finalized at {}, which this build does not know", record.key, level);
    else if (level < known->min || level > known->max)
      out = fmt::format("{} is finalized at {}, this build knows {} to {}", record.key, level, known->min,
                        known->max);
    return out.empty();
  });
  return out;
}

void resolve_features(const Catalog& catalog, const ClusterView& view, UpdateFeatures* body) {
  const auto brings_records = [](const FeatureUpdate& item) {
    return item.name == kOwnFeature && item.level >= kRecordsLevel;
  };
  const bool has_records =
      catalog.level() >= kRecordsLevel || std::ranges::any_of(body->items, brings_records);
  bool refused = false;
  for (FeatureUpdate& item : body->items) {
    item.verdict = check(catalog, view, item, has_records);
    refused = refused || item.verdict.code != CHR_OK;
  }
  for (FeatureUpdate& item : body->items)
    if (refused && item.verdict.code == CHR_OK)
      item.verdict = {CHR_E_CONFLICT, "not done, since another feature was refused"};
}

// The same on every node, whatever its build knows: what that is was asked before the command was proposed.
void RecordTable::apply(const UpdateFeatures& command, Change* change) {
  bool refused = false;
  for (const FeatureUpdate& item : command.items) {
    Verdict verdict = item.verdict;
    const Record* now = records_.find(kFeatures, item.name);
    if (verdict.code == CHR_OK && now != nullptr && item.type == FeatureUpdate::kUpgrade &&
        level_of(*now) > item.level)
      verdict = invalid("It was upgraded further at the same time.");
    refused = refused || verdict.code != CHR_OK;
    change->out->items.push_back({verdict.code, verdict.message, {}, 0});
  }
  if (refused) return;
  for (const FeatureUpdate& item : command.items) set_level({item.name, item.level}, change);
}

void RecordTable::apply(const InitCluster& command, Change* change) {
  for (const FeatureLevel& feature : command.levels) set_level(feature, change);
}

void RecordTable::set_level(const FeatureLevel& feature, Change* change) {
  const std::string text = std::to_string(feature.level);
  const Record* now = records_.find(kFeatures, feature.name);
  if (now != nullptr && now->value == text) return;
  put_record(kFeatures, {feature.name, text, change->version}, change);
}

int16_t Catalog::level() const { return finalized_level(records().spaces(), kOwnFeature); }

}  // namespace chronik::metadata
