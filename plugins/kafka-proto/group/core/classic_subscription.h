// What members of the protocol type "consumer" subscribe to: the one thing that a coordinator reads in their
// metadata, as the offsets of these topics do not expire, and are not to be deleted.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "kafka-proto/group/core/record.h"

namespace chronik::kafka::group {

inline constexpr std::string_view kConsumerProtocolType = "consumer";

// The topics of a group. Where a member's metadata is unreadable nothing is known, and each topic may be one.
class Subscription {
 public:
  // Nothing is read: a group of another protocol type, or a simple one.
  Subscription() = default;
  // Of members of a consumer group, by their metadata: a version, topics, and what later versions append.
  explicit Subscription(const std::vector<std::string_view>& metadata);

  bool contains(std::string_view topic) const;
  // Whether the topics were told, and could be read.
  bool is_known() const { return known_; }

 private:
  bool consumers_ = false;
  bool known_ = false;
  std::set<std::string, std::less<>> topics_;
};

// Null: a simple group.
Subscription recorded_subscription(const ClassicGroupRecord::Value* recorded);

}  // namespace chronik::kafka::group
