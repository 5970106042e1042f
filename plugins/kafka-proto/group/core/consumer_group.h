// ConsumerGroup: the leader's side of a group of the consumer protocol (KIP-848): sessions, who waits for a target
// assignment, and when topics were looked at. What is recorded of the group is in its ConsumerState; this begins from
// that when its node becomes leader, with fresh deadlines, and ends with leadership.
//
// Two steps may take long, and run wherever the caller likes: an assignor, and resolving regular expressions. Each is
// begun, runs on what that returned, and is finished; heartbeats go on meanwhile.
//
//   target        | which means                                           | it goes on with
//   up to date    | it is of the group's epoch                            | a new epoch: a member, a subscription or a topic changed
//   resting       | the last one is too young for the next (KIP-1263)     | time
//   due           | there may be one; who joins or changes waits for it   | begin_assignment
//   being made    | an assignor is at it                                  | finish_assignment
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kafka-proto/group/core/classic_requests.h"
#include "kafka-proto/group/core/consumer_assignment.h"
#include "kafka-proto/group/core/consumer_change.h"
#include "kafka-proto/group/core/consumer_context.h"
#include "kafka-proto/group/core/consumer_requests.h"
#include "kafka-proto/group/core/outcome.h"

namespace chronik::kafka::group {

struct RegexInput {
  std::vector<std::string> regexes = {};
  int64_t version = 0;  // of the topics that they are resolved for
  bool all = false;     // of the group, not only those that are new
};

// The topics of each, whole names, sorted; one that is none any more finds nothing.
using RegexTopics = std::map<std::string, std::vector<std::string>>;

class ConsumerGroup {
 public:
  // Each member gets a fresh session timeout.
  ConsumerGroup(std::string id, const ConsumerContext& context);
  ConsumerGroup(const ConsumerGroup&) = delete;
  ConsumerGroup& operator=(const ConsumerGroup&) = delete;
  ~ConsumerGroup();

  void heartbeat(const ConsumerContext& context, ConsumerHeartbeatRequest request,
                 const Reply<ConsumerHeartbeatResult>& reply, Outcome& out);
  // Whether such a heartbeat writes nothing and waits for nothing: it may be handled also while records of this
  // group are being written.
  bool changes_nothing(const ConsumerContext& context, const ConsumerHeartbeatRequest& request) const;

  // Members that speak the classic protocol.
  void join(const ConsumerContext& context, JoinRequest request, const Reply<JoinResult>& reply,
            Outcome& out);
  void sync(const ConsumerContext& context, const SyncRequest& request, const Reply<SyncResult>& reply,
            Outcome& out);
  // Also while records of this group are being written.
  ErrorCode classic_heartbeat(const ConsumerContext& context, const MemberClaim& claim);
  // Of members of both protocols.
  void leave(const ConsumerContext& context, const LeaveRequest& request, const Reply<LeaveResult>& reply,
             Outcome& out);

  // Topics changed. What members notice with a heartbeat is noticed at once.
  void refresh_topics(const ConsumerContext& context, Outcome& out);

  // What time does: sessions and rebalance timeouts. This, and where members leave, may make a classic group of this
  // one: then the record of that is among the records, and is to rebalance at once.
  void expire(const ConsumerContext& context, Outcome& out);
  // When expire, begin_assignment or begin_regexes have something to do. INT64_MAX: nothing is waited for.
  int64_t next_deadline_ms(const ConsumerContext& context) const;

  // To be asked after each outcome that was applied, and at the deadline. Nothing: no target is due.
  std::optional<AssignmentInput> begin_assignment(const ConsumerContext& context);
  // owners: nothing where the assignor failed; those who wait are told so, and the next attempt comes with time.
  void finish_assignment(const ConsumerContext& context, const AssignmentInput& input,
                         std::optional<AssignmentOwners> owners, Outcome& out);
  // Likewise for regular expressions.
  std::optional<RegexInput> begin_regexes(const ConsumerContext& context);
  void finish_regexes(const ConsumerContext& context, const RegexInput& input, const RegexTopics& found,
                      Outcome& out);

  // Of a group that becomes a classic one: whether its members stay as they are, without a rebalance.
  bool keeps_generation() const { return keeps_generation_; }

  // Leadership is over: every reply that waits gets this, also those of outcomes that are still being written.
  void fail_waits(ErrorCode error);

 private:
  struct Asked {
    bool wants_assignment = false;  // it joins, or was unsure
    bool subscription_changed = false;
    std::optional<PartitionSet> owned = {};
  };
  struct Wait;
  struct Watch;
  using HeartbeatReply = Reply<ConsumerHeartbeatResult>;

  void leave(const ConsumerContext& context, const ConsumerHeartbeatRequest& request,
             const HeartbeatReply& reply, Outcome& out);
  bool topics_changed(const ConsumerContext& context) const {
    return context.topics.version() != topics_version_;
  }
  bool join_classic(const ConsumerContext& context, const MemberChange& change, const std::string& replaced,
                    const Reply<JoinResult>& reply, Outcome& out);
  void finish_change(const ConsumerContext& context, MemberChange change, Asked asked,
                     const HeartbeatReply& reply, Outcome& out);
  void wait_for_target(std::string member, Asked asked, const HeartbeatReply& reply, Outcome& out);
  ConsumerHeartbeatResult take_next_step(const ConsumerContext& context, const std::string& id,
                                         const ConsumerState::Member& member, const PartitionSet& target,
                                         int32_t target_epoch, const Asked& asked, Outcome& out);
  void answer_waits(const ConsumerContext& context, int32_t target_epoch,
                    const std::map<std::string, PartitionSet>& targets, Outcome& out);
  void fence(const ConsumerContext& context, const std::vector<std::string>& members, Outcome& out);
  std::vector<std::string> due_members(const ConsumerContext& context);
  int64_t target_due_ms(const ConsumerContext& context) const;
  bool assignment_is_due(const ConsumerContext& context, int32_t group_epoch) const;
  int64_t regexes_due_ms(const ConsumerContext& context) const;
  void watch_revocation(const ConsumerContext& context, const std::string& id,
                        const MemberRecord::Value& info, const CurrentMemberRecord::Value& current);

  const std::string id_;
  std::shared_ptr<Watch> watch_;  // shared with finishes of outcomes, which may come after this is gone
  bool assigning_ = false, resolving_ = false;
  bool keeps_generation_ = false;
  std::optional<int64_t> target_made_ms_;
  int64_t topics_version_ = -1;   // for which the recorded metadata hash is right
  int64_t regexes_version_ = -1;  // for which all were resolved
  int64_t regexes_resolved_ms_ = 0;
};

}  // namespace chronik::kafka::group
