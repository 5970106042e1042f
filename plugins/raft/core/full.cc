// A storage that is full. What it refused is not lost: it comes again, a little at a time, once
// there may be room. Meanwhile the node goes on as it is: a leader leads, a follower says that it is
// alive, votes and terms are written by themselves, and so are entries that take no offsets where
// none that do stand before them.
#include "raft/core/raft.h"

#include <algorithm>

namespace chronik::raft {
namespace {

constexpr uint32_t kRefusalsAlone = 10;

}  // namespace

Index Raft::storage_refused(Nanos now) {
  now_ = now;
  if (written_.empty()) return 0;
  if (const Index dropped = drop_unsent(); dropped != 0) return dropped;
  full_ = true;
  verified_ = 0;
  Index from = persist_next_;
  for (const Written& batch : written_) from = std::min(from, batch.from);
  // Storage may have taken a batch behind the one that it refused: whatever it has from there on goes.
  truncate_from_ = truncate_from_ == 0 ? from : std::min(truncate_from_, from);
  persist_next_ = from;
  hard_state_dirty_ = true;
  for (Held& held : held_)
    if (held.after > done_ticket_) held.after = next_ticket_;
  done_ticket_ = written_.back().ticket;
  written_.clear();
  // It asked for votes with a log that it does not keep: whoever gave one may have it whole.
  if (role_ == Role::kCandidate || role_ == Role::kPreCandidate) become_follower(term(), kNobody);
  look_for_room();
  return 0;
}

// A sole voter takes back what it alone has seen.
Index Raft::drop_unsent() {
  if (role_ != Role::kLeader || !membership_.sole_voter(config_.self)) return 0;
  const Index from = written_.front().from;
  if (from > log_.last_index()) return 0;
  if (from <= sent_) return 0;  // somebody may have them, who may be no member any more, or not yet
  if (from <= term_start_) return 0;
  drop_from(from);
  for (PeerProgress& progress : peers_) progress.log_ends_at(log_.last_index());
  persist_next_ = from;
  truncate_from_ = 0;
  done_ticket_ = written_.back().ticket;
  written_.clear();
  uncommitted_bytes_ = log_.bytes_between(log_.committed(), log_.last_index());
  return from;
}

// Up to where the next batch goes: over entries without offsets, or over others as far as one append goes.
Index Raft::next_part(Room room) const {
  Index last = persist_next_ - 1;
  uint64_t bytes = 0;
  bool control = room != Room::kAll || hard_state_dirty_ || truncate_from_ != 0;
  log_.visit(persist_next_, [&](const Entry& entry) {
    const bool first = last < persist_next_;
    const bool data = entry.header.records != 0;
    if (first && !data) control = true;
    bytes += entry.header.bytes;
    if (control ? data : !first && bytes > config_.max_append_bytes) return false;
    last = entry.header.index;
    return true;
  });
  return last;
}

// The end of what others may rest on: what was acknowledged is durable, and what storage is
// trying again may be by now.
Index Raft::rests_on() const {
  return full_ ? std::max({log_.stable(), log_.committed(), persist_next_ - 1}) : log_.last_index();
}

// What was refused nobody rests on: a restart would lose it just so. Whoever leads next begins behind what is
// durable, and has room for the entry that its term begins with.
void Raft::drop_refused() {
  if (const Index end = rests_on(); end < log_.last_index()) cut_log(end + 1);
}

// A follower without room is no silent one.
// mutant refused-acknowledged: void Raft::say_how_far() { send_when_safe(answer_up_to(verified_)); }
void Raft::say_how_far() { send_when_safe(answer_up_to(std::min(verified_, log_.stable()))); }

Message Raft::answer_up_to(Index index) const {
  Message answer;
  answer.type = MessageType::kAppendResponse;
  answer.to = leader_;
  answer.term = term();
  answer.index = index;
  answer.commit = log_.committed();
  return answer;
}

// A batch found room. A follower then takes what comes as before; a leader first writes what waits.
void Raft::note_room(bool data) {
  if (!full_ || !written_.empty()) return;
  if (data) refused_alone_ = 0;
  full_ = wants_storage() && (role_ == Role::kLeader || !data);
  if (role_ != Role::kFollower || leader_ == kNobody || verified_ == 0) return;
  say_how_far();
  if (!full_ && verified_ > log_.stable()) send_after(log_ticket(), verified_, answer_up_to(verified_));
}

// Where a majority without this node has all of the log, and so has room for more, one of it leads better.
void Raft::look_for_room() {
  const auto has_room = [this](const PeerProgress& peer) {
    return peer.match == log_.last_index() && linked(peer.id) &&
           Membership::contains(membership_.voters, peer.id);
  };
  const auto roomy = static_cast<size_t>(std::ranges::count_if(peers_, has_room));
  if (role_ != Role::kLeader || roomy <= membership_.voters.size() / 2 || membership_.joint()) {
    refused_alone_ = 0;
    return;
  }
  if (++refused_alone_ < kRefusalsAlone || transfer_to_ != kNobody || log_.committed() < term_start_) return;
  refused_alone_ = 0;
  Event event;
  event.kind = EventKind::kStorageFull;
  event.term = term();
  if (!transfer(now_, std::ranges::find_if(peers_, has_room)->id)) return;
  event.peer = transfer_to_;
  events_.push_back(event);
}

}  // namespace chronik::raft
