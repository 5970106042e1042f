// How much a group may hold and send, as its node and its shard count it.
#include "group/group.h"

#include <algorithm>
#include <utility>

namespace chronik::raft {

bool Group::has_room(uint64_t bytes, uint64_t limit) const {
  const uint64_t held = services_.unwritten.load(std::memory_order_relaxed);
  return held == 0 || held + bytes <= limit;
}

bool Group::has_room_for_proposal(uint64_t bytes) const {
  return bytes == 0 || has_room(bytes, services_.settings.max_unwritten_bytes);
}

// A quarter stays for what this node's own clients send: others may send faster than its disk writes.
bool Group::has_room_for(const Message& append) const {
  uint64_t bytes = 0;
  for (const Entry& entry : append.entries)
    if (entry.header.records > 0) bytes += entry.payload.size();
  return bytes == 0 || has_room(bytes, services_.settings.max_unwritten_bytes / 4 * 3);
}

void Group::count_unwritten() {
  const uint64_t now = state_ == State::kOpen ? raft_->log().unstable_bytes() : 0;
  if (now != unwritten_) services_.unwritten += now - std::exchange(unwritten_, now);
}

void Group::dropped(const Message& append) {
  if (state_ == State::kOpen) raft_->append_dropped(append.to, append.term, append.index);
}

void Group::allow_appends() {
  for (const PeerProgress& to : raft_->peers()) raft_->allow(to.id, shard_->windows().room(to.id));
}

void Group::count_appends() {
  PeerWindows& windows = shard_->windows();
  const bool open = state_ == State::kOpen;
  for (auto& [peer, bytes] : outstanding_) {
    uint64_t now = 0;
    for (size_t i = 0; open && i < raft_->peers().size(); ++i)
      if (raft_->peers()[i].id == peer) now = raft_->peers()[i].outstanding();
    windows.change(peer, std::exchange(bytes, now), now);
  }
  for (size_t i = 0; open && i < raft_->peers().size(); ++i) {
    const PeerProgress& to = raft_->peers()[i];
    if (to.held) windows.wait(to.id, hash_);
    const auto known = std::find_if(outstanding_.begin(), outstanding_.end(),
                                    [&](const auto& each) { return each.first == to.id; });
    if (known != outstanding_.end()) continue;
    outstanding_.emplace_back(to.id, to.outstanding());
    windows.change(to.id, 0, to.outstanding());
  }
}

}  // namespace chronik::raft
