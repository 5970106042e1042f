// Replication: proposals, appends to followers, what followers answer, and what is committed.
#include "raft/core/invariant.h"
#include "raft/core/raft.h"

#include <algorithm>
#include <utility>

namespace chronik::raft {

Result<Placement> Raft::propose(Nanos now, Term expected_term, std::span<Proposal> items) {
  now_ = now;
  if (role_ != Role::kLeader) return fail(Code::kNotLeader, "this node does not lead the group");
  if (expected_term != 0 && expected_term != term())
    return fail(Code::kFenced, "the leader's term moved on since the proposal was prepared");
  if (transfer_to_ != kNobody) return fail(Code::kUnavailable, "leadership is being handed over, try again");
  if (items.empty()) return fail(Code::kInvalidArgument, "a proposal needs at least one entry");
  uint64_t bytes = 0;
  for (const Proposal& item : items) bytes += item.payload.size();
  // One oversized proposal must be possible, or it would never be; and a trim, which makes room.
  if (uncommitted_bytes_ > 0 && items.front().kind != CHR_ENTRY_TRIM &&
      uncommitted_bytes_ + bytes > config_.max_uncommitted_bytes)
    return fail(Code::kOverloaded, "too much is proposed and not yet committed, try again");
  Placement placement{term(), log_.last_index() + 1, log_.end_offset()};
  if (!unsettled()) retry_due_ = now_ + config_.retry_interval;
  for (PeerProgress& progress : peers_)
    if (progress.settled(log_.last_index(), log_.committed())) progress.responded = now_;
  for (PeerProgress& progress : peers_)
    if (progress.match >= log_.last_index()) progress.catch_up.complete = now_;
  for (Proposal& item : items) place(item);
  uncommitted_bytes_ += bytes;
  return placement;
}

Index Raft::place(Proposal& item) {
  Entry entry;
  entry.header.term = term();
  entry.header.index = log_.last_index() + 1;
  entry.header.kind = item.kind;
  entry.header.base_offset = log_.end_offset();
  entry.header.records = item.records;
  entry.header.max_timestamp = item.max_timestamp;
  entry.header.log_max_timestamp = std::max(log_.max_timestamp(), item.max_timestamp);
  entry.header.bytes = item.payload.size();
  entry.payload = std::move(item.payload);
  const Index index = entry.header.index;
  append_entry(std::move(entry));
  return index;
}

bool Raft::maybe_commit() {
  // mutant joint-by-new-majority: const Index index = Membership{membership_.voters, {},
  //     {}}.quorum_index([&](NodeId node) {
  const Index index = membership_.quorum_index([&](NodeId node) {
    // mutant commit-past-durable: if (node == config_.self) return log_.last_index();
    if (node == config_.self) return log_.stable();
    const PeerProgress* progress = peer(node);
    return progress == nullptr ? Index{0} : progress->match;
  });
  // Only entries of the own term are committed by counting; those before them follow.
  // mutant commit-by-count: if (index <= log_.committed()) return false;
  if (index <= log_.committed() || index < term_start_) return false;
  commit_to(index);
  return true;
}

void Raft::commit_to(Index index) {
  if (index <= log_.committed()) return;
  if (role_ == Role::kLeader && uncommitted_bytes_ > 0)
    uncommitted_bytes_ -= std::min(uncommitted_bytes_, log_.bytes_between(log_.committed(), index));
  log_.commit_to(index);
}

void Raft::send_appends() {
  for (PeerProgress& to : peers_)
    while (send_append(&to)) {
    }
}

// Sends one message if there is reason to; true: there may be more to send.
bool Raft::send_append(PeerProgress* to) {
  to->budget.held = false;
  const Nanos commit_due = std::exchange(to->commit_due, 0);
  if (to->reading) return false;
  if (to->state == ProgressState::kSnapshot) {
    send_snapshot(to);
    return false;
  }
  const bool ask = std::exchange(to->ask, false);
  const bool paused = to->state == ProgressState::kProbe ? to->waiting : to->inflights.full(config_);
  const bool behind = to->next <= log_.last_index() && !paused;
  const Index last = behind ? allowed_to(*to) : 0;
  to->budget.held = behind && last < to->next;
  const bool entries_wanted = behind && !to->budget.held;
  const bool commit_wanted = !paused && to->sent_commit < std::min(log_.committed(), to->next - 1) &&
                             may_tell_commit(to, commit_due);
  if (!entries_wanted && !commit_wanted && !ask) return false;
  if (!log_.term(to->next - 1)) {
    begin_snapshot(to);
    return false;
  }
  std::vector<Entry> entries;
  if (entries_wanted) {
    const uint64_t most = to->budget.limited
                              ? std::clamp<uint64_t>(to->budget.allowance, 1, config_.max_append_bytes)
                              : config_.max_append_bytes;
    log_.slice(to->next, last, most, config_.max_append_entries, &entries);
    if (entries.empty()) {
      to->reading = true;
      to->asked = most;
      to->use(now_, to->asked);
      to->budget.reserve(to->asked);
      reads_.push_back({to->id, term(), to->next, std::min(log_.first_in_memory(to->next), last + 1), most,
                        config_.max_append_entries});
      return false;
    }
  }
  send_entries(to, std::move(entries));
  return entries_wanted && to->state == ProgressState::kReplicate;
}

// What is committed goes with the next append, and by itself when none came for a moment: with unbatched
// records every other message would say nothing else, and so would its answer. Entries without an offset do
// not wait: who proposed them may sit at another replica and wait to see them applied there. Nor does who is
// to lead. Groups take the same moments, so that they share a frame.
bool Raft::may_tell_commit(PeerProgress* to, Nanos due) const {
  const Nanos half = config_.commit_delay / 2;
  if (half == 0 || to->state != ProgressState::kReplicate || newest_command_ > to->sent_commit ||
      to->id == transfer_to_)
    return true;
  if (due == 0) due = (now_ / half + 2) * half;
  if (due <= now_) return true;
  to->commit_due = due;
  return false;
}

void Raft::tell_commits_due() {
  for (PeerProgress& progress : peers_) {
    if (progress.commit_due == 0 || progress.commit_due > now_) continue;
    progress.commit_due = 0;
    progress.ask = true;
  }
}

// Up to where the log may go out now: what takes no offsets does not wait for room, only behind what does.
Index Raft::allowed_to(const PeerProgress& to) const {
  if (to.budget.allowance > 0) return log_.last_index();
  Index last = to.next - 1;
  if (to.next < log_.window_start()) return last;  // who knows what it is
  log_.visit(to.next, [&](const Entry& entry) {
    if (entry.header.records != 0 || last - to.next + 1 >= config_.max_append_entries) return false;
    last = entry.header.index;
    return true;
  });
  return last;
}

void Raft::send_entries(PeerProgress* to, std::vector<Entry> entries) {
  Message message;
  message.type = MessageType::kAppend;
  message.to = to->id;
  message.term = term();
  message.index = to->next - 1;
  message.log_term = *log_.term(to->next - 1);
  message.commit = log_.committed();
  message.entries = std::move(entries);
  const Index last = message.entries.empty() ? message.index : message.entries.back().header.index;
  sent_ = std::max(sent_, last);
  uint64_t bytes = 0;
  for (const Entry& entry : message.entries) bytes += entry.header.bytes;
  to->use(now_, bytes);
  to->budget.sends(bytes);
  if (message.entries.empty()) to->questioned = true;
  if (to->state == ProgressState::kProbe) {
    to->waiting = true;
    if (!message.entries.empty()) to->asked = bytes;
  } else if (!message.entries.empty()) {
    to->inflights.add(last, bytes);
    to->next = last + 1;
  }
  to->sent_commit = std::max(to->sent_commit, std::min(message.commit, last));
  send(std::move(message));
}

void Raft::entries_read(const ReadRequest& request, std::vector<Entry> entries) {
  PeerProgress* to = role_ == Role::kLeader && request.term == term() ? peer(request.peer) : nullptr;
  if (to == nullptr || !to->reading) return;
  to->reading = false;
  to->asked = 0;
  to->budget.reserved_arrived();
  if (to->next != request.from || to->state == ProgressState::kSnapshot || !log_.term(to->next - 1)) return;
  if (entries.empty()) {
    to->probe();
    to->waiting = true;  // the next heartbeat response tries again
    return;
  }
  send_entries(to, std::move(entries));
}

void Raft::send_heartbeats() {
  for (const PeerProgress& to : peers_) {
    Message message;
    message.type = MessageType::kHeartbeat;
    message.to = to.id;
    message.term = term();
    message.context = next_read_;
    send(std::move(message));
  }
}

bool Raft::unsettled() const {
  if (!pending_reads_.empty() || transfer_to_ != kNobody) return true;
  return std::any_of(peers_.begin(), peers_.end(), [&](const PeerProgress& progress) {
    return !progress.settled(log_.last_index(), log_.committed()) &&
           now_ < std::max(progress.heard, leads_since_) + config_.election_timeout;
  });
}

void Raft::retry() {
  retry_due_ += config_.retry_interval;
  if (retry_due_ <= now_) retry_due_ = now_ + config_.retry_interval;
  if (!pending_reads_.empty()) send_heartbeats();
  check_transfer();
}

// A lost message shows in nothing but this: ask where the follower stands.
void Raft::heard_from(PeerProgress* from, Nanos at) {
  if (at <= from->heard) return;
  from->heard = at;
  if (from->asked == 0)
    from->waiting = false;  // else what it is asked below shows whether the probe got lost
  if (from->snapshot.waiting && now_ >= from->snapshot.sent + config_.retry_interval) from->snapshot.resume();
  if (!from->settled(log_.last_index(), log_.committed())) from->ask = true;
  if (from->match >= log_.last_index()) from->catch_up.caught_up = at;
}

void Raft::peer_heard(Nanos now, NodeId id, Nanos at) {
  now_ = now;
  PeerProgress* from = role_ == Role::kLeader ? peer(id) : nullptr;
  if (from != nullptr) heard_from(from, at);
}

void Raft::hear_leader(NodeId from) {
  // Two leaders of one term would mean that somebody voted twice.
  RAFT_INVARIANT(role_ != Role::kLeader);
  if (role_ != Role::kFollower || leader_ != from) become_follower(term(), from);
  heard_leader_ = now_;
  quick_attempts_ = 0;
  reset_election_timer();
}

void Raft::on_append(Message& m) {
  hear_leader(m.from);
  if (installing_ || !well_formed(m)) return;
  if (m.index >= log_.committed() && !log_.matches(m.index, m.log_term)) return refuse_append(m);
  Index last = m.index;
  if (m.index < log_.committed() &&
      (m.entries.empty() || m.entries.back().header.index <= log_.committed())) {
    last = log_.committed();
  } else if (!append_new(m, &last)) {
    return;
  }
  incoming_.reset();  // the leader has what is needed in its log
  // mutant commit-past-match: if (m.commit > log_.committed()) commit_to(std::min(m.commit,
  //     log_.last_index()));
  if (m.commit > log_.committed()) commit_to(std::min(m.commit, last));
  if (full_ && last > log_.stable()) {
    verified_ = std::max(verified_, last);
    return say_how_far();
  }
  if (last <= log_.stable()) return send_when_safe(answer_up_to(last));
  // mutant append-answered-before-sync: send_when_safe(answer_up_to(last));
  send_after(log_ticket(), last, answer_up_to(last));
}

// What a message from the network must fulfil before the log looks at it.
bool Raft::well_formed(const Message& m) const {
  Index index = m.index;
  Term before = m.log_term;
  int64_t offset = 0;
  for (const Entry& entry : m.entries) {
    const EntryHeader& header = entry.header;
    // Gaps are what compaction leaves, and it never goes above what is committed.
    if (header.index <= index || (header.index > index + 1 && header.index > m.commit)) return false;
    if (header.term < before || header.term > m.term) return false;
    const bool gap = header.index > index + 1;
    if (header.base_offset < offset || !entry.in_memory()) return false;
    Membership members;
    if (header.kind == CHR_ENTRY_CONFIG && !decode_members(entry.payload.text(), &members)) return false;
    if (!gap && &entry != &m.entries.front() && header.base_offset != offset) return false;
    index = header.index;
    before = header.term;
    offset = header.end_offset();
  }
  return true;
}

// Appends what the log does not have yet, truncating what conflicts.
bool Raft::append_new(Message& m, Index* last) {
  auto entry = m.entries.begin();
  while (entry != m.entries.end() &&
         (entry->header.index <= log_.committed() || log_.matches(entry->header.index, entry->header.term)))
    ++entry;
  *last = m.entries.empty() ? m.index : m.entries.back().header.index;
  if (entry == m.entries.end()) return true;
  const Index from = entry->header.index;
  if (from <= log_.last_index()) cut_log(from);
  const bool gap = from > log_.last_index() + 1;
  const int64_t offset = entry->header.base_offset;
  if (gap ? offset < log_.end_offset() : offset != log_.end_offset()) {
    Event event;
    event.kind = EventKind::kInconsistentPeer;
    event.peer = m.from;
    event.index = from;
    events_.push_back(event);
    return false;
  }
  for (; entry != m.entries.end(); ++entry) append_entry(std::move(*entry));
  return true;
}

// Storage is to drop what it was given of that, too.
void Raft::cut_log(Index from) {
  drop_from(from);
  if (from >= persist_next_) return;
  // mutant truncation-skipped: left out
  truncate_from_ = truncate_from_ == 0 ? from : std::min(truncate_from_, from);
  persist_next_ = from;
}

// Another entry takes the place of what is damaged. With it goes to storage what this node held, so that a
// restart knows that others may rest on that.
void Raft::take_lost_away() {
  if (lost_from_ == 0) return;
  truncate_from_ = truncate_from_ == 0 ? lost_from_ : std::min(truncate_from_, lost_from_);
  lost_from_ = 0;
  hard_state_dirty_ = true;
}

void Raft::drop_from(Index from) {
  log_.truncate(from);
  revert_configs(from);
  // mutant stale-completion: left out
  for (Written& written : written_) written.claim = std::min(written.claim, from - 1);
  verified_ = std::min(verified_, from - 1);
  Event event;
  event.kind = EventKind::kTruncated;
  event.index = from;
  event.offset = log_.end_offset();
  events_.push_back(event);
}

void Raft::refuse_append(const Message& m) {
  Message answer;
  answer.type = MessageType::kAppendResponse;
  answer.to = m.from;
  answer.term = term();
  answer.reject = true;
  answer.index = m.index;
  answer.hint_index = log_.last_index_with_term_at_most(m.index, m.log_term);
  answer.log_term = log_.term(answer.hint_index).value_or(0);
  send_when_safe(std::move(answer));
}

// A leader that has nothing new to send does not notice by itself what is no longer there.
void Raft::say_lost() {
  Message answer;
  answer.type = MessageType::kAppendResponse;
  answer.to = leader_;
  answer.term = term();
  answer.reject = true;
  answer.index = left_.index;
  answer.hint_index = log_.last_index();
  answer.log_term = log_.last_term();
  send_when_safe(std::move(answer));
}

void Raft::on_append_response(const Message& m) {
  PeerProgress* from = role_ == Role::kLeader ? peer(m.from) : nullptr;
  if (from == nullptr) return;
  from->heard = from->responded = now_;
  if (m.reject) return on_append_refused(from, m);
  if (m.index > log_.last_index()) return;  // never sent by this leader
  const bool moved = m.index > from->match;
  from->match = std::max(from->match, m.index);
  from->commit = std::max(from->commit, m.commit);
  from->next = std::max(from->next, from->match + 1);
  from->note_progress(now_, log_.last_index());
  note_learner(from);
  if (moved) from->note_moved(now_);
  if (from->state == ProgressState::kProbe && !from->reading) {
    // Where it is was known before: the probe is lost, or there is no room for it yet.
    if (moved || from->match >= log_.last_index())
      from->replicate();
    else if (from->questioned)
      from->stop_waiting();
  } else if (from->state == ProgressState::kSnapshot && log_.term(from->match)) {
    const bool installed = from->snapshot.info != nullptr && from->match == from->snapshot.info->base;
    from->probe();
    if (installed) note_snapshot_sent(from->id);
  }
  if (!moved) return;
  maybe_commit();
  if (m.from == transfer_to_) check_transfer();
}

void Raft::on_append_refused(PeerProgress* from, const Message& m) {
  if (from->state == ProgressState::kReplicate) {
    // An old answer, or, at match itself, what it acknowledged is gone.
    if (m.index < from->match) return;
    return from->probe();
  }
  if (from->state != ProgressState::kProbe || from->reading || from->next - 1 != m.index) return;
  // The follower's hint is where it can agree by its terms; where this log's term there
  // is larger, go on by ours.
  Index agree = m.hint_index;
  if (m.log_term != 0) agree = log_.last_index_with_term_at_most(m.hint_index, m.log_term);
  // What it acknowledged is gone: it left the group and gave its log up before that answer arrived, or
  // it found it to be damaged.
  if (m.index == from->match) from->match = std::min(agree, m.index - 1);
  from->next = std::max(std::min(m.index, agree + 1), from->match + 1);
  from->stop_waiting();
}

void Raft::on_heartbeat(const Message& m) {
  hear_leader(m.from);
  Message answer;
  answer.type = MessageType::kHeartbeatResponse;
  answer.to = m.from;
  answer.term = term();
  answer.context = m.context;
  send_when_safe(std::move(answer));
}

void Raft::on_heartbeat_response(const Message& m) {
  PeerProgress* from = role_ == Role::kLeader ? peer(m.from) : nullptr;
  if (from == nullptr) return;
  heard_from(from, now_);
  if (m.context > from->read_context) {
    from->read_context = m.context;
    confirm_reads();
  }
}

Result<uint64_t> Raft::read_index(Nanos now) {
  now_ = now;
  if (role_ != Role::kLeader) return fail(Code::kNotLeader, "this node does not lead the group");
  if (log_.committed() < term_start_)
    return fail(Code::kUnavailable, "the leader has not committed an entry of its term yet, try again");
  pending_reads_.push_back({++next_read_, log_.committed()});
  const uint64_t context = next_read_;
  if (!peers_.empty()) send_heartbeats();
  confirm_reads();
  return context;
}

void Raft::confirm_reads() {
  const uint64_t confirmed = membership_.quorum_index([&](NodeId node) {
    const PeerProgress* progress = peer(node);
    // mutant read-unconfirmed: return node == config_.self || progress != nullptr ? next_read_ : 0;
    return node == config_.self ? next_read_ : progress == nullptr ? 0 : progress->read_context;
  });
  for (; !pending_reads_.empty() && pending_reads_.front().context <= confirmed; pending_reads_.pop_front()) {
    Event event;
    event.kind = EventKind::kReadable;
    event.index = pending_reads_.front().index;
    event.context = pending_reads_.front().context;
    events_.push_back(event);
  }
}

}  // namespace chronik::raft
