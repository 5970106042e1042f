// ClassicState: where a group of the classic protocol stands, and what an admin is shown of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka-proto/group/core/record.h"

namespace chronik::kafka::group {

enum class ClassicState : uint8_t { kEmpty, kPreparingRebalance, kCompletingRebalance, kStable, kDead };

// As Kafka writes it: "PreparingRebalance".
std::string_view name_of(ClassicState state);

struct ClassicDescription {
  struct Member {
    std::string member_id;
    std::optional<std::string> instance_id;
    std::string client_id, client_host;
    std::string metadata;  // of the group's protocol; empty unless the group is stable
    std::string assignment;
  };
  ClassicState state = ClassicState::kEmpty;
  std::string protocol_type{}, protocol{};
  std::vector<Member> members{};  // by member id
};

// Of a group that has no ClassicGroup: what is recorded says it all. Null: it has committed offsets alone.
ClassicState recorded_state(const ClassicGroupRecord::Value* recorded);
ClassicDescription describe_recorded(const ClassicGroupRecord::Value* recorded);

}  // namespace chronik::kafka::group
