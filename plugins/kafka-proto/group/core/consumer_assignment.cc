#include "kafka-proto/group/core/consumer_assignment.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "kafka-proto/group/core/consumer_subscriptions.h"

namespace chronik::kafka::group {
namespace {

class InputBuilder {
 public:
  explicit InputBuilder(const ConsumerContext& context) : context_(context), state_(context.state) {}

  AssignmentInput build() {
    input_.epoch = state_.epoch();
    input_.assignor = preferred_assignor(context_);
    add_topics();
    for (const auto& [id, member] : state_.members()) add_member(id, member);
    if (!input_.racks.empty()) add_replica_racks();
    return std::move(input_);
  }

 private:
  void add_topics() {
    std::vector<std::pair<TopicView::Topic, std::string_view>> found;
    for (const auto& [name, members] : state_.topics())
      if (const auto topic = context_.topics.find(name); topic && topic->partitions > 0)
        found.emplace_back(*topic, name);
    std::ranges::sort(found,
                      [](const auto& a, const auto& b) { return TopicIdLess{}(a.first.id, b.first.id); });
    for (const auto& [topic, name] : found) {
      numbers_[name] = static_cast<uint32_t>(input_.topics.size());
      input_.topics.push_back({topic.id, input_.partitions, static_cast<uint32_t>(topic.partitions)});
      input_.partitions += static_cast<uint32_t>(topic.partitions);
    }
    input_.owners.assign(input_.partitions, kNobody);
  }

  void add_subscribed(const std::vector<std::string>& names, std::vector<uint32_t>& topics) const {
    for (const std::string& name : names)
      if (const auto at = numbers_.find(name); at != numbers_.end()) topics.push_back(at->second);
  }

  void add_member(const std::string& id, const ConsumerState::Member& member) {
    const MemberRecord::Value& info = member.info;
    AssignmentInput::Member added;
    added.id = id;
    added.instance_id = info.instance_id.value_or("");
    add_subscribed(info.topic_names, added.topics);
    if (info.topic_regex)
      if (const auto regex = state_.regexes().find(*info.topic_regex); regex != state_.regexes().end())
        add_subscribed(regex->second.topics, added.topics);
    std::ranges::sort(added.topics);
    added.topics.erase(std::unique(added.topics.begin(), added.topics.end()), added.topics.end());
    if (info.rack_id) added.rack = rack_number(*info.rack_id);
    add_owned(member.target);
    if (!input_.members.empty() && input_.members.front().topics != added.topics) input_.homogeneous = false;
    input_.members.push_back(std::move(added));
  }

  void add_owned(const PartitionSet& target) {
    const auto number = static_cast<uint32_t>(input_.members.size());
    for (const TopicPartitions& owned : target) {
      const auto topic =
          std::ranges::lower_bound(input_.topics, owned.topic, TopicIdLess{}, &AssignmentInput::Topic::id);
      if (topic == input_.topics.end() || !same_topic(topic->id, owned.topic)) continue;
      for (const int32_t partition : owned.partitions)
        if (partition >= 0 && std::cmp_less(partition, topic->partitions))
          input_.owners[topic->first + static_cast<uint32_t>(partition)] = number;
    }
  }

  uint32_t rack_number(const std::string& rack) {
    const auto [at, added] = racks_.try_emplace(rack, static_cast<uint32_t>(input_.racks.size()));
    if (added) input_.racks.push_back(rack);
    return at->second;
  }

  void add_replica_racks() {
    for (const AssignmentInput::Topic& topic : input_.topics)
      for (uint32_t partition = 0; partition < topic.partitions; ++partition) {
        for (const std::string& rack : context_.topics.racks(topic.id, static_cast<int32_t>(partition)))
          input_.replica_racks.push_back(rack_number(rack));
        input_.rack_ends.push_back(static_cast<uint32_t>(input_.replica_racks.size()));
      }
  }

  const ConsumerContext& context_;
  const ConsumerState& state_;
  AssignmentInput input_;
  std::map<std::string_view, uint32_t> numbers_;
  std::map<std::string, uint32_t> racks_;
};

}  // namespace

std::string preferred_assignor(const ConsumerContext& context) {
  const std::vector<std::string>& known = context.config.assignors;
  std::vector<int> votes(known.size());
  for (const auto& [id, member] : context.state.members()) {
    if (!member.info.assignor) continue;
    const auto at = std::ranges::find(known, *member.info.assignor);
    if (at != known.end()) ++votes[static_cast<size_t>(at - known.begin())];
  }
  if (known.empty()) return {};
  return known[static_cast<size_t>(std::ranges::max_element(votes) - votes.begin())];
}

AssignmentInput assignment_input(const ConsumerContext& context) { return InputBuilder(context).build(); }

std::string check_owners(const AssignmentInput& input, const AssignmentOwners& owners) {
  if (owners.size() != input.partitions)
    return fmt::format("{} partitions were assigned, of {}", owners.size(), input.partitions);
  for (size_t number = 0; number < input.topics.size(); ++number) {
    const AssignmentInput::Topic& topic = input.topics[number];
    for (uint32_t partition = 0; partition < topic.partitions; ++partition) {
      const uint32_t owner = owners[topic.first + partition];
      if (owner == kNobody) continue;
      if (owner >= input.members.size()) return fmt::format("there is no member {}", owner);
      if (!std::ranges::binary_search(input.members[owner].topics, static_cast<uint32_t>(number)))
        return fmt::format("member {} does not subscribe to topic {}", input.members[owner].id, number);
    }
  }
  return {};
}

std::vector<PartitionSet> targets(const AssignmentInput& input, const AssignmentOwners& owners) {
  std::vector<PartitionSet> all(input.members.size());
  for (const AssignmentInput::Topic& topic : input.topics)
    for (uint32_t partition = 0; partition < topic.partitions; ++partition)
      if (const uint32_t owner = owners[topic.first + partition]; owner != kNobody)
        add_partition(all[owner], topic.id, static_cast<int32_t>(partition));
  return all;
}

}  // namespace chronik::kafka::group
