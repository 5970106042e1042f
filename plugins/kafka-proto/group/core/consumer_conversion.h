// Groups that change their protocol while they have members: to the consumer protocol with the first member that speaks it
// (upgrade), and back when the last of those is gone (downgrade). Both are records: tombstones of the old kind, and what
// makes the new one.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "kafka-proto/group/core/consumer_context.h"
#include "kafka-proto/group/core/consumer_requests.h"

namespace chronik::kafka::group {

struct Upgrade {
  std::vector<Record> records;
  ConsumerState
      state;  // as it is once they are applied: the join goes on from it, and its records behind these
};

// Each member as it was assigned last, speaking the classic protocol. Without members nothing is kept of the group.
std::expected<Upgrade, Refusal> upgrade(const std::string& group, const ClassicGroupRecord::Value& classic,
                                        const TopicView& topics, const ConsumerGroupRules& config);

// Nothing: the group stays as it is, since without those members others than classic ones are left, or nobody, or it may
// not. The new classic group has the epoch as its generation, and is to rebalance at once.
std::optional<std::vector<Record>> downgrade(const ConsumerContext& context, const std::string& group,
                                             const std::vector<std::string>& leaving);

// The protocol that all of them can, and most put first; empty: there is none.
std::string common_protocol(const std::vector<const MemberRecord::Classic*>& members);

}  // namespace chronik::kafka::group
