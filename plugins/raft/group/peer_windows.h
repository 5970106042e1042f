// How much all groups of a shard together may have on its way to each peer. Every group has a window of its
// own, but they share one queue and one link: on a slow one, what many groups send at once would fill the
// queue, be dropped and be sent again, and answers would come later than an election waits for.
#pragma once

#include "raft/core/types.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace chronik::raft {

// Not thread-safe; belongs to one shard.
class PeerWindows {
 public:
  static constexpr uint64_t kMinWindow = 1u << 20;
  static constexpr uint64_t kFirstWindow = 16u << 20;
  // The windows of all busy peers together: what is on its way is in memory, much of it read for that.
  static constexpr uint64_t kMaxWindows = 32u << 20;

  // shards: how many share the way to a peer.
  void start(uint32_t shards) { shards_ = std::max(shards, 1u); }

  uint64_t room(NodeId peer) {
    const Window& window = of(peer);
    return window.size > window.outstanding ? window.size - window.outstanding : 0;
  }
  // What one group has on its way changed.
  void change(NodeId peer, uint64_t before, uint64_t now) { of(peer).outstanding += now - before; }
  // So many bytes have arrived there. What is given up is not counted: it says nothing of the link.
  void answered(NodeId peer, uint64_t bytes) { of(peer).freed += bytes; }
  // The group is to be told when there is room.
  void wait(NodeId peer, uint64_t group) {
    Window& window = of(peer);
    if (window.waits.insert(group).second) window.queue.push_back(group);
  }
  // There was no room in the queue of the link, or in a throttle: the group is told with the next review.
  void wait_for_review(uint64_t group) {
    if (review_waits_.insert(group).second) review_queue_.push_back(group);
  }

  // tell(group), in the order in which they began to wait, as many as there is room for a message of.
  template <class Tell>
  void resume(uint64_t message_bytes, Tell&& tell) {
    for (auto& [peer, window] : windows_) {
      if (window.queue.empty()) continue;
      uint64_t n = room(peer) / std::max<uint64_t>(message_bytes, 1) + (room(peer) > 0 ? 1 : 0);
      for (; n > 0 && !window.queue.empty(); --n) {
        const uint64_t group = window.queue.front();
        window.queue.pop_front();
        window.waits.erase(group);
        window.short_of_room = true;
        tell(group);
      }
    }
  }

  // Every interval: a window that was too small grows as long as it empties within four intervals, one that
  // takes more than eight shrinks.
  template <class Tell>
  void review(Tell&& tell) {
    const uint64_t most = max_window();
    for (auto& [peer, window] : windows_) {
      window.size = std::min(window.size, most);
      const uint64_t freed = std::exchange(window.freed, 0);
      if (!std::exchange(window.short_of_room, false) && window.queue.empty()) continue;
      if (freed * 4 >= window.size) window.size = std::min(window.size * 2, most);
      if (freed * 8 < window.size) window.size = std::max(window.size / 2, kMinWindow);
    }
    // What there is room for goes to whoever is told first: that is another one each time.
    std::vector<uint64_t> groups = std::exchange(review_queue_, {});
    review_waits_.clear();
    if (!groups.empty()) std::rotate(groups.begin(), groups.begin() + 1, groups.end());
    for (const uint64_t group : groups) tell(group);
  }

 private:
  struct Window {
    uint64_t size;
    uint64_t outstanding = 0;
    uint64_t freed = 0;  // since the last review
    bool short_of_room = false;
    std::deque<uint64_t> queue;
    std::unordered_set<uint64_t> waits;
  };
  uint64_t max_window() const {
    const auto busy =
        std::ranges::count_if(windows_, [](const auto& each) { return each.second.outstanding > 0; });
    return std::max(kMaxWindows / shards_ / std::max<uint64_t>(static_cast<uint64_t>(busy), 1), kMinWindow);
  }
  Window& of(NodeId peer) {
    return windows_.try_emplace(peer, Window{kFirstWindow / shards_, 0, 0, false, {}, {}}).first->second;
  }

  uint32_t shards_ = 1;
  std::unordered_map<NodeId, Window> windows_;
  std::vector<uint64_t> review_queue_;
  std::unordered_set<uint64_t> review_waits_;
};

}  // namespace chronik::raft
