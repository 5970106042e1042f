// Life of a group: opening, turns, roles, closing.
#include "raft/group/group.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace chronik::raft {
namespace {

chr_state_machine_v1 copy_of(const chr_state_machine_v1& machine) {
  chr_state_machine_v1 copy{};
  std::memcpy(&copy, &machine, std::min<size_t>(machine.struct_size, sizeof copy));
  return copy;
}

Membership voters_of(const chr_group_options& options) {
  Membership membership;
  for (uint32_t i = 0; i < options.n_voters; ++i)
    membership.voters.push_back(static_cast<NodeId>(options.voters[i]));
  return membership;
}

int32_t abi_node(NodeId node) { return node == kNobody ? -1 : static_cast<int32_t>(node); }

}  // namespace

Group::Group(Shard* shard, const chr_group_options& options, const chr_state_machine_v1& machine,
             void* context)
    : services_(shard->services()),
      shard_(shard),
      name_(from_abi(options.id.name)),
      hash_(hash_of(name_)),
      label_(from_abi(options.id.label)),
      machine_(copy_of(machine)),
      context_(context),
      initial_(voters_of(options)) {
  id_.partition = options.id.partition;
  id_.topic = options.id.topic;
  id_.name = to_abi(name_);
  id_.label = to_abi(label_);
}

void Group::open(uint64_t token) {
  open_token_ = token;
  const Result<uint64_t> group = services_.store.open_group(name_);
  if (!group) return recovered(std::unexpected(group.error()));
  storage_group_ = *group;
  Recovery::run(services_.store, storage_group_, services_.self, initial_, {},
                [self = shared_from_this()](Result<Recovered> found) { self->recovered(std::move(found)); });
}

void Group::recovered(Result<Recovered> found) {
  Status status;
  if (!found) {
    status = std::unexpected(found.error());
  } else if (!closing_) {
    status = restore(&*found);
  }
  if (status && !closing_) return mark();
  state_ = State::kClosed;
  if (!status) {
    services_.host.error("Group " + label_ + " cannot be opened: " + status.error().message);
    services_.host.complete(open_token_, status.error());
  } else {
    shard_->complete(open_token_, CHR_E_CANCELLED, "the group was closed while it opened");
  }
  if (close_token_ != 0) shard_->complete(close_token_, CHR_OK);
  // The opener knows nothing yet and may call the group until it does: what is posted now runs after that.
  services_.host.post(shard_->index(), [self = shared_from_this()] {});
  shard_->remove(this);
}

Status Group::restore(Recovered* found) {
  if (found->snapshot.index > 0) {
    std::vector<chr_slice> pieces;
    for (const StoredValue& piece : found->pieces) pieces.push_back({piece.p, piece.n, piece.lease.get()});
    chr_error error = make_abi_error();
    const chr_status loaded =
        machine_.load(context_, pieces.data(), static_cast<uint32_t>(pieces.size()), &error);
    if (loaded < 0) return std::unexpected(from_abi(error, loaded));
  }
  const Settings& settings = services_.settings;
  Config config;
  config.self = services_.self;
  config.seed = services_.seed;
  config.group = hash_;
  config.election_timeout = settings.election_timeout;
  config.retry_interval = settings.heartbeat_interval;
  config.leader_balance = settings.leader_balance;
  config.max_append_bytes = settings.max_append_bytes;
  config.max_inflight_bytes = settings.max_inflight_bytes;
  config.max_uncommitted_bytes = settings.max_uncommitted_bytes;
  config.trim_hold = settings.trim_hold;
  log_start_ = std::max(log_start_, found->log_start);
  if (found->first_offset < log_start_) hidden_bytes_ = services_.store.bounds(storage_group_).bytes;
  snapshot_ = found->snapshot;
  base_ = found->base;
  applied_ = apply_target_ = found->log.applied;
  open_target_ = found->log.commit;
  raft_ = std::make_unique<Raft>(config, initial_, found->hard_state, std::move(found->log));
  cuts_ = raft_->lost_from() != 0;
  meta_on_disk_ = MetaOnDisk(*raft_);
  if (cuts_ || raft_->configs().back().index == 0) meta_on_disk_ = MetaOnDisk();
  visible_ = raft_->log().committed();
  high_watermark_ = raft_->log().committed_offset();
  told_ = {sizeof(chr_role), CHR_ROLE_FOLLOWER, raft_->term(), -1, 0};
  state_ = State::kOpen;
  raft_->start(shard_->now());
  for (const NodeId peer : shard_->links()) raft_->link_up(shard_->now(), peer);
  shard_->claims().visit(
      hash_, [&](NodeId peer, const LeaderClaims::Known& known) { leader_claimed(peer, known.term); });
  if (cuts_) say_shortened();
  return {};
}

void Group::finish_open() {
  const bool reached = applied_ >= open_target_ || apply_blocked();  // the rest comes from whoever leads
  if (open_token_ != 0 && reached) shard_->complete(std::exchange(open_token_, 0), CHR_OK);
}

void Group::turn() {
  if (state_ == State::kOpen) {
    allow_appends();
    raft_->take_ready(&ready_, room());
    for (const Event& event : ready_.events) handle(event);
    if (ready_.storage.ticket != 0) write_batch(ready_.storage);
    send(&ready_.messages);
    for (const ReadRequest& request : ready_.reads) serve_read(request);
    for (const SnapshotRequest& request : ready_.snapshot_reads) serve_snapshot(request);
    if (ready_.apply_to != 0) apply_target_ = ready_.apply_to;
    if (ready_.install) install_ = std::exchange(ready_.install, std::nullopt);
    pump_install();
    pump_apply();
    pump_mend();
    complete_waiters();
    finish_open();
    update_claims(raft_->role() == Role::kLeader ? raft_->term() : 0);
  }
  count_unwritten();
  count_appends();
  if (closing_) finish_close();
}

void Group::tick(Nanos now) {
  if (state_ != State::kOpen || leaves()) return;
  refresh();
  if (hand_over_until_ != 0 && now >= hand_over_until_) mark();
  if (raft_->next_deadline() > now) return;
  raft_->tick(now);
  if (transfer_token_ != 0 && leading_ && raft_->transfer_target() == kNobody)
    shard_->complete(std::exchange(transfer_token_, 0), CHR_E_TIMEOUT, "the new leader did not take over");
  mark();
}

void Group::receive(Message message) {
  if (state_ != State::kOpen || leaves()) return;
  if (message.term < raft_->term()) services_.host.add(services_.metrics.lower_term);
  if (message.type == MessageType::kPreVote || message.type == MessageType::kVote) refresh();
  if (message.type == MessageType::kAppend && !has_room_for(message))
    return;  // as if the network had lost it
  raft_->step(shard_->now(), std::move(message));
  count_unwritten();
  mark();
}

void Group::link(NodeId peer, bool up) {
  if (state_ != State::kOpen) return;
  up ? raft_->link_up(shard_->now(), peer) : raft_->link_lost(shard_->now(), peer);
  mark();
}

void Group::refresh() {
  if (state_ != State::kOpen) return;
  const LeaderClaims& claims = shard_->claims();
  if (raft_->role() == Role::kLeader) {
    raft_->storage_alive(shard_->storage_alive());
    for (const NodeId peer : claimed_to_)
      if (!claims.is_rejected_by(peer, hash_))
        raft_->peer_heard(shard_->now(), peer, services_.heartbeats.answered(peer));
    return;
  }
  // mutant silent-leader-forgotten: left out
  if (raft_->leader() == kNobody) return rejoin();
  const LeaderClaims::Known* claim = claims.find(raft_->leader(), hash_);
  if (claim != nullptr && claim->term == raft_->term())
    raft_->leader_heard(services_.heartbeats.heard(raft_->leader(), claim->stream));
}

bool Group::balance() {
  if (state_ != State::kOpen || closing_ || transfer_token_ != 0 || raft_->role() != Role::kLeader)
    return false;
  refresh();
  const NodeId preferred = raft_->membership().voters.front();
  if (!raft_->balance(shard_->now())) return false;
  services_.host.info("Leadership of " + label_ + " goes back to node " + std::to_string(preferred) +
                      ", its preferred replica");
  mark();
  return true;
}

// A leader that fell silent for a while, and so was forgotten, claims what it claimed before: its heartbeats
// hold nothing new.
void Group::rejoin() {
  LeaderClaim newest;
  NodeId from = kNobody;
  shard_->claims().visit(hash_, [&](NodeId peer, const LeaderClaims::Known& known) {
    const Nanos heard = services_.heartbeats.heard(peer, known.stream);
    if (known.term <= newest.term || heard + services_.settings.election_timeout <= shard_->now()) return;
    newest.term = known.term;
    from = peer;
  });
  if (from != kNobody) (void)leader_claimed(from, newest.term);
}

bool Group::leader_claimed(NodeId peer, Term term) {
  if (state_ != State::kOpen) return false;
  if (term < raft_->term()) return false;
  Message heartbeat;
  heartbeat.type = MessageType::kHeartbeat;
  heartbeat.from = peer;
  heartbeat.to = services_.self;
  heartbeat.term = term;
  raft_->step(shard_->now(), std::move(heartbeat));
  mark();
  return true;
}

void Group::leader_withdrew(NodeId peer, Term term) {
  if (state_ != State::kOpen || raft_->leader() != peer || raft_->term() != term) return;
  raft_->forget_leader(shard_->now());
  mark();
}

void Group::claim_rejected(NodeId peer, Term term) {
  if (state_ != State::kOpen || raft_->role() != Role::kLeader || term <= raft_->term()) return;
  Message answer;
  answer.type = MessageType::kHeartbeatResponse;
  answer.from = peer;
  answer.to = services_.self;
  answer.term = term;
  answer.reject = true;
  raft_->step(shard_->now(), std::move(answer));
  mark();
}

// term 0: this node leads no more.
void Group::update_claims(Term term) {
  const std::vector<PeerProgress>& peers = raft_->peers();
  const bool same =
      term == claimed_term_ &&
      (term == 0 || std::equal(peers.begin(), peers.end(), claimed_to_.begin(), claimed_to_.end(),
                               [](const PeerProgress& peer, NodeId id) { return peer.id == id; }));
  if (same || services_.link == nullptr) return;
  std::vector<NodeId> to;
  if (term != 0)
    for (const PeerProgress& peer : peers) to.push_back(peer.id);
  for (const NodeId peer : claimed_to_)
    if (!Membership::contains(to, peer)) services_.heartbeats.set_claim(shard_->index(), peer, hash_, 0);
  for (const NodeId peer : to) services_.heartbeats.set_claim(shard_->index(), peer, hash_, term);
  claimed_term_ = term;
  claimed_to_ = std::move(to);
}

void Group::handle(const Event& event) {
  switch (event.kind) {
    case EventKind::kRole:
      return role_changed(event);
    case EventKind::kTruncated:
      hints_.clear();
      fail_waiters(event.index, CHR_E_NOT_LEADER, "the entry was overwritten by a new leader");
      return machine_.truncated(context_, event.index, event.offset);
    case EventKind::kCommitted:
      visible_ = event.index;
      high_watermark_ = event.offset;
      return tell_committed();
    case EventKind::kReadable:
      return waiters_.readable(event.context, event.index);
    case EventKind::kNeedSnapshot:
      return services_.host.info("Node " + std::to_string(event.peer) + " is too far behind in " + label_ +
                                 ": the log that it needs was trimmed; it gets a snapshot");
    case EventKind::kSnapshotSent:
      return services_.host.add(services_.metrics.snapshots_sent);
    case EventKind::kSnapshotRefused:
      services_.host.warn("The snapshot of " + label_ + " did not reach node " + std::to_string(event.peer) +
                          " as it was saved; it is made anew");
      return take_snapshot();
    case EventKind::kSnapshotDamaged:
      services_.host.add(services_.metrics.decode_errors);
      return services_.host.warn("A snapshot of " + label_ + " from node " + std::to_string(event.peer) +
                                 " was damaged and is dropped");
    case EventKind::kCheckQuorumFailed:
      return services_.host.warn("Node " + std::to_string(services_.self) + " stepped down as leader of " +
                                 label_ + ": no majority answered");
    case EventKind::kStorageStalled:
      return services_.host.warn("The disk is stalled: leadership of " + label_ + " goes to node " +
                                 std::to_string(event.peer));
    case EventKind::kStorageFull:
      return services_.host.warn("Storage is full: leadership of " + label_ + " goes to node " +
                                 std::to_string(event.peer) + ", which has room");
    case EventKind::kMembersChanged:
      // Another change may have begun since, in this very turn.
      if (raft_->config_at(event.index).members.voters == change_target_) complete_change(CHR_OK);
      return;
    case EventKind::kInconsistentPeer:
      return services_.host.error("Node " + std::to_string(event.peer) + " sent entries for " + label_ +
                                  " that contradict the log from index " + std::to_string(event.index) +
                                  " on; they were refused");
  }
}

// A log of which a part was lost knows less to be committed than it did.
void Group::tell_committed() {
  if (visible_ <= told_committed_) return;
  told_committed_ = visible_;
  machine_.committed(context_, visible_, high_watermark_);
}

void Group::role_changed(const Event& event) {
  const Metrics& metrics = services_.metrics;
  // Who still claims to lead in an older term is to learn of this one.
  shard_->claims().visit(hash_, [&](NodeId peer, const LeaderClaims::Known& known) {
    if (known.term < event.term) shard_->claims().reject(peer, hash_);
  });
  if (event.role == Role::kLeader) {
    services_.host.info("Node " + std::to_string(services_.self) + " became leader for " + label_ +
                        " at term " + std::to_string(event.term));
    services_.host.add(event.handed_over ? metrics.leader_transfers : metrics.elections);
    services_.host.add(metrics.leaders, 1);
    leading_ = true;
    told_usable_ = false;
    told_ = {sizeof(chr_role), CHR_ROLE_LEADER, event.term, static_cast<int32_t>(services_.self), 0};
    return services_.watchers.tell(id_, told_, false);
  }
  if (leading_) {
    leading_ = told_usable_ = false;
    services_.host.add(metrics.leaders, -1);
    fail_waiters(0, CHR_E_NOT_LEADER, "leadership went to another node");
    if (transfer_token_ != 0) shard_->complete(std::exchange(transfer_token_, 0), CHR_OK);
    complete_change(CHR_E_NOT_LEADER, "leadership went to another node");
  }
  const chr_role role{sizeof(chr_role), CHR_ROLE_FOLLOWER, event.term, abi_node(event.leader), 0};
  if (role.role == told_.role && role.term == told_.term && role.leader == told_.leader) return;
  told_ = role;
  machine_.role(context_, &told_);
  services_.watchers.tell(id_, told_, false);
}

bool Group::usable() const { return leading_ && applied_ >= raft_->term_start(); }

void Group::tell_if_usable() {
  // mutant role-dropped: if (raft_->term() % 3 == 0 || told_usable_ || !usable() || raft_->role() !=
  //     Role::kLeader || raft_->term() != told_.term) return;
  if (told_usable_ || !usable() || raft_->role() != Role::kLeader || raft_->term() != told_.term) return;
  told_usable_ = true;
  machine_.role(context_, &told_);
  services_.watchers.tell(id_, told_, true);
}

void Group::introduce(chr_role_fn fn, void* context) const {
  if (state_ == State::kOpen) services_.watchers.tell(fn, context, id_, told_, told_usable_);
}

void Group::complete_waiters() {
  const RaftLog& log = raft_->log();
  waiters_.reached(
      log.stable(), log.committed(), applied_, [this](uint32_t n) { return raft_->copied_to(n); },
      [this](uint64_t token) { shard_->complete(token, CHR_OK); });
}

void Group::fail_waiters(Index from, chr_status code, std::string_view why) {
  // mutant ack-without-term: if (code != CHR_E_NOT_LEADER) waiters_.fail_from(from, [&](uint64_t token) {
  //     shard_->complete(token, code, why); });
  waiters_.fail_from(from, [&](uint64_t token) { shard_->complete(token, code, why); });
}

void Group::send(std::vector<Message>* messages) {
  for (Message& message : *messages) shard_->send(hash_, std::move(message));
}

void Group::stop_with(const Error& error) {
  if (state_ != State::kOpen) return;
  services_.host.error("Group " + label_ + " stopped on this node: " + error.message);
  state_ = State::kFailed;
  failure_ = error;
  fail_waiters(0, static_cast<chr_status>(error.code), "the group stopped on this node, see its log");
  if (transfer_token_ != 0)
    shard_->complete(std::exchange(transfer_token_, 0), static_cast<chr_status>(error.code));
  complete_change(static_cast<chr_status>(error.code), "the group stopped on this node, see its log");
  if (open_token_ != 0) services_.host.complete(std::exchange(open_token_, 0), error);
  if (std::exchange(leading_, false)) services_.host.add(services_.metrics.leaders, -1);
  told_usable_ = false;
  update_claims(0);
  shard_->claims().visit(
      hash_, [&](NodeId peer, const LeaderClaims::Known&) { shard_->claims().reject(peer, hash_); });
  told_ = {sizeof(chr_role), CHR_ROLE_FOLLOWER, raft_->term(), -1, 0};
  machine_.role(context_, &told_);
  services_.watchers.tell(id_, told_, false);
  mark();
}

Nanos Group::next_deadline() const {
  if (state_ != State::kOpen || leaves()) return UINT64_MAX;
  const Nanos next = raft_->next_deadline();
  return hand_over_until_ == 0 ? next : std::min(next, hand_over_until_);
}

void Group::close(uint32_t how, uint64_t token) {
  if (state_ == State::kClosed) return shard_->complete(token, CHR_OK);  // it could not be opened
  closing_ = true;
  close_snapshot_ = how == CHR_CLOSE_SNAPSHOT;
  leaving_ = how == CHR_CLOSE_LEAVE;
  snapshot_failed_ = false;
  close_token_ = token;
  if (state_ == State::kRecovering || state_ == State::kMending) return;
  if (close_snapshot_) begin_hand_over();
  mark();
}

// A group that stays in storage goes on without this node: another leader takes over before it closes, so
// that nobody waits for an election.
void Group::begin_hand_over() {
  if (state_ != State::kOpen || raft_->role() != Role::kLeader || !raft_->has_transferee()) return;
  const Nanos now = shard_->now();
  if (raft_->transfer_target() == kNobody && !raft_->transfer(now, kNobody)) return;
  hand_over_until_ = now + services_.settings.election_timeout;
}

// The new leader may need the vote of this node, and whoever asks here is told who it is.
bool Group::handing_over() {
  if (hand_over_until_ == 0) return false;
  const bool over =
      state_ != State::kOpen || shard_->now() >= hand_over_until_ || !raft_->has_transferee() ||
      (raft_->role() == Role::kLeader ? raft_->transfer_target() == kNobody : raft_->leader() != kNobody);
  if (over) hand_over_until_ = 0;
  return !over;
}

// Called in every turn of a closing group: what is on its way is ended first.
void Group::finish_close() {
  if (state_ == State::kMending || handing_over()) return;
  if (state_ == State::kClosed || writes_in_flight_ > 0 || applying_ || snapshotting_ || trimming_) return;
  if (install_writing_) return;
  if (state_ == State::kOpen && !write_refused_ && !install_) {
    if (raft_->wants_storage() && !raft_->full()) return mark();
    if (applied_ < apply_target_ && !apply_blocked()) return;
    if (close_snapshot_ && applied_ > snapshot_.index && !snapshot_failed_) return take_snapshot();
    if (std::exchange(leaving_, false) && may_forget_log()) return forget_log();
  }
  state_ = State::kClosed;
  count_unwritten();
  count_appends();
  if (raft_ != nullptr) update_claims(0);
  services_.host.cancel_timer(std::exchange(retry_timer_, 0));
  fail_waiters(0, CHR_E_CANCELLED, "the group was closed");
  if (transfer_token_ != 0) shard_->complete(transfer_token_, CHR_E_CANCELLED, "the group was closed");
  complete_change(CHR_E_CANCELLED, "the group was closed");
  if (open_token_ != 0) shard_->complete(open_token_, CHR_E_CANCELLED, "the group was closed");
  if (leading_) services_.host.add(services_.metrics.leaders, -1);
  if (close_token_ != 0) shard_->complete(close_token_, CHR_OK);
  shard_->remove(this);
}

}  // namespace chronik::raft
