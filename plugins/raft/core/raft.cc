#include "raft/core/raft.h"

#include "raft/core/invariant.h"

#include <algorithm>
#include <utility>

namespace chronik::raft {

Raft::Raft(const Config& config, Membership membership, HardState hard_state, StoredLog log)
    : config_(config),
      configs_(std::move(log.configs)),
      left_(log.left),
      lost_from_(log.lost_from),
      log_(std::move(log)),
      hard_state_(hard_state),
      persist_next_(log_.last_index() + 1),
      commit_hint_(log_.committed()),
      announced_commit_(log_.first_index() - 1),
      apply_handed_out_(log_.loaded()) {
  RAFT_INVARIANT(config_.self != kNobody);
  RAFT_INVARIANT(log_.last_term() <= hard_state_.term);
  if (configs_.empty()) configs_.push_back({0, 0, std::move(membership)});
  enter_config();
}

void Raft::start(Nanos now) {
  now_ = now;
  reset_election_timer();
  if (membership_.sole_voter(config_.self) && may_campaign()) begin_election(false);
}

void Raft::tick(Nanos now) {
  now_ = now;
  if (role_ != Role::kLeader) {
    if (now_ < election_deadline_) return;
    if (may_campaign()) return pre_campaign();
    return reset_election_timer();
  }
  if (transfer_to_ != kNobody && now_ >= transfer_deadline_) transfer_to_ = kNobody;
  check_storage_stall();
  if (role_ == Role::kLeader) check_apply_stall();
  if (role_ == Role::kLeader && now_ >= quorum_check_due_) check_quorum();
  if (role_ != Role::kLeader) return;
  if (now_ >= retry_due_) retry();
  tell_commits_due();
  settle();
}

Nanos Raft::next_deadline() const {
  if (role_ != Role::kLeader) return election_deadline_;
  if (peers_.empty()) return UINT64_MAX;  // alone there is nothing to wait for
  Nanos next = quorum_check_due_;
  if (unsettled()) next = std::min(next, retry_due_);
  for (const PeerProgress& progress : peers_)
    if (progress.commit_due != 0) next = std::min(next, progress.commit_due);
  if (transfer_to_ != kNobody) return std::min(next, transfer_deadline_);
  if (!written_.empty()) next = std::min(next, stall_due());
  return std::min(next, apply_offer_due());
}

void Raft::step(Nanos now, Message message) {
  now_ = now;
  if (message.from == config_.self || message.to != config_.self) return;
  if (!take_term(message)) return;
  handle(message);
  settle();
}

void Raft::handle(Message& message) {
  switch (message.type) {
    case MessageType::kPreVote:
    case MessageType::kVote:
      return on_vote_request(message);
    case MessageType::kPreVoteResponse:
    case MessageType::kVoteResponse:
      return on_vote_response(message);
    case MessageType::kAppend:
      return on_append(message);
    case MessageType::kAppendResponse:
      return on_append_response(message);
    case MessageType::kHeartbeat:
      return on_heartbeat(message);
    case MessageType::kHeartbeatResponse:
      return on_heartbeat_response(message);
    case MessageType::kTimeoutNow:
      return on_timeout_now();
    case MessageType::kSnapshot:
      return on_snapshot(message);
    case MessageType::kSnapshotResponse:
      return on_snapshot_response(message);
  }
}

void Raft::storage_done(Nanos now, Ticket ticket) {
  now_ = now;
  Index stable = 0;
  bool data = false;
  while (!written_.empty() && written_.front().ticket <= ticket) {
    data = data || written_.front().data;
    stable = std::max(stable, written_.front().claim);
    written_.pop_front();
  }
  done_ticket_ = std::max(done_ticket_, ticket);
  stall_told_ = false;
  if (stable > log_.stable()) {
    log_.stable_to(stable);
    if (role_ == Role::kLeader) maybe_commit();
  }
  note_room(data);
  release_held();
  settle();
}

void Raft::link_up(Nanos now, NodeId id) {
  now_ = now;
  if (!linked(id)) linked_.push_back({id, now});
  if (role_ == Role::kLeader) {
    if (PeerProgress* to = peer(id)) {
      to->ask = true;
      to->waited_since = 0;
      to->snapshot.resume();
    }
    return;
  }
  // At boot nobody waits for a timeout: a connected quorum that knows no leader elects one.
  if (leader_ != kNobody || role_ != Role::kFollower || quick_attempts_ > 0) return;
  const VoteOutcome connected =
      membership_.tally([&](NodeId node) { return node == config_.self || linked(node) ? 1 : 0; });
  if (connected == VoteOutcome::kWon) campaign_soon(kNobody);
}

void Raft::link_lost(Nanos now, NodeId id) {
  now_ = now;
  std::erase_if(linked_, [id](const Link& link) { return link.peer == id; });
  if (role_ == Role::kLeader) {
    PeerProgress* to = peer(id);
    if (to == nullptr) return;
    to->ready = false;
    if (to->state == ProgressState::kReplicate) to->probe();
    return;
  }
  if (id == leader_) return forget_leader(now);
  // A candidate that has this node's vote: it may have won, and nobody will hear of it.
  if (leader_ == kNobody && role_ == Role::kFollower && id == vote()) campaign_soon(id);
}

void Raft::forget_leader(Nanos now) {
  now_ = now;
  if (role_ != Role::kFollower || leader_ == kNobody) return;
  const NodeId lost = leader_;
  leader_ = kNobody;
  announce_role();
  campaign_soon(lost);
}

void Raft::become_follower(Term term, NodeId leader) {
  const bool was_leader = role_ == Role::kLeader;
  if (was_leader || term > hard_state_.term) drop_refused();
  if (term > hard_state_.term) set_hard_state(term, kNobody);
  role_ = Role::kFollower;
  leader_ = leader;
  verified_ = 0;
  votes_.clear();
  peers_.clear();
  membership_.learners.clear();
  target_.clear();
  standing_.clear();
  pending_reads_.clear();
  transfer_to_ = kNobody;
  uncommitted_bytes_ = 0;
  if (was_leader || leader != kNobody) {
    quick_attempts_ = 0;
    reset_election_timer();
  }
  announce_role();
  if (leader != kNobody && lost_from_ != 0) say_lost();
}

void Raft::become_leader() {
  role_ = Role::kLeader;
  leader_ = config_.self;
  quick_attempts_ = 0;
  votes_.clear();
  peers_.clear();
  enter_config();
  hand_over_tried_ = false;
  sent_ = 0;
  settled_config_ = configs_.back().index <= log_.committed() ? configs_.back().index : 0;
  leads_since_ = now_;
  stall_told_ = apply_stall_told_ = false;
  retry_due_ = now_ + config_.retry_interval;  // the no-op goes out at once
  quorum_check_due_ = now_ + config_.election_timeout;
  uncommitted_bytes_ = log_.bytes_between(log_.committed(), log_.last_index());
  plan_balance();
  announce_role();
  Proposal noop;
  noop.kind = CHR_ENTRY_NOOP;
  term_start_ = place(noop);
}

void Raft::set_hard_state(Term term, NodeId vote) {
  RAFT_INVARIANT(term >= hard_state_.term);
  const HardState next{term, vote};
  if (next == hard_state_) return;
  hard_state_ = next;
  hard_state_dirty_ = true;
}

void Raft::announce_role() {
  Event event;
  event.kind = EventKind::kRole;
  event.role = role_;
  event.term = hard_state_.term;
  event.leader = leader_;
  event.handed_over = role_ == Role::kLeader && handed_over_;
  if (event.role == announced_.role && event.term == announced_.term && event.leader == announced_.leader)
    return;
  announced_ = event;
  events_.push_back(event);
}

void Raft::send(Message message) {
  message.from = config_.self;
  messages_.push_back(std::move(message));
}

void Raft::send_after(Ticket ticket, Index index, Message message) {
  message.from = config_.self;
  if (ticket == 0)
    messages_.push_back(std::move(message));
  else
    held_.push_back({ticket, index, hard_state_.term, std::move(message)});
}

Ticket Raft::log_ticket() const {
  if (wants_storage()) return next_ticket_;
  return written_.empty() ? 0 : written_.back().ticket;
}

Ticket Raft::hard_state_ticket() const {
  if (hard_state_dirty_) return next_ticket_;
  return last_hard_state_ticket_ > done_ticket_ ? last_hard_state_ticket_ : 0;
}

void Raft::release_held() {
  for (size_t i = 0; i < held_.size();) {
    const bool worthless = held_[i].term != hard_state_.term;  // a promise of an older term
    if (!worthless && (held_[i].after > done_ticket_ || held_[i].index > log_.stable())) {
      ++i;
      continue;
    }
    Held held = std::move(held_[i]);
    held_.erase(i);
    if (worthless) continue;
    if (held.message.to == config_.self) {
      on_vote_response(held.message);
      i = 0;  // winning may have changed what is held
    } else {
      messages_.push_back(std::move(held.message));
    }
  }
}

void Raft::take_storage(Ready* ready, Room room) {
  // Once a snapshot is being installed it comes first: promises wait for the batch after it.
  if (room == Room::kNone || !wants_storage() || (installing_ && !install_due_)) return;
  if (full_ && !written_.empty()) return;  // what comes behind a refused batch is refused too
  const Index last = full_ || room == Room::kControl ? next_part(room) : log_.last_index();
  if (last < persist_next_ && !hard_state_dirty_ && truncate_from_ == 0) return;
  StorageBatch& batch = ready->storage;
  batch.ticket = next_ticket_++;
  batch.term = hard_state_.term;
  const Index from = truncate_from_ == 0 ? persist_next_ : std::min(truncate_from_, persist_next_);
  batch.truncate_from = std::exchange(truncate_from_, 0);
  // Of what is committed, that which is durable in this version: the write may pass where entries were
  // refused.
  // mutant commit-hint-past-durable: batch.commit = log_.committed();
  batch.commit = std::min(log_.committed(), log_.stable());
  if (std::exchange(hard_state_dirty_, false)) {
    batch.has_hard_state = true;
    last_hard_state_ticket_ = batch.ticket;
  }
  if (batch.commit >= commit_hint_ + config_.hint_entries) batch.has_hard_state = true;
  if (batch.has_hard_state) {
    batch.hard_state = hard_state_;
    commit_hint_ = batch.commit;
  }
  if (persist_next_ <= last) log_.slice(persist_next_, last, UINT64_MAX, UINT32_MAX, &batch.entries);
  persist_next_ = last + 1;
  const bool data =
      std::ranges::any_of(batch.entries, [](const Entry& entry) { return entry.header.records != 0; });
  written_.push_back({batch.ticket, from, data, last, now_});
}

void Raft::take_ready(Ready* ready, Room room) {
  ready->clear();
  if (role_ == Role::kLeader) send_appends();
  take_storage(ready, room);
  if (log_.committed() > announced_commit_) {
    announced_commit_ = log_.committed();
    Event event;
    event.kind = EventKind::kCommitted;
    event.index = announced_commit_;
    event.offset = log_.committed_offset();
    events_.push_back(event);
  }
  hand_out_applies(ready);
  ready->events.swap(events_);
  ready->messages.swap(messages_);
  ready->reads.swap(reads_);
  ready->snapshot_reads.swap(snapshot_reads_);
  // What waits for room the snapshot takes the place of.
  if (install_due_ && !hard_state_dirty_ && truncate_from_ == 0 && (full_ || !wants_storage())) {
    install_due_ = false;
    ready->install = incoming_->install();
  }
}

PeerProgress* Raft::peer(NodeId id) {
  for (PeerProgress& progress : peers_)
    if (progress.id == id) return &progress;
  return nullptr;
}

Index Raft::copied_to(uint32_t n) const {
  return Membership::index_of_copies(membership_.voters, n, [&](NodeId node) {
    if (node == config_.self) return log_.stable();
    const auto at = std::ranges::find(peers_, node, &PeerProgress::id);
    return at == peers_.end() ? Index{0} : at->match;
  });
}

uint32_t Raft::copies(Index index) const {
  uint32_t copies = membership_.is_voter(config_.self) && log_.stable() >= index;
  for (const PeerProgress& progress : peers_)
    copies += progress.match >= index && membership_.is_voter(progress.id);
  return copies;
}

}  // namespace chronik::raft
