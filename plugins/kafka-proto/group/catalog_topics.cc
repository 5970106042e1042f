#include "kafka-proto/group/catalog_topics.h"

#include <algorithm>

#include "kafka-proto/partition/members.h"

namespace chronik::kafka {
namespace {

// FNV-1a: what it says is recorded, and must not depend on the build.
class Hash {
 public:
  void add(std::string_view text) {
    for (const char c : text) add(static_cast<uint8_t>(c));
    add(uint8_t{0});
  }
  int64_t value() const { return static_cast<int64_t>(value_ == 0 ? 1 : value_); }

 private:
  void add(uint8_t byte) { value_ = (value_ ^ byte) * 0x100000001b3; }

  uint64_t value_ = 0xcbf29ce484222325;
};

}  // namespace

CatalogTopics::CatalogTopics(const Services& services)
    : catalog_(services), racks_(racks_of_nodes(catalog_)) {}

CatalogTopics::Racks CatalogTopics::racks_of_nodes(const Catalog& catalog) {
  Racks out;
  for (const chr_broker& broker : catalog.brokers())
    if (broker.rack.n != 0) out.emplace(broker.id, from_abi(broker.rack));
  return out;
}

std::optional<group::TopicView::Topic> CatalogTopics::find(std::string_view name) const {
  const std::optional<chr_topic> topic = catalog_.topic(name);
  if (!topic.has_value()) return std::nullopt;
  return Topic{topic->id, static_cast<int32_t>(topic->n_partitions), racks_hash(*topic)};
}

std::string_view CatalogTopics::name_of(const chr_uuid& id) const {
  const std::optional<chr_topic> topic = catalog_.topic(id);
  return topic.has_value() ? from_abi(topic->name) : std::string_view();
}

void CatalogTopics::each_name(const std::function<void(std::string_view)>& fn) const {
  for (uint32_t i = 0; i < catalog_.topic_count(); ++i)
    if (const std::optional<chr_topic> topic = catalog_.topic_at(i)) fn(from_abi(topic->name));
}

std::vector<std::string> CatalogTopics::racks(const chr_uuid& id, int32_t partition) const {
  const std::optional<chr_topic> topic = racks_.empty() ? std::nullopt : catalog_.topic(id);
  return topic.has_value() ? racks(*topic, partition) : std::vector<std::string>();
}

// Each once, in their order: the same whatever the order of the replicas.
std::vector<std::string> CatalogTopics::racks(const chr_topic& topic, int32_t partition) const {
  std::vector<std::string> out;
  const std::optional<chr_partition> found = catalog_.partition(topic, partition);
  if (!found.has_value()) return out;
  PartitionMembers::each(*found, [&](int32_t node) {
    if (const auto rack = racks_.find(node); rack != racks_.end()) out.push_back(rack->second);
  });
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

int64_t CatalogTopics::racks_hash(const chr_topic& topic) const {
  if (racks_.empty()) return 0;
  Hash hash;
  for (uint32_t partition = 0; partition < topic.n_partitions; ++partition) {
    for (const std::string& rack : racks(topic, static_cast<int32_t>(partition))) hash.add(rack);
    hash.add(std::string_view());
  }
  return hash.value();
}

bool CatalogTopics::differs_from(const Catalog& now) const {
  if (now.version() == catalog_.version()) return false;
  // Who cannot be asked what changed is taken to have changed all.
  if (!now.tells_changes() || racks_of_nodes(now) != racks_) return true;
  uint32_t what = CHR_TOPIC_MADE | CHR_TOPIC_DELETED | CHR_TOPIC_EXTENDED;
  if (!racks_.empty()) what |= CHR_TOPIC_MOVED;
  bool differs = false;
  now.each_change_since(
      catalog_, [&](const chr_topic_change& change) { differs = differs || (change.what & what) != 0; });
  return differs;
}

}  // namespace chronik::kafka
