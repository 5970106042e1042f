// A log of which a part is damaged on disk. Others have what this node lacks: one of them leads, and brings
// it. Until then this node has, in Raft's sense, a shorter log; but others may rest on what it acknowledged,
// so it votes as if it held that still, and does not campaign.
#include "raft/group/group.h"

#include <algorithm>
#include <string>
#include <utility>

namespace chronik::raft {
namespace {

constexpr Nanos kSayDamagedAgain = 60'000'000'000;
constexpr Nanos kHandOnAgain = 10'000'000'000;  // as long as it is tried nothing is proposed

}  // namespace

// from: the first entry that may be damaged; 0: not known.
void Group::read_failed(const Error& error, Index from) {
  if (error.code != Code::kCorrupt || state_ != State::kOpen) return;
  const bool alone = raft_->membership().sole_voter(services_.self);
  const bool mendable = !alone && !cut_refused_ && mendable_from(from);
  if (mendable) lost_from_ = lost_from_ == 0 ? from : std::min(lost_from_, from);
  mark();
  if (!mendable && from == applied_ + 1) return stop_with(error);
  if (shard_->now() < say_damaged_at_) return;
  say_damaged_at_ = shard_->now() + kSayDamagedAgain;
  hand_on_at_ = shard_->now() + kHandOnAgain;
  const bool handed_over = raft_->transfer(shard_->now(), kNobody).has_value();
  services_.host.error("The log of " + label_ + " is damaged on this node" +
                       (handed_over ? ", which hands leadership over: " : ": ") + error.message +
                       (mendable
                            ? "; check the disk. What is damaged is fetched from the leader"
                            : "; check the disk, then move this replica to another node, or restore it"));
}

// Where a log that was trimmed is damaged at its very start, no part of it is left to go on from.
bool Group::mendable_from(Index from) const {
  const Index first = raft_->log().first_index();
  return from > first || (from == first && first == 1);
}

bool Group::apply_blocked() const { return lost_from_ != 0 && applied_ + 1 >= lost_from_; }

// Somebody leads who can bring what is lost. Nothing new is written or applied then, and what is not written
// yet is forgotten, as in a crash: nobody was told of it.
bool Group::mends() const {
  return lost_from_ != 0 && state_ == State::kOpen && !closing_ && raft_->role() == Role::kFollower &&
         raft_->leader() != kNobody && shard_->now() >= mend_after_;
}

void Group::pump_mend() {
  if (lost_from_ == 0) return;
  if (!mendable_from(lost_from_)) lost_from_ = 0;  // trimmed meanwhile
  hand_on();
  if (!mends() || install_ || applying_ || snapshotting_ || trimming_ || writes_in_flight_ > 0) return;
  if (applied_ > snapshot_.index) {
    if (!std::exchange(snapshot_failed_, false)) return take_snapshot();
    mend_after_ = shard_->now() + kRetryWhenFull;
    return try_again_soon();
  }
  const RaftLog& log = raft_->log();
  const LogEnd durable{log.term(log.stable()).value_or(0), log.stable()};  // more was not acknowledged
  Index from = std::exchange(lost_from_, 0);
  if (raft_->lost_from() != 0) from = std::min(from, raft_->lost_from());
  state_ = State::kMending;
  Recovery::run(services_.store, storage_group_, services_.self, initial_,
                {from, std::max(durable, raft_->left())},
                [self = shared_from_this()](Result<Recovered> found) { self->mended(std::move(found)); });
}

// A leader that could not hand over when it met the damage does so once somebody has all of the log.
void Group::hand_on() {
  if (lost_from_ == 0 || raft_->role() != Role::kLeader || shard_->now() < hand_on_at_) return;
  const auto has_all = [this](const PeerProgress& peer) {
    return peer.match == raft_->log().last_index() && raft_->membership().is_voter(peer.id);
  };
  if (raft_->transfer_target() != kNobody || std::ranges::none_of(raft_->peers(), has_all)) return;
  hand_on_at_ = shard_->now() + kHandOnAgain;
  (void)raft_->transfer(shard_->now(), kNobody);
  mark();
}

void Group::mended(Result<Recovered> found) {
  state_ = State::kOpen;
  mark();
  if (closing_) return;
  if (const Status status = restore_again(std::move(found)); !status) return stop_with(status.error());
  say_damaged_at_ = 0;
}

void Group::say_shortened() const {
  services_.host.warn("The log of " + label_ + " ends after index " +
                      std::to_string(raft_->log().last_index()) +
                      " on this node, and goes on with what the leader sends: the rest was damaged");
}

// Storage cannot even delete what is damaged, and did nothing. The log stays as it is then, up to its end.
void Group::keep_damaged(const Error& error) {
  services_.host.error("The log of " + label_ + " cannot be mended on this node: " + error.message +
                       "; check the disk, then move this replica to another node");
  cut_refused_ = true;
  state_ = State::kMending;
  Recovery::run(services_.store, storage_group_, services_.self, initial_, {},
                [self = shared_from_this()](Result<Recovered> kept) {
                  self->state_ = State::kOpen;
                  self->mark();
                  const Status status = self->restore_again(std::move(kept));
                  if (!status) self->stop_with(status.error());
                });
}

Status Group::restore_again(Result<Recovered> found) {
  fail_waiters(0, CHR_E_NOT_LEADER, "a part of the log is fetched from others");
  hints_.clear();
  update_claims(0);
  if (!found) return std::unexpected(found.error());
  CHRONIK_CHECK(restore(&*found));
  // What was placed and forgotten; what was applied counts.
  const RaftLog& log = raft_->log();
  machine_.truncated(context_, std::max(applied_, log.last_index()) + 1, log.end_offset());
  return {};
}

}  // namespace chronik::raft
