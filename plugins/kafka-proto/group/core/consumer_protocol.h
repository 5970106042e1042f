// The protocol of type "consumer" that is embedded in the classic protocol: what members that speak it put into their
// metadata, and what their leader puts into assignments. Read where such members meet those of the consumer protocol.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kafka-proto/group/core/partition_sets.h"
#include "kafka-proto/group/core/topic_view.h"

namespace chronik::kafka::group {

inline constexpr std::string_view kEmbeddedConsumerProtocol = "consumer";

struct NamedPartitions {
  std::string topic;
  std::vector<int32_t> partitions;
};

struct EmbeddedSubscription {
  int16_t version = 0;
  std::vector<std::string> topics;
  std::vector<NamedPartitions> owned;  // version 1 on
  std::optional<std::string> rack_id;  // version 3 on
};

struct EmbeddedAssignment {
  std::vector<NamedPartitions> partitions;
  bool has_user_data = false;  // of an assignor of the client's own
};

// Nothing: they are malformed. A newer version is read as far as it is known.
std::optional<EmbeddedSubscription> parse_subscription(std::string_view bytes);
std::optional<EmbeddedAssignment> parse_assignment(std::string_view bytes);
std::string write_assignment(const PartitionSet& set, int16_t version, const TopicView& topics);

// Nothing: there is a topic among them that is not known, by a catalog that is behind or as it was deleted. Who takes such
// a list for all that a member has would give away what it has still.
std::optional<PartitionSet> owned_by_id(const std::vector<NamedPartitions>& named, const TopicView& topics);
// Those that exist.
PartitionSet by_id(const std::vector<NamedPartitions>& named, const TopicView& topics);

}  // namespace chronik::kafka::group
