// Raft for one group: a pure state machine without I/O, clock, threads or randomness. The same inputs in the
// same order give the same outputs.
//
// In: start, tick, step (a message), propose, storage_done, apply_done, entries_read, snapshot_read,
// snapshot_installed, link_up, link_lost, leader_heard, peer_heard, storage_alive, transfer, change_members.
// Out: take_ready() after one or more inputs. The caller applies `storage` batches in the order of their
// tickets and reports each with storage_done() once it is durable. Whatever depends on durability (votes,
// acknowledgements, the leader's own share of a majority) is kept back until then, so everything in
// Ready::messages may be sent at once.
#pragma once

#include "raft/core/membership.h"
#include "raft/core/progress.h"
#include "raft/core/raft_log.h"
#include "raft/core/types.h"

#include <chronik/lean_queue.hpp>
#include <chronik/result.hpp>

#include <algorithm>
#include <span>
#include <vector>

namespace chronik::raft {

class Raft {
 public:
  // membership: what the group was created with; counts where the log knows no other.
  Raft(const Config& config, Membership membership, HardState hard_state, StoredLog log);

  // Takes part from now on. A sole voter leads at once.
  void start(Nanos now);
  void tick(Nanos now);
  // When tick() has something to do next; calling it earlier does no harm. After a tick it lies ahead.
  Nanos next_deadline() const;

  void step(Nanos now, Message message);
  // All or none. expected_term 0: any. NOT_LEADER, FENCED, OVERLOADED, or UNAVAILABLE
  // while leadership is handed over.
  Result<Placement> propose(Nanos now, Term expected_term, std::span<Proposal> items);
  // Batches complete in the order of their tickets; a ticket stands for all before it.
  void storage_done(Nanos now, Ticket ticket);
  // The oldest batch that is not done was refused for lack of space, and none is under way any more. A sole
  // voter drops the entries, which nobody else has seen: the first index that is gone. Otherwise 0, and they
  // come again, in batches for which there may be room.
  Index storage_refused(Nanos now);
  // Something of the log waits for room in storage.
  bool full() const { return full_; }
  // Applied up to index; entries up to there may leave memory where more than tail_bytes are held.
  void apply_done(Nanos now, Index index, uint64_t tail_bytes);
  // Begins a linearizable read; a kReadable event with the returned context tells when this node
  // was still the leader. UNAVAILABLE until the term's no-op is committed. What is not confirmed
  // when leadership ends never is.
  Result<uint64_t> read_index(Nanos now);
  // The answer to a ReadRequest; empty: it failed, and is asked for again later.
  void entries_read(const ReadRequest& request, std::vector<Entry> entries);

  // How many bytes of entries may go to the peer for now, so that all groups together do not fill the way
  // there; what is held back for that reason says PeerProgress::held.
  // limited: by a throttle, which holds up snapshots, too.
  void allow(NodeId peer, uint64_t bytes, bool limited);
  // Whether commits may have to wait for this voter, as there is no majority without it that keeps up.
  bool is_needed(Nanos now, NodeId peer) const;
  // Bytes of entries that the peer has said to have, since this was last asked.
  uint64_t take_answered(NodeId peer);
  // Bytes of entries and snapshots that were sent to the peer, or are read to be, since this was last asked;
  // negative: less were sent than was said.
  int64_t take_spent(NodeId peer);
  // There was no room for an append to the peer, of this term, whose entries come
  // after `before`: it goes again.
  void append_dropped(NodeId peer, Term of, Index before);

  // That a leader is alive, and that its peers are, is told by nodes for all their groups at once, not
  // by messages of each group. To be called before tick() and before a step() with a vote, where
  // something newer is known: when the leader that this node follows was heard, and when a peer was
  // sent what it is known to have got.
  void leader_heard(Nanos at);
  void peer_heard(Nanos now, NodeId peer, Nanos at);

  // Storage finished something, of whichever group: a batch that waits behind others is no sign of a stalled
  // disk. To be called before tick().
  void storage_alive(Nanos at) { storage_alive_ = std::max(storage_alive_, at); }

  // The transport to a peer came up or broke; what was queued may be lost. Losing the leader's link forgets
  // the leader, and candidates follow one another in the order of their rank instead of after a timeout.
  void link_up(Nanos now, NodeId peer);
  void link_lost(Nanos now, NodeId peer);
  void forget_leader(Nanos now);
  // Campaigns now, with a pre-vote.
  void campaign(Nanos now);
  // kNobody: the voter that is furthest. OK: begun, the outcome shows in a role event.
  Status transfer(Nanos now, NodeId to);
  // Whether another voter could take over now: its link is up.
  bool has_transferee() const;
  // Hands leadership to the preferred voter, where it has had the whole log for a while. True: begun.
  bool balance(Nanos now);

  // Makes the target the voters: new ones become learners, then comes joint consensus, then the target alone.
  // kBegun replaces a change whose learners still caught up. NOT_LEADER, UNAVAILABLE, CONFLICT or
  // INVALID_ARGUMENT.
  enum class ChangeStart : uint8_t { kThereAlready, kBegun, kUnderWay };
  Result<ChangeStart> change_members(Nanos now, std::vector<NodeId> target);
  // Those that follow for good and have no vote, while this node leads. NOT_LEADER or INVALID_ARGUMENT.
  Status set_learners(Nanos now, std::vector<NodeId> nodes);

  // The log starts at `first`; at most one past what is applied and durable.
  void trim(Index first) { log_.trim(first); }
  // How far the log may be trimmed: up to what all members have but those that are too far behind.
  Index trim_limit(Nanos now) const;

  // The answer to a SnapshotRequest: which snapshot there is, or the piece of it. No info:
  // there is none, or it is gone.
  void snapshot_read(Nanos now, const SnapshotRequest& request, std::shared_ptr<const SnapshotInfo> info,
                     Payload piece);
  // What Ready::install asked for is durable, and everything before it is no more.
  void snapshot_installed(Nanos now);

  // What storage does not take now goes into a later batch.
  void take_ready(Ready* ready, Room room = Room::kAll);

  Role role() const { return role_; }
  Term term() const { return hard_state_.term; }
  NodeId vote() const { return hard_state_.vote; }
  NodeId leader() const { return leader_; }
  NodeId transfer_target() const { return transfer_to_; }
  // Index of the no-op that began this leader's term; meaningful while leading.
  Index term_start() const { return term_start_; }
  const RaftLog& log() const { return log_; }
  LogEnd log_end() const { return {log_.last_term(), log_.last_index()}; }
  // What this node held when it once left the group, or before a part of it was found to be damaged.
  // Others may rest on it: as long as the log ends before that, the node does not campaign, and
  // votes as if it held it still.
  LogEnd left() const { return left_; }
  Index lost_from() const { return lost_from_; }  // see StoredLog
  const Membership& membership() const { return membership_; }
  // Those that the log may still fall back to, and the one in force, the last one.
  const std::vector<ConfigEntry>& configs() const { return configs_; }
  // The membership as of an applied index, not below the last one that was applied before.
  const ConfigEntry& config_at(Index index) const;
  const Config& config() const { return config_; }
  const std::vector<PeerProgress>& peers() const { return peers_; }
  // How many voters have the entry at index durably, as the leader knows.
  uint32_t copies(Index index) const;
  // Up to where n voters have the log durably, as the leader knows.
  Index copied_to(uint32_t n) const;
  uint64_t uncommitted_bytes() const { return uncommitted_bytes_; }
  // There is something that the next batch would hold.
  bool wants_storage() const {
    return hard_state_dirty_ || truncate_from_ != 0 || persist_next_ <= log_.last_index();
  }

 private:
  struct Written {  // a batch on its way to disk
    Ticket ticket;
    Index from;   // the first index that it touches
    bool data;    // it holds entries that take offsets
    Index claim;  // durable up to here once it is done; lowered by truncations in the meantime
    Nanos issued;
  };
  struct Held {  // a message that waits for the disk
    Ticket after;
    Index index;  // and until the log is durable up to here
    Term term;
    Message message;
  };

  // raft.cc
  void handle(Message& message);
  void become_follower(Term term, NodeId leader);
  void become_leader();
  void set_hard_state(Term term, NodeId vote);
  void announce_role();
  void send(Message message);
  void send_after(Ticket ticket, Index index, Message message);
  void send_when_safe(Message message) { send_after(hard_state_ticket(), 0, std::move(message)); }
  Ticket log_ticket() const;
  Ticket hard_state_ticket() const;
  void release_held();
  void take_storage(Ready* ready, Room room);
  PeerProgress* peer(NodeId id);

  // full.cc
  Index drop_unsent();
  Index next_part(Room room) const;
  Index rests_on() const;
  void drop_refused();
  void say_how_far();
  Message answer_up_to(Index index) const;
  void note_room(bool data);
  void look_for_room();

  // apply.cc
  void hand_out_applies(Ready* ready);
  bool is_applying() const;
  // For an election timeout nothing was applied of what is there to be.
  bool apply_stalled() const;
  Nanos apply_offer_due() const;
  void check_apply_stall();
  void tell_apply_stall(NodeId to);

  // election.cc
  void reset_election_timer() { reset_election_timer(now_); }
  void reset_election_timer(Nanos silent_since);
  void retry_election_timer();
  void campaign_soon(NodeId lost_leader);
  void pre_campaign();
  void begin_election(bool forced);
  bool may_campaign() const;
  bool leader_is_alive() const;
  bool take_term(const Message& message);
  void on_vote_request(const Message& message);
  void on_vote_response(const Message& message);
  void record_vote(NodeId from, bool granted);
  Nanos followed(const PeerProgress& progress) const;
  void check_quorum();
  void on_timeout_now();
  void check_transfer();
  PeerProgress* best_voter();
  Nanos stall_due() const;
  void check_storage_stall();
  bool linked(NodeId node) const;

  // balance.cc
  void plan_balance();
  // The peer's node answered within eight heartbeat intervals, or half an election timeout where that is less.
  bool answered_of_late(const PeerProgress& progress) const;
  bool keeps_up(const PeerProgress& progress) const;

  // change.cc
  void append_entry(Entry entry);
  void revert_configs(Index from);
  void prune_configs();
  void enter_config();
  void update_peers();
  void place_config(const Membership& members);
  void settle();
  void join();
  void leave_joint();
  void leave_group();
  void note_learner(PeerProgress* learner);

  // replication.cc
  Index place(Proposal& item);
  bool maybe_commit();
  void commit_to(Index index);
  void send_appends();
  bool send_append(PeerProgress* to);
  bool may_tell_commit(PeerProgress* to, Nanos due) const;
  void tell_commits_due();
  Index allowed_to(const PeerProgress& to) const;
  void send_entries(PeerProgress* to, std::vector<Entry> entries);
  void send_heartbeats();
  void heard_from(PeerProgress* peer, Nanos at);
  bool unsettled() const;
  void retry();
  void hear_leader(NodeId from);
  void on_append(Message& message);
  bool well_formed(const Message& message) const;
  bool append_new(Message& message, Index* last);
  void take_lost_away();
  void say_lost();
  void drop_from(Index from);
  void cut_log(Index from);
  void refuse_append(const Message& message);
  void on_append_response(const Message& message);
  void on_append_refused(PeerProgress* from, const Message& message);
  void on_heartbeat(const Message& message);
  void on_heartbeat_response(const Message& message);
  void confirm_reads();

  // snapshot.cc
  void begin_snapshot(PeerProgress* to);
  void send_snapshot(PeerProgress* to);
  void send_part(PeerProgress* to, Payload piece);
  void on_snapshot(Message& message);
  bool take_part(const Message& message);
  void on_snapshot_response(const Message& message);
  void note_snapshot_sent(NodeId to);

  const Config config_;
  Membership membership_;  // in force
  std::vector<ConfigEntry> configs_;
  const LogEnd left_;
  Index lost_from_;
  RaftLog log_;
  HardState hard_state_;

  Role role_ = Role::kFollower;
  NodeId leader_ = kNobody;
  Nanos now_ = 0;
  Nanos heard_leader_ = 0;
  Nanos election_deadline_ = 0;
  uint64_t timer_count_ = 0;
  bool handed_over_ = false;     // the election under way was asked for by the leader
  Nanos balanced_ = 0;           // when this node last gave leadership to the preferred voter
  Nanos balance_pause_ = 0;      // until it does so again; grows where that does not last
  uint32_t quick_attempts_ = 0;  // campaigns left before the timeouts take over again
  uint32_t rank_ = 0;            // among the candidates of a quick campaign
  struct Link {
    NodeId peer;
    Nanos since;
  };
  std::vector<Link> linked_;
  std::vector<std::pair<NodeId, bool>> votes_;

  // While leading.
  std::vector<PeerProgress> peers_;
  Index term_start_ = 0;
  uint64_t uncommitted_bytes_ = 0;
  Nanos leads_since_ = 0;
  Nanos retry_due_ = 0;
  Nanos quorum_check_due_ = 0;
  bool stall_told_ = false;
  Nanos storage_alive_ = 0;
  Nanos offered_ = 0;            // when leadership was last offered, as nothing could be applied
  NodeId offered_to_ = kNobody;  // and to whom
  struct Read {
    uint64_t context;
    Index index;
  };
  LeanQueue<Read> pending_reads_;
  uint64_t next_read_ = 0;
  NodeId transfer_to_ = kNobody;
  Nanos transfer_deadline_ = 0;
  Nanos balance_due_ = 0;
  std::vector<NodeId> target_;    // of a change whose learners catch up; empty: none
  std::vector<NodeId> standing_;  // learners for good, or voters that are to become such
  bool hand_over_tried_ = false;
  Index settled_config_ = 0;
  Index newest_command_ = 0;  // the newest entry that takes no offset
  Index sent_ = 0;            // the newest entry of this term that went to anybody
  uint64_t snapshot_context_ = 0;

  // A snapshot that comes in, or waits for the caller to install it.
  std::optional<IncomingSnapshot> incoming_;
  bool installing_ = false;
  bool install_due_ = false;

  // Towards storage.
  Ticket next_ticket_ = 1;
  Ticket done_ticket_ = 0;
  Ticket last_hard_state_ticket_ = 0;
  bool hard_state_dirty_ = false;
  Index truncate_from_ = 0;
  Index persist_next_ = 1;
  Index commit_hint_ = 0;  // the newest that went to storage
  LeanQueue<Written> written_;
  LeanQueue<Held> held_;
  bool full_ = false;
  uint32_t refused_alone_ = 0;  // how often, one after the other, while a peer had all of this leader's log
  Index verified_ = 0;          // while full: up to here the log is known to be the leader's

  // Towards the caller.
  std::vector<Event> events_;
  std::vector<Message> messages_;
  std::vector<ReadRequest> reads_;
  std::vector<SnapshotRequest> snapshot_reads_;
  Event announced_;
  Index announced_commit_ = 0;
  Index apply_handed_out_ = 0;
  Nanos apply_waits_since_ = 0;  // for the next one of those to be applied; of no meaning where all are
  bool apply_stall_told_ = false;
};

}  // namespace chronik::raft
