// GroupShard: the groups of one partition of __consumer_offsets. Each replica applies their records to the
// same table, so that whoever leads next has nothing to load. On the partition's shard.
//
//   a group is | (where this node leads)                      | left with
//   recorded   | the table has it, and says all there is      | a request of a member: live. It leads: live, if the
//              |                                              | group has members
//   live       | members wait, sessions run: it has a         | nothing is left that is not recorded: recorded.
//              | ClassicGroup or a ConsumerGroup, and a timer | A write failed: its waits end, and it begins anew
//              | at its next deadline                         | from what is recorded. lost(): the waits end
//
// What is recorded says of which kind a live group is; while records are written that change the kind it has both.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "kafka-proto/coordinator/shard.h"
#include "kafka-proto/coordinator/timers.h"
#include "kafka-proto/group/consumer_steps.h"
#include "kafka-proto/group/core/classic_group.h"
#include "kafka-proto/group/core/classic_requests.h"
#include "kafka-proto/group/core/consumer_group.h"
#include "kafka-proto/group/core/group_table.h"
#include "kafka-proto/group/core/outcome.h"
#include "kafka-proto/group/group_rules.h"
#include "kafka-proto/group/regex.h"
#include "kafka-proto/group/topic_feed.h"
#include "kafka-proto/group/upkeep.h"

namespace chronik::kafka {

// What consumer groups need; the same for all partitions of a shard.
struct ConsumerParts {
  RulesFeed& rules;
  const ConsumerSteps& steps;
  TopicFeed& topics;
  Services& services;
};

class GroupShard final : public CoordinatorShard {
 public:
  static constexpr std::string_view kSection = "groups";

  // All outlive it; the wheel and the feed are those of the partition's shard.
  GroupShard(const Host& host, Partition& partition, const CoordinatorMetrics& metrics,
             const GroupConfig& config, TimerWheel& timers, const ConsumerParts& consumers)
      : CoordinatorShard(host, partition, metrics), config_(config), timers_(timers), consumers_(consumers) {}

  struct CommitRequest {
    std::string group;
    group::MemberClaim claim;
    bool knows_group_id_not_found = false;  // from version 9 on
    std::vector<group::OffsetCommitRecord> offsets;
  };
  struct CommitResult {
    ErrorCode error = ErrorCode::kNone;  // of all
    std::vector<ErrorCode> refused;      // else of each, in their order; empty: of none
  };
  // ---- where it leads ----
  void commit_offsets(CommitRequest request, const group::Reply<CommitResult>& reply);
  void join(const std::string& id, group::JoinRequest request, group::Reply<group::JoinResult> reply);
  void sync(const std::string& id, group::SyncRequest request, group::Reply<group::SyncResult> reply);
  void leave(const std::string& id, group::LeaveRequest request, group::Reply<group::LeaveResult> reply);
  // At once, whatever is written: who is about to be removed is told so.
  ErrorCode heartbeat(std::string_view id, const group::MemberClaim& claim);
  struct OffsetDeletion {
    struct Topic {
      std::string name;
      std::vector<int32_t> partitions;
    };
    std::vector<Topic> topics;
  };
  struct OffsetDeletionResult {
    ErrorCode error = ErrorCode::kNone;
    std::vector<ErrorCode> topics{};  // in their order; none where the whole failed
  };
  void delete_offsets(const std::string& id, OffsetDeletion request,
                      const group::Reply<OffsetDeletionResult>& reply);
  // Topics were deleted: what was committed of them goes, some groups in each turn of the shard.
  void forget_topics(const DeletedTopics& topics) { upkeep_->forget_topics(topics); }
  // A heartbeat that changes nothing is answered at once, whatever is written, unless that removes its member, or nobody
  // knows any more what it comes to.
  void consumer_heartbeat(const std::string& id, group::ConsumerHeartbeatRequest request,
                          const group::Reply<group::ConsumerHeartbeatResult>& reply);
  // Members that are being removed by what is being written, and instance ids that members have from then on.
  struct Leaving {
    std::set<std::string, std::less<>> members;
    std::set<std::string, std::less<>> taken_instances;
  };
  // DeleteGroups.
  void remove(const std::string& id, const group::Reply<ErrorCode>& reply);

  // ---- reads ----
  const group::GroupTable& table() const { return table_; }
  // Null: it is not live.
  const group::ClassicGroup* find_live(std::string_view id) const;
  // Of a group that is none of the consumer protocol: of an empty one.
  group::ConsumerContext consumer_context(std::string_view id) const;

  // ---- PartitionObserver ----
  std::string_view section() const override { return kSection; }
  void save(std::vector<uint8_t>& section) const override;
  bool has_state() const override { return !table_.groups().empty(); }
  Status load(Bytes section) override;
  std::unique_ptr<SectionSave> begin_save() const override;
  std::unique_ptr<SectionLoad> begin_load() override;
  bool release_part() override;

 private:
  struct Live {
    Live(GroupShard& shard, std::string id);
    static void fire(void* live);
    void arm(int64_t deadline_ms);
    // Its timer may be a tick behind what a request should see.
    void fire_if_due();
    void fail_waits(ErrorCode error);
    void begin_consumer(const group::ConsumerContext& context);
    // A consumer group without members makes room for who joins, unless that is refused. False: it has members.
    bool replace_consumer(group::JoinRequest& request, group::Reply<group::JoinResult>& reply,
                          group::Outcome& out);

    GroupShard& shard;
    const std::string id;
    std::unique_ptr<group::ClassicGroup> group;
    std::unique_ptr<group::ConsumerGroup> consumer;
    uint64_t number = 0;  // of the ConsumerGroup: steps of an earlier one are nothing to it
    Timer timer;
    bool expires = false;  // its turn to expire comes
    bool failed = false;   // its last write was
    Leaving leaving;       // by what is being written
  };

  Status apply_record(Bytes key, const std::optional<Bytes>& value) override;
  void begin_leading() override;
  void end_leading() override;
  void end_late_write(const std::string& id) override;
  group::Now now() const;
  Live& live(const std::string& id);
  void begin(Live& live);
  // In the turn of the group, for a request of a member: act(live, outcome).
  template <class Result, class Act>
  void take_group_turn(const std::string& id, group::Reply<Result> reply, Act act);
  void expire(const std::string& id);
  // Leaves what may be written.
  CommitResult check_commit(CommitRequest& request);
  // Within the group's turn.
  void finish_outcome(const std::string& id, group::Outcome outcome);
  void end_outcome(const std::string& id, const std::vector<group::Outcome::Finish>& finish,
                   ErrorCode written);
  void settle(const std::string& id);
  // upkeep.cc
  friend GroupUpkeep;
  using Forget = std::function<void(const group::Group& group, std::vector<group::Record>& tombstones)>;
  // done() once nothing that find() finds is left, or why it is.
  void forget_offsets(const std::string& id, Forget find, group::Reply<ErrorCode> done);
  // Leaves as many as go into one write. True: there were more.
  bool cut_to_write(std::vector<group::Record>& records) const;

  // ---- consumer_leading.cc ----
  using HeartbeatReply = group::Reply<group::ConsumerHeartbeatResult>;
  void consumer_join(Live& live, group::ConsumerHeartbeatRequest request, const HeartbeatReply& reply,
                     group::Outcome& out);
  void follow_kind(const std::string& id);
  void settle_consumer(const std::string& id);
  void finish_step(const std::string& id, uint64_t number,
                   const std::function<void(group::ConsumerGroup&, group::Outcome&)>& finish);
  void refresh_topics();

  const GroupConfig& config_;
  TimerWheel& timers_;
  const ConsumerParts consumers_;
  const group::RegexPatterns patterns_;
  uint64_t consumer_groups_ = 0;  // that were begun
  group::GroupTable table_;
  std::map<std::string, std::unique_ptr<Live>, std::less<>> live_;
  std::unique_ptr<GroupUpkeep> upkeep_;  // where it leads
};

}  // namespace chronik::kafka
