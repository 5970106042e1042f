#include "kafka-proto/group/core/consumer_describe.h"

#include <algorithm>

namespace chronik::kafka::group {

ConsumerGroupPhase phase(const ConsumerState& state) {
  if (state.members().empty()) return ConsumerGroupPhase::kEmpty;
  const int32_t target = state.target_epoch().epoch;
  if (state.epoch() > target) return ConsumerGroupPhase::kAssigning;
  const bool stable = std::ranges::all_of(state.members(), [target](const auto& member) {
    const CurrentMemberRecord::Value& current = member.second.current;
    return current.state == MemberState::kStable && current.epoch == target;
  });
  return stable ? ConsumerGroupPhase::kStable : ConsumerGroupPhase::kReconciling;
}

std::string_view name_of(ConsumerGroupPhase phase) {
  switch (phase) {
    case ConsumerGroupPhase::kEmpty:
      return "Empty";
    case ConsumerGroupPhase::kAssigning:
      return "Assigning";
    case ConsumerGroupPhase::kReconciling:
      return "Reconciling";
    case ConsumerGroupPhase::kStable:
      return "Stable";
  }
  return "Unknown";
}

}  // namespace chronik::kafka::group
