#include "sim/check/metadata_watch.h"

#include <chronik/draft/liveness.h>
#include <fmt/format.h>
#include <chronik/host.hpp>

#include <algorithm>

namespace chronik::sim {
namespace {

constexpr uint64_t kEvery = 100 * kMillisecond;
constexpr size_t kMostVoters = 7;
constexpr uint64_t kAgreeWithin = 30 * kSecond;  // several rounds of anti-entropy

std::string group_name(const chr_uuid& topic, uint32_t partition) {
  std::string name;
  for (const uint8_t byte : topic.b) name += fmt::format("{:02x}", byte);
  return fmt::format("{}.{}", name, partition);
}

}  // namespace

MetadataWatch::Partition& MetadataWatch::partition(const chr_uuid& topic, uint32_t index) {
  Key key{{}, index};
  std::ranges::copy(topic.b, key.first.begin());
  Partition& found = partitions_[key];
  if (found.group == nullptr) {
    found.group = &checker_.group(group_name(topic, index));
    found.told.resize(cluster_.size() + 1);
  }
  return found;
}

template <class F>
void MetadataWatch::for_each(Node& node, F&& fn) {
  void* self = nullptr;
  const auto* metadata = static_cast<const chr_metadata_v1*>(node.service(CHR_METADATA_ID, &self, false));
  if (metadata == nullptr) return;
  const Enter enter(cluster_.world(), node.at_shard(0));
  chr_catalog* const catalog = metadata->catalog(self);
  for (uint32_t i = 0; i < metadata->n_topics(self, catalog); ++i) {
    chr_topic topic{};
    topic.struct_size = sizeof topic;
    metadata->topic_at(self, catalog, i, &topic);
    for (uint32_t p = 0; p < topic.n_partitions; ++p) {
      chr_partition found{};
      found.struct_size = sizeof found;
      metadata->partition(self, catalog, topic.handle, static_cast<int32_t>(p), &found);
      fn(topic, p, found);
    }
  }
  metadata->release(self, catalog);
}

uint64_t MetadataWatch::digest_of(Node& node) {
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
  metadata->release(self, catalog);
  for_each(node, [&digest](const chr_topic& topic, uint32_t, const chr_partition& found) {
    digest = sim::digest(from_abi(topic.name), sim::digest(&topic.id, sizeof topic.id, digest));
    digest = sim::digest(found.replicas, found.n_replicas * sizeof(int32_t), digest);
    digest = sim::digest(found.target, found.n_target * sizeof(int32_t), digest);
  });
  return digest;
}

void MetadataWatch::begin() {
  look();
  cluster_.world().loop.call(cluster_.world().now() + kEvery, [this] { begin(); });
}

void MetadataWatch::look() {
  for (uint32_t id = 1; id <= cluster_.size() && !cluster_.world().failed(); ++id) {
    Node& node = cluster_.node(id);
    if (!node.running() || cluster_.world().loop.paused(id)) continue;
    look_at(node);
    compare_with_leader(node);
  }
  const uint64_t now = cluster_.world().now();
  if (!healed_ || !cluster_.all_running()) agreed_ = now;
  for (uint32_t id = 1; id <= cluster_.size(); ++id) {  // what a stall or a pause held up comes through later
    if (cluster_.node(id).disk().busy(now + kSecond) || cluster_.world().loop.paused(id)) agreed_ = now;
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
  for_each(node, [&](const chr_topic& topic, uint32_t index, const chr_partition& found) {
    check(node, partition(topic.id, index), {found.leader, found.term});
  });
  const double mismatches = node.metrics().total("chronik_meta_digest_mismatch_total");
  if (mismatches > 0) {
    cluster_.world().fail(
        "catalog-digest",
        fmt::format("node {} saw a catalog that differs from its own at the same entry", node.id()));
  }
}

void MetadataWatch::check(Node& node, Partition& partition, const Named& named) {
  if (named.leader < 0) return;
  World& world = cluster_.world();
  const GroupTruth& truth = *partition.group;
  if (truth.goes) return;
  const auto leader = truth.leaders.find(named.term);
  if (leader == truth.leaders.end() || static_cast<int32_t>(leader->second) != named.leader) {
    return world.fail(
        "metadata-truth",
        fmt::format("node {} names node {} as leader of {} in term {}, which was {}", node.id(), named.leader,
                    truth.name, named.term, leader == truth.leaders.end() ? 0 : leader->second));
  }
  Told& told = partition.told[node.id()];
  if (told.boot != node.boots()) told = {node.boots(), {}};
  if (named.term < told.newest.term) {
    return world.fail("metadata-order",
                      fmt::format("node {} names the leader of {} in term {} after that of term {}",
                                  node.id(), truth.name, named.term, told.newest.term));
  }
  told.newest = named;
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

uint32_t MetadataWatch::up_for(Node& node) {
  void* self = nullptr;
  const auto* liveness = static_cast<const chr_liveness_v1*>(node.service(CHR_LIVENESS_ID, &self, false));
  if (liveness == nullptr) return UINT32_MAX;
  const Enter enter(cluster_.world(), node.at_shard(0));
  uint32_t up = 0;
  for (uint32_t id = 1; id <= cluster_.size(); ++id)
    up |= liveness->is_up(self, static_cast<int32_t>(id)) << (id - 1);
  return up;
}

int32_t MetadataWatch::controller_of(Node& node) {
  void* self = nullptr;
  const auto* metadata = static_cast<const chr_metadata_v1*>(node.service(CHR_METADATA_ID, &self, false));
  if (metadata == nullptr) return -1;
  const Enter enter(cluster_.world(), node.at_shard(0));
  return metadata->controller(self);
}

void MetadataWatch::compare_with_leader(Node& node) {
  const uint32_t id = node.id();
  const int32_t leader = controller_of(node);
  const uint64_t now = cluster_.world().now();
  const auto apart = [&] {
    if (leader <= 0 || static_cast<uint32_t>(leader) == id) return false;
    Node& other = cluster_.node(static_cast<uint32_t>(leader));
    return other.running() && !cluster_.world().loop.paused(other.id()) && controller_of(other) == leader &&
           cluster_.links().is_up(node, leader) && cluster_.links().is_up(other, static_cast<int32_t>(id)) &&
           up_for(node) != up_for(other);
  };
  if (!apart()) return void(apart_.erase(id));
  const uint64_t since = apart_.try_emplace(id, now).first->second;
  if (now - since <= kAgreeWithin) return;
  cluster_.world().fail(
      "who-is-up",
      fmt::format("nodes {:b} are up for node {}, {:b} for the leader of __meta, node {}, {} s on",
                  up_for(node), id, up_for(cluster_.node(static_cast<uint32_t>(leader))), leader,
                  (now - since) / kSecond));
}

std::string MetadataWatch::misses(Node& node) {
  const uint32_t up = up_for(node);
  for (uint32_t id = 1; id <= cluster_.size(); ++id)
    if (cluster_.node(id).running() && (up >> (id - 1) & 1) == 0)
      return fmt::format("node {} says that node {} is down", node.id(), id);
  return {};
}

// Where one of them never registered, all vote.
std::string MetadataWatch::votes_too_many(Node& node) {
  const std::vector<uint32_t>& voters = checker_.group("__meta").voters().incoming;
  void* self = nullptr;
  const auto* metadata = static_cast<const chr_metadata_v1*>(node.service(CHR_METADATA_ID, &self, false));
  if (metadata == nullptr || voters.size() <= kMostVoters) return {};
  const Enter enter(cluster_.world(), node.at_shard(0));
  chr_catalog* const catalog = metadata->catalog(self);
  size_t registered = 0;
  for (uint32_t i = 0; i < metadata->n_brokers(self, catalog); ++i) {
    chr_broker broker{};
    broker.struct_size = sizeof broker;
    metadata->broker_at(self, catalog, i, &broker);
    registered += std::ranges::count(voters, static_cast<uint32_t>(broker.id)) > 0 ? 1 : 0;
  }
  metadata->release(self, catalog);
  if (registered < voters.size()) return {};
  return fmt::format("__meta has {} voters", voters.size());
}

std::string MetadataWatch::differs() {
  std::string why;
  std::optional<uint64_t> first;
  for (uint32_t id = 1; id <= cluster_.size(); ++id) {
    Node& node = cluster_.node(id);
    if (!node.running()) continue;
    for_each(node, [&](const chr_topic& topic, uint32_t index, const chr_partition& found) {
      const GroupTruth& group = *partition(topic.id, index).group;
      if (why.empty() && !group.goes) why = true_leader_differs(group, node, {found.leader, found.term});
    });
    if (why.empty()) why = misses(node);
    if (why.empty()) why = votes_too_many(node);
    const uint64_t digest = digest_of(node);
    if (digest != first.value_or(digest) && why.empty())
      why = fmt::format("the catalog of node {} differs from that of others", id);
    first = digest;
  }
  return why;
}

}  // namespace chronik::sim
