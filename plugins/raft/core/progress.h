// What a leader knows about one follower, and how much it may still send.
#pragma once

#include "raft/core/snapshot.h"

#include <algorithm>
#include <deque>
#include <utility>

namespace chronik::raft {

// Appends on their way: bounded in messages and in bytes.
class Inflights {
 public:
  void add(Index last, uint64_t bytes) {
    sent_.push_back({last, bytes});
    bytes_ += bytes;
  }
  void free_to(Index index) {
    while (!sent_.empty() && sent_.front().last <= index) {
      bytes_ -= sent_.front().bytes;
      sent_.pop_front();
    }
  }
  void clear() {
    sent_.clear();
    bytes_ = 0;
  }
  // What was sent behind index is not on its way after all.
  void cut(Index index) {
    for (; !sent_.empty() && sent_.back().last > index; sent_.pop_back()) bytes_ -= sent_.back().bytes;
  }
  bool full(const Config& config) const {
    return sent_.size() >= config.max_inflight_messages || bytes_ >= config.max_inflight_bytes;
  }
  size_t messages() const { return sent_.size(); }
  uint64_t bytes() const { return bytes_; }

 private:
  struct Sent {
    Index last;
    uint64_t bytes;
  };
  std::deque<Sent> sent_;
  uint64_t bytes_ = 0;
};

enum class ProgressState : uint8_t {
  kProbe,      // where the logs agree is unknown: one append at a time
  kReplicate,  // pipelined
  kSnapshot    // gets a snapshot, one piece at a time
};

// A snapshot on its way to a peer. The peer says what it has, so that a piece or an answer may get lost.
struct SnapshotSend {
  std::shared_ptr<const SnapshotInfo> info;  // null: not known yet which one
  uint32_t piece = 0;                        // comes next
  bool ask = true;                           // how many pieces the peer has
  bool reading = false;                      // the caller is asked for info or a piece
  bool waiting = false;                      // for the peer's answer
  Nanos sent = 0;
  uint64_t context = 0;        // of the newest message; older answers say too little
  uint64_t piece_context = 0;  // of the newest one with a piece

  // The peer may be asked again.
  void resume() {
    waiting = false;
    ask = true;
  }
};

// What may be sent to a peer for now, and what was, in bytes of entries.
struct SendBudget {
  uint64_t allowance = UINT64_MAX;
  bool limited = false;   // by a throttle: snapshots, too, and no message is larger than it must be
  bool held = false;      // more would be sent, were it allowed
  uint64_t answered = 0;  // that the peer has said to have, since this was last taken
  int64_t spent = 0;      // sent, or being read to be, likewise
  uint64_t reserved = 0;  // of that, what is being read

  // Bytes are read to be sent; where they are there, or there are none, less or more may be sent than that.
  void reserve(uint64_t bytes) { spent += static_cast<int64_t>(reserved = bytes); }
  void reserved_arrived() { spent -= static_cast<int64_t>(std::exchange(reserved, 0)); }
  void sends(uint64_t bytes) { spent += static_cast<int64_t>(bytes); }
};

// How far behind a peer is, in time.
struct CatchUpTimes {
  Nanos caught_up = 0;  // when it last had all that the log held
  Nanos complete = 0;   // when the log held nothing else than what it has; it may be away for long
  Index goal = 0;       // the end of the log at goal_set; having it means to be caught up as of then
  Nanos goal_set = 0;
  Nanos snapshot_began = 0;  // stays where another snapshot takes the place of the one under way
};

// Of a learner: where the log ended when its round of catching up began, and when that was.
struct LearnerRound {
  Index end = 0;
  Nanos began = 0;
};

struct PeerProgress {
  NodeId id = kNobody;
  Index match = 0;  // durable there
  Index next = 1;   // next to send
  ProgressState state = ProgressState::kProbe;
  bool waiting = false;  // a probe is on its way
  bool ask = false;      // send an empty append to learn where the follower is
  bool reading = false;  // older entries are being read from storage for it
  bool learner = false;
  bool ready = false;    // a learner that may become a voter
  bool leaving = false;  // no member any more; it is told so, then forgotten
  Nanos left = 0;
  LearnerRound round;
  Index commit = 0;  // as it said
  Index sent_commit = 0;
  Nanos commit_due = 0;       // it is told then what is committed, unless an append does so; 0: never
  uint64_t read_context = 0;  // the newest read that it confirmed
  Nanos heard = 0;            // when it, or its node, last answered
  Nanos responded = 0;        // when its log last answered, or an answer became due
  CatchUpTimes catch_up;
  SnapshotSend snapshot;
  Inflights inflights;
  SendBudget budget;
  uint64_t asked = 0;       // bytes of the probe, or of the read for it, that is under way
  bool questioned = false;  // an empty append is on its way: whatever comes back may be its answer
  Nanos waited_since = 0;   // for match to move; 0: no entries went out since it did

  // Bytes of entries that were sent, or are being read to be, and not answered. Whoever lets as much as
  // patience go by without an answer is not counted on: others need the room.
  uint64_t outstanding(Nanos now, Nanos patience) const {
    if (waited_since + patience <= now) return 0;
    const bool alone = reading || (state == ProgressState::kProbe && waiting);
    return inflights.bytes() + (alone ? asked : 0);
  }
  void use(Nanos now, uint64_t bytes) {
    budget.allowance -= std::min(budget.allowance, bytes);
    if (waited_since == 0 && bytes != 0) waited_since = now;
  }
  // There is nothing to ask it for. A learner is asked until a round was short enough,
  // also where nothing comes in.
  bool settled(Index last, Index committed) const {
    return state == ProgressState::kReplicate && match >= last && commit >= committed && (!learner || ready);
  }
  // Of a learner: it is to get what the log holds now.
  void begin_round(Nanos now, Index last) {
    ready = false;
    round = {last, now};
  }
  // What this peer was not sent is gone from the log: it is not behind because of that.
  void log_ends_at(Index last) {
    next = std::min(next, last + 1);
    round.end = std::min(round.end, last);
    catch_up.goal = std::min(catch_up.goal, last);
  }
  // Its match moved, or it said again where it is; the log ends at last.
  void note_progress(Nanos now, Index last) {
    if (match >= catch_up.goal) {
      catch_up.caught_up = catch_up.goal_set;
      catch_up.goal = last;
      catch_up.goal_set = now;
    }
    if (match >= last) catch_up.caught_up = now;
  }

  void probe() {
    state = ProgressState::kProbe;
    next = match + 1;
    stop_waiting();
    sent_commit = 0;
    inflights.clear();
  }
  void begin_snapshot(Nanos now) {
    state = ProgressState::kSnapshot;
    snapshot = SnapshotSend();
    catch_up.snapshot_began = now;
    inflights.clear();
  }
  void replicate() {
    state = ProgressState::kReplicate;
    next = match + 1;
    stop_waiting();
    inflights.clear();
  }
  // The probe was answered, or is sent again.
  void stop_waiting() {
    waiting = questioned = false;
    asked = 0;
  }
  // It has the log up to match now, which is more than before.
  void note_moved(Nanos now) {
    const uint64_t before = inflights.bytes();
    inflights.free_to(match);
    budget.answered += before - inflights.bytes();
    if (state == ProgressState::kProbe && waiting) budget.answered += asked;
    waited_since = inflights.bytes() == 0 ? 0 : now;
  }
};

}  // namespace chronik::raft
