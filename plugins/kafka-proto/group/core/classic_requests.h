// What members of classic groups ask, and what they are told: Kafka's JoinGroup, SyncGroup, Heartbeat and
// LeaveGroup without their encodings.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kafka-proto/wire/error_code.h"

namespace chronik::kafka::group {

struct Protocol {
  std::string name, metadata;  // metadata is never parsed
  bool operator==(const Protocol&) const = default;
};

struct JoinRequest {
  std::string member_id;  // empty: a new member
  std::optional<std::string> instance_id;
  std::string client_id, client_host;
  std::string protocol_type;
  std::vector<Protocol> protocols;  // in the member's order
  int32_t session_timeout_ms = 0;
  int32_t rebalance_timeout_ms = 0;
  std::string new_member_id;                  // for a member that has none
  bool requires_known_member = false;         // version 4 on: a new one gets its id first (KIP-394)
  bool supports_skipping_assignment = false;  // version 9 on (KIP-814)
};

struct JoinResult {
  struct Member {
    std::string member_id;
    std::optional<std::string> instance_id;
    std::string metadata;
  };
  ErrorCode error = ErrorCode::kNone;
  int32_t generation = -1;
  std::optional<std::string> protocol_type{}, protocol{};
  std::string leader{}, member_id{};
  bool skip_assignment = false;
  std::vector<Member> members{};  // for the leader alone
};

struct SyncRequest {
  struct Assignment {
    std::string member_id, assignment;
  };
  std::string member_id;
  std::optional<std::string> instance_id;
  int32_t generation = -1;
  std::optional<std::string> protocol_type, protocol;  // null: not checked (before version 5)
  std::vector<Assignment> assignments;                 // of the leader alone
};

struct SyncResult {
  ErrorCode error = ErrorCode::kNone;
  std::optional<std::string> protocol_type{}, protocol{};
  std::string assignment{};
};

// A heartbeat and a commit say who they come from in the same way.
struct MemberClaim {
  std::string member_id;
  std::optional<std::string> instance_id;
  int32_t generation = -1;
};

struct LeaveRequest {
  struct Member {
    std::string member_id;
    std::optional<std::string> instance_id;
    std::optional<std::string> reason;
  };
  std::vector<Member> members;
};

struct LeaveResult {
  struct Member {
    std::string member_id;
    std::optional<std::string> instance_id;
    ErrorCode error = ErrorCode::kNone;
  };
  ErrorCode error = ErrorCode::kNone;
  std::vector<Member> members;
};

}  // namespace chronik::kafka::group
