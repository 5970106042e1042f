// ClassicGroup: the leader's side of a group of the classic protocol: who is joining, who waits for an assignment,
// and deadlines. What is recorded of it (generation, members, assignments) is in the GroupTable; this begins
// from that when its node becomes leader, and ends with leadership.
//
//   state               | a new member joins, or one   | all members have | the leader's  | the last member
//                       | that changes the assignment  | joined, or time  | SyncGroup     | is gone
//   Empty               | PreparingRebalance, for      |                  |               |
//                       | the initial delay            |                  |               |
//   PreparingRebalance  |                              | Completing-      |               | Empty
//                       |                              | Rebalance        |               |
//   CompletingRebalance | PreparingRebalance           |                  | Stable        | Empty
//   Stable              | PreparingRebalance           |                  |               | Empty
//
// A member that leaves, or whose session ends, changes the assignment too. Records are written where a group is
// new, on the way to Stable and to Empty, and where a static member comes back under another id.
//
// The requests are taken one by one: after one that has records, nothing but heartbeats, next_deadline_ms() and
// reads until these are applied. Where they could not be written this is of no use any more: fail_waits(), and
// another ClassicGroup from what is recorded; likewise once the record of the group is gone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kafka-proto/configs/group_config.h"
#include "kafka-proto/group/core/classic_members.h"
#include "kafka-proto/group/core/classic_requests.h"
#include "kafka-proto/group/core/classic_state.h"
#include "kafka-proto/group/core/classic_subscription.h"
#include "kafka-proto/group/core/clock.h"
#include "kafka-proto/group/core/outcome.h"

namespace chronik::kafka::group {

class ClassicGroup {
 public:
  // recorded: null for a group that is new, or has offsets alone. Each member gets a fresh session timeout.
  // The config outlives the group. told_generation: one that members were told of and that is not recorded stays
  // told, and they join again.
  ClassicGroup(const ClassicGroupConfig& config, std::string id, const ClassicGroupRecord::Value* recorded,
               Now now, int32_t told_generation = 0);
  ClassicGroup(const ClassicGroup&) = delete;
  ClassicGroup& operator=(const ClassicGroup&) = delete;

  void join(JoinRequest request, Reply<JoinResult> reply, Now now, Outcome& out);
  void sync(SyncRequest request, Reply<SyncResult> reply, Now now, Outcome& out);
  void leave(const LeaveRequest& request, Reply<LeaveResult> reply, Now now, Outcome& out);
  // Also while records of this group are being written.
  ErrorCode heartbeat(const MemberClaim& claim, Now now);
  // Of a group that was another before: all join again.
  void rebalance(Now now, Outcome& out);
  // Whether such a member may commit; it counts as a heartbeat.
  ErrorCode check_commit(const MemberClaim& claim, Now now);

  // What time does: sessions, rebalances, the initial delay. INT64_MAX: nothing is waited for. It may be early,
  // even in the past, never late.
  int64_t next_deadline_ms() const;
  void expire(Now now, Outcome& out);

  // Leadership is gone, or a write failed: every reply that waits gets this.
  void fail_waits(ErrorCode error);

  const std::string& id() const { return id_; }
  ClassicState state() const { return state_; }
  int32_t generation() const { return generation_; }
  const std::string& protocol_type() const { return protocol_type_; }
  const ClassicMembers& members() const { return members_; }
  // The topics that the members of this generation subscribe to.
  const Subscription& subscription() const { return subscription_; }
  ClassicDescription describe() const;
  // Nothing is here that what is recorded does not say: it may go, and be made anew when it is asked for.
  bool is_dispensable() const { return state_ == ClassicState::kEmpty && members_.pending() == 0; }

 private:
  // classic_join.cc
  void join_unknown(JoinRequest&& request, Reply<JoinResult>&& reply, Now now, Outcome& out);
  void join_known(JoinRequest&& request, Reply<JoinResult>&& reply, Now now, Outcome& out);
  void rejoin(ClassicMember& member, JoinRequest&& request, Reply<JoinResult>&& reply, Now now, Outcome& out);
  void add_member(std::string id, JoinRequest&& request, Reply<JoinResult>&& reply, Now now, Outcome& out);
  void update_member(ClassicMember& member, JoinRequest&& request, Reply<JoinResult>&& reply, Outcome& out);
  JoinResult joined(const ClassicMember& member) const;
  // classic_static.cc
  void rejoin_static(ClassicMember& old, JoinRequest&& request, Reply<JoinResult>&& reply, Now now,
                     Outcome& out);
  // classic_rebalance.cc
  void rebalance_or_complete(Now now, Outcome& out);
  void prepare_rebalance(Now now, Outcome& out);
  void complete_join_if_all(Now now, Outcome& out);
  void complete_join(Now now, Outcome& out);
  void begin_generation(Now now, Outcome& out);
  void drop_sync_waits(Now now, Outcome& out);
  void expire_session(ClassicSessions::Session& session, Now now, Outcome& out);
  void expire_join(Now now, Outcome& out);
  void expire_sync(Now now, Outcome& out);
  // classic_group.cc
  void remove_member(ClassicMember& member, Outcome& out);
  ErrorCode remove_leaving(const LeaveRequest::Member& leaving, Outcome& out);
  void assign(std::vector<SyncRequest::Assignment>&& assignments, Outcome& out);
  ErrorCode check_sync(const SyncRequest& request) const;
  void set_state(ClassicState state, Now now);
  void write_record(Outcome& out);

  static constexpr int64_t kNever = ClassicSessions::kNever;

  const ClassicGroupConfig& config_;
  const std::string id_;
  bool recorded_;
  ClassicState state_ = ClassicState::kEmpty;
  int64_t state_timestamp_ms_ = -1;
  std::string protocol_type_, protocol_, leader_;  // empty: none
  int32_t generation_ = 0;
  ClassicMembers members_;
  Subscription subscription_;
  int64_t join_deadline_ms_ = kNever;  // of PreparingRebalance
  int64_t sync_deadline_ms_ = kNever;  // of members that owe SyncGroup
  // The first rebalance of a group waits for more members; each that comes prolongs it, up to a limit.
  struct Initial {
    bool is_on = false;
    bool member_came = false;
    int64_t delay_ms = 0;
    int64_t remaining_ms = 0;
  } initial_;
};

}  // namespace chronik::kafka::group
