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

// The topics of a group of consumers.
class Subscription {
 public:
  // Nothing is known yet: each topic may be one of them.
  Subscription() = default;
  // By the members' metadata: a version, topics, and what later versions append. Where one cannot be read,
  // nothing is known.
  explicit Subscription(const std::vector<std::string_view>& metadata);

  bool is_known() const { return known_; }
  bool contains(std::string_view topic) const { return !known_ || topics_.find(topic) != topics_.end(); }

 private:
  bool known_ = false;
  std::set<std::string, std::less<>> topics_;
};

// Null: a simple group. Of a group of another type nothing is known.
Subscription recorded_subscription(const ClassicGroupRecord::Value* recorded);

}  // namespace chronik::kafka::group
