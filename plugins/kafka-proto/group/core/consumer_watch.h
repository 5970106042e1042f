// What a ConsumerGroup knows beside what is recorded, and shares with finishes of outcomes, which may run after it is gone.
// For its own files alone.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "kafka-proto/group/core/consumer_group.h"
#include "kafka-proto/group/core/member_deadlines.h"

namespace chronik::kafka::group {

struct ConsumerGroup::Wait {
  Asked asked;
  std::vector<HeartbeatReply> replies;  // of one member: it may have asked again, on another connection
};

struct ConsumerGroup::Watch {
  MemberDeadlines sessions;
  MemberDeadlines revocations;  // until when a member is to have given partitions away
  std::map<std::string, int32_t, std::less<>> revoking;  // at which epoch it was told to
  MemberDeadlines joins, syncs;                          // of members that speak the classic protocol
  std::map<std::string, Wait, std::less<>> waits;        // for the next target
  ErrorCode over = ErrorCode::kNone;                     // set: leadership is

  void forget(const std::string& member) {
    for (MemberDeadlines* deadlines : {&sessions, &revocations, &joins, &syncs}) deadlines->erase(member);
    revoking.erase(member);
  }

  void fail(const std::string& member, const Refusal& refusal) {
    if (auto wait = waits.extract(member))
      for (const HeartbeatReply& reply : wait.mapped().replies) reply(refused(refusal));
  }

  void fail_all(const Refusal& refusal) {
    while (!waits.empty()) fail(std::string(waits.begin()->first), refusal);
  }

  int64_t next_ms() const {
    return std::min({sessions.next_ms(), revocations.next_ms(), joins.next_ms(), syncs.next_ms()});
  }
};

}  // namespace chronik::kafka::group
