#include "catalog/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "catalog/placement.h"

namespace chronik::metadata {
namespace {

Verdict invalid(std::string message) { return {CHR_E_INVALID_ARGUMENT, std::move(message)}; }

Verdict check_replicas(const Catalog& catalog, const std::vector<int32_t>& replicas, int32_t factor,
                       int32_t first) {
  for (size_t at = 0; at < replicas.size(); ++at) {
    const size_t begin = at - at % static_cast<size_t>(factor);
    const size_t partition = static_cast<size_t>(first) + at / static_cast<size_t>(factor);
    if (!catalog.nodes().contains(replicas[at]))
      return invalid(
          fmt::format("partition {} is assigned to node {}, which is not known", partition, replicas[at]));
    if (std::find(replicas.begin() + static_cast<std::ptrdiff_t>(begin),
                  replicas.begin() + static_cast<std::ptrdiff_t>(at),
                  replicas[at]) != replicas.begin() + static_cast<std::ptrdiff_t>(at))
      return invalid(fmt::format("partition {} is assigned to node {} twice", partition, replicas[at]));
  }
  return {};
}

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

// What is wrong with a topic whatever its replicas are.
Verdict check_shape(const Catalog& catalog, const NewTopic& item) {
  if (const Verdict verdict = check_name(item.name); verdict.code != CHR_OK) return verdict;
  if (catalog.find(item.name) != nullptr) return {CHR_E_EXISTS, "a topic of this name already exists"};
  if (const std::string* other = catalog.colliding(item.name))
    return invalid(fmt::format("collides with topic '{:.60}': '.' and '_' are the same in metrics", *other));
  if (item.partitions < 1 || item.partitions > kMaxPartitions)
    return invalid(
        fmt::format("the number of partitions is {}, not within 1 and {}", item.partitions, kMaxPartitions));
  const size_t nodes = catalog.nodes().size();
  if (item.replication_factor < 1)
    return {CHR_E_OUT_OF_RANGE,
            fmt::format("the replication factor is {}, not 1 or more", item.replication_factor)};
  if (item.replication_factor > kMaxReplicationFactor || static_cast<size_t>(item.replication_factor) > nodes)
    return {CHR_E_OUT_OF_RANGE, fmt::format("the replication factor is {}, but only {} nodes are known",
                                            item.replication_factor, nodes)};
  return check_configs(item.configs);
}

// A request cannot ask for more than one topic could have; what it makes must fit one entry.
Verdict take(int32_t partitions, int64_t* left) {
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
  if (static_cast<size_t>(topic->replication_factor) > catalog.nodes().size())
    return {CHR_E_OUT_OF_RANGE, "fewer nodes are known than the replication factor"};
  return {};
}

void resolve(const Catalog& catalog, CreateTopics* body) {
  std::set<std::string_view> names;
  uint64_t start = catalog.partitions();
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
    if (item.verdict.code == CHR_OK) item.verdict = take(item.partitions, &left);
    if (item.verdict.code != CHR_OK) continue;
    if (item.replicas.empty()) {
      item.replicas = place(catalog.nodes(), start, 0, item.partitions, item.replication_factor);
      start += static_cast<uint64_t>(item.partitions);
    }
    item.verdict = check(catalog, item);
  }
}

void resolve(const Catalog& catalog, DeleteTopics* body) {
  for (DeletedTopic& item : body->items) {
    if (catalog.find(item.id) == nullptr) item.verdict = {CHR_E_NOT_FOUND, "this topic does not exist"};
  }
}

void resolve(const Catalog& catalog, CreatePartitions* body) {
  std::set<std::string_view> names;
  int64_t left = kMaxPartitions;
  for (MorePartitions& item : body->items) {
    const Topic* topic = catalog.find(item.name);
    item.verdict = names.insert(item.name).second ? check_growth(catalog, topic, item)
                                                  : invalid("the topic is given twice");
    if (item.verdict.code != CHR_OK) continue;
    item.id = topic->id;
    item.present = static_cast<int32_t>(topic->partitions.size());
    item.verdict = take(item.total - item.present, &left);
    if (item.verdict.code != CHR_OK) continue;
    if (item.replicas.empty()) {
      // Goes on where the rotation of the present partitions stands.
      const auto first = catalog.nodes().find(topic->replicas.front());
      const auto start = static_cast<uint64_t>(std::distance(catalog.nodes().begin(), first));
      item.replicas =
          place(catalog.nodes(), start, item.present, item.total - item.present, topic->replication_factor);
    }
    item.verdict = check(catalog, item);
  }
}

void resolve(const Catalog&, InitCluster*) {}
void resolve(const Catalog&, AllocateProducerIds*) {}
void resolve(const Catalog&, SyncBatch*) {}

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
  if (item.id.zero() || catalog.find(item.id) != nullptr || catalog.was_deleted(item.id))
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
  if (item.replicas.size() != replicas_wanted(item.total - item.present, topic->replication_factor))
    return invalid("the assignment does not name replication factor nodes for every new partition");
  return check_replicas(catalog, item.replicas, topic->replication_factor, item.present);
}

void resolve(const Catalog& catalog, Body* body) {
  std::visit([&](auto& b) { resolve(catalog, &b); }, *body);
}

bool any_accepted(const Body& body) {
  return std::visit(
      [](const auto& b) {
        if constexpr (requires { b.items; }) {
          return std::any_of(b.items.begin(), b.items.end(),
                             [](const auto& item) { return item.verdict.code == CHR_OK; });
        } else {
          return true;
        }
      },
      body);
}

std::vector<ItemResult> verdicts(const Body& body) {
  std::vector<ItemResult> out;
  std::visit(
      [&](const auto& b) {
        if constexpr (requires { b.items; }) {
          for (const auto& item : b.items) {
            ItemResult result{item.verdict.code, item.verdict.message, item.id, 0};
            if constexpr (requires { item.partitions; })
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
