// What is committed and does not get applied: the disk does not answer the read for it, or the state machine
// does not. The node acknowledges and votes all the same, but as a leader it would be of no use: before it has
// applied what is committed when its term begins, nobody may use it.
#include "raft/core/raft.h"

#include <algorithm>
#include <utility>

namespace chronik::raft {

void Raft::apply_done(Nanos now, Index index, uint64_t tail_bytes) {
  now_ = now;
  if (index > log_.applied()) {
    apply_waits_since_ = now_;
    apply_stall_told_ = false;
  }
  log_.applied_to(index);
  prune_configs();
  log_.evict(tail_bytes, config_.tail_entries);
}

void Raft::hand_out_applies(Ready* ready) {
  // mutant apply-uncommitted: const Index apply_to = log_.stable();
  const Index apply_to = std::min(log_.committed(), log_.stable());
  if (apply_to <= apply_handed_out_) return;
  if (!is_applying()) apply_waits_since_ = now_;
  ready->apply_from = apply_handed_out_ + 1;
  ready->apply_to = apply_handed_out_ = apply_to;
}

// What a snapshot covers is not applied, even where the log does not reach that far yet.
bool Raft::is_applying() const { return std::max(log_.applied(), log_.loaded()) < apply_handed_out_; }

bool Raft::apply_stalled() const {
  return is_applying() && now_ >= apply_waits_since_ + config_.election_timeout;
}

// When a leader that nobody can use yet offers leadership to another voter. One that is in use stays: what
// it applies now is in its memory, and a state machine that is slow is as slow at the others.
Nanos Raft::apply_offer_due() const {
  if (!is_applying() || log_.applied() >= term_start_) return UINT64_MAX;
  return std::max({apply_waits_since_, leads_since_, offered_}) + config_.election_timeout;
}

void Raft::check_apply_stall() {
  if (peers_.empty() || transfer_to_ != kNobody || now_ < apply_offer_due()) return;
  offered_ = now_;
  // Each voter in its turn: one that cannot apply either does not take over.
  std::vector<NodeId> turns = membership_.voters;
  if (const auto last = std::ranges::find(turns, offered_to_); last != turns.end())
    std::ranges::rotate(turns, last + 1);
  const auto next =
      std::ranges::find_if(turns, [&](NodeId node) { return node != config_.self && linked(node); });
  if (next == turns.end() || !transfer(now_, *next)) return;
  offered_to_ = *next;
  transfer_deadline_ = now_ + 2 * config_.retry_interval;
  tell_apply_stall(*next);
}

// Once, until something is applied again or another term is led.
void Raft::tell_apply_stall(NodeId to) {
  if (std::exchange(apply_stall_told_, true)) return;
  Event event;
  event.kind = EventKind::kApplyStalled;
  event.term = term();
  event.peer = to;
  event.index = log_.applied() + 1;
  events_.push_back(event);
}

}  // namespace chronik::raft
