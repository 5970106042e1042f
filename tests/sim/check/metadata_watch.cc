#include "sim/check/metadata_watch.h"

#include <fmt/format.h>
#include <chronik/host.hpp>

namespace chronik::sim {
namespace {

constexpr uint64_t kEvery = 100 * kMillisecond;
constexpr uint64_t kAgreeWithin =
    30 * kSecond;  // once every partition has a leader: several rounds of anti-entropy

std::string group_name(const chr_uuid& topic, uint32_t partition) {
  std::string name;
  for (const uint8_t byte : topic.b) name += fmt::format("{:02x}", byte);
  return fmt::format("{}.{}", name, partition);
}

}  // namespace

template <class F>
uint64_t MetadataWatch::for_each(Node& node, F&& fn) {
  void* self = nullptr;
  const auto* metadata = static_cast<const chr_metadata_v1*>(node.service(CHR_METADATA_ID, &self, false));
  if (metadata == nullptr) return 0;
  const Enter enter(cluster_.world(), node.at_shard(0));
  chr_catalog* const catalog = metadata->catalog(self);
  uint64_t digest = sim::digest(from_abi(metadata->cluster_id(self, catalog)));
  for (uint32_t i = 0; i < metadata->n_brokers(self, catalog); ++i) {
    chr_broker broker{};
    broker.struct_size = sizeof broker;
    metadata->broker_at(self, catalog, i, &broker);
    digest =
        sim::digest(from_abi(broker.host), digest ^ static_cast<uint64_t>(broker.id) << 16 ^ broker.port);
  }
  for (uint32_t i = 0; i < metadata->n_topics(self, catalog); ++i) {
    chr_topic topic{};
    topic.struct_size = sizeof topic;
    metadata->topic_at(self, catalog, i, &topic);
    digest = sim::digest(from_abi(topic.name), sim::digest(&topic.id, sizeof topic.id, digest));
    for (uint32_t p = 0; p < topic.n_partitions; ++p) {
      chr_partition partition{};
      partition.struct_size = sizeof partition;
      metadata->partition(self, catalog, topic.handle, static_cast<int32_t>(p), &partition);
      digest = sim::digest(partition.replicas, partition.n_replicas * sizeof(int32_t), digest);
      fn(group_name(topic.id, p), Named{partition.leader, partition.term});
    }
  }
  metadata->release(self, catalog);
  return digest;
}

void MetadataWatch::begin() {
  look();
  cluster_.world().loop.call(cluster_.world().now() + kEvery, [this] { begin(); });
}

void MetadataWatch::look() {
  for (uint32_t id = 1; id <= cluster_.size() && !cluster_.world().failed(); ++id) {
    Node& node = cluster_.node(id);
    if (node.running() && !cluster_.world().loop.paused(id)) look_at(node);
  }
  const uint64_t now = cluster_.world().now();
  if (!healed_ || !cluster_.all_running()) agreed_ = now;
  for (uint32_t id = 1; id <= cluster_.size(); ++id) {  // what a stall or a pause held up comes through later
    if (cluster_.node(id).medium().busy(now + kSecond) || cluster_.world().loop.paused(id)) agreed_ = now;
  }
  if (now - agreed_ < kSecond) return;
  const std::string why = differs();
  if (why.empty()) agreed_ = now;
  if (now - agreed_ > kAgreeWithin) {
    cluster_.world().fail("metadata-convergence",
                          fmt::format("{}, {} s after the last fault", why, (now - agreed_) / kSecond));
  }
}

void MetadataWatch::look_at(Node& node) {
  Told& told = nodes_[node.id()];
  if (told.boot != node.boots()) told = {node.boots(), {}};
  for_each(node, [&](const std::string& group, const Named& named) { check(node, group, named); });
  const double mismatches = node.metrics().total("chronik_meta_digest_mismatch_total");
  if (mismatches > 0) {
    cluster_.world().fail(
        "catalog-digest",
        fmt::format("node {} saw a catalog that differs from its own at the same entry", node.id()));
  }
}

void MetadataWatch::check(Node& node, const std::string& group, const Named& named) {
  if (named.leader < 0) return;
  World& world = cluster_.world();
  const GroupTruth& truth = checker_.group(group);
  const auto leader = truth.leaders.find(named.term);
  if (leader == truth.leaders.end() || static_cast<int32_t>(leader->second) != named.leader) {
    return world.fail(
        "metadata-truth",
        fmt::format("node {} names node {} as leader of {} in term {}, which was {}", node.id(), named.leader,
                    group, named.term, leader == truth.leaders.end() ? 0 : leader->second));
  }
  Named& newest = nodes_[node.id()].newest[group];
  if (named.term < newest.term) {
    return world.fail("metadata-order",
                      fmt::format("node {} names the leader of {} in term {} after that of term {}",
                                  node.id(), group, named.term, newest.term));
  }
  newest = named;
}

std::string MetadataWatch::true_leader_differs(const GroupTruth& group, Node& node, const Named& named) {
  if (group.leaders.empty()) return group.name + " has no leader";
  const auto& [term, leader] = *group.leaders.rbegin();
  chr_group_bounds bounds{};
  if (!consensus_.bounds(cluster_.node(leader), group.name, &bounds) || bounds.usable == 0) {
    agreed_ = cluster_.world().now();  // not yet: there is nobody to name
    return group.name + " has no usable leader";
  }
  if (named.term == term && named.leader == static_cast<int32_t>(leader)) return {};
  return fmt::format("node {} names node {} as leader of {} in term {}, it is node {} in term {}", node.id(),
                     named.leader, group.name, named.term, leader, term);
}

std::string MetadataWatch::differs() {
  std::string why;
  std::optional<uint64_t> first;
  for (uint32_t id = 1; id <= cluster_.size(); ++id) {
    Node& node = cluster_.node(id);
    if (!node.running()) continue;
    const uint64_t digest = for_each(node, [&](const std::string& group, const Named& named) {
      if (why.empty()) why = true_leader_differs(checker_.group(group), node, named);
    });
    if (digest != first.value_or(digest) && why.empty())
      why = fmt::format("the catalog of node {} differs from that of others", id);
    first = digest;
  }
  return why;
}

}  // namespace chronik::sim
