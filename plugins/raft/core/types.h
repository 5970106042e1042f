// What goes into and comes out of the Raft core: entries, messages, storage batches, events.
#pragma once

#include "raft/core/payload.h"

#include <chronik/consensus.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace chronik::raft {

struct SnapshotInfo;

using NodeId = uint32_t;
using Term = uint64_t;
using Index = uint64_t;
using Ticket = uint64_t;
using Nanos = uint64_t;  // monotonic

inline constexpr NodeId kNobody = 0;
inline constexpr int64_t kNoTimestamp = -1;

// Raft assigns index and base offset together, when the entry gets its place in the log. Kinds are
// CHR_ENTRY_*; to the core only records matter: they are the Kafka offsets that an entry takes.
struct EntryHeader : chr_entry_header {
  EntryHeader() : chr_entry_header{} {
    max_timestamp = kNoTimestamp;
    log_max_timestamp = kNoTimestamp;
  }
  explicit EntryHeader(const chr_entry_header& header) : chr_entry_header(header) {}

  int64_t end_offset() const { return base_offset + records; }
};

struct Entry {
  EntryHeader header;  // its bytes are the payload's size, known even while the payload is not in memory
  Payload payload;

  bool in_memory() const { return payload.size() == header.bytes; }
};

// What a proposer hands over; the core gives it term, index and offset.
struct Proposal {
  uint32_t kind = CHR_ENTRY_DATA;
  uint32_t records = 0;
  int64_t max_timestamp = kNoTimestamp;
  Payload payload;
};

// Where the first of the proposed entries stands; the others follow without a gap.
struct Placement {
  Term term = 0;
  Index first_index = 0;
  int64_t base_offset = 0;
};

// The last entry of a log; of two logs the one with the larger end is more up to date.
struct LogEnd {
  Term term = 0;
  Index index = 0;

  auto operator<=>(const LogEnd&) const = default;
};

struct HardState {
  Term term = 0;
  NodeId vote = kNobody;

  bool operator==(const HardState&) const = default;
};

enum class MessageType : uint8_t {
  kPreVote = 1,
  kPreVoteResponse = 2,
  kVote = 3,
  kVoteResponse = 4,
  kAppend = 5,
  kAppendResponse = 6,
  kHeartbeat = 7,
  kHeartbeatResponse = 8,
  kTimeoutNow = 9,
  kSnapshot = 10,
  kSnapshotResponse = 11
};

// One message for all purposes; which fields count depends on the type:
//   kPreVote, kVote      index, log_term: the candidate's last entry; forced: leadership is being handed over
//   kAppend              index, log_term: the entry before the first one sent; commit; entries
//   kAppendResponse      index: matched up to here, or with `reject` the previous index that did not match;
//                        commit; hint_index, log_term: where the follower's log may agree
//   kHeartbeat           this node leads; context comes back in the response
//   kSnapshot            snapshot; context; hint_index: the number of `piece`; no piece: how many are there?
//   kSnapshotResponse    context; index: how many pieces are there; with `reject` they were damaged and are
//                        dropped
struct Message {
  MessageType type = MessageType::kHeartbeat;
  NodeId from = kNobody;
  NodeId to = kNobody;
  Term term = 0;
  Index index = 0;
  Term log_term = 0;
  Index commit = 0;
  Index hint_index = 0;
  uint64_t context = 0;
  bool reject = false;
  bool forced = false;
  std::vector<Entry> entries;
  std::shared_ptr<const SnapshotInfo> snapshot;
  Payload piece;
};

// One atomic step of the ordered stream to storage. To be applied in this order:
// truncate, entries, hard state.
struct StorageBatch {
  Ticket ticket = 0;  // 0: there is none
  Term term = 0;      // of the node when it issued the batch
  bool has_hard_state = false;
  HardState hard_state;
  Index truncate_from = 0;  // delete this index and all after it; 0: keep all
  Index commit = 0;         // a hint, worth storing when something is written anyway; durable up to there
  std::vector<Entry> entries;
};

enum class Role : uint8_t { kFollower, kPreCandidate, kCandidate, kLeader };

enum class EventKind : uint8_t {
  kRole,             // role, term, leader; handed_over
  kTruncated,        // index: the first that is gone; offset: the new end of the log
  kCommitted,        // index, offset: one past the last committed record
  kNeedSnapshot,     // peer needs what lies before the start of the log
  kSnapshotSent,     // peer has installed it
  kSnapshotRefused,  // peer found that the pieces are not what they should be
  kSnapshotDamaged,  // the pieces that peer sent are not what they should be
  kReadable,  // context, index: a read that waited for read_index() may be served once index is applied
  kCheckQuorumFailed,
  kStorageStalled,  // a leader with a stalled disk is giving leadership away to peer
  kStorageFull,     // a leader without room is giving leadership away to peer, which has some
  kApplyStalled,  // for an election timeout nothing was applied; index: what comes next. A leader that nobody
                  // can use yet offers leadership to peer; without a peer this node did not take it over
  kMembersChanged,   // the change of members is committed; index: its last entry
  kInconsistentPeer  // peer sent entries that contradict what is committed here, from index on; they were
                     // refused
};

struct Event {
  EventKind kind = EventKind::kRole;
  Role role = Role::kFollower;
  Term term = 0;
  NodeId leader = kNobody;
  NodeId peer = kNobody;
  Index index = 0;
  int64_t offset = 0;
  uint64_t context = 0;
  bool handed_over = false;  // of a new leader: the one before it asked it to take over
};

// Entries for a lagging peer that are no longer in memory: read [from, to), at most max_bytes but at least
// one entry, at most max_entries, and answer with Raft::entries_read().
struct ReadRequest {
  NodeId peer = kNobody;
  Term term = 0;
  Index from = 0;
  Index to = 0;
  uint64_t max_bytes = 0;
  uint32_t max_entries = 0;
};

// For a peer that gets a snapshot: which one there is (no info), or a piece of that one. Answer with
// Raft::snapshot_read().
struct SnapshotRequest {
  NodeId peer = kNobody;
  Term term = 0;
  std::shared_ptr<const SnapshotInfo> info;
  uint32_t piece = 0;
};

// A whole snapshot, checked.
struct SnapshotInstall {
  std::shared_ptr<const SnapshotInfo> info;
  std::vector<Payload> pieces;
};

// What storage takes just now: nothing, as it is busy with something that comes first; only what takes no
// Kafka offsets, as it is full; everything.
enum class Room : uint8_t { kNone, kControl, kAll };

// All that one or more inputs caused. Handle events first, then start the storage
// batch, then send the messages.
struct Ready {
  std::vector<Event> events;
  StorageBatch storage;
  std::vector<Message> messages;
  std::vector<ReadRequest> reads;
  std::vector<SnapshotRequest> snapshot_reads;
  // In place of all that the group has: in one write, once everything before it is done and nothing is being
  // applied. Then load it and call Raft::snapshot_installed(). No storage batch until then.
  std::optional<SnapshotInstall> install;
  Index apply_from = 0;  // committed and locally durable: apply [apply_from, apply_to]; 0: nothing
  Index apply_to = 0;

  void clear() {
    events.clear();
    storage = StorageBatch{};
    messages.clear();
    reads.clear();
    snapshot_reads.clear();
    install.reset();
    apply_from = apply_to = 0;
  }
};

// What is 0 here is a setting of the plugin, whose schema alone has a default.
struct Config {
  NodeId self = kNobody;
  uint64_t seed = 0;           // of the group; mixed with the node id for the timeouts
  uint64_t group = 0;          // hash of the group's name
  Nanos election_timeout = 0;  // T: elections start after a silence of T to 2T
  Nanos retry_interval = 0;    // between attempts to find out where a silent peer is
  // How long the preferred voter must have been up, and have had the whole log, before leadership goes back
  // to it; 0: never.
  Nanos leader_balance = 0;
  // For so long at most what is committed waits for an append that it can travel with, where nobody waits for
  // it at other replicas; 0: not at all.
  Nanos commit_delay = 5'000'000;
  Nanos stagger = 50'000'000;  // between candidates of neighbouring rank once the leader's link is lost
  uint64_t max_append_bytes = 0;
  uint32_t max_append_entries = 16384;  // their headers take 80 bytes each in the head of a frame
  uint64_t max_inflight_bytes = 0;
  uint32_t max_inflight_messages = 256;
  uint64_t max_uncommitted_bytes = 0;
  uint32_t hint_entries = 4096;  // committed, for a new hint; a restart looks at each entry above it
  uint32_t tail_entries = 4096;  // that may stay in memory after they were applied
  Nanos trim_hold = 0;           // for which the log waits with a trim for a member that is behind
};

}  // namespace chronik::raft
