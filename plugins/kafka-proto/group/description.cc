#include "kafka-proto/group/description.h"

#include <utility>

#include "kafka-proto/group/core/consumer_describe.h"

namespace chronik::kafka {
namespace {

using group::GroupKind;

void add_classic_members(const group::ClassicDescription& described, GroupDescription& out) {
  const bool of_consumers = described.protocol_type == group::kEmbeddedConsumerProtocol;
  out.protocol = described.protocol;
  for (const group::ClassicDescription::Member& member : described.members) {
    auto& row = out.members.emplace_back(member.member_id, member.instance_id, member.client_id,
                                         member.client_host, std::vector<group::NamedPartitions>());
    auto assigned = of_consumers ? group::parse_assignment(member.assignment) : std::nullopt;
    if (assigned.has_value()) row.partitions = std::move(assigned->partitions);
  }
}

void add_consumer_members(const group::ConsumerState& state, const TopicName& name_of_topic,
                          GroupDescription& out) {
  for (const auto& [id, member] : state.members()) {
    auto& row = out.members.emplace_back(id, member.info.instance_id, member.info.client_id,
                                         member.info.client_host, std::vector<group::NamedPartitions>());
    for (const group::TopicPartitions& each : member.current.assigned) {
      std::string topic = name_of_topic(each.topic);
      if (!topic.empty()) row.partitions.push_back({std::move(topic), each.partitions});
    }
  }
}

}  // namespace

std::string_view name_of(GroupKind kind) {
  return kind == GroupKind::kSimple ? "simple" : kind == GroupKind::kClassic ? "classic" : "consumer";
}

GroupSummary summarize(const std::string& id, const group::Group& group, const group::ClassicGroup* live) {
  GroupSummary out;
  out.id = id;
  out.kind = group.kind();
  if (out.kind == GroupKind::kConsumer) {
    out.state = group::name_of(group::phase(*group.consumer));
    out.protocol_type = group::kEmbeddedConsumerProtocol;
    out.members = group.consumer->members().size();
  } else if (live != nullptr) {
    out.kind = live->members().empty() ? out.kind : GroupKind::kClassic;
    out.state = group::name_of(live->state());
    out.protocol_type = live->protocol_type();
    out.members = live->members().size();
  } else {
    out.state = group::name_of(group::recorded_state(group.classic.get()));
    if (group.classic == nullptr) return out;
    out.protocol_type = group.classic->protocol_type;
    out.members = group.classic->members.size();
  }
  return out;
}

group::ClassicDescription describe_classic(const group::Group& group, const group::ClassicGroup* live) {
  return live != nullptr ? live->describe() : group::describe_recorded(group.classic.get());
}

GroupDescription describe(const std::string& id, const group::Group& group, const group::ClassicGroup* live,
                          const TopicName& name_of_topic) {
  GroupDescription out;
  out.summary = summarize(id, group, live);
  if (group.consumer != nullptr) {
    out.generation = group.consumer->epoch();
    add_consumer_members(*group.consumer, name_of_topic, out);
    return out;
  }
  if (live != nullptr) {
    out.generation = live->generation();
  } else if (group.classic != nullptr) {
    out.generation = group.classic->generation;
  }
  add_classic_members(describe_classic(group, live), out);
  return out;
}

}  // namespace chronik::kafka
