#include "metadata/catalog/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "metadata/catalog/features.h"
#include "metadata/catalog/placement.h"

namespace chronik::metadata {
namespace {

Verdict invalid(std::string message) { return {CHR_E_INVALID_ARGUMENT, std::move(message)}; }

Verdict check_replicas(const Catalog& catalog, const std::vector<int32_t>& replicas, int32_t factor,
                       int32_t first) {
  for (size_t at = 0; at < replicas.size(); ++at) {
    const size_t begin = at - at % static_cast<size_t>(factor);
    const size_t partition = static_cast<size_t>(first) + at / static_cast<size_t>(factor);
    const auto node = catalog.nodes().find(replicas[at]);
    if (node == catalog.nodes().end() || node->second.leaving)
      return invalid(fmt::format("partition {} is assigned to node {}, which is {}", partition, replicas[at],
                                 node == catalog.nodes().end() ? "not known" : "leaving the cluster"));
    if (std::find(replicas.begin() + static_cast<std::ptrdiff_t>(begin),
                  replicas.begin() + static_cast<std::ptrdiff_t>(at),
                  replicas[at]) != replicas.begin() + static_cast<std::ptrdiff_t>(at))
      return invalid(fmt::format("partition {} is assigned to node {} twice", partition, replicas[at]));
  }
  return {};
}

// Nodes that new replicas may be placed on.
size_t staying_nodes(const Catalog& catalog) {
  return static_cast<size_t>(std::count_if(catalog.nodes().begin(), catalog.nodes().end(),
                                           [](const auto& node) { return !node.second.leaving; }));
}

// What is wrong with a topic whatever its replicas are.
Verdict check_shape(const Catalog& catalog, const NewTopic& item) {
  if (const Verdict verdict = check_name(item.name); verdict.code != CHR_OK) return verdict;
  if (catalog.find(item.name) != nullptr) return {CHR_E_EXISTS, "a topic of this name already exists"};
  if (const std::string* other = catalog.topics().colliding(item.name))
    return invalid(fmt::format("collides with topic '{:.60}': '.' and '_' are the same in metrics", *other));
  if (item.partitions < 1 || item.partitions > kMaxPartitions)
    return invalid(
        fmt::format("the number of partitions is {}, not within 1 and {}", item.partitions, kMaxPartitions));
  const size_t nodes = staying_nodes(catalog);
  if (item.replication_factor < 1)
    return {CHR_E_OUT_OF_RANGE,
            fmt::format("the replication factor is {}, not 1 or more", item.replication_factor)};
  if (item.replication_factor > kMaxReplicationFactor || static_cast<size_t>(item.replication_factor) > nodes)
    return {CHR_E_OUT_OF_RANGE, fmt::format("the replication factor is {}, but only {} nodes are known",
                                            item.replication_factor, nodes)};
  return check_configs(item.configs);
}

// A request cannot ask for more than one topic could have; what it makes must fit one entry.
Verdict reserve_partitions(int32_t partitions, int64_t* left) {
  *left -= partitions;
  if (*left >= 0) return {};
  return invalid(fmt::format("more than {} partitions in one request", kMaxPartitions));
}

size_t replicas_wanted(int32_t partitions, int32_t factor) {
  return static_cast<size_t>(partitions) * static_cast<size_t>(factor);
}

Verdict check_growth(const Catalog& catalog, const Topic* topic, const MorePartitions& item) {
  if (topic == nullptr) return {CHR_E_NOT_FOUND, "this topic does not exist"};
  const auto present = static_cast<int32_t>(topic->partitions.size());
  if (item.total <= present)
    return invalid(fmt::format("the topic has {} partitions, so {} is no growth", present, item.total));
  if (item.total > kMaxPartitions)
    return invalid(
        fmt::format("the number of partitions is {}, not within 1 and {}", item.total, kMaxPartitions));
  if (static_cast<size_t>(topic->factor()) > staying_nodes(catalog))
    return {CHR_E_OUT_OF_RANGE, "fewer nodes are known than the replication factor"};
  return {};
}

// The nodes that new replicas are placed on: not those that leave, and those that are down only where the
// others are too few. What is placed on a node that is down has a majority as long as most are up.
std::map<int32_t, Node> candidates(const Catalog& catalog, const ClusterView& view, int32_t factor) {
  std::map<int32_t, Node> staying, live;
  for (const auto& [id, node] : catalog.nodes()) {
    if (node.leaving) continue;
    staying.emplace(id, node);
    if (view.live.empty() || view.live.contains(id)) live.emplace(id, node);
  }
  return live.size() >= static_cast<size_t>(factor) ? live : staying;
}

// Where a topic fits once the nodes that are expected have registered, the caller may want to wait for them.
Verdict may_fit_later(const Catalog& catalog, const ClusterView& view, const NewTopic& item,
                      Verdict verdict) {
  std::set<int32_t> coming;
  for (const int32_t node : view.expected)
    if (!catalog.nodes().contains(node) && !catalog.removed_nodes().contains(node)) coming.insert(node);
  if (coming.empty()) return verdict;
  const bool factor_fits =
      verdict.code == CHR_E_OUT_OF_RANGE && item.replication_factor >= 1 &&
      static_cast<size_t>(item.replication_factor) <= staying_nodes(catalog) + coming.size();
  const bool named = verdict.code == CHR_E_INVALID_ARGUMENT &&
                     std::any_of(item.replicas.begin(), item.replicas.end(),
                                 [&](int32_t node) { return coming.contains(node); });
  if (!factor_fits && !named) return verdict;
  return {CHR_E_UNAVAILABLE,
          fmt::format("{}; node {} is expected, and did not register yet", verdict.message, *coming.begin())};
}

void resolve(const Catalog& catalog, const ClusterView& view, CreateTopics* body) {
  std::set<std::string_view> names;
  uint64_t start = catalog.topics().partitions();
  int64_t left = kMaxPartitions;
  for (NewTopic& item : body->items) {
    if (const Topic* mine = catalog.find(item.id); mine != nullptr && mine->name == item.name) {
      item.partitions = static_cast<int32_t>(mine->partitions.size());  // a second attempt
      item.replication_factor = mine->replication_factor;
      item.replicas = mine->replicas;
      continue;
    }
    item.verdict =
        names.insert(item.name).second ? check_shape(catalog, item) : invalid("the topic is given twice");
    if (item.verdict.code == CHR_OK) item.verdict = reserve_partitions(item.partitions, &left);
    if (item.verdict.code == CHR_OK) {
      if (item.replicas.empty()) {
        item.replicas = place(candidates(catalog, view, item.replication_factor), start, 0, item.partitions,
                              item.replication_factor);
        start += static_cast<uint64_t>(item.partitions);
      }
      item.verdict = check(catalog, item);
    }
    item.verdict = may_fit_later(catalog, view, item, std::move(item.verdict));
  }
}

void resolve(const Catalog& catalog, const ClusterView&, DeleteTopics* body) {
  for (DeletedTopic& item : body->items) {
    if (catalog.find(item.id) == nullptr) item.verdict = {CHR_E_NOT_FOUND, "this topic does not exist"};
  }
}

void resolve(const Catalog& catalog, const ClusterView& view, CreatePartitions* body) {
  std::set<std::string_view> names;
  int64_t left = kMaxPartitions;
  for (MorePartitions& item : body->items) {
    const Topic* topic = catalog.find(item.name);
    item.verdict = names.insert(item.name).second ? check_growth(catalog, topic, item)
                                                  : invalid("the topic is given twice");
    if (item.verdict.code != CHR_OK) continue;
    item.id = topic->id;
    item.present = static_cast<int32_t>(topic->partitions.size());
    item.verdict = reserve_partitions(item.total - item.present, &left);
    if (item.verdict.code != CHR_OK) continue;
    if (item.replicas.empty()) {
      // Goes on where the rotation of the present partitions stands.
      const std::map<int32_t, Node> nodes = candidates(catalog, view, topic->factor());
      const auto first = nodes.lower_bound(topic->replicas.front());
      const auto start = static_cast<uint64_t>(std::distance(nodes.begin(), first));
      item.replicas = place(nodes, start, item.present, item.total - item.present, topic->factor());
    }
    item.verdict = check(catalog, item);
  }
}

template <class Items>
void check_items(const Catalog& catalog, Items* body) {
  for (auto& item : body->items) item.verdict = check(catalog, item);
}
void resolve(const Catalog& catalog, const ClusterView&, AlterReassignments* body) {
  check_items(catalog, body);
}
void resolve(const Catalog& catalog, const ClusterView&, FinishReassignments* body) {
  check_items(catalog, body);
}
void resolve(const Catalog& catalog, const ClusterView&, ChangeNodes* body) { check_items(catalog, body); }
void resolve(const Catalog& catalog, const ClusterView&, AlterConfigs* body) { check_items(catalog, body); }

void resolve(const Catalog& catalog, const ClusterView&, ChangeRecords* body) { check_items(catalog, body); }
void resolve(const Catalog& catalog, const ClusterView& view, UpdateFeatures* body) {
  resolve_features(catalog, view, body);
}

void resolve(const Catalog&, const ClusterView&, InitCluster*) {}
void resolve(const Catalog&, const ClusterView&, AllocateProducerIds*) {}
void resolve(const Catalog&, const ClusterView&, SyncBatch*) {}

}  // namespace

Verdict check_name(std::string_view name) {
  if (name.empty()) return invalid("the topic name is empty");
  if (name == "." || name == "..") return invalid("the topic name must not be '.' or '..'");
  if (name.size() > kMaxNameBytes)
    return invalid(
        fmt::format("the topic name has {} characters, the limit is {}", name.size(), kMaxNameBytes));
  for (const char c : name) {
    const bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '_' || c == '-';
    if (!fine) return invalid("the topic name may hold only ASCII letters and digits, '.', '_' and '-'");
  }
  return {};
}

Verdict check(const Catalog& catalog, const NewTopic& item) {
  if (const Topic* mine = catalog.find(item.id); mine != nullptr && mine->name == item.name) return {};
  if (item.id.zero() || catalog.find(item.id) != nullptr || catalog.topics().was_deleted(item.id))
    return {CHR_E_CONFLICT, "this topic id was already used"};
  if (const Verdict verdict = check_shape(catalog, item); verdict.code != CHR_OK) return verdict;
  if (item.replicas.size() != replicas_wanted(item.partitions, item.replication_factor))
    return invalid("the assignment does not name replication factor nodes for every partition");
  return check_replicas(catalog, item.replicas, item.replication_factor, 0);
}

Verdict check(const Catalog& catalog, const MorePartitions& item) {
  const Topic* topic = catalog.find(item.id);
  if (const Verdict verdict = check_growth(catalog, topic, item); verdict.code != CHR_OK) return verdict;
  if (item.present != static_cast<int32_t>(topic->partitions.size()))
    return {CHR_E_CONFLICT, "the number of partitions was changed at the same time; try again"};
  if (item.replicas.size() != replicas_wanted(item.total - item.present, topic->factor()))
    return invalid("the assignment does not name replication factor nodes for every new partition");
  return check_replicas(catalog, item.replicas, topic->factor(), item.present);
}

void resolve(const Catalog& catalog, const ClusterView& view, Body* body) {
  std::visit([&](auto& b) { resolve(catalog, view, &b); }, *body);
}

namespace {

template <class F>
bool any_verdict(const Body& body, bool without_items, F&& matches) {
  return std::visit(
      [&](const auto& b) {
        if constexpr (requires { b.items; }) {
          return std::any_of(b.items.begin(), b.items.end(),
                             [&](const auto& item) { return matches(item.verdict.code); });
        } else {
          return without_items;
        }
      },
      body);
}

}  // namespace

bool any_accepted(const Body& body) {
  return any_verdict(body, true, [](chr_status code) { return code == CHR_OK; });
}

bool any_early(const Body& body) {
  return any_verdict(body, false, [](chr_status code) { return code == CHR_E_UNAVAILABLE; });
}

std::vector<ItemResult> verdicts(const Body& body) {
  std::vector<ItemResult> out;
  std::visit(
      [&](const auto& b) {
        if constexpr (requires { b.items; }) {
          for (const auto& item : b.items) {
            ItemResult result{item.verdict.code, item.verdict.message, {}, 0};
            if constexpr (requires { item.id; }) result.topic = item.id;
            if constexpr (requires { item.configs; })
              result.partitions = static_cast<uint32_t>(item.partitions);
            if constexpr (requires { item.total; }) result.partitions = static_cast<uint32_t>(item.total);
            out.push_back(std::move(result));
          }
        }
      },
      body);
  return out;
}

}  // namespace chronik::metadata
