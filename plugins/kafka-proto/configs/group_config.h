// GroupConfig: what a group's coordinator is told, by Kafka's names.
#pragma once

#include <cstdint>
#include <limits>

namespace chronik::kafka {

struct GroupConfig {
  int32_t min_session_timeout_ms = 6'000;                  // group.min.session.timeout.ms
  int32_t max_session_timeout_ms = 1'800'000;              // group.max.session.timeout.ms
  int32_t initial_rebalance_delay_ms = 3'000;              // group.initial.rebalance.delay.ms
  int32_t max_size = std::numeric_limits<int32_t>::max();  // group.max.size
  int32_t new_member_join_timeout_ms = 300'000;            // how long a new member's JoinGroup waits
  int64_t offsets_retention_ms = 7 * 24 * 3'600'000ll;     // offsets.retention.minutes
  int64_t offsets_retention_check_interval_ms = 600'000;   // offsets.retention.check.interval.ms
  int32_t offset_metadata_max_bytes = 4'096;               // offset.metadata.max.bytes
};

}  // namespace chronik::kafka
