// Life of a group: opening, turns, roles, closing.
#include "raft/group/group.h"

#include <algorithm>
#include <utility>

namespace chronik::raft {

Group::Group(Shard* of, const chr_group_options& options, const chr_state_machine_v1& with, void* context,
             std::optional<StateStream> streamed)
    : GroupContext(of, options, with, context, streamed) {}

void Group::open(uint64_t token) {
  open_token_ = token;
  const Result<uint64_t> group = services.store.open_group(name);
  if (!group) return recovered(std::unexpected(group.error()));
  storage_group = *group;
  Recovery::run(services.store, {shard->states().loads, [this, self = alive()] { return !closing; }},
                storage_group, services.self, initial, {},
                [this, self = alive()](Result<Recovered> found) { recovered(std::move(found)); });
}

void Group::recovered(Result<Recovered> found) {
  const bool dropped = closing && (found || found.error().code == Code::kCancelled);
  if (dropped) return end_unopened({});
  if (!found) return end_unopened(std::unexpected(found.error()));
  load_state(
      std::move(*found), [this] { return !closing; },
      [this](StateEnd end, const Error& error, Recovered* kept) {
        if (end == StateEnd::kFailed) return end_unopened(std::unexpected(error));
        if (end == StateEnd::kDropped) return end_unopened({});
        restore(kept);
        mark();
      });
}

// Damage that this node cannot mend: without its vote it must not take part, and what it acknowledged is not
// to be written again.
std::string Group::what_to_do(const Error& error) const {
  if (error.code != Code::kCorrupt) return {};
  const Membership& members = raft == nullptr ? initial : raft->membership();
  return members.sole_voter(services.self)
             ? "; check the disk. No other node has it: restore a backup of data_dir"
             : "; check the disk. The other replicas go on: move this one to another node, or put a new node "
               "in the place of this one";
}

// It cannot be read, or was closed meanwhile.
void Group::end_unopened(const Status& status) {
  state = GroupState::kClosed;
  if (!status) {
    host().error("Group " + label + " cannot be opened: " + status.error().message +
                 what_to_do(status.error()));
    host().complete(open_token_, status.error());
  } else {
    shard->complete(open_token_, CHR_E_CANCELLED, "the group was closed while it opened");
  }
  if (close_token_ != 0) shard->complete(close_token_, CHR_OK);
  // The opener knows nothing yet and may call the group until it does: what is posted now runs after that.
  host().post(shard->index(), [self = alive()] {});
  shard->remove(this);
}

// As far as there is one. What was found stays until then.
void Group::load_state(Recovered found, IsStateWanted is_wanted, const Loaded& done) {
  const auto kept = std::make_shared<Recovered>(std::move(found));
  if (kept->snapshot.index == 0) return done(StateEnd::kDone, {}, kept.get());
  std::vector<chr_slice> pieces;
  for (const StoredValue& piece : kept->pieces) pieces.push_back({piece.p, piece.n, piece.lease.get()});
  StateLoad::run(this, std::move(pieces), kept, std::move(is_wanted),
                 [kept, done](StateEnd end, const Error& error) { done(end, error, kept.get()); });
}

Config Group::core_config() const {
  Config config;
  config.self = services.self;
  config.seed = services.seed;
  config.group = hash;
  config.election_timeout = settings().election_timeout;
  config.retry_interval = settings().heartbeat_interval;
  config.leader_balance = settings().leader_balance;
  config.max_append_bytes = settings().max_append_bytes;
  config.max_inflight_bytes = settings().max_inflight_bytes;
  config.max_uncommitted_bytes = settings().max_uncommitted_bytes;
  config.trim_hold = settings().trim_hold;
  return config;
}

// Its state is loaded.
void Group::restore(Recovered* found) {
  trim_.restore(*found);
  snapshots_.set_newest(found->snapshot);
  applier_.start_at(found->log.applied);
  open_target_ = found->log.commit;
  raft = std::make_unique<Raft>(core_config(), initial, found->hard_state, std::move(found->log));
  const bool shortened = raft->lost_from() != 0;
  writes_.restore(found->base, shortened);
  role_.restore();
  state = GroupState::kOpen;
  raft->start(now());
  for (const NodeId peer : shard->links()) raft->link_up(now(), peer);
  claims_.apply_known();
  if (shortened)
    host().warn("The log of " + label + " ends after index " + std::to_string(raft->log().last_index()) +
                " on this node, and goes on with what the leader sends: the rest was damaged");
}

// A close waits for it: half of a state is none.
void Group::restore_again(Result<Recovered> found) {
  proposals_.fail_from(0, CHR_E_NOT_LEADER, "a part of the log is fetched from others");
  reader_.forget_hints();
  claims_.update(0);
  const auto go_on = [this](const Error* failed, Recovered* kept) {
    state = GroupState::kOpen;
    mark();
    if (failed != nullptr) return stop_with(*failed);
    restore(kept);
    // What was placed and forgotten; what was applied counts.
    const RaftLog& log = raft->log();
    machine.truncated(machine_context, std::max(applier_.applied(), log.last_index()) + 1, log.end_offset());
  };
  if (!found) return go_on(&found.error(), nullptr);
  load_state(
      std::move(*found), [] { return true; },
      [go_on](StateEnd end, const Error& error, Recovered* kept) {
        go_on(end == StateEnd::kFailed ? &error : nullptr, kept);
      });
}

void Group::finish_open() {
  // What is damaged comes from whoever leads.
  const bool reached = applier_.applied() >= open_target_ || repair_.blocks_apply();
  if (open_token_ != 0 && reached) shard->complete(std::exchange(open_token_, 0), CHR_OK);
}

// A state machine whose open failed is gone with the answer: by then it has heard the end of all that it began.
void Group::finish_failed_open() {
  if (open_token_ == 0 || state != GroupState::kFailed) return;
  if (!applier_.is_idle() || snapshots_.is_writing() || installer_.is_writing()) return;
  host().complete(std::exchange(open_token_, 0), failure);
}

void Group::turn() {
  if (is_open()) {
    budget_.allow_appends();
    raft->take_ready(&ready_, writes_.room());
    take_core_outputs();
    installer_.advance_install();
    applier_.apply_committed();
    repair_.advance_repair();
    proposals_.complete_reached();
    finish_open();
    claims_.update(leads() ? raft->term() : 0);
  }
  budget_.count_unwritten();
  budget_.count_appends();
  finish_failed_open();
  if (closing) finish_close();
}

void Group::take_core_outputs() {
  for (const Event& event : ready_.events) handle(event);
  if (ready_.storage.ticket != 0) writes_.write_batch(ready_.storage);
  for (Message& message : ready_.messages) shard->send(hash, std::move(message));
  for (const ReadRequest& request : ready_.reads) writes_.read_entries(request);
  for (const SnapshotRequest& request : ready_.snapshot_reads) snapshots_.serve(request);
  if (ready_.apply_to != 0) applier_.set_target(ready_.apply_to);
  if (ready_.install) installer_.begin(*std::exchange(ready_.install, std::nullopt));
}

void Group::tick(Nanos at) {
  if (!is_open() || hand_over_.has_left()) return;
  claims_.refresh();
  if (hand_over_.until() != 0 && at >= hand_over_.until()) mark();
  if (raft->next_deadline() > at) return;
  raft->tick(at);
  if (role_.is_leading() && raft->transfer_target() == kNobody)
    hand_over_.complete(CHR_E_TIMEOUT, "the new leader did not take over");
  mark();
}

Nanos Group::next_deadline() const {
  if (!is_open() || hand_over_.has_left()) return UINT64_MAX;
  const Nanos next = raft->next_deadline();
  return hand_over_.until() == 0 ? next : std::min(next, hand_over_.until());
}

void Group::receive(Message message) {
  if (!is_open() || hand_over_.has_left()) return;
  if (message.term < raft->term()) host().add(services.metrics.lower_term);
  if (message.type == MessageType::kPreVote || message.type == MessageType::kVote) claims_.refresh();
  if (message.type == MessageType::kAppend && !budget_.has_room_for(message))
    return;  // as if the network had lost it
  raft->step(now(), std::move(message));
  budget_.count_unwritten();
  mark();
}

void Group::dropped(const Message& append) {
  if (is_open()) raft->append_dropped(append.to, append.term, append.index);
}

void Group::link(NodeId peer, bool up) {
  if (!is_open()) return;
  up ? raft->link_up(now(), peer) : raft->link_lost(now(), peer);
  mark();
}

void Group::handle(const Event& event) {
  tell_operator(event);
  switch (event.kind) {
    case EventKind::kRole:
      return role_changed(event);
    case EventKind::kTruncated:
      reader_.forget_hints();
      proposals_.fail_from(event.index, CHR_E_NOT_LEADER, "the entry was overwritten by a new leader");
      return machine.truncated(machine_context, event.index, event.offset);
    case EventKind::kCommitted:
      role_.set_committed(event.index, event.offset);
      return role_.tell_committed();
    case EventKind::kReadable:
      return proposals_.readable(event.context, event.index);
    case EventKind::kSnapshotSent:
      return host().add(services.metrics.snapshots_sent);
    case EventKind::kSnapshotRefused:
      return snapshots_.take_snapshot();
    case EventKind::kSnapshotDamaged:
      return host().add(services.metrics.decode_errors);
    case EventKind::kMembersChanged:
      return members_.changed(event.index);
    case EventKind::kNeedSnapshot:
    case EventKind::kCheckQuorumFailed:
    case EventKind::kStorageStalled:
    case EventKind::kStorageFull:
    case EventKind::kApplyStalled:
    case EventKind::kInconsistentPeer:
      return;
  }
}

// What happened that somebody may have to look after.
void Group::tell_operator(const Event& event) {
  switch (event.kind) {
    case EventKind::kNeedSnapshot:
      return host().info("Node " + std::to_string(event.peer) + " is too far behind in " + label +
                         ": the log that it needs was trimmed; it gets a snapshot");
    case EventKind::kSnapshotRefused:
      return host().warn("The snapshot of " + label + " did not reach node " + std::to_string(event.peer) +
                         " as it was saved; it is made anew");
    case EventKind::kSnapshotDamaged:
      return host().warn("A snapshot of " + label + " from node " + std::to_string(event.peer) +
                         " was damaged and is dropped");
    case EventKind::kCheckQuorumFailed:
      return host().warn("Node " + std::to_string(services.self) + " stepped down as leader of " + label +
                         ": no majority answered");
    case EventKind::kStorageStalled:
      return host().warn("The disk is stalled: leadership of " + label + " goes to node " +
                         std::to_string(event.peer));
    case EventKind::kStorageFull:
      return host().warn("Storage is full: leadership of " + label + " goes to node " +
                         std::to_string(event.peer) + ", which has room");
    case EventKind::kApplyStalled:
      return host().warn("Nothing of " + label + " was applied for a while, index " +
                         std::to_string(event.index) + " comes next: " +
                         (event.peer == kNobody
                              ? std::string("this node does not take over leadership")
                              : "leadership is offered to node " + std::to_string(event.peer)));
    case EventKind::kInconsistentPeer:
      return host().error("Node " + std::to_string(event.peer) + " sent entries for " + label +
                          " that contradict the log from index " + std::to_string(event.index) +
                          " on; they were refused");
    default:
      return;
  }
}

void Group::role_changed(const Event& event) {
  claims_.reject_older(event.term);
  if (event.role == Role::kLeader) return role_.become_leader(event);
  if (role_.end_leading()) {
    constexpr std::string_view kWhy = "leadership went to another node";
    proposals_.fail_from(0, CHR_E_NOT_LEADER, kWhy);
    hand_over_.complete(CHR_OK);
    members_.complete(CHR_E_NOT_LEADER, kWhy);
  }
  role_.become_follower(event);
}

void Group::stop_with(const Error& error) {
  if (!is_open()) return;
  const auto code = static_cast<chr_status>(error.code);
  host().error("Group " + label + " stopped on this node: " + error.message + what_to_do(error));
  state = GroupState::kFailed;
  failure = error;
  proposals_.fail_from(0, code, "the group stopped on this node, see its log");
  hand_over_.complete(code);
  members_.complete(code, "the group stopped on this node, see its log");
  (void)role_.end_leading();
  claims_.update(0);
  claims_.reject_all();
  role_.stop();
  mark();
}

void Group::close(uint32_t how, uint64_t token) {
  if (state == GroupState::kClosed) return shard->complete(token, CHR_OK);  // it could not be opened
  closing = true;
  close_snapshot_ = how == CHR_CLOSE_SNAPSHOT;
  leaving_ = how == CHR_CLOSE_LEAVE;
  if (!leaving_) installer_.drop_load();  // by what it brings the node may be no member
  (void)snapshots_.take_failure();
  close_token_ = token;
  if (state == GroupState::kRecovering || state == GroupState::kMending)
    return host().post(shard->index(), [self = alive(), of = shard] { of->states().loads.drop_unwanted(); });
  if (close_snapshot_) hand_over_.begin_for_close();
  mark();
}

// Nothing is on its way any more.
bool Group::is_ended() const {
  return writes_.is_idle() && applier_.is_idle() && !snapshots_.is_writing() && !trim_.is_busy() &&
         !installer_.is_writing();
}

// What is still to be done while the group is open. False: it is under way.
bool Group::prepare_close() {
  if (!is_open() || writes_.is_refused() || installer_.is_pending()) return true;
  if (raft->wants_storage() && !raft->full()) {
    mark();
    return false;
  }
  if (applier_.has_more() && !repair_.blocks_apply()) return false;
  if (close_snapshot_ && applier_.applied() > snapshots_.newest().index && !snapshots_.has_failed()) {
    snapshots_.take_snapshot();
    return false;
  }
  if (!std::exchange(leaving_, false) || !may_forget_log()) return true;
  forget_log();
  return false;
}

// Called in every turn of a closing group.
void Group::finish_close() {
  if (state == GroupState::kMending || hand_over_.is_under_way_for_close()) return;
  if (state == GroupState::kClosed || !is_ended() || !prepare_close()) return;
  state = GroupState::kClosed;
  budget_.count_unwritten();
  budget_.count_appends();
  if (raft != nullptr) claims_.update(0);
  writes_.cancel_retry();
  constexpr std::string_view kWhy = "the group was closed";
  proposals_.fail_from(0, CHR_E_CANCELLED, kWhy);
  hand_over_.complete(CHR_E_CANCELLED, kWhy);
  members_.complete(CHR_E_CANCELLED, kWhy);
  if (open_token_ != 0) shard->complete(open_token_, CHR_E_CANCELLED, kWhy);
  (void)role_.end_leading();
  if (close_token_ != 0) shard->complete(close_token_, CHR_OK);
  shard->remove(this);
}

// Whoever closes a group for good may go by what was true a while ago. By this log the node is no member, or
// it has nothing that anybody could rest on.
bool Group::may_forget_log() const {
  const bool voter = raft->membership().is_voter(services.self);
  return !voter && raft->configs().back().index <= raft->log().committed();
}

// Its vote, its term and where its log ended stay: what was decided with them may still count somewhere.
void Group::forget_log() {
  Write write(storage_group);
  write.clear();
  write.remove(kLogKey);
  write.remove(kSnapshotKey);
  const SnapshotMeta& snapshot = snapshots_.newest();
  for (uint32_t piece = 0; piece < snapshot.pieces; ++piece)
    write.remove(piece_key(snapshot.generation, piece));
  const HardState hard_state{raft->term(), raft->vote()};
  // mutant vote-forgotten-on-leaving: write.remove(kVoteKey), (void)hard_state;
  write.put(kVoteKey, encode(StoredVote{hard_state, 0, std::max(raft->log_end(), raft->left())}));
  trim_.set_busy(true);         // the close waits for it
  state = GroupState::kFailed;  // nothing may come behind it
  failure = {Code::kCancelled, "the group is being closed"};
  shard->write(std::move(write), [this, self = alive()](const Status& status) {
    trim_.set_busy(false);
    if (!status) host().warn("The log of " + label + " could not be deleted: " + status.error().message);
    mark();
  });
}

}  // namespace chronik::raft
