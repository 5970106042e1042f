// Leadership that goes back to the preferred voter, the first of the configuration, once that is up again.
#include "raft/core/raft.h"

#include <algorithm>

namespace chronik::raft {
namespace {

// Leadership that is back after so few pauses did not stay where it was put.
constexpr Nanos kStays = 4;
constexpr Nanos kMaxPause = 64;  // times the shortest

}  // namespace

// Each attempt doubles the pause; it is short again once leadership stayed where it was put.
void Raft::plan_balance() {
  if (balanced_ == 0 || now_ >= balanced_ + kStays * balance_pause_) balance_pause_ = config_.leader_balance;
  balance_due_ = now_ + balance_pause_;
}

// It had the whole log just now, or is waiting for nothing.
bool Raft::keeps_up(const PeerProgress& progress) const {
  const Nanos recent = 2 * config_.retry_interval;
  if (progress.state != ProgressState::kReplicate || now_ >= progress.heard + 4 * recent) return false;
  return progress.settled(log_.last_index(), log_.committed()) || now_ < progress.catch_up.caught_up + recent;
}

bool Raft::balance(Nanos now) {
  now_ = now;
  if (config_.leader_balance == 0 || role_ != Role::kLeader || now_ < balance_due_) return false;
  const NodeId preferred = membership_.voters.front();
  if (preferred == config_.self || membership_.joint() || !target_.empty() || transfer_to_ != kNobody)
    return false;
  const auto link =
      std::find_if(linked_.begin(), linked_.end(), [&](const Link& each) { return each.peer == preferred; });
  if (full_) return false;  // the others wait for what this node has no room for
  if (link == linked_.end() || now_ < link->since + config_.leader_balance) return false;
  // Not while a disk stalls, neither here nor there, nor before the log of this term is safe.
  if (!written_.empty() && now_ >= written_.front().issued + config_.retry_interval) return false;
  const PeerProgress* to = peer(preferred);
  if (to == nullptr || log_.committed() < term_start_ || !keeps_up(*to)) return false;
  if (!transfer(now_, preferred)) return false;
  balanced_ = now_;
  balance_pause_ = std::min(2 * balance_pause_, kMaxPause * config_.leader_balance);
  balance_due_ = now_ + balance_pause_;
  // Proposals wait: better no move than a long one.
  transfer_deadline_ = now_ + 2 * config_.retry_interval;
  return true;
}

}  // namespace chronik::raft
