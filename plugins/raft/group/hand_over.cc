#include "raft/group/hand_over.h"

#include "raft/group/peer_claims.h"

#include <chronik/plugin.hpp>

#include <string>
#include <utility>

namespace chronik::raft {

chr_status HandOver::transfer(int32_t to, uint64_t token, chr_error* error) {
  if (!group_.is_open()) return report(error, CHR_E_UNAVAILABLE, "the group is not open");
  if (token_ != 0) return report(error, CHR_E_CONFLICT, "leadership is being handed over already");
  claims_.refresh();  // the core chooses among the peers that answered of late
  const NodeId target = to < 0 ? kNobody : static_cast<NodeId>(to);
  const Status begun = group_.raft->transfer(group_.now(), target);
  if (!begun) return report(error, begun.error());
  if (target == group_.services.self) return CHR_OK;
  token_ = token;
  group_.mark();
  return CHR_PENDING;
}

void HandOver::complete(chr_status code, std::string_view why) {
  if (token_ != 0) group_.shard->complete(std::exchange(token_, 0), code, why);
}

bool HandOver::balance() {
  if (!group_.is_open() || group_.closing || token_ != 0 || !group_.leads()) return false;
  claims_.refresh();
  const NodeId preferred = group_.raft->membership().voters.front();
  if (!group_.raft->balance(group_.now())) return false;
  group_.host().info("Leadership of " + group_.label + " goes back to node " + std::to_string(preferred) +
                     ", its preferred replica");
  group_.mark();
  return true;
}

void HandOver::begin_for_close() {
  if (!group_.is_open() || !group_.leads() || !group_.raft->has_transferee()) return;
  const Nanos now = group_.now();
  claims_.refresh();
  if (group_.raft->transfer_target() == kNobody && !group_.raft->transfer(now, kNobody)) return;
  until_ = now + group_.settings().election_timeout;
}

bool HandOver::is_under_way_for_close() {
  if (until_ == 0) return false;
  const bool over =
      !group_.is_open() || group_.now() >= until_ || !group_.raft->has_transferee() ||
      (group_.leads() ? group_.raft->transfer_target() == kNobody : group_.raft->leader() != kNobody);
  if (over) until_ = 0;
  return !over;
}

}  // namespace chronik::raft
