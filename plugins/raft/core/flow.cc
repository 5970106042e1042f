// How much may go to whom, as the caller says who counts for all groups, and what became of it.
#include "raft/core/raft.h"

#include <algorithm>
#include <utility>

namespace chronik::raft {

void Raft::allow(NodeId id, uint64_t bytes, bool limited) {
  PeerProgress* const to = peer(id);
  if (to == nullptr) return;
  to->budget.allowance = bytes;
  to->budget.limited = limited;
}

bool Raft::is_needed(Nanos now, NodeId id) const {
  const auto keeps_up = [&](NodeId node) {
    if (node == config_.self) return true;
    return std::any_of(peers_.begin(), peers_.end(), [&](const PeerProgress& other) {
      return other.id == node && now < other.catch_up.caught_up + config_.election_timeout;
    });
  };
  const auto needs = [&](const std::vector<NodeId>& set) {
    const auto others =
        std::count_if(set.begin(), set.end(), [&](NodeId node) { return node != id && keeps_up(node); });
    return Membership::contains(set, id) && static_cast<size_t>(others) < set.size() / 2 + 1;
  };
  return needs(membership_.voters) || needs(membership_.outgoing);
}

uint64_t Raft::take_answered(NodeId id) {
  PeerProgress* const from = peer(id);
  return from == nullptr ? 0 : std::exchange(from->budget.answered, 0);
}

int64_t Raft::take_spent(NodeId id) {
  PeerProgress* const to = peer(id);
  return to == nullptr ? 0 : std::exchange(to->budget.spent, 0);
}

void Raft::append_dropped(NodeId id, Term of, Index before) {
  PeerProgress* to = role_ == Role::kLeader && of == term() ? peer(id) : nullptr;
  if (to == nullptr || to->state != ProgressState::kReplicate || to->next <= before + 1) return;
  to->next = std::max(before, to->match) + 1;
  to->inflights.cut(before);
  to->sent_commit = std::min(to->sent_commit, before);
}

}  // namespace chronik::raft
