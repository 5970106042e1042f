#include "raft/group/log_repair.h"

#include "raft/group/applier.h"
#include "raft/group/log_trim.h"
#include "raft/group/snapshot_installer.h"
#include "raft/group/snapshots.h"
#include "raft/group/storage_writes.h"

#include <algorithm>
#include <string>
#include <utility>

namespace chronik::raft {
namespace {

constexpr Nanos kSayDamagedAgain = 60'000'000'000;
constexpr Nanos kHandOnAgain = 10'000'000'000;  // as long as it is tried nothing is proposed

}  // namespace

// from: the first entry that may be damaged; 0: not known.
void LogRepair::read_failed(const Error& error, Index from) {
  if (error.code != Code::kCorrupt || !group_.is_open()) return;
  const bool alone = group_.raft->membership().sole_voter(group_.services.self);
  const bool mendable = !alone && !cut_refused_ && is_mendable_from(from);
  if (mendable) lost_from_ = lost_from_ == 0 ? from : std::min(lost_from_, from);
  group_.mark();
  if (!mendable && from == siblings_.applier.applied() + 1) return group_.stop_with(error);
  if (group_.now() < say_damaged_at_) return;
  say_damaged_at_ = group_.now() + kSayDamagedAgain;
  hand_on_at_ = group_.now() + kHandOnAgain;
  const bool handed_over = group_.raft->transfer(group_.now(), kNobody).has_value();
  group_.host().error("The log of " + group_.label + " is damaged on this node" +
                      (handed_over ? ", which hands leadership over: " : ": ") + error.message +
                      (mendable ? "; check the disk. What is damaged is fetched from the leader"
                                : "; check the disk, then move this replica to another node, or restore it"));
}

// Where a log that was trimmed is damaged at its very start, no part of it is left to go on from.
bool LogRepair::is_mendable_from(Index from) const {
  const Index first = group_.raft->log().first_index();
  return from > first || (from == first && first == 1);
}

bool LogRepair::blocks_apply() const {
  return lost_from_ != 0 && siblings_.applier.applied() + 1 >= lost_from_;
}

// Somebody leads who can bring what is lost. Nothing new is written or applied then, and what is not written
// yet is forgotten, as in a crash: nobody was told of it.
bool LogRepair::is_due() const {
  if (keeping_) return group_.is_open();
  return lost_from_ != 0 && group_.is_open() && !group_.closing && group_.raft->role() == Role::kFollower &&
         group_.raft->leader() != kNobody && group_.now() >= mend_after_;
}

void LogRepair::advance_repair() {
  if (keeping_ && is_free()) return read_kept();
  if (lost_from_ == 0) return;
  if (!is_mendable_from(lost_from_)) lost_from_ = 0;  // trimmed meanwhile
  hand_on();
  if (!is_due() || !is_free()) return;
  Snapshots& snapshots = siblings_.snapshots;
  if (siblings_.applier.applied() <= snapshots.newest().index) return leave_out_damage();
  if (!snapshots.take_failure()) return snapshots.take_snapshot();
  mend_after_ = group_.now() + StorageWrites::kRetryWhenFull;
  siblings_.writes.retry_soon();
}

// Nothing is under way that would write to the log or to the state machine.
bool LogRepair::is_free() const {
  return !siblings_.installer.is_pending() && siblings_.applier.is_idle() &&
         !siblings_.snapshots.is_writing() && !siblings_.trim.is_busy() && siblings_.writes.is_idle();
}

void LogRepair::leave_out_damage() {
  const RaftLog& log = group_.raft->log();
  const LogEnd durable{log.term(log.stable()).value_or(0), log.stable()};  // more was not acknowledged
  Index from = std::exchange(lost_from_, 0);
  if (group_.raft->lost_from() != 0) from = std::min(from, group_.raft->lost_from());
  CHRONIK_INVARIANT(group_.host(), from != 0, "no part of the log is damaged that is left out");
  group_.state = GroupState::kMending;
  Recovery::run(group_.services.store,
                {group_.shard->states().loads, [this, alive = group_.alive()] { return !group_.closing; }},
                group_.storage_group, group_.services.self, group_.initial,
                {from, std::max(durable, group_.raft->left())},
                [this, alive = group_.alive()](Result<Recovered> found) { mended(std::move(found)); });
}

// A leader that could not hand over when it met the damage does so once somebody has all of the log.
void LogRepair::hand_on() {
  if (lost_from_ == 0 || !group_.leads() || group_.now() < hand_on_at_) return;
  const auto has_all = [this](const PeerProgress& peer) {
    return peer.match == group_.raft->log().last_index() && group_.raft->membership().is_voter(peer.id);
  };
  const std::vector<PeerProgress>& peers = group_.raft->peers();
  const auto to = std::ranges::find_if(peers, has_all);
  if (group_.raft->transfer_target() != kNobody || to == peers.end()) return;
  hand_on_at_ = group_.now() + kHandOnAgain;
  (void)group_.raft->transfer(group_.now(), to->id);
  group_.mark();
}

void LogRepair::mended(Result<Recovered> found) {
  if (group_.closing) {
    group_.state = GroupState::kOpen;
    return group_.mark();
  }
  say_damaged_at_ = 0;
  group_.restore_again(std::move(found));
}

// Storage cannot even delete what is damaged, and did nothing. The log stays as it is then, up to its end.
void LogRepair::keep_damaged(const Error& error) {
  group_.host().error("The log of " + group_.label + " cannot be mended on this node: " + error.message +
                      "; check the disk, then move this replica to another node");
  cut_refused_ = true;
  keeping_ = true;
  group_.mark();
}

// A close waits for it: what was to be written is refused until then.
void LogRepair::read_kept() {
  keeping_ = false;
  group_.state = GroupState::kMending;
  Recovery::run(
      group_.services.store, {group_.shard->states().loads, [] { return true; }}, group_.storage_group,
      group_.services.self, group_.initial, {},
      [this, alive = group_.alive()](Result<Recovered> kept) { group_.restore_again(std::move(kept)); });
}

}  // namespace chronik::raft
