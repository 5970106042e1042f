#include "host/runtime/op_table.h"

namespace chronik::host {

uint64_t OpTable::begin(chr_done_fn fn, void* context) {
  uint32_t index = 0;
  if (!free_.empty()) {
    index = free_.back();
    free_.pop_back();
  } else if (slots_.size() < kMaxSlots) {
    index = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    return 0;
  }
  Slot& slot = slots_[index];
  slot.op = {fn, context};
  return uint64_t{slot.generation} << 32 | shard_ << kSlotBits | index;
}

bool OpTable::end(uint64_t token, Op* out) {
  const auto index = static_cast<uint32_t>(token) & (kMaxSlots - 1);
  if (shard_of(token) != shard_ || index >= slots_.size()) return false;
  Slot& slot = slots_[index];
  if (slot.generation != static_cast<uint32_t>(token >> 32) || slot.op.fn == nullptr) return false;
  *out = slot.op;
  slot.op = {};
  if (++slot.generation == 0) slot.generation = 1;
  free_.push_back(index);
  return true;
}

}  // namespace chronik::host
