// ClassicGroup: the leader's side of a group of the classic protocol: who is joining, who waits for an assignment,
// and deadlines. What is recorded of it (generation, members, assignments) is in the GroupTable; this begins
// from that when its node becomes leader, and ends with leadership.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kafka-proto/configs/group_config.h"
#include "kafka-proto/group/core/classic_requests.h"
#include "kafka-proto/group/core/clock.h"
#include "kafka-proto/group/core/outcome.h"

namespace chronik::kafka::group {

class ClassicGroup {
 public:
  // recorded: null for a group that is new. Each member gets a fresh session timeout.
  ClassicGroup(const GroupConfig& config, std::string id, const ClassicGroupRecord::Value* recorded, Now now);

  void join(JoinRequest request, Reply<JoinResult> reply, Now now, Outcome& out);
  void sync(SyncRequest request, Reply<SyncResult> reply, Now now, Outcome& out);
  void leave(const LeaveRequest& request, const Reply<LeaveResult>& reply, Now now, Outcome& out);
  // Also while records of this group are being written.
  ErrorCode heartbeat(const MemberClaim& claim, Now now);
  // Whether such a member may commit; it counts as a heartbeat.
  ErrorCode check_commit(const MemberClaim& claim, Now now);

  // What time does: sessions, rebalances, the initial delay. INT64_MAX: nothing is waited for.
  int64_t next_deadline_ms() const;
  void expire(Now now, Outcome& out);

  // The connection of a waiting join or sync is gone, or leadership is: every reply that waits gets this.
  void fail_waits(ErrorCode error);
};

}  // namespace chronik::kafka::group
