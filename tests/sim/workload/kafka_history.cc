#include "sim/workload/kafka_history.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

namespace chronik::sim {

void KafkaHistory::acknowledged(uint64_t id, int64_t base_offset) {
  SentBatch& batch = batches_[id];
  batch.acked_at = base_offset;
  ++acks_;
  if (base_offset < 0) return;
  Log& log = logs_[batch.partition];
  log.acked_end = std::max(log.acked_end, base_offset + batch.records);
  if (batch.found_at >= 0 && batch.found_at != base_offset) {
    world_.fail("ack-offset",
                fmt::format("partition {}: batch {} was acknowledged at offset {} and read at {}",
                            batch.partition, id, base_offset, batch.found_at));
  }
}

void KafkaHistory::acknowledged_in_order(uint64_t id, uint64_t connection, int64_t base_offset) {
  acknowledged(id, base_offset);
  const uint32_t partition = batches_[id].partition;
  const auto [last, is_first] = last_.try_emplace({connection, partition}, id);
  const uint64_t before = std::exchange(last->second, id);
  if (is_first || batches_[before].acked_at < base_offset) return;
  world_.fail(
      "connection-order",
      fmt::format("partition {}: of two batches of one connection the first, {}, stands at {}, and the "
                  "second, {}, at {}",
                  partition, before, batches_[before].acked_at, id, base_offset));
}

void KafkaHistory::read(uint32_t partition, int64_t base_offset, uint64_t id, uint32_t records) {
  Log& log = logs_[partition];
  if (id >= batches_.size() || batches_[id].partition != partition || batches_[id].records != records) {
    return world_.fail(
        "foreign-batch",
        fmt::format("partition {}: offset {} holds a batch that nobody sent there", partition, base_offset));
  }
  const auto at =
      std::lower_bound(log.bindings.begin(), log.bindings.end(), std::pair(base_offset, uint64_t{0}));
  if (at != log.bindings.end() && at->first == base_offset) {
    if (at->second == id) return;
    return world_.fail("offset-rebound",
                       fmt::format("partition {}: offset {} was read as batch {}, now as {}", partition,
                                   base_offset, at->second, id));
  }
  if (base_offset != log.next) {
    return world_.fail("offset-gap", fmt::format("partition {}: offset {} was read where {} comes next",
                                                 partition, base_offset, log.next));
  }
  SentBatch& batch = batches_[id];
  if (batch.found_at >= 0) {
    return world_.fail("duplicate", fmt::format("partition {}: batch {} stands at offset {} and at {}",
                                                partition, id, batch.found_at, base_offset));
  }
  batch.found_at = base_offset;
  if (batch.acked_at >= 0 && batch.acked_at != base_offset) {
    return world_.fail("lost-ack",
                       fmt::format("partition {}: batch {} was acknowledged at offset {}, but stands at {}",
                                   partition, id, batch.acked_at, base_offset));
  }
  log.bindings.emplace_back(base_offset, id);
  log.next = base_offset + records;
}

void KafkaHistory::high_watermark(uint32_t partition, int32_t epoch, int64_t offset) {
  Log& log = logs_[partition];
  if (epoch < log.epoch) return;  // a leader of the past answered late
  if (epoch == log.epoch && offset < log.high_watermark) {
    world_.fail("high-watermark", fmt::format("partition {}: the leader of epoch {} says {} after {}",
                                              partition, epoch, offset, log.high_watermark));
  }
  log.epoch = epoch;
  log.high_watermark = std::max(log.high_watermark, offset);
}

void KafkaHistory::finish() {
  std::map<std::pair<uint32_t, uint32_t>, int64_t>
      last;  // by producer and partition: offset of its last batch
  for (uint64_t id = 0; id < batches_.size(); ++id) {
    const SentBatch& batch = batches_[id];
    if (batch.acked_at >= -1 && batch.found_at < 0) {
      return world_.fail("lost-ack",
                         fmt::format("partition {}: batch {} was acknowledged at offset {} and is not in "
                                     "the log",
                                     batch.partition, id, batch.acked_at));
    }
    if (batch.found_at < 0 || batch.once) continue;
    auto& before = last.try_emplace({batch.producer, batch.partition}, -1).first->second;
    if (batch.found_at < before) {
      return world_.fail("producer-order",
                         fmt::format("partition {}: batch {} of producer {} stands at {}, before one "
                                     "that was sent earlier, at {}",
                                     batch.partition, id, batch.producer, batch.found_at, before));
    }
    before = batch.found_at;
  }
}

}  // namespace chronik::sim
