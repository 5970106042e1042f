// One open group: the core, and everything between it and the world. Lives on one shard.
#pragma once

#include "raft/core/raft.h"
#include "raft/group/services.h"
#include "raft/group/shard.h"
#include "raft/group/waiters.h"
#include "raft/log/recovery.h"
#include "raft/log/snapshot_writer.h"
#include "raft/log/write.h"

#include <chronik/consensus.h>
#include <chronik/draft/throttle.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace chronik::raft {

// Owned by its shard from open() until close() has completed; operations in flight keep it alive beyond that.
// The functions of chr_consensus_v1 that take a chr_group are methods here; their rules stand there. Not
// thread-safe.
class Group : public std::enable_shared_from_this<Group> {
 public:
  Group(Shard* shard, const chr_group_options& options, const chr_state_machine_v1& machine, void* context);

  void open(uint64_t token);
  // token 0: nobody waits for it.
  void close(uint32_t how, uint64_t token);  // CHR_CLOSE_*

  chr_status propose(uint64_t expected_term, const chr_proposal* items, uint32_t n, uint32_t until,
                     chr_placed* placed, uint64_t token, chr_error* error);
  chr_status read(const chr_group_read* args, chr_entries* out, uint64_t token, chr_error* error);
  chr_status find(int32_t by, int64_t value, chr_entry_header* out, uint64_t token, chr_error* error);
  chr_status epoch_end(uint64_t term, uint64_t* found_term, int64_t* end_offset);
  chr_status bounds(chr_group_bounds* out);
  chr_status trim(int64_t offset, uint64_t token, chr_error* error);
  chr_status barrier(uint64_t token, chr_error* error);
  chr_status transfer(int32_t to, uint64_t token, chr_error* error);
  chr_status status(chr_group_status* out);
  chr_status change_members(const chr_members_change* change, uint64_t token, chr_error* error);
  chr_status set_learners(const int32_t* nodes, uint32_t n, chr_error* error);
  chr_status throttle(const chr_throttled* items, uint32_t n);  // assign() of chr_throttle_v1

  // For the shard.
  const std::string& name() const { return name_; }
  uint64_t hash() const { return hash_; }
  Term term() const { return state_ == State::kOpen ? raft_->term() : 0; }
  Nanos armed() const { return armed_; }
  void set_armed(Nanos due) { armed_ = due; }
  bool marked() const { return marked_; }
  void set_marked(bool marked) { marked_ = marked; }
  void turn();
  Nanos next_deadline() const;
  void tick(Nanos now);
  void receive(Message message);
  // The link had no room for this append.
  void dropped(const Message& append);
  void link(NodeId peer, bool up);
  // The peer claims to lead in this term; false: it is not followed. It does not any more. It says that this
  // node is not followed there, for a higher term if that is not 0.
  bool leader_claimed(NodeId peer, Term term);
  void leader_withdrew(NodeId peer, Term term);
  void claim_rejected(NodeId peer, Term term);
  // Takes over what the node knows of its peers' lives.
  void refresh();
  // Hands leadership to the preferred member where it is time for that; true: begun.
  bool balance();
  // Tells a watcher how things stand; nothing while the group is not open.
  void introduce(chr_role_fn fn, void* context) const;

 private:
  enum class State { kRecovering, kOpen, kMending, kFailed, kClosed };
  static constexpr Nanos kRetryWhenFull = 100'000'000;
  struct Chunk {  // committed entries on their way to the state machine
    std::vector<Entry> from_memory;
    StoredEntries from_storage;
    std::vector<chr_entry> entries;
    size_t next = 0;
    Index end = 0;
    uint64_t bytes = 0;
  };
  struct ColdHint {  // where a reader that comes back will go on
    int64_t offset;
    Index index;
  };

  // group.cc
  void recovered(Result<Recovered> found);
  Status restore(Recovered* found);
  void finish_open();
  void mark() { shard_->mark(this); }
  void rejoin();
  void handle(const Event& event);
  void tell_committed();
  void role_changed(const Event& event);
  void tell_if_usable();
  bool usable() const;
  void complete_waiters();
  // Room for records in what the node may hold that is not on its disk. What takes no offset always passes:
  // it is little, and trims, members and the catalog are what makes room.
  bool has_room(uint64_t limit) const;
  bool has_room_for_proposal(uint64_t bytes) const;
  bool has_room_for(const Message& append) const;
  void count_unwritten();
  bool is_throttled(const PeerProgress& to) const;
  uint64_t throttled_room(NodeId to) const;
  void count_throttled(const PeerProgress& to, int64_t bytes);
  void allow_appends();
  void count_appends();
  void fail_waiters(Index from, chr_status code, std::string_view why);
  void send(std::vector<Message>* messages);
  void update_claims(Term term);
  void stop_with(const Error& error);
  // What comes in from now on would only delay the end.
  bool leaves() const { return closing_ && hand_over_until_ == 0; }
  void begin_hand_over();
  bool handing_over();
  void finish_close();
  bool may_forget_log() const;
  void forget_log();

  // apply.cc
  void pump_apply();
  bool load_chunk();
  void chunk_read(Result<StoredEntries> read);
  bool run_chunk();
  chr_status apply_run(size_t first, size_t n);
  void chunk_applied(chr_status status);
  void apply_trim(const chr_entry& entry);
  void start_log_at(int64_t offset);

  // storage.cc
  void write_batch(const StorageBatch& batch);
  void batch_written(Ticket ticket, bool data, const Status& status);
  void batches_refused();
  Room room() const;
  void try_again_soon();
  void serve_read(const ReadRequest& request);
  void pump_trim();
  void trim_to(Index first);
  void note_trimmed(Index first);
  uint64_t bytes() const;
  void trim_failed(const Error& error);
  bool storage_full() const;
  void trim_ahead(int64_t offset, Index limit);

  // snapshots.cc
  void maybe_snapshot();
  void take_snapshot();
  void write_snapshot(const SnapshotMeta& meta, std::vector<chr_slice> pieces,
                      std::shared_ptr<const void> owner, SnapshotWriter::AddSteps add_steps,
                      SnapshotWriter::Done done);
  void snapshot_written(const SnapshotMeta& meta, const Status& status);
  void serve_snapshot(const SnapshotRequest& request);
  void describe_snapshot(const SnapshotRequest& request);
  std::shared_ptr<const SnapshotInfo> snapshot_info(const EntryHeader& first) const;
  void pump_install();
  void replace_log(const SnapshotMeta& meta, Write* write) const;
  static std::vector<chr_slice> slices_of(const std::vector<Payload>& pieces);
  void install_written(const SnapshotMeta& meta, const Status& status);
  void install_loaded(const SnapshotMeta& meta);

  // mend.cc
  void read_failed(const Error& error, Index from);
  bool mendable_from(Index from) const;
  bool apply_blocked() const;
  bool mends() const;
  void pump_mend();
  void hand_on();
  void mended(Result<Recovered> found);
  void say_shortened() const;
  void keep_damaged(const Error& error);
  Status restore_again(Result<Recovered> found);

  // proposals.cc
  chr_status check_proposal(uint64_t expected_term, const chr_proposal* items, uint32_t n,
                            chr_error* error) const;
  void fill_proposals(const chr_proposal* items, uint32_t n);
  bool starts_at(int64_t offset) const;
  Status propose_trim(int64_t offset, uint64_t token);

  // members.cc
  void complete_change(chr_status code, std::string_view why = {});

  // reads.cc
  bool read_memory(const chr_group_read& args, int64_t bound, chr_entries* out);
  struct HeaderScan;
  chr_storage_read stored_range(const chr_group_read& args, Index from) const;
  void read_storage(const chr_group_read& args, Index from, bool certain, chr_entries* out, uint64_t token);
  void read_headers(const std::shared_ptr<HeaderScan>& scan, Index from);
  void headers_read(const std::shared_ptr<HeaderScan>& scan, Result<StoredEntries> headers);
  void locate_and_read(const chr_group_read& args, chr_entries* out, uint64_t token);
  void storage_read(const chr_group_read& args, bool certain, chr_entries* out, uint64_t token,
                    Result<StoredEntries> read);
  void remember(int64_t offset, Index index);
  void found(int32_t by, int64_t value, bool again, chr_entry_header* out, uint64_t token,
             Result<chr_entry_header> header);

  Services& services_;
  Shard* const shard_;
  const std::string name_;
  const uint64_t hash_;
  const std::string label_;
  chr_group_id id_{};
  const chr_state_machine_v1 machine_;
  void* const context_;
  const Membership initial_;  // what the owner says that the group was created with

  State state_ = State::kRecovering;
  Error failure_;
  bool marked_ = false;
  Nanos armed_ = UINT64_MAX;
  Term claimed_term_ = 0;  // towards these peers
  std::vector<NodeId> claimed_to_;
  std::vector<std::pair<NodeId, uint64_t>> outstanding_;  // as the windows of the shard count it
  std::vector<chr_throttled> throttled_;                  // mostly nobody
  uint64_t storage_group_ = 0;
  uint64_t open_token_ = 0;
  Index open_target_ = 0;
  bool closing_ = false;
  bool close_snapshot_ = false;
  bool leaving_ = false;
  uint64_t close_token_ = 0;
  Nanos hand_over_until_ = 0;  // a closing group waits for another leader; 0: it does not

  std::unique_ptr<Raft> raft_;
  uint64_t unwritten_ = 0;  // this group's part of what the node counts
  Ready ready_;
  Waiters waiters_;
  bool leading_ = false;  // as the state machine and the metrics know it
  bool told_usable_ = false;
  chr_role told_{};
  uint64_t transfer_token_ = 0;
  std::vector<uint64_t> change_tokens_;
  std::vector<NodeId> change_target_;  // what they wait for
  std::vector<Proposal> proposals_;

  // What the state machine was told is committed. Readers see no more, though the core may know better by
  // then.
  Index visible_ = 0;
  int64_t high_watermark_ = 0;
  Index told_committed_ = 0;  // the newest that the state machine knows of

  // Log and keys.
  MetaOnDisk meta_on_disk_;
  int64_t log_start_ = 0;
  int64_t agreed_start_ = 0;  // as far as an entry says so to all; full storage may be ahead of that
  Base base_;
  uint64_t hidden_bytes_ = 0;  // as many at least lie below the start of the log, still to be deleted
  Index start_index_ = 0;      // where the log is to begin on disk
  size_t writes_in_flight_ = 0;
  bool write_refused_ = false;  // one of them; the others are waited for
  bool data_refused_ = false;   // since there was room last: entries that take offsets, not even others
  Nanos full_until_ = 0;
  Nanos say_full_at_ = 0;  // not at each attempt
  Nanos say_unsaved_at_ = 0;
  Nanos say_damaged_at_ = 0;
  uint64_t retry_timer_ = 0;

  // State machine.
  Index applied_ = 0;
  Index apply_target_ = 0;
  Chunk chunk_;
  bool applying_ = false;
  SnapshotMeta snapshot_;
  bool snapshotting_ = false;
  bool snapshot_failed_ = false;
  uint64_t bytes_since_snapshot_ = 0;
  Nanos sending_since_ = 0;  // a snapshot, to whoever asks for it
  Nanos sending_until_ = 0;
  std::optional<SnapshotInstall> install_;
  bool install_writing_ = false;
  bool trim_wanted_ = false;
  bool trimming_ = false;
  Index trim_goal_ = 0;   // as far as the log would go if nobody needed it
  Index trim_limit_ = 0;  // the entry that asked for it stays

  Index lost_from_ = 0;  // found to be damaged on disk from here on, to be fetched from others; 0: nothing is
  Nanos mend_after_ = 0;
  Nanos hand_on_at_ = 0;
  bool cuts_ = false;  // what is damaged is still to be deleted, by the write that brings other entries
  bool cut_refused_ = false;  // by storage

  std::vector<ColdHint> hints_;
  size_t next_hint_ = 0;
};

}  // namespace chronik::raft
