// Partitions on their way to other replicas: TopicTable's part that deals with them, and its rules.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "metadata/catalog/catalog.h"
#include "metadata/catalog/rules.h"

namespace chronik::metadata {
namespace {

using Nodes = std::vector<int32_t>;

bool contains(std::span<const int32_t> nodes, int32_t node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

// Whoever was in the move so far and is neither a replica nor in the new target.
Nodes others_of(const Topic& topic, int32_t partition, const Nodes& target) {
  Nodes out;
  const OngoingReassignment* before = topic.reassignment_of(partition);
  if (before == nullptr) return out;
  const std::span<const int32_t> replicas = topic.replicas_of(static_cast<size_t>(partition));
  for (const Nodes* nodes : {&before->also_removing, &before->target}) {
    for (const int32_t node : *nodes) {
      if (!contains(replicas, node) && !contains(target, node) && !contains(out, node)) out.push_back(node);
    }
  }
  return out;
}

Verdict check_target(const Catalog& catalog, const Nodes& target) {
  if (target.empty()) return {CHR_E_INVALID_ARGUMENT, "a partition needs at least one replica"};
  if (target.size() > static_cast<size_t>(kMaxReplicationFactor))
    return {CHR_E_INVALID_ARGUMENT,
            fmt::format("{} replicas, the limit is {}", target.size(), kMaxReplicationFactor)};
  for (auto it = target.begin(); it != target.end(); ++it) {
    const auto node = catalog.nodes().find(*it);
    if (node == catalog.nodes().end())
      return {CHR_E_INVALID_ARGUMENT, fmt::format("node {} is not known", *it)};
    if (node->second.leaving)
      return {CHR_E_INVALID_ARGUMENT, fmt::format("node {} is leaving the cluster", *it)};
    if (std::find(target.begin(), it, *it) != it)
      return {CHR_E_INVALID_ARGUMENT, fmt::format("node {} stands twice in the target", *it)};
  }
  return {};
}

Verdict find_partition(const Catalog& catalog, const Uuid& id, int32_t partition, const Topic** topic) {
  *topic = catalog.find(id);
  if (*topic == nullptr) return {CHR_E_NOT_FOUND, "this topic does not exist"};
  if (partition < 0 || static_cast<size_t>(partition) >= (*topic)->partitions.size())
    return {CHR_E_NOT_FOUND, fmt::format("the topic has no partition {}", partition)};
  return {};
}

bool equal(std::span<const int32_t> a, const Nodes& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace

Verdict check(const Catalog& catalog, const Reassignment& item) {
  const Topic* topic = nullptr;
  if (Verdict verdict = find_partition(catalog, item.id, item.partition, &topic); verdict.code != CHR_OK)
    return verdict;
  const std::span<const int32_t> replicas = topic->replicas_of(static_cast<size_t>(item.partition));
  if (item.cancel) {
    const OngoingReassignment* ongoing = topic->reassignment_of(item.partition);
    if (ongoing != nullptr && !equal(replicas, ongoing->target)) return {};
    return {CHR_E_CONFLICT, "no reassignment of this partition is in progress"};
  }
  if (Verdict verdict = check_target(catalog, item.replicas); verdict.code != CHR_OK) return verdict;
  if (item.same_factor && item.replicas.size() != replicas.size())
    return {CHR_E_OUT_OF_RANGE, fmt::format("the replication factor would change from {} to {}",
                                            replicas.size(), item.replicas.size())};
  return {};
}

Verdict check(const Catalog& catalog, const FinishedReassignment& item) {
  const Topic* topic = nullptr;
  if (Verdict verdict = find_partition(catalog, item.id, item.partition, &topic); verdict.code != CHR_OK)
    return verdict;
  const OngoingReassignment* ongoing = topic->reassignment_of(item.partition);
  const bool done =
      ongoing == nullptr && equal(topic->replicas_of(static_cast<size_t>(item.partition)), item.replicas);
  if (done || (ongoing != nullptr && ongoing->target == item.replicas)) return {};
  return {CHR_E_CONFLICT, "the reassignment was changed meanwhile"};
}

void TopicTable::apply(const AlterReassignments& command, Change* change) {
  std::set<Uuid> touched;
  for (const Reassignment& item : command.items)
    change->out->items.push_back(reassign(item, &touched, change));
  renew_digests(touched, change->generation);
}

void TopicTable::apply(const FinishReassignments& command, Change* change) {
  std::set<Uuid> touched;
  for (const FinishedReassignment& item : command.items)
    change->out->items.push_back(finish_reassignment(item, &touched, change));
  renew_digests(touched, change->generation);
}

// A digest costs as much as its topic has partitions, and a command may name each of them.
void TopicTable::renew_digests(const std::set<Uuid>& topics, uint64_t generation) {
  for (const Uuid& id : topics) renew_digest(&edit(id, generation));
}

ItemResult TopicTable::reassign(const Reassignment& item, std::set<Uuid>* touched, Change* change) {
  Verdict verdict = item.verdict;
  if (verdict.code == CHR_OK) verdict = check(change->catalog, item);
  if (verdict.code != CHR_OK) return {verdict.code, verdict.message, item.id, 0};
  const Topic& before = *find(item.id);
  const ItemResult done{CHR_OK, {}, item.id, static_cast<uint32_t>(before.partitions.size())};
  const std::span<const int32_t> replicas = before.replicas_of(static_cast<size_t>(item.partition));
  const Nodes target = item.cancel ? Nodes(replicas.begin(), replicas.end()) : item.replicas;
  OngoingReassignment ongoing{target, others_of(before, item.partition, target)};
  const OngoingReassignment* present = before.reassignment_of(item.partition);
  if (present != nullptr ? *present == ongoing : equal(replicas, target)) return done;
  edit(item.id, change->generation).reassignments[item.partition] = std::move(ongoing);
  touched->insert(item.id);
  version_ = change->version;
  change->out->changed = true;
  return done;
}

ItemResult TopicTable::finish_reassignment(const FinishedReassignment& item, std::set<Uuid>* touched,
                                           Change* change) {
  Verdict verdict = item.verdict;
  if (verdict.code == CHR_OK) verdict = check(change->catalog, item);
  if (verdict.code != CHR_OK) return {verdict.code, verdict.message, item.id, 0};
  const ItemResult done{CHR_OK, {}, item.id, static_cast<uint32_t>(find(item.id)->partitions.size())};
  if (find(item.id)->reassignment_of(item.partition) == nullptr) return done;
  Topic& topic = edit(item.id, change->generation);
  topic.set_replicas(static_cast<size_t>(item.partition), item.replicas);
  topic.reassignments.erase(item.partition);
  touched->insert(item.id);
  version_ = change->version;
  change->out->changed = true;
  return done;
}

}  // namespace chronik::metadata
