// Snapshots for members whose log ends before the leader's begins.
//
// The leader first asks how much of the snapshot is there, then sends one piece after the other, each once
// the one before it is acknowledged. What got lost shows in the answer to the next question, which goes the
// same way as the pieces. The follower keeps what came in over lost links and changes of the leader.
#include "raft/core/snapshot.h"

#include "raft/core/invariant.h"
#include "raft/core/raft.h"

#include <chronik/crc32c.hpp>

#include <algorithm>
#include <utility>

namespace chronik::raft {

namespace {

bool are_members(const Membership& members) {
  for (const auto* set : {&members.voters, &members.outgoing}) {
    std::vector<NodeId> sorted = *set;
    std::sort(sorted.begin(), sorted.end());
    if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) return false;
    if (sorted.size() > kMaxMembers || Membership::contains(sorted, kNobody)) return false;
  }
  return !members.voters.empty();
}

}  // namespace

bool is_sound(const SnapshotInfo& info, Term sent_in) {
  const TermStart& before = info.base_term;
  const bool state = info.index >= info.base && info.term >= before.term && info.term <= sent_in &&
                     info.pieces <= kMaxPieces && info.bytes >= info.pieces &&
                     info.bytes <= uint64_t{info.pieces} * kMaxPieceBytes;
  const bool config =
      are_members(info.config.members) && info.config.index <= info.index && info.config.term <= info.term;
  const bool log = info.base > 0 && before.term > 0 && before.first_index > 0 &&
                   before.first_index <= info.base && before.base_offset >= 0 &&
                   before.base_offset <= info.base_offset && info.log_start >= 0;
  return state && config && log;
}

StoredLog log_after(const SnapshotInfo& info) {
  StoredLog log;
  log.first_index = info.base + 1;
  log.commit = log.before_index = info.base;
  log.applied = info.index;
  log.terms = {info.base_term};
  log.configs = {info.config};
  log.before_end_offset = info.base_offset;
  return log;
}

IncomingSnapshot::PieceResult IncomingSnapshot::add_piece(uint64_t number, Payload piece) {
  if (number != pieces_.size() || complete()) return PieceResult::kNotNext;
  if (piece.size() > kMaxPieceBytes || piece.size() > info_.bytes - bytes_) return PieceResult::kDamaged;
  bytes_ += piece.size();
  checksum_ = crc32c::extend(checksum_, piece.slice().p, piece.size());
  pieces_.push_back(std::move(piece));
  return PieceResult::kTaken;
}

// ---- the leader

// Members that are behind for long do not keep the log from getting shorter; one that gets a snapshot is
// given the time to come after it.
Index Raft::trim_limit(Nanos now) const {
  Index limit = log_.stable();
  for (const PeerProgress& to : peers_) {
    const Nanos good =
        std::max({to.catch_up.caught_up, to.catch_up.complete, to.catch_up.snapshot_began, leads_since_});
    if (to.leaving || now >= good + config_.trim_hold) continue;
    const SnapshotInfo* const sent = to.snapshot.info.get();
    const bool on_its_way = to.state == ProgressState::kSnapshot && sent != nullptr;
    limit = std::min(limit, on_its_way ? std::max(to.match, sent->base) : to.match);
  }
  return limit;
}

void Raft::begin_snapshot(PeerProgress* to) {
  to->begin_snapshot(now_);
  Event event;
  event.kind = EventKind::kNeedSnapshot;
  event.term = term();
  event.peer = to->id;
  events_.push_back(event);
  send_snapshot(to);
}

void Raft::send_snapshot(PeerProgress* to) {
  SnapshotSend& sending = to->snapshot;
  if (sending.reading || sending.waiting) return;
  // What comes after it was trimmed meanwhile: the same state may do, but with a log that begins later.
  if (sending.info != nullptr && !log_.term(sending.info->base)) to->begin_snapshot(now_);
  if (sending.info != nullptr && (sending.ask || sending.piece >= sending.info->pieces))
    return send_part(to, Payload());
  if (sending.info != nullptr && to->budget.limited) {
    to->budget.held = to->budget.allowance == 0;
    if (to->budget.held) return;
    to->budget.reserve(sending.info->bytes / std::max(sending.info->pieces, 1u));
  }
  sending.reading = true;
  snapshot_reads_.push_back({to->id, term(), sending.info, sending.piece});
}

void Raft::send_part(PeerProgress* to, Payload piece) {
  SnapshotSend& sending = to->snapshot;
  sending.context = ++snapshot_context_;
  if (piece.size() > 0) sending.piece_context = sending.context;
  sending.waiting = true;
  sending.sent = now_;
  to->budget.sends(piece.size());
  Message message;
  message.type = MessageType::kSnapshot;
  message.to = to->id;
  message.term = term();
  message.commit = log_.committed();
  message.hint_index = sending.piece;
  message.context = sending.context;
  message.snapshot = sending.info;
  message.piece = std::move(piece);
  send(std::move(message));
}

void Raft::snapshot_read(Nanos now, const SnapshotRequest& request, std::shared_ptr<const SnapshotInfo> info,
                         Payload piece) {
  now_ = now;
  PeerProgress* to = role_ == Role::kLeader && request.term == term() ? peer(request.peer) : nullptr;
  if (to == nullptr || to->state != ProgressState::kSnapshot || !to->snapshot.reading) return;
  SnapshotSend& sending = to->snapshot;
  sending.reading = false;
  to->budget.reserved_arrived();
  if (info == nullptr) {
    sending = SnapshotSend();
    sending.waiting = true;  // the next sign of life tries again
    sending.sent = now_;
    return;
  }
  if (sending.info == nullptr) {
    sending.info = std::move(info);
  } else if (!sending.ask && sending.info == info) {
    send_part(to, std::move(piece));
  }
}

void Raft::on_snapshot_response(const Message& m) {
  PeerProgress* from = role_ == Role::kLeader ? peer(m.from) : nullptr;
  if (from == nullptr) return;
  from->heard = from->responded = now_;
  SnapshotSend& sending = from->snapshot;
  if (from->state != ProgressState::kSnapshot || sending.info == nullptr || sending.reading) return;
  if (m.context < std::max<uint64_t>(sending.piece_context, 1) || m.context > sending.context) return;
  if (m.reject) {
    Event event;
    event.kind = EventKind::kSnapshotRefused;
    event.peer = m.from;
    events_.push_back(event);
    sending = SnapshotSend();
    sending.waiting = true;
    sending.sent = now_;
    return;
  }
  sending.piece = static_cast<uint32_t>(std::min<uint64_t>(m.index, sending.info->pieces));
  sending.ask = false;
  // Once all is there the answer is an append response; until it comes there is nothing to send.
  sending.waiting = sending.piece == sending.info->pieces;
}

void Raft::note_snapshot_sent(NodeId to) {
  Event event;
  event.kind = EventKind::kSnapshotSent;
  event.peer = to;
  events_.push_back(event);
}

// ---- the follower

void Raft::on_snapshot(Message& m) {
  hear_leader(m.from);
  if (m.snapshot == nullptr || !is_sound(*m.snapshot, m.term)) return;
  const SnapshotInfo& info = *m.snapshot;
  if (!installing_ && (info.base <= log_.committed() || log_.matches(info.base, info.base_term.term))) {
    Message known;  // the leader only has to hear where this log is
    known.from = m.from;
    known.term = m.term;
    known.index = info.base;
    known.log_term = info.base_term.term;
    return on_append(known);
  }
  if (installing_ && !incoming_->info().same_state(info)) return;
  Message answer;
  answer.type = MessageType::kSnapshotResponse;
  answer.to = m.from;
  answer.term = term();
  answer.context = m.context;
  answer.reject = !installing_ && !take_part(m);
  answer.index = incoming_ ? incoming_->pieces() : 0;
  send_when_safe(std::move(answer));
}

// False: what came in is not what the leader has.
bool Raft::take_part(const Message& m) {
  if (!incoming_ || !incoming_->info().same_state(*m.snapshot)) {
    incoming_.emplace(*m.snapshot);
  } else {
    incoming_->rebase(*m.snapshot);
  }
  const bool damaged = m.piece.size() > 0 &&
                       incoming_->add_piece(m.hint_index, m.piece) == IncomingSnapshot::PieceResult::kDamaged;
  if (!damaged && !incoming_->complete()) return true;
  if (!damaged && incoming_->intact()) {
    installing_ = install_due_ = true;
    return true;
  }
  incoming_.reset();
  Event event;
  event.kind = EventKind::kSnapshotDamaged;
  event.peer = m.from;
  events_.push_back(event);
  return false;
}

void Raft::snapshot_installed(Nanos now) {
  now_ = now;
  RAFT_INVARIANT(installing_ && written_.empty() && role_ == Role::kFollower);
  const SnapshotInfo& info = incoming_->info();
  RAFT_INVARIANT(info.base > log_.committed());
  log_ = RaftLog(log_after(info));
  configs_ = {info.config};
  enter_config();
  truncate_from_ = lost_from_ = 0;
  persist_next_ = info.base + 1;
  announced_commit_ = info.base;
  apply_handed_out_ = info.index;
  installing_ = full_ = false;
  incoming_.reset();
  if (leader_ == kNobody) return;
  send_when_safe(answer_up_to(log_.committed()));
}

}  // namespace chronik::raft
