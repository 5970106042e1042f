#include "kafka-proto/group/core/consumer_subscriptions.h"

#include <algorithm>

namespace chronik::kafka::group {
namespace {

// FNV-1a, of what lies in memory the same way everywhere.
class Hash {
 public:
  void add(std::string_view bytes) {
    for (const char byte : bytes) add_byte(static_cast<uint8_t>(byte));
  }
  void add(uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) add_byte(static_cast<uint8_t>(number >> shift));
  }
  uint64_t value() const { return value_; }

 private:
  void add_byte(uint8_t byte) { value_ = (value_ ^ byte) * 0x100000001b3; }
  uint64_t value_ = 0xcbf29ce484222325;
};

void add_topic(Hash& hash, std::string_view name, const TopicView::Topic& topic) {
  hash.add(name);
  hash.add(uint64_t{name.size()});
  hash.add(std::string_view(reinterpret_cast<const char*>(topic.id.b), sizeof topic.id.b));
  hash.add(static_cast<uint64_t>(topic.partitions));
  hash.add(static_cast<uint64_t>(topic.racks_hash));
}

}  // namespace

bool subscribes(const ConsumerState& state, const MemberRecord::Value& member, std::string_view topic) {
  if (topic.empty()) return false;
  if (std::ranges::binary_search(member.topic_names, topic, std::less<>{})) return true;
  if (!member.topic_regex) return false;
  const auto regex = state.regexes().find(*member.topic_regex);
  return regex != state.regexes().end() &&
         std::ranges::binary_search(regex->second.topics, topic, std::less<>{});
}

void SubscriptionChange::count(const std::vector<std::string>& topics, int sign) {
  for (const std::string& topic : topics) changes_[topic] += sign;
}

void SubscriptionChange::remove_regex(std::string_view regex) {
  const auto at = state_.regexes().find(regex);
  if (at != state_.regexes().end()) count(at->second.topics, -1);
}

void SubscriptionChange::resolve_regex(std::string_view regex, const std::vector<std::string>& topics) {
  remove_regex(regex);
  count(topics, 1);
}

int64_t SubscriptionChange::metadata_hash(const TopicView& topics) const {
  Hash hash;
  bool any = false;
  const auto add = [&](const std::string& name) {
    const auto topic = topics.find(name);
    if (!topic) return;
    any = true;
    add_topic(hash, name, *topic);
  };
  auto change = changes_.begin();
  const auto add_new_before = [&](const std::string* name) {
    for (; change != changes_.end() && (name == nullptr || change->first < *name); ++change)
      if (change->second > 0) add(change->first);
  };
  for (const auto& [name, count] : state_.topics()) {
    add_new_before(&name);
    int left = count;
    if (change != changes_.end() && change->first == name) left += (change++)->second;
    if (left > 0) add(name);
  }
  add_new_before(nullptr);
  return any ? static_cast<int64_t>(hash.value()) : 0;
}

}  // namespace chronik::kafka::group
