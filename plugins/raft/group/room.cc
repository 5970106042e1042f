// How much a group may hold and send, as its node and its shard count it.
#include "raft/group/group.h"

#include <algorithm>
#include <utility>

namespace chronik::raft {

// Whatever its size: where only what fits had room, much that is small would keep what is large out.
bool Group::has_room(uint64_t limit) const {
  const uint64_t held = services_.unwritten.load(std::memory_order_relaxed);
  return held == 0 || held < limit;
}

bool Group::has_room_for_proposal(uint64_t bytes) const {
  return bytes == 0 || has_room(services_.settings.max_unwritten_bytes);
}

// A quarter stays for what this node's own clients send: others may send faster than its disk writes. What
// the log has takes nothing more, and its sender waits to hear so.
bool Group::has_room_for(const Message& append) const {
  const bool brings_records = std::ranges::any_of(append.entries, [this](const Entry& entry) {
    return entry.header.records > 0 && !raft_->log().matches(entry.header.index, entry.header.term);
  });
  return !brings_records || has_room(services_.settings.max_unwritten_bytes / 4 * 3);
}

void Group::count_unwritten() {
  const uint64_t now = state_ == State::kOpen ? raft_->log().unstable_bytes() : 0;
  if (now != unwritten_) services_.unwritten += now - std::exchange(unwritten_, now);
}

void Group::dropped(const Message& append) {
  if (state_ == State::kOpen) raft_->append_dropped(append.to, append.term, append.index);
}

chr_status Group::throttle(const chr_throttled* items, uint32_t n) {
  throttled_.assign(items, items + n);
  if (state_ == State::kOpen) mark();
  return CHR_OK;
}

// Nobody whom a majority may need.
bool Group::is_throttled(const PeerProgress& to) const {
  const auto named = [&](const chr_throttled& each) { return static_cast<NodeId>(each.node) == to.id; };
  return std::ranges::any_of(throttled_, named) && !raft_->is_needed(shard_->now(), to.id);
}

uint64_t Group::throttled_room(NodeId to) const {
  uint64_t room = UINT64_MAX;
  for (const chr_throttled& each : throttled_)
    if (static_cast<NodeId>(each.node) == to)
      room = std::min(room, services_.throttle.room(each.bucket, {hash_, to}, shard_->now()));
  return room;
}

void Group::allow_appends() {
  for (const PeerProgress& to : raft_->peers()) {
    const uint64_t room = shard_->windows().room(to.id);
    const bool throttled = !throttled_.empty() && is_throttled(to);
    raft_->allow(to.id, throttled ? std::min(room, throttled_room(to.id)) : room, throttled);
  }
}

// What a voter gets that is needed does not count: nothing holds it, and others would wait for it to end.
void Group::count_throttled(const PeerProgress& to, int64_t bytes) {
  const bool more = to.limited && to.held && raft_->role() == Role::kLeader;
  for (const chr_throttled& each : throttled_) {
    if (static_cast<NodeId>(each.node) != to.id) continue;
    if (to.limited && bytes != 0)
      services_.throttle.take_bytes(each.bucket, {hash_, to.id}, bytes, shard_->now());
    services_.throttle.set_waiting(each.bucket, {hash_, to.id}, more, shard_->now());
  }
}

void Group::count_appends() {
  PeerWindows& windows = shard_->windows();
  const auto on_its_way = [this](const PeerProgress& to) {
    return to.outstanding(shard_->now(), services_.settings.election_timeout);
  };
  const bool open = state_ == State::kOpen;
  for (auto& [peer, bytes] : outstanding_) {
    uint64_t now = 0;
    for (size_t i = 0; open && i < raft_->peers().size(); ++i)
      if (raft_->peers()[i].id == peer) now = on_its_way(raft_->peers()[i]);
    windows.change(peer, std::exchange(bytes, now), now);
  }
  for (size_t i = 0; open && i < raft_->peers().size(); ++i) {
    const PeerProgress& to = raft_->peers()[i];
    windows.answered(to.id, raft_->take_answered(to.id));
    count_throttled(to, raft_->take_spent(to.id));
    if (to.held && raft_->role() == Role::kLeader) {
      // Time makes room in a bucket, answers do in a window.
      to.limited ? windows.wait_for_review(hash_) : windows.wait(to.id, hash_);
    }
    const auto known = std::find_if(outstanding_.begin(), outstanding_.end(),
                                    [&](const auto& each) { return each.first == to.id; });
    if (known != outstanding_.end()) continue;
    outstanding_.emplace_back(to.id, on_its_way(to));
    windows.change(to.id, 0, on_its_way(to));
  }
}

}  // namespace chronik::raft
