// What ConsumerGroupDescribe and the like say of a group.
#pragma once

#include <string>
#include <string_view>

#include "kafka-proto/group/core/consumer_state.h"

namespace chronik::kafka::group {

//   Empty       | it has no members
//   Assigning   | its target is not of its epoch
//   Reconciling | a member does not have its target yet
//   Stable      | all have
enum class ConsumerGroupPhase { kEmpty, kAssigning, kReconciling, kStable };

ConsumerGroupPhase phase(const ConsumerState& state);
// As Kafka calls it.
std::string_view name_of(ConsumerGroupPhase phase);

}  // namespace chronik::kafka::group
