// What is told of a group to those who look: its kind and state, its members, and what each of them reads. Of the
// state that is committed, and of the live group where there is one.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka-proto/group/core/classic_group.h"
#include "kafka-proto/group/core/consumer_protocol.h"
#include "kafka-proto/group/core/group_table.h"

namespace chronik::kafka {

struct GroupSummary {
  std::string id;
  group::GroupKind kind = group::GroupKind::kSimple;
  std::string_view state;     // as Kafka calls it
  std::string protocol_type;  // empty: it has offsets alone
  size_t members = 0;
};

struct GroupDescription {
  struct Member {
    std::string id;
    std::optional<std::string> instance_id;
    std::string client_id, client_host;
    // Empty also where its assignment is not of consumers, or cannot be read.
    std::vector<group::NamedPartitions> partitions;
  };
  GroupSummary summary;
  int32_t generation = 0;  // of a consumer group its epoch
  std::string protocol;    // that its members agreed on; of a consumer group nothing
  std::vector<Member> members;
};

// "simple", "classic", "consumer".
std::string_view name_of(group::GroupKind kind);

// Live: null where all that there is of the group is recorded.
GroupSummary summarize(const std::string& id, const group::Group& group, const group::ClassicGroup* live);

// Of one that is not of the consumer protocol, as its members said it.
group::ClassicDescription describe_classic(const group::Group& group, const group::ClassicGroup* live);

// Topics of a consumer group go by their ids; those that have no name any more are left out.
using TopicName = std::function<std::string(const chr_uuid& id)>;
GroupDescription describe(const std::string& id, const group::Group& group, const group::ClassicGroup* live,
                          const TopicName& name_of_topic);

}  // namespace chronik::kafka
