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

// A member that speaks the classic protocol, as it is once it has joined.
struct Joining {
  const std::string& id;
  const ConsumerState::Member& member;
};

// Nothing: the group stays as it is, since without those members others than classic ones are left, or nobody, or it may
// not. The new classic group has the epoch as its generation, and is to rebalance at once. joining: in the place of one of
// those who leave; null: nobody.
std::optional<std::vector<Record>> downgrade(const ConsumerContext& context, const std::string& group,
                                             const std::vector<std::string>& leaving,
                                             const Joining* joining = nullptr);
// Whether every member has what it is to have, so that a classic group in the place of this one need not rebalance. One
// member may be away.
bool is_settled(const ConsumerState& state, const std::string& away);

// The protocol that all of them can, and most put first; empty: there is none.
std::string common_protocol(const std::vector<const MemberRecord::Classic*>& members);

}  // namespace chronik::kafka::group
