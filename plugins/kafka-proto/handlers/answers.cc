#include "kafka-proto/handlers/answers.h"

#include <fmt/format.h>

#include <algorithm>

#include "kafka-proto/cluster/in_sync.h"

namespace chronik::kafka {
namespace {

std::vector<chr_broker> usable_in(const Broker& broker, const Catalog& catalog) {
  std::vector<chr_broker> out = catalog.brokers();
  const bool sees_cluster = catalog.controller() >= 0;
  std::erase_if(out,
                [&](const chr_broker& b) { return b.host.n == 0 || (sees_cluster && !broker.is_up(b.id)); });
  return out;
}

}  // namespace

ErrorCode not_hosted(const Broker& broker, std::string_view name, const chr_uuid* id, int32_t partition) {
  return not_hosted(Catalog(broker), name, id, partition);
}

ErrorCode not_hosted(const Catalog& catalog, std::string_view name, const chr_uuid* id, int32_t partition) {
  const std::optional<chr_topic> topic = id != nullptr ? catalog.topic(*id) : catalog.topic(name);
  if (topic.has_value() && catalog.partition(*topic, partition).has_value())
    return ErrorCode::kNotLeaderOrFollower;
  const bool no_such_id = id != nullptr && !topic.has_value();
  return absent(catalog, no_such_id ? ErrorCode::kUnknownTopicId : ErrorCode::kUnknownTopicOrPartition,
                ErrorCode::kNotLeaderOrFollower);
}

LeaderHint leader_in_catalog(const Broker& broker, const Catalog& catalog, const chr_topic& topic,
                             int32_t index) {
  const std::optional<chr_partition> partition = catalog.partition(topic, index);
  if (!partition.has_value()) return {};
  return {is_led(broker, *partition) ? partition->leader : -1, static_cast<int32_t>(partition->term)};
}

Describing::Describing(const Broker& broker, const Catalog& catalog)
    : broker_(broker), catalog_(catalog), map_(broker.partitions->map()) {}

bool Describing::is_up(int32_t node) {
  if (node < 0 || static_cast<size_t>(node) >= up_.size()) return broker_.is_up(node);
  Up& up = up_[static_cast<size_t>(node)];
  if (up == Up::kNotAsked) up = broker_.is_up(node) ? Up::kYes : Up::kNo;
  return up == Up::kYes;
}

// The leader is this node, or has said it.
Describing::Seen Describing::seen_by_leader(const chr_topic& topic, int32_t index,
                                            const chr_partition& partition) {
  if (!same(topic.id, topic_)) {
    topic_ = topic.id;
    hosted_ = map_->find(topic.id);
  }
  if (hosted_ != nullptr && hosted_->has(index)) {
    const std::shared_ptr<Partition>& here = hosted_->partitions[static_cast<size_t>(index)];
    if (Seen seen = here == nullptr ? nullptr : here->in_sync(); seen != nullptr) return seen;
  }
  std::optional<std::vector<int32_t>> told =
      broker_.in_sync->find({topic.id, index}, partition.leader, static_cast<int32_t>(partition.term));
  return told.has_value() ? std::make_shared<const std::vector<int32_t>>(std::move(*told)) : nullptr;
}

std::vector<chr_broker> usable_brokers(const Broker& broker, const Catalog& catalog) {
  std::vector<chr_broker> out = usable_in(broker, catalog);
  const std::shared_ptr<const Address> own = broker.advertised.load();
  if (!out.empty() || own == nullptr) return out;
  chr_broker self{};
  self.struct_size = sizeof self;
  self.id = broker.host.node().id;
  self.host = to_abi(own->host);
  self.port = own->port;
  self.rack = broker.host.node().rack;
  return {self};
}

bool knows_brokers(const Broker& broker, const Catalog& catalog) {
  return !usable_in(broker, catalog).empty();
}

int32_t controller_of(const Broker& broker, const Catalog& catalog, const std::vector<chr_broker>& usable) {
  for (const int32_t id : {catalog.controller(), broker.host.node().id}) {
    if (std::ranges::find(usable, id, &chr_broker::id) != usable.end()) return id;
  }
  return usable.empty() ? broker.host.node().id : usable.front().id;
}

}  // namespace chronik::kafka
