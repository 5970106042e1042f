// The target assignment of a consumer group: what an assignor is asked, and what becomes of its answer. Members, topics
// and partitions are numbers there: partition p of a topic is number first + p.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "kafka-proto/group/core/consumer_context.h"
#include "kafka-proto/group/core/partition_sets.h"

namespace chronik::kafka::group {

inline constexpr uint32_t kNobody = UINT32_MAX;  // in place of a member
inline constexpr uint32_t kNoRack = UINT32_MAX;  // in place of a rack

struct AssignmentInput {
  struct Member {
    std::string id, instance_id;   // instance_id: empty for a dynamic one
    std::vector<uint32_t> topics;  // that it subscribes to, ascending
    uint32_t rack = kNoRack;
  };
  struct Topic {
    chr_uuid id{};
    uint32_t first = 0, partitions = 0;
  };

  int32_t epoch = 0;  // of the group: that of the target
  std::string assignor;
  bool homogeneous = true;      // all members subscribe to the same topics
  std::vector<Member> members;  // ascending by id
  std::vector<Topic> topics;    // that exist, ascending by id
  std::vector<std::string> racks;
  uint32_t partitions = 0;       // of all topics
  std::vector<uint32_t> owners;  // of each partition, the member that was assigned it last, or kNobody
  // Racks with a replica of partition i: replica_racks[rack_ends[i - 1]] up to before replica_racks[rack_ends[i]].
  // Empty: no member says where it is.
  std::vector<uint32_t> rack_ends, replica_racks;
};

// The member of each partition, or kNobody.
using AssignmentOwners = std::vector<uint32_t>;

// Pure: the same input, the same answer.
class Assignor {
 public:
  virtual ~Assignor() = default;
  // Or why there is none.
  virtual std::expected<AssignmentOwners, std::string> assign(const AssignmentInput& input) const = 0;
};

// The assignor that most members wish for; the one that is configured first where they are even, or do not wish.
std::string preferred_assignor(const ConsumerContext& context);
AssignmentInput assignment_input(const ConsumerContext& context);
// What is wrong with an assignor's answer; empty: nothing.
std::string check_owners(const AssignmentInput& input, const AssignmentOwners& owners);
// One set for each member of the input.
std::vector<PartitionSet> targets(const AssignmentInput& input, const AssignmentOwners& owners);

}  // namespace chronik::kafka::group
