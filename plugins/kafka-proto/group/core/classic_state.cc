#include "kafka-proto/group/core/classic_state.h"

#include <algorithm>

namespace chronik::kafka::group {

std::string_view name_of(ClassicState state) {
  switch (state) {
    case ClassicState::kEmpty:
      return "Empty";
    case ClassicState::kPreparingRebalance:
      return "PreparingRebalance";
    case ClassicState::kCompletingRebalance:
      return "CompletingRebalance";
    case ClassicState::kStable:
      return "Stable";
    case ClassicState::kDead:
      return "Dead";
  }
  return "Unknown";
}

ClassicState recorded_state(const ClassicGroupRecord::Value* recorded) {
  return recorded == nullptr || recorded->members.empty() ? ClassicState::kEmpty : ClassicState::kStable;
}

ClassicDescription describe_recorded(const ClassicGroupRecord::Value* recorded) {
  ClassicDescription described{.state = recorded_state(recorded)};
  if (recorded == nullptr) return described;
  described.protocol_type = recorded->protocol_type;
  if (described.state == ClassicState::kStable) described.protocol = recorded->protocol.value_or("");
  for (const ClassicGroupRecord::Member& member : recorded->members)
    described.members.push_back({member.member_id, member.instance_id, member.client_id, member.client_host,
                                 member.subscription, member.assignment});
  std::sort(described.members.begin(), described.members.end(),
            [](const auto& a, const auto& b) { return a.member_id < b.member_id; });
  return described;
}

}  // namespace chronik::kafka::group
