#include "sim/host/ops.h"

namespace chronik::sim {

uint64_t Ops::begin(chr_host* owner, int32_t shard, chr_done_fn fn, void* context) {
  uint32_t index = 0;
  if (spare_.empty()) {
    index = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    index = spare_.back();
    spare_.pop_back();
  }
  Slot& slot = slots_[index];
  slot.fn = fn;
  slot.context = context;
  slot.owner = owner;
  slot.shard = shard;
  slot.state = State::kBegun;
  ++pending_;
  return static_cast<uint64_t>(slot.generation) << 32 | (index + 1);
}

Ops::Slot* Ops::find(uint64_t token) {
  const uint64_t index = (token & 0xffffffffu) - 1;
  if (index >= slots_.size()) return nullptr;
  Slot& slot = slots_[index];
  return slot.generation == token >> 32 && slot.state != State::kFree ? &slot : nullptr;
}

void Ops::free(uint32_t index) {
  Slot& slot = slots_[index];
  ++slot.generation;
  slot.watches.clear();
  slot.state = State::kFree;
  spare_.push_back(index);
  --pending_;
}

bool Ops::abandon(uint64_t token) {
  const Slot* const slot = find(token);
  if (slot == nullptr || slot->state != State::kBegun) return false;
  free(static_cast<uint32_t>(slot - slots_.data()));
  return true;
}

void Ops::observe(uint64_t token, OpObserver* observer, uint64_t tag) {
  if (Slot* const slot = find(token); slot != nullptr) slot->watches.push_back({observer, tag});
}

Ops::Check Ops::complete(const chr_done& done, uint32_t* index) {
  Slot* const slot = find(done.token);
  if (slot == nullptr) return Check::kStale;
  if (slot->state == State::kCompleted) return Check::kDouble;
  slot->state = State::kCompleted;
  *index = static_cast<uint32_t>(slot - slots_.data());
  return Check::kGood;
}

void Ops::end(uint32_t index, const chr_done& done, chr_host** owner, int32_t* shard, chr_done_fn* fn,
              void** context) {
  Slot& slot = slots_[index];
  *owner = slot.owner;
  *shard = slot.shard;
  *fn = slot.fn;
  *context = slot.context;
  const std::vector<Watch> watches = std::move(slot.watches);
  free(index);
  for (const Watch& watch : watches) watch.observer->on_completion(watch.tag, done);
}

void Ops::clear() {
  for (uint32_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].state != State::kFree) free(i);
  }
}

}  // namespace chronik::sim
