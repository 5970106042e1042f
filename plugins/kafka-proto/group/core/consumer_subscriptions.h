// Which topics a consumer group and its members subscribe to, and how it is noticed that those are not what they were.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kafka-proto/group/core/consumer_state.h"

namespace chronik::kafka::group {

// By name, or by a regular expression that is resolved; one that is not finds nothing yet.
bool subscribes(const ConsumerState& state, const MemberRecord::Value& member, std::string_view topic);

// What the group would subscribe to after changes that are not recorded yet.
class SubscriptionChange {
 public:
  explicit SubscriptionChange(const ConsumerState& state) : state_(state) {}

  void add_member(const MemberRecord::Value& member) { count(member.topic_names, 1); }
  void remove_member(const MemberRecord::Value& member) { count(member.topic_names, -1); }
  void remove_regex(std::string_view regex);
  void resolve_regex(std::string_view regex, const std::vector<std::string>& topics);
  // Of all topics that are subscribed to and exist; 0: there are none. The same on each node.
  int64_t metadata_hash(const TopicView& topics) const;

 private:
  void count(const std::vector<std::string>& topics, int sign);

  const ConsumerState& state_;
  std::map<std::string, int, std::less<>> changes_;
};

}  // namespace chronik::kafka::group
