#include "kafka-proto/cluster/catalog.h"

#include <string>

namespace chronik::kafka {

namespace {

template <class T>
std::optional<T> if_any(const Result<T>& found) {
  return found ? std::optional(*found) : std::nullopt;
}

std::string behind(std::string_view key) { return std::string(key) + '\0'; }

}  // namespace

std::optional<chr_topic> Catalog::topic_at(uint32_t i) const { return if_any(image_.topic(i)); }
std::optional<chr_topic> Catalog::topic(std::string_view name) const { return if_any(image_.find(name)); }
std::optional<chr_topic> Catalog::topic(const chr_uuid& id) const { return if_any(image_.find(id)); }
std::optional<chr_partition> Catalog::partition(const chr_topic& topic, int32_t partition) const {
  return if_any(image_.partition(topic, partition));
}

std::vector<std::pair<std::string_view, std::string_view>> Catalog::configs(const chr_topic& topic) const {
  std::vector<std::pair<std::string_view, std::string_view>> out;
  while (const auto entry = image_.config(topic, static_cast<uint32_t>(out.size())))
    out.emplace_back(from_abi(entry->key), from_abi(entry->value));
  return out;
}

std::vector<chr_feature> Catalog::features() const {
  std::vector<chr_feature> out;
  chr_feature feature{};
  feature.struct_size = sizeof feature;
  for (uint32_t i = 0; features_.table != nullptr &&
                       features_.table->at(features_.self, image_.handle(), i, &feature) == CHR_OK;
       ++i)
    out.push_back(feature);
  return out;
}

std::vector<std::pair<std::string_view, std::string_view>> Catalog::records(std::string_view space,
                                                                            std::string_view prefix) const {
  std::vector<std::pair<std::string_view, std::string_view>> out;
  auto record = seek(space, prefix);
  while (record.has_value() && from_abi(record->key).starts_with(prefix)) {
    out.emplace_back(from_abi(record->key), from_abi(record->value));
    record = seek(space, behind(from_abi(record->key)));
  }
  return out;
}

std::vector<std::pair<std::string_view, std::string_view>> Catalog::records_from(std::string_view space,
                                                                                 std::string_view key,
                                                                                 size_t max) const {
  std::vector<std::pair<std::string_view, std::string_view>> out;
  for (auto record = seek(space, key); record.has_value() && out.size() < max;
       record = seek(space, behind(from_abi(record->key))))
    out.emplace_back(from_abi(record->key), from_abi(record->value));
  return out;
}

std::optional<std::string_view> Catalog::record(std::string_view space, std::string_view key) const {
  const auto record = seek(space, key);
  if (!record.has_value() || from_abi(record->key) != key) return std::nullopt;
  return from_abi(record->value);
}

std::optional<chr_record> Catalog::seek(std::string_view space, std::string_view key) const {
  chr_record record{};
  record.struct_size = sizeof record;
  if (records_.table == nullptr ||
      records_.table->seek(records_.self, image_.handle(), to_abi(space), to_abi(key), &record) != CHR_OK)
    return std::nullopt;
  return record;
}

void Catalog::each_change_since(const Catalog& before, const TopicChanged& changed) const {
  const auto tell = [](void* context, const chr_topic_change* change) {
    (*static_cast<const TopicChanged*>(context))(*change);
  };
  topic_changes_.table->between(topic_changes_.self, before.image_.handle(), image_.handle(), tell,
                                const_cast<TopicChanged*>(&changed));
}

std::vector<chr_broker> Catalog::brokers() const {
  std::vector<chr_broker> out;
  for (uint32_t i = 0; i < image_.brokers(); ++i) {
    if (const Result<chr_broker> broker = image_.broker(i)) out.push_back(*broker);
  }
  return out;
}

int16_t Catalog::level() const {
  constexpr int16_t kFirst = 1;
  for (const chr_feature& feature : features()) {
    if (from_abi(feature.name) == "chronik.version") return feature.level;
  }
  return kFirst;
}

}  // namespace chronik::kafka
