#include "metadata/service/liveness.h"

#include <algorithm>
#include <utility>

#include "metadata/catalog/features.h"

namespace chronik::metadata {

Liveness::Liveness(Host host, const Replica* replica, Peers* peers, std::function<void()> changed)
    : host_(host), replica_(replica), peers_(peers), changed_(std::move(changed)) {
  set_live_nodes({host_.node().id});
}

bool Liveness::is_up(int32_t node) const {
  if (!peers_->has_links()) return true;
  if (node < 0) return false;
  if (node < kLockFreeIds) {
    const auto bit = static_cast<uint32_t>(node);
    return (low_[bit / 64].load(std::memory_order_relaxed) >> (bit % 64) & 1) != 0;
  }
  const std::lock_guard lock(mutex_);
  return high_.contains(node);
}

// Builds of before the level would drop it, with a line in their log each time.
bool Liveness::may_tell() const { return replica_->catalog().level() >= kRecordsLevel; }

// By a link of this node, or of one that it is linked with.
std::set<int32_t> Liveness::reached() const {
  std::set<int32_t> out = peers_->up();
  out.insert(host_.node().id);
  for (const auto& [peer, frame] : link_frames_) out.insert(frame.linked.begin(), frame.linked.end());
  return out;
}

std::set<int32_t> Liveness::found(const std::set<int32_t>& reached) const {
  const auto leader = link_frames_.find(replica_->leader());
  if (replica_->leads() || leader == link_frames_.end() || leader->second.up.empty()) return reached;
  std::set<int32_t> out(leader->second.up.begin(), leader->second.up.end());
  // The leader may be too busy, or not there any more, to say so.
  out.insert(peers_->up().begin(), peers_->up().end());
  out.insert(host_.node().id);  // it was not linked yet, or it would not have heard
  return out;
}

void Liveness::review_live_nodes() {
  const std::set<int32_t> reached = this->reached();
  LinksFrame own;
  own.linked.assign(peers_->up().begin(), peers_->up().end());
  if (replica_->leads()) own.up.assign(reached.begin(), reached.end());
  const bool begins = !std::exchange(tells_, may_tell()) && tells_;
  if (own != own_ || begins) {
    own_ = std::move(own);
    tell_all();
  }
  set_live_nodes(found(reached));
}

void Liveness::set_live_nodes(std::set<int32_t> up) {
  if (up == up_) return;
  up_ = std::move(up);
  std::array<uint64_t, kLockFreeIds / 64> low{};
  for (const int32_t node : up_)
    if (node < kLockFreeIds) low[static_cast<uint32_t>(node) / 64] |= uint64_t{1} << (node % 64);
  for (size_t i = 0; i < low.size(); ++i) low_[i].store(low[i], std::memory_order_relaxed);
  {
    const std::lock_guard lock(mutex_);
    high_ = {up_.lower_bound(kLockFreeIds), up_.end()};
  }
  changed_();
}

void Liveness::tell_all() {
  if (!may_tell()) return;
  for (const int32_t peer : peers_->up()) peers_->tell(peer, own_);
}

void Liveness::link_changed(int32_t peer, bool up) {
  if (!up) forget(peer);
  const LinksFrame before = own_;
  review_live_nodes();
  if (up && own_ == before && may_tell()) peers_->tell(peer, own_);
}

// What others said of it before this node lost it counts no more: they may be about to lose it, too, or not
// be there to say so. Those that still reach it say it again once they hear of the loss.
void Liveness::forget(int32_t peer) {
  link_frames_.erase(peer);
  for (auto& [from, frame] : link_frames_) {
    std::erase(frame.linked, peer);
    std::erase(frame.up, peer);
  }
}

void Liveness::receive_frame(int32_t from, const LinksFrame& frame) {
  if (!peers_->up().contains(from)) return;  // a link that came and went; it is told again
  const auto before = link_frames_.find(from);
  // It may not have listened yet when it was told, or has lost one that this node reaches.
  const bool answers = before == link_frames_.end() || lost_one_that_is_linked(before->second, frame);
  link_frames_[from] = frame;
  review_live_nodes();
  if (answers && may_tell()) peers_->tell(from, own_);
}

bool Liveness::lost_one_that_is_linked(const LinksFrame& before, const LinksFrame& now) const {
  return std::ranges::any_of(before.linked, [&](int32_t node) {
    return peers_->up().contains(node) && std::ranges::find(now.linked, node) == now.linked.end();
  });
}

void Liveness::start() { timer_ = host_.timer(kTellAgainNs, timer_fired, this); }

void Liveness::stop() { host_.cancel_timer(std::exchange(timer_, 0)); }

void Liveness::timer_fired(void* self) {
  auto* liveness = static_cast<Liveness*>(self);
  liveness->tell_all();
  liveness->start();
}

}  // namespace chronik::metadata
