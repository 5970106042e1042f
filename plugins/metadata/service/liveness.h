// Liveness: which nodes are up. A node tells those that it is linked with whom else it is linked with, and
// counts a node as up where it has a link to it, or where one that it is linked with has: one broken link
// makes neither of its ends look gone. The leader of __meta sends what it finds to its peers, and they all
// say the same; a node that knows no leader says what it finds itself. Below the level of records nothing is
// sent, and the nodes that are linked are up. State is on the home shard, but for is_up().
#pragma once

#include <array>
#include <functional>
#include <map>
#include <mutex>

#include "metadata/service/peers.h"
#include "metadata/service/replica.h"

namespace chronik::metadata {

class Liveness {
 public:
  // changed: is_up() says something else now.
  Liveness(Host host, const Replica* replica, Peers* peers, std::function<void()> changed);
  Liveness(const Liveness&) = delete;
  Liveness& operator=(const Liveness&) = delete;

  // A link, the leader of __meta or the catalog changed.
  void review_live_nodes();
  void link_changed(int32_t peer, bool up);
  void receive_frame(int32_t from, const LinksFrame& frame);
  void start();
  void stop();

  // [any]
  bool is_up(int32_t node) const;

 private:
  bool may_tell() const;
  std::set<int32_t> reached() const;
  std::set<int32_t> found(const std::set<int32_t>& reached) const;
  void set_live_nodes(std::set<int32_t> up);
  void forget(int32_t peer);
  bool lost_one_that_is_linked(const LinksFrame& before, const LinksFrame& now) const;
  void tell_all();
  static void CHR_CALL timer_fired(void* self);

  static constexpr uint64_t kTellAgainNs = 5'000'000'000;  // since frames may be lost
  static constexpr int32_t kLockFreeIds = 1'024;           // those below it are looked up without a lock

  const Host host_;
  const Replica* const replica_;
  Peers* const peers_;
  const std::function<void()> changed_;
  std::map<int32_t, LinksFrame> link_frames_;  // by those that are linked, the newest
  LinksFrame own_;                             // that the others were told last
  bool tells_ = false;                         // the level was finalized when it looked last
  std::set<int32_t> up_;
  uint64_t timer_ = 0;
  std::array<std::atomic<uint64_t>, kLockFreeIds / 64> low_{};
  mutable std::mutex mutex_;
  std::set<int32_t> high_;
};

}  // namespace chronik::metadata
