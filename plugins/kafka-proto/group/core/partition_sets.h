// Sets of partitions as records carry them: a list of topics, ascending by id, each with ascending partitions and, where
// members hold them, the member epochs of their assignment.
#pragma once

#include <optional>
#include <vector>

#include "kafka-proto/group/core/record.h"

namespace chronik::kafka::group {

using PartitionSet = std::vector<TopicPartitions>;

// Sorts, and says each topic and partition once. Epochs are dropped where they are not one for each partition.
PartitionSet sorted(PartitionSet any);
// Null: it has none of that topic.
const TopicPartitions* find_topic(const PartitionSet& set, const chr_uuid& topic);
bool contains(const PartitionSet& set, const chr_uuid& topic, int32_t partition);
// The member epoch at which the partition was assigned; nothing: it is not in the set.
std::optional<int32_t> assignment_epoch(const PartitionSet& set, const chr_uuid& topic, int32_t partition);
bool is_subset(const PartitionSet& part, const PartitionSet& whole);
bool intersects(const PartitionSet& a, const PartitionSet& b);
bool same_partitions(const PartitionSet& a, const PartitionSet& b);

// Adds to the last topic of the set, or begins the next one. Callers go in ascending order.
void add_partition(PartitionSet& set, const chr_uuid& topic, int32_t partition);
void add_partition(PartitionSet& set, const chr_uuid& topic, int32_t partition, int32_t epoch);
// Both together, with their epochs; what is in both has that of b.
PartitionSet merged(const PartitionSet& a, const PartitionSet& b);

bool operator==(const TopicPartitions& a, const TopicPartitions& b);
bool same_current(const CurrentMemberRecord::Value& a, const CurrentMemberRecord::Value& b);

}  // namespace chronik::kafka::group
