// What clients saw of one topic: what was sent, what was acknowledged where, and what stands in the log.
#pragma once

#include "sim/base/world.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace chronik::sim {

// One batch of one producer. It is sent until an answer says how it ended, or once.
struct SentBatch {
  uint32_t partition = 0;
  uint32_t producer = 0;
  int32_t base_sequence = 0;
  uint32_t records = 0;
  int64_t acked_at = -2;  // base offset; -2: not acknowledged, -1: acknowledged as a duplicate without one
  int64_t found_at = -1;  // base offset in the log, -1: not seen
  bool once = false;      // it is not sent again, so that its producer's batches may stand in any order
};

class KafkaHistory {
 public:
  KafkaHistory(World& world, uint32_t partitions) : world_(world), logs_(partitions) {}

  uint64_t sent(const SentBatch& batch) {
    batches_.push_back(batch);
    return batches_.size() - 1;
  }
  void acknowledged(uint64_t id, int64_t base_offset);
  // Likewise, of a batch that was sent once: on this connection, where answers come in the order of requests,
  // and batches stand in that order.
  void acknowledged_in_order(uint64_t id, uint64_t connection, int64_t base_offset);
  // A consumer read this batch (identified by its records) at this offset.
  void read(uint32_t partition, int64_t base_offset, uint64_t id, uint32_t records);
  // A leader said so, in this epoch.
  void high_watermark(uint32_t partition, int32_t epoch, int64_t offset);

  // At the end: every acknowledged batch is there, once, where it was acknowledged, in
  // the order of its producer.
  void finish();
  const SentBatch& batch(uint64_t id) const { return batches_[id]; }
  size_t batches() const { return batches_.size(); }
  uint64_t acks() const { return acks_; }
  // Read without a gap up to here.
  int64_t read_up_to(uint32_t partition) const { return logs_[partition].next; }
  int64_t acked_up_to(uint32_t partition) const { return logs_[partition].acked_end; }

 private:
  struct Log {
    std::vector<std::pair<int64_t, uint64_t>> bindings;  // base offset and batch, ascending
    int64_t next = 0;
    int64_t acked_end = 0;
    int32_t epoch = -1;  // of the newest high watermark
    int64_t high_watermark = 0;
  };
  World& world_;
  std::vector<SentBatch> batches_;
  std::vector<Log> logs_;
  std::map<std::pair<uint64_t, uint32_t>, uint64_t> last_;  // batch acknowledged, by connection and partition
  uint64_t acks_ = 0;
};

}  // namespace chronik::sim
