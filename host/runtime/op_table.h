// OpTable: the operations that began on one shard and wait for their completion. Pure.
#pragma once

#include <chronik/host_services.h>

#include <cstdint>
#include <vector>

namespace chronik::host {

// Not thread-safe; belongs to one shard. A token is {generation:32, shard:8, slot:24}.
class OpTable {
 public:
  struct Op {
    chr_done_fn fn = nullptr;
    void* context = nullptr;
  };

  explicit OpTable(uint32_t shard) : shard_(shard) {}

  // A token, never 0; 0 when kMaxSlots operations are open.
  uint64_t begin(chr_done_fn fn, void* context);
  // Ends the operation; false when the token is stale or was never given.
  bool end(uint64_t token, Op* out);
  uint32_t open() const { return static_cast<uint32_t>(slots_.size() - free_.size()); }

  static uint32_t shard_of(uint64_t token) { return static_cast<uint32_t>(token >> kSlotBits) & 0xff; }
  static constexpr uint32_t kMaxSlots = 1u << 24;

 private:
  static constexpr uint32_t kSlotBits = 24;
  struct Slot {
    Op op;
    uint32_t generation = 1;
  };

  uint32_t shard_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
};

}  // namespace chronik::host
