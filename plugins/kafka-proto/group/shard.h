// GroupShard: the groups of one partition of __consumer_offsets. Each replica applies their records to the same
// table, so that whoever leads next has nothing to load. On the partition's shard.
//
//   section "groups" of a snapshot: int16 1 | for each record: uint32 n, n bytes of key | uint32 n, n bytes of value
//
// Keys and values are those of the log (group/records.h), with versions of their own.
//
//   a group is | (where this node leads)                      | left with
//   recorded   | the table has it, and says all there is      | a request of a member: live. It leads: live, if the
//              |                                              | group has members
//   live       | members wait, sessions run: it has a         | nothing is left that is not recorded: recorded.
//              | ClassicGroup, and a timer at its next        | A write failed: its waits end, and it begins anew
//              | deadline                                     | from what is recorded. lost(): the waits end
#pragma once

#include <map>
#include <memory>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka-proto/coordinator/shard.h"
#include "kafka-proto/coordinator/timers.h"
#include "kafka-proto/group/core/classic_group.h"
#include "kafka-proto/group/core/classic_requests.h"
#include "kafka-proto/group/core/group_table.h"
#include "kafka-proto/group/core/outcome.h"

namespace chronik::kafka {

class GroupShard final : public CoordinatorShard {
 public:
  static constexpr std::string_view kSection = "groups";

  // Both outlive it; the wheel is that of the partition's shard.
  GroupShard(const Host& host, Partition& partition, const CoordinatorMetrics& metrics,
             const GroupConfig& config, TimerWheel& timers)
      : CoordinatorShard(host, partition, metrics), config_(config), timers_(timers) {}

  struct CommitRequest {
    std::string group;
    group::MemberClaim claim;
    bool knows_group_id_not_found = false;  // from version 9 on
    std::vector<group::OffsetCommitRecord> offsets;
  };
  // ---- where it leads ----
  void commit_offsets(CommitRequest request, const group::Reply<ErrorCode>& reply);
  void join(const std::string& id, group::JoinRequest request, group::Reply<group::JoinResult> reply);
  void sync(const std::string& id, group::SyncRequest request, group::Reply<group::SyncResult> reply);
  void leave(const std::string& id, group::LeaveRequest request, group::Reply<group::LeaveResult> reply);
  // At once, whatever is written.
  ErrorCode heartbeat(std::string_view id, const group::MemberClaim& claim);
  // DeleteGroups.
  void remove(const std::string& id, const group::Reply<ErrorCode>& reply);

  // ---- reads ----
  const group::GroupTable& table() const { return table_; }
  // Null: it is not live.
  const group::ClassicGroup* find_live(std::string_view id) const;

  // ---- PartitionObserver ----
  std::string_view section() const override { return kSection; }
  void save(std::vector<uint8_t>& section) const override;
  Status load(Bytes section) override;

 private:
  struct Live {
    Live(GroupShard& shard, std::string id);
    static void fire(void* live);

    GroupShard& shard;
    const std::string id;
    std::unique_ptr<group::ClassicGroup> group;
    Timer timer;
    bool expires = false;  // its turn to expire comes
  };

  Status apply_record(Bytes key, const std::optional<Bytes>& value) override;
  void begin_leading() override;
  void end_leading() override;
  group::Now now() const;
  Live& live(const std::string& id);
  void begin(Live& live);
  // In the turn of the group, for a request of a member: act(group, outcome).
  template <class Result, class Act>
  void take_group_turn(const std::string& id, group::Reply<Result> reply, Act act);
  void expire(const std::string& id);
  ErrorCode check_commit(const CommitRequest& request);
  // Within the group's turn.
  void finish_outcome(const std::string& id, group::Outcome outcome);
  void end_outcome(const std::string& id, const std::vector<group::Outcome::Finish>& finish,
                   ErrorCode written);
  void settle(const std::string& id);

  const GroupConfig& config_;
  TimerWheel& timers_;
  group::GroupTable table_;
  std::map<std::string, std::unique_ptr<Live>, std::less<>> live_;
};

}  // namespace chronik::kafka
