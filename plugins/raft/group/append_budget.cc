#include "raft/group/append_budget.h"

#include <algorithm>
#include <utility>

namespace chronik::raft {

// Whatever its size: where only what fits had room, much that is small would keep what is large out.
bool AppendBudget::has_room(uint64_t limit) const {
  const uint64_t held = group_.services.unwritten.load(std::memory_order_relaxed);
  return held == 0 || held < limit;
}

bool AppendBudget::has_room_for_proposal(uint64_t bytes) const {
  return bytes == 0 || has_room(group_.settings().max_unwritten_bytes);
}

// A quarter stays for what this node's own clients send: others may send faster than its disk writes. What
// the log has takes nothing more, and its sender waits to hear so.
bool AppendBudget::has_room_for(const Message& append) const {
  const bool brings_records = std::ranges::any_of(append.entries, [this](const Entry& entry) {
    return entry.header.records > 0 && !group_.raft->log().matches(entry.header.index, entry.header.term);
  });
  return !brings_records || has_room(group_.settings().max_unwritten_bytes / 4 * 3);
}

void AppendBudget::count_unwritten() {
  const uint64_t now = group_.is_open() ? group_.raft->log().unstable_bytes() : 0;
  if (now != unwritten_) group_.services.unwritten += now - std::exchange(unwritten_, now);
}

chr_status AppendBudget::throttle(const chr_throttled* items, uint32_t n) {
  throttled_.assign(items, items + n);
  if (group_.is_open()) group_.mark();
  return CHR_OK;
}

// Nobody whom a majority may need.
bool AppendBudget::is_throttled(const PeerProgress& to) const {
  const auto named = [&](const chr_throttled& each) { return static_cast<NodeId>(each.node) == to.id; };
  return std::ranges::any_of(throttled_, named) && !group_.raft->is_needed(group_.now(), to.id);
}

uint64_t AppendBudget::throttled_room(NodeId to) const {
  uint64_t room = UINT64_MAX;
  for (const chr_throttled& each : throttled_)
    if (static_cast<NodeId>(each.node) == to)
      room = std::min(room, group_.services.throttle.room(each.bucket, {group_.hash, to}, group_.now()));
  return room;
}

void AppendBudget::allow_appends() {
  for (const PeerProgress& to : group_.raft->peers()) {
    const uint64_t room = group_.shard->windows().room(to.id);
    const bool throttled = !throttled_.empty() && is_throttled(to);
    group_.raft->allow(to.id, throttled ? std::min(room, throttled_room(to.id)) : room, throttled);
  }
}

// What a voter gets that is needed does not count: nothing holds it, and others would wait for it to end.
void AppendBudget::count_throttled(const PeerProgress& to, int64_t bytes) {
  const bool more = to.budget.limited && to.budget.held && group_.leads();
  for (const chr_throttled& each : throttled_) {
    if (static_cast<NodeId>(each.node) != to.id) continue;
    if (to.budget.limited && bytes != 0)
      group_.services.throttle.take_bytes(each.bucket, {group_.hash, to.id}, bytes, group_.now());
    group_.services.throttle.set_waiting(each.bucket, {group_.hash, to.id}, more, group_.now());
  }
}

void AppendBudget::count_appends() {
  PeerWindows& windows = group_.shard->windows();
  const auto on_its_way = [this](const PeerProgress& to) {
    return to.outstanding(group_.now(), group_.settings().election_timeout);
  };
  const bool open = group_.is_open();
  for (auto& [peer, bytes] : outstanding_) {
    uint64_t now = 0;
    for (size_t i = 0; open && i < group_.raft->peers().size(); ++i)
      if (group_.raft->peers()[i].id == peer) now = on_its_way(group_.raft->peers()[i]);
    windows.change(peer, std::exchange(bytes, now), now);
  }
  for (size_t i = 0; open && i < group_.raft->peers().size(); ++i) {
    const PeerProgress& to = group_.raft->peers()[i];
    windows.answered(to.id, group_.raft->take_answered(to.id));
    count_throttled(to, group_.raft->take_spent(to.id));
    if (to.budget.held && group_.leads()) {
      // Time makes room in a bucket, answers do in a window.
      to.budget.limited ? windows.wait_for_review(group_.hash) : windows.wait(to.id, group_.hash);
    }
    const auto known = std::find_if(outstanding_.begin(), outstanding_.end(),
                                    [&](const auto& each) { return each.first == to.id; });
    if (known != outstanding_.end()) continue;
    outstanding_.emplace_back(to.id, on_its_way(to));
    windows.change(to.id, 0, on_its_way(to));
  }
}

}  // namespace chronik::raft
