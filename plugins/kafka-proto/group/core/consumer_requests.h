// What members of consumer groups ask, and what they are told: Kafka's ConsumerGroupHeartbeat without its encoding.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kafka-proto/group/core/partition_sets.h"
#include "kafka-proto/wire/error_code.h"

namespace chronik::kafka::group {

inline constexpr int32_t kJoinEpoch = 0;
inline constexpr int32_t kLeaveEpoch = -1;
inline constexpr int32_t kStaticLeaveEpoch = -2;  // a static member that means to come back

// A field without a value says that it is as it was.
struct ConsumerHeartbeatRequest {
  std::string member_id;
  int32_t epoch = kJoinEpoch;
  std::optional<std::string> instance_id, rack_id;
  int32_t rebalance_timeout_ms = -1;  // -1: as it was
  std::optional<std::vector<std::string>> topic_names;
  std::optional<std::string> topic_regex;
  std::optional<std::string> assignor;
  std::optional<PartitionSet> owned;
  std::string client_id, client_host;
  std::string new_member_id;  // for a member that has none, which version 0 allows
  bool names_itself = true;   // version 1 on

  // A member that was unsure of something says all of this again, and is told its assignment.
  bool is_full() const { return rebalance_timeout_ms != -1 && (topic_names || topic_regex) && owned; }
};

struct ConsumerHeartbeatResult {
  ErrorCode error = ErrorCode::kNone;
  std::string error_message = {};
  std::string member_id = {};
  int32_t epoch = 0;
  int32_t heartbeat_interval_ms = 0;
  std::optional<PartitionSet> assignment = {};
};

struct Refusal {
  ErrorCode error = ErrorCode::kNone;
  std::string message;
};

ConsumerHeartbeatResult refused(Refusal refusal);

// What is wrong with the request whatever the group is like; nothing: it may be looked at.
std::optional<Refusal> check_request(const ConsumerHeartbeatRequest& request,
                                     const std::vector<std::string>& assignors);

}  // namespace chronik::kafka::group
