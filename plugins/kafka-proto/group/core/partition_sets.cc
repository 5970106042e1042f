#include "kafka-proto/group/core/partition_sets.h"

#include <algorithm>
#include <map>

#include "kafka-proto/group/core/topic_view.h"

namespace chronik::kafka::group {
namespace {

bool before(const TopicPartitions& a, const chr_uuid& topic) { return TopicIdLess{}(a.topic, topic); }

}  // namespace

bool operator==(const TopicPartitions& a, const TopicPartitions& b) {
  return same_topic(a.topic, b.topic) && a.partitions == b.partitions &&
         a.assignment_epochs == b.assignment_epochs;
}

PartitionSet sorted(PartitionSet any) {
  std::map<chr_uuid, std::map<int32_t, int32_t>, TopicIdLess> all;
  bool epochs = true;
  for (const TopicPartitions& topic : any) {
    epochs = epochs && topic.assignment_epochs.size() == topic.partitions.size();
    for (size_t i = 0; i < topic.partitions.size(); ++i)
      all[topic.topic][topic.partitions[i]] = epochs ? topic.assignment_epochs[i] : 0;
  }
  any.clear();
  for (const auto& [topic, partitions] : all)
    for (const auto& [partition, epoch] : partitions)
      epochs ? add_partition(any, topic, partition, epoch) : add_partition(any, topic, partition);
  return any;
}

const TopicPartitions* find_topic(const PartitionSet& set, const chr_uuid& topic) {
  const auto at = std::lower_bound(set.begin(), set.end(), topic, before);
  return at != set.end() && same_topic(at->topic, topic) ? &*at : nullptr;
}

bool contains(const PartitionSet& set, const chr_uuid& topic, int32_t partition) {
  const TopicPartitions* found = find_topic(set, topic);
  return found != nullptr &&
         std::binary_search(found->partitions.begin(), found->partitions.end(), partition);
}

std::optional<int32_t> assignment_epoch(const PartitionSet& set, const chr_uuid& topic, int32_t partition) {
  const TopicPartitions* found = find_topic(set, topic);
  if (found == nullptr) return std::nullopt;
  const auto at = std::lower_bound(found->partitions.begin(), found->partitions.end(), partition);
  if (at == found->partitions.end() || *at != partition) return std::nullopt;
  const auto i = static_cast<size_t>(at - found->partitions.begin());
  return i < found->assignment_epochs.size() ? found->assignment_epochs[i] : 0;
}

bool is_subset(const PartitionSet& part, const PartitionSet& whole) {
  return std::ranges::all_of(part, [&](const TopicPartitions& topic) {
    const TopicPartitions* other = find_topic(whole, topic.topic);
    return topic.partitions.empty() ||
           (other != nullptr && std::ranges::includes(other->partitions, topic.partitions));
  });
}

bool intersects(const PartitionSet& a, const PartitionSet& b) {
  return std::ranges::any_of(a, [&](const TopicPartitions& topic) {
    return std::ranges::any_of(topic.partitions,
                               [&](int32_t partition) { return contains(b, topic.topic, partition); });
  });
}

bool same_partitions(const PartitionSet& a, const PartitionSet& b) {
  return std::ranges::equal(a, b, [](const TopicPartitions& x, const TopicPartitions& y) {
    return same_topic(x.topic, y.topic) && x.partitions == y.partitions;
  });
}

void add_partition(PartitionSet& set, const chr_uuid& topic, int32_t partition) {
  if (set.empty() || !same_topic(set.back().topic, topic)) set.push_back({topic, {}, {}});
  set.back().partitions.push_back(partition);
}

void add_partition(PartitionSet& set, const chr_uuid& topic, int32_t partition, int32_t epoch) {
  add_partition(set, topic, partition);
  set.back().assignment_epochs.push_back(epoch);
}

PartitionSet merged(const PartitionSet& a, const PartitionSet& b) {
  PartitionSet both = a;
  both.insert(both.end(), b.begin(), b.end());
  return sorted(std::move(both));
}

bool same_current(const CurrentMemberRecord::Value& a, const CurrentMemberRecord::Value& b) {
  return a.epoch == b.epoch && a.previous_epoch == b.previous_epoch && a.state == b.state &&
         a.assigned == b.assigned && a.pending_revocation == b.pending_revocation;
}

}  // namespace chronik::kafka::group
