// GroupConfig: what the keys of the [kafka] table say of groups and their offsets. Plain numbers, with the
// defaults of Kafka, so that what reads them needs no host.
#pragma once

#include <chronik/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chronik {
class Host;
}

namespace chronik::kafka {

// Which of the two kinds of groups may become the other while it has members.
enum class GroupMigration : uint8_t { kDisabled, kUpgrade, kDowngrade, kBidirectional };

// Of groups of the classic protocol. A JoinGroup with a session timeout out of bounds is refused.
struct ClassicGroupConfig {
  int32_t min_session_timeout_ms = 6'000;
  int32_t max_session_timeout_ms = 1'800'000;
  int32_t initial_rebalance_delay_ms = 3'000;  // how long an empty group waits for more members
  int32_t max_size = INT32_MAX;                // members, with those that have an id and did not join yet
  int32_t max_pending = 10'000;                // ids that were handed out to members that did not join; fixed
  int32_t max_member_bytes = 1 << 20;          // of what a member's JoinGroup says of it
  int32_t new_member_join_timeout_ms =
      300'000;  // how long the JoinGroup of a new member waits; fixed, as Kafka's

  bool operator==(const ClassicGroupConfig&) const = default;
};

// Of groups of the consumer protocol (KIP-848). What a group itself is set to is kept within the bounds.
struct ConsumerGroupConfig {
  int32_t session_timeout_ms = 45'000;
  int32_t min_session_timeout_ms = 45'000;
  int32_t max_session_timeout_ms = 60'000;
  int32_t heartbeat_interval_ms = 5'000;  // what members are told
  int32_t min_heartbeat_interval_ms = 5'000;
  int32_t max_heartbeat_interval_ms = 15'000;
  int32_t assignment_interval_ms = 1'000;  // at least so long from one target assignment to the next
  int32_t min_assignment_interval_ms = 0;
  int32_t max_assignment_interval_ms = 15'000;
  int32_t regex_refresh_interval_ms = 600'000;  // subscribed expressions are resolved again at the latest
  int32_t max_size = INT32_MAX;                 // members
  std::vector<std::string> assignors = {"uniform", "range"};  // by name; the first is the default
  GroupMigration migration = GroupMigration::kBidirectional;

  bool operator==(const ConsumerGroupConfig&) const = default;
};

struct GroupConfig {
  int32_t offsets_topic_partitions = 50;
  int32_t offsets_topic_replication_factor = 3;  // or as many as there are nodes where those are fewer
  int32_t offsets_topic_segment_bytes = 100 << 20;
  int64_t offsets_retention_ms = 7 * 86'400'000;  // of groups that are empty, and of topics not subscribed to
  int64_t offsets_retention_check_interval_ms = 600'000;
  int32_t offset_metadata_max_bytes = 4'096;  // what a client may keep with an offset
  ClassicGroupConfig classic;
  ConsumerGroupConfig consumer;

  bool operator==(const GroupConfig&) const = default;
};

GroupConfig group_config(const Host& host);
std::string_view to_text(GroupMigration migration);

// The [kafka] table as JSON: the relations between its keys.
Status validate_groups(std::string_view json);

}  // namespace chronik::kafka
