#include "metadata/catalog/digest.h"

namespace chronik::metadata {

uint64_t digest_of(const Uuid& topic, size_t partition, const PartitionState& state) {
  return Digest("leader")
      .id(topic)
      .number(partition)
      .number(static_cast<uint64_t>(static_cast<int64_t>(state.leader)))
      .number(state.term)
      .value();
}

uint64_t digest_of(const Topic& topic) {
  Digest digest("topic");
  digest.id(topic.id).text(topic.name).number(static_cast<uint64_t>(topic.replication_factor));
  for (const int32_t node : topic.replicas) digest.number(static_cast<uint64_t>(static_cast<int64_t>(node)));
  for (const uint32_t end : topic.ends) digest.number(end);
  for (const auto& [partition, move] : topic.moves) {
    digest.text("move").number(static_cast<uint64_t>(partition)).number(move.target.size());
    for (const auto* nodes : {&move.target, &move.others})
      for (const int32_t node : *nodes) digest.number(static_cast<uint64_t>(static_cast<int64_t>(node)));
  }
  for (const auto& [key, value] : topic.configs) digest.text(key).text(value);
  uint64_t sum = digest.value();
  for (size_t i = 0; i < topic.partitions.size(); ++i) sum += digest_of(topic.id, i, topic.partitions[i]);
  return sum;
}

uint64_t digest_of(const Node& node) {
  Digest digest("node");
  if (!node.raft.empty() || node.leaving) digest.text(node.raft).number(node.leaving ? 1 : 0);
  return digest.number(static_cast<uint64_t>(static_cast<int64_t>(node.id)))
      .text(node.host)
      .number(node.port)
      .text(node.rack)
      .id(node.incarnation)
      .value();
}

}  // namespace chronik::metadata
