#include "sim/workload/kafka_members.h"

#include <chronik/metadata.h>
#include <fmt/format.h>
#include <chronik/host.hpp>

#include <algorithm>

#include "kafka-proto/messages/alter_partition_reassignments.h"
#include "kafka-proto/wire/errors.h"

namespace chronik::sim {
namespace {

constexpr uint64_t kTimeout = 10 * kSecond;
constexpr uint64_t kAgainAfter = 300 * kMillisecond;
constexpr size_t kReplicas = 3;

}  // namespace

void KafkaMembers::change(uint32_t partition, std::vector<int32_t> replicas) {
  Goal& goal = goals_[partition % partitions_];
  goal.replicas = std::move(replicas);
  goal.taken = false;
  ask(partition % partitions_);
}

void KafkaMembers::ask(uint32_t partition) {
  Goal& goal = goals_[partition];
  if (goal.busy || goal.taken) return;
  goal.busy = true;
  kafka::AlterPartitionReassignmentsRequest request;
  request.timeout_ms = 5000;
  auto& topic = request.topics.emplace_back();
  topic.name = topic_;
  auto& part = topic.partitions.emplace_back();
  part.partition_index = static_cast<int32_t>(partition);
  part.replicas = goal.replicas;
  const auto answered = [this, partition, asked = goal.replicas](const auto& response) {
    Goal& now = goals_[partition];
    now.busy = false;
    now.late |= !response.has_value();
    const bool taken = response && response->error_code == kafka::ErrorCode::kNone &&
                       response->responses.size() == 1 && response->responses[0].partitions.size() == 1 &&
                       response->responses[0].partitions[0].error_code == kafka::ErrorCode::kNone;
    taken_ += taken ? 1 : 0;
    now.taken = taken && asked == now.replicas;
    if (now.taken) return;
    cluster_.world().loop.call(cluster_.world().now() + kAgainAfter, [this, partition] { ask(partition); });
  };
  admin_.call<kafka::AlterPartitionReassignments>(admin_.any_node(), 1, request, kTimeout, answered);
}

void KafkaMembers::replace(uint32_t gone, uint32_t by) {
  for (uint32_t partition = 0; partition < partitions_; ++partition) {
    std::vector<int32_t> replicas = wanted(partition);
    const auto at = std::ranges::find(replicas, static_cast<int32_t>(gone));
    if (at == replicas.end()) continue;
    replicas.erase(at);
    if (std::ranges::find(replicas, static_cast<int32_t>(by)) == replicas.end())
      replicas.push_back(static_cast<int32_t>(by));
    change(partition, std::move(replicas));
  }
}

void KafkaMembers::wind_down() {
  if (goals_.empty()) return;
  for (uint32_t partition = 0; partition < partitions_; ++partition) {
    std::vector<int32_t> replicas = wanted(partition);
    if (replicas.empty()) continue;
    std::erase_if(replicas,
                  [this](int32_t node) { return cluster_.node(static_cast<uint32_t>(node)).quarantined(); });
    for (uint32_t id = 1; id <= cluster_.size() && replicas.size() < kReplicas; ++id) {
      const auto node = static_cast<int32_t>(id);
      if (!cluster_.node(id).quarantined() && std::ranges::find(replicas, node) == replicas.end())
        replicas.push_back(node);
    }
    change(partition, std::move(replicas));
  }
}

KafkaMembers::Placement KafkaMembers::placement(Node& node, uint32_t partition) const {
  void* self = nullptr;
  const auto* metadata = static_cast<const chr_metadata_v1*>(node.service(CHR_METADATA_ID, &self, false));
  if (metadata == nullptr) return {};
  const Enter enter(cluster_.world(), node.at_shard(0));
  chr_catalog* const catalog = metadata->catalog(self);
  chr_topic topic{};
  topic.struct_size = sizeof topic;
  chr_partition found{};
  found.struct_size = sizeof found;
  Placement out;
  if (metadata->topic_by_name(self, catalog, to_abi(topic_), &topic) == CHR_OK &&
      metadata->partition(self, catalog, topic.handle, static_cast<int32_t>(partition), &found) == CHR_OK) {
    out.replicas.assign(found.replicas, found.replicas + found.n_replicas);
    out.target.assign(found.target, found.target + found.n_target);
  }
  metadata->release(self, catalog);
  return out;
}

std::vector<int32_t> KafkaMembers::wanted(uint32_t partition) const {
  if (const auto goal = goals_.find(partition); goal != goals_.end()) return goal->second.replicas;
  for (uint32_t id = 1; id <= cluster_.size(); ++id) {
    if (!cluster_.node(id).running()) continue;
    const Placement at = placement(cluster_.node(id), partition);
    if (!at.replicas.empty()) return at.target.empty() ? at.replicas : at.target;
  }
  return {};
}

bool KafkaMembers::reached(uint32_t partition, const Goal& goal) const {
  for (uint32_t id = 1; id <= cluster_.size(); ++id) {
    if (!cluster_.node(id).running()) continue;
    const Placement at = placement(cluster_.node(id), partition);
    if (!at.target.empty() || at.replicas != goal.replicas) return false;
  }
  return true;
}

bool KafkaMembers::settled() {
  return std::ranges::all_of(
      goals_, [this](const auto& goal) { return goal.second.taken && reached(goal.first, goal.second); });
}

void KafkaMembers::look_again() {
  for (auto& [partition, goal] : goals_) {
    if (!goal.late || !goal.taken || reached(partition, goal)) continue;
    goal.taken = false;
    ask(partition);
  }
}

std::string KafkaMembers::state() {
  std::string text;
  for (const auto& [partition, goal] : goals_) {
    text += fmt::format("; partition {} is to be at ({}){}", partition, fmt::join(goal.replicas, " "),
                        goal.taken ? "" : ", which nobody has taken");
    for (uint32_t id = 1; id <= cluster_.size(); ++id) {
      if (!cluster_.node(id).running()) continue;
      const Placement at = placement(cluster_.node(id), partition);
      text += fmt::format(", by node {} at ({})", id, fmt::join(at.replicas, " "));
      if (!at.target.empty()) text += fmt::format(" on its way to ({})", fmt::join(at.target, " "));
    }
  }
  return text;
}

}  // namespace chronik::sim
