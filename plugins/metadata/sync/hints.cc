#include "metadata/sync/hints.h"

#include <algorithm>
#include <utility>

namespace chronik::metadata {

bool Hints::update(const GroupKey& key, Hint hint) {
  {
    Stripe& at = stripe(key.topic);
    const std::lock_guard lock(at.mutex);
    Slot& slot = at.slots[key];
    hint.named = hint.leader < 0 ? slot.hint.named : std::max(slot.hint.named, hint.term);
    const bool as_before = hint.leader < 0 && slot.hint.leader < 0 && hint.term == slot.hint.term;
    if (as_before && slot.hint.since_ns != 0) hint.since_ns = slot.hint.since_ns;
    slot.hint = std::move(hint);
    if (std::exchange(slot.dirty, true)) return false;
  }
  const std::lock_guard lock(dirty_mutex_);
  dirty_.push_back(key);
  return dirty_.size() == 1;
}

std::optional<KnownLeader> Hints::find(const GroupKey& key) const {
  const Stripe& at = stripe(key.topic);
  const std::lock_guard lock(at.mutex);
  const auto found = at.slots.find(key);
  if (found == at.slots.end()) return std::nullopt;
  const Hint& hint = found->second.hint;
  return KnownLeader{hint.term, hint.leader, hint.named, hint.since_ns};
}

std::vector<std::pair<GroupKey, Hint>> Hints::drain() {
  std::vector<GroupKey> keys;
  {
    const std::lock_guard lock(dirty_mutex_);
    keys.swap(dirty_);
  }
  std::vector<std::pair<GroupKey, Hint>> out;
  out.reserve(keys.size());
  for (const GroupKey& key : keys) {
    Stripe& at = stripe(key.topic);
    const std::lock_guard lock(at.mutex);
    const auto found = at.slots.find(key);
    if (found == at.slots.end()) continue;
    found->second.dirty = false;
    out.emplace_back(key, found->second.hint);
  }
  return out;
}

void Hints::forget(const Uuid& topic) {
  Stripe& at = stripe(topic);
  const std::lock_guard lock(at.mutex);
  auto it = at.slots.lower_bound(GroupKey{topic, -1});
  while (it != at.slots.end() && it->first.topic == topic) it = at.slots.erase(it);
}

}  // namespace chronik::metadata
