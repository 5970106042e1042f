// ConsumerContext: what a consumer group looks at while it answers. Nothing of it is kept.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "kafka-proto/group/core/clock.h"
#include "kafka-proto/group/core/consumer_state.h"
#include "kafka-proto/group/core/topic_view.h"

namespace chronik::kafka::group {

// Of a group: the broker's configs, and the group's own over them.
struct ConsumerGroupRules {
  int32_t session_timeout_ms = 45'000;
  int32_t heartbeat_interval_ms = 5'000;
  int32_t assignment_interval_ms = 1'000;  // at least so long from one target to the next (KIP-1263)
  int32_t regex_refresh_interval_ms = 600'000;
  int32_t max_size = std::numeric_limits<int32_t>::max();
  int32_t classic_max_size = std::numeric_limits<int32_t>::max();
  std::vector<std::string> assignors = {"uniform", "range"};  // the first: where members wish for none
  // Whether a group may change its protocol while it has members, to this one and from it.
  bool may_upgrade = true, may_downgrade = true;

  bool operator==(const ConsumerGroupRules&) const = default;
};

struct ConsumerContext {
  const ConsumerState& state;  // as recorded; of a group that is new: an empty one
  const TopicView& topics;
  const Patterns& patterns;
  const ConsumerGroupRules& config;
  Now now;
};

}  // namespace chronik::kafka::group
