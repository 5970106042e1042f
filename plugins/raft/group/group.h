// One open group: the core, and the parts that stand between it and the world. Lives on one shard.
//
// Once per turn of the shard a marked group hands what the core wants to its parts, and completes what is
// done. States are those of GroupContext. A closing group takes its time in kOpen, in this order:
//
//   hands over     a leader that stays in storage waits for the next one          (HandOver)
//   ends           writes, applies, snapshots and trims that are under way
//   saves          a snapshot of the state machine, with CHR_CLOSE_SNAPSHOT       (Snapshots)
//   forgets        its log, with CHR_CLOSE_LEAVE and where nobody may rest on it
#pragma once

#include "raft/group/append_budget.h"
#include "raft/group/applier.h"
#include "raft/group/context.h"
#include "raft/group/hand_over.h"
#include "raft/group/log_reader.h"
#include "raft/group/log_repair.h"
#include "raft/group/log_trim.h"
#include "raft/group/member_changes.h"
#include "raft/group/peer_claims.h"
#include "raft/group/proposals.h"
#include "raft/group/role_report.h"
#include "raft/group/snapshot_installer.h"
#include "raft/group/snapshots.h"
#include "raft/group/storage_writes.h"

#include <chronik/consensus.h>

#include <functional>
#include <optional>
#include <string_view>

namespace chronik::raft {

// Owned by its shard from open() until close() has completed; operations in flight keep it alive beyond that.
// The functions of chr_consensus_v1 that take a chr_group are methods of the parts. Not thread-safe.
class Group final : public GroupContext {
 public:
  Group(Shard* shard, const chr_group_options& options, const chr_state_machine_v1& machine, void* context,
        std::optional<StateStream> stream);

  void open(uint64_t token);
  // token 0: nobody waits for it.
  void close(uint32_t how, uint64_t token);  // CHR_CLOSE_*

  AppendBudget& budget() { return budget_; }
  HandOver& hand_over() { return hand_over_; }
  LogReader& reader() { return reader_; }
  MemberChanges& members() { return members_; }
  PeerClaims& claims() { return claims_; }
  Proposals& proposals() { return proposals_; }
  const RoleReport& role() const { return role_; }

  // For the shard.
  struct Schedule {
    bool marked = false;
    Nanos armed = UINT64_MAX;  // when it is to be ticked
  };
  Schedule& schedule() { return schedule_; }
  Term term() const { return is_open() ? raft->term() : 0; }
  void turn();
  Nanos next_deadline() const;
  void tick(Nanos now);
  void receive(Message message);
  // The link had no room for this append.
  void dropped(const Message& append);
  void link(NodeId peer, bool up);

  // For the parts.
  void mark() override { shard->mark(this); }
  void stop_with(const Error& error) override;
  void restore_again(Result<Recovered> found) override;

 private:
  void recovered(Result<Recovered> found);
  std::string what_to_do(const Error& error) const;
  void end_unopened(const Status& status);
  using Loaded = std::function<void(StateEnd, const Error&, Recovered*)>;
  void load_state(Recovered found, IsStateWanted is_wanted, const Loaded& done);
  void restore(Recovered* found);
  Config core_config() const;
  void finish_open();
  void finish_failed_open();
  void take_core_outputs();
  void handle(const Event& event);
  void tell_operator(const Event& event);
  void role_changed(const Event& event);
  bool is_ended() const;
  bool prepare_close();
  void finish_close();
  bool may_forget_log() const;
  void forget_log();

  Schedule schedule_;
  uint64_t open_token_ = 0;
  Index open_target_ = 0;
  bool close_snapshot_ = false;
  bool leaving_ = false;
  uint64_t close_token_ = 0;
  Ready ready_;

  AppendBudget budget_{this};
  PeerClaims claims_{this};
  HandOver hand_over_{this, &claims_};
  MemberChanges members_{this};
  Applier applier_{this, {repair_, trim_, role_, installer_, snapshots_}};
  RoleReport role_{this, applier_};
  Snapshots snapshots_{this, {applier_, trim_, installer_, writes_}};
  SnapshotInstaller installer_{this, {applier_, reader_, repair_, trim_, role_, snapshots_, writes_}};
  LogTrim trim_{this, {applier_, installer_, snapshots_, writes_}};
  LogRepair repair_{this, {applier_, trim_, installer_, snapshots_, writes_}};
  StorageWrites writes_{this, {repair_, trim_, proposals_, installer_, snapshots_}};
  LogReader reader_{this, {repair_, trim_, role_}};
  Proposals proposals_{this, {applier_, budget_, role_, trim_, writes_}};
};

}  // namespace chronik::raft
