#include "kafka-proto/group/core/consumer_conversion.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "kafka-proto/group/core/consumer_protocol.h"
#include "kafka-proto/group/core/consumer_subscriptions.h"

namespace chronik::kafka::group {
namespace {

using Failure = std::unexpected<Refusal>;

Refusal cannot_upgrade(const std::string& group, std::string_view why) {
  return {ErrorCode::kGroupIdNotFound,
          fmt::format("Cannot upgrade classic group {} to consumer group because {}.", group, why)};
}

// Empty: the member was converted; else why it cannot be.
std::string_view add_member(const std::string& group, const ClassicGroupRecord::Value& classic,
                            const ClassicGroupRecord::Member& member, const TopicView& topics,
                            ConsumerState& state) {
  EmbeddedAssignment assignment;
  if (!member.assignment.empty()) {
    auto parsed = parse_assignment(member.assignment);
    if (!parsed) return "the embedded consumer protocol is malformed";
    if (parsed->has_user_data)
      return "an unsupported custom assignor is in use. Please refer to the documentation or switch to a "
             "default "
             "assignor before re-attempting the upgrade";
    assignment = std::move(*parsed);
  }
  auto subscription = parse_subscription(member.subscription);
  if (!subscription) return "the embedded consumer protocol is malformed";
  MemberRecord::Value info;
  info.instance_id = member.instance_id;
  info.rack_id = subscription->rack_id;
  info.client_id = member.client_id;
  info.client_host = member.client_host;
  info.topic_names = std::move(subscription->topics);
  info.rebalance_timeout_ms = member.rebalance_timeout_ms;
  info.classic = {member.session_timeout_ms, {{classic.protocol.value_or(""), member.subscription}}};
  CurrentMemberRecord::Value current;
  current.epoch = current.previous_epoch = state.epoch();
  current.assigned = by_id(assignment.partitions, topics);
  state.apply(MemberRecord{group, member.member_id, std::move(info)});
  state.apply(TargetMemberRecord{group, member.member_id, current.assigned});
  state.apply(CurrentMemberRecord{group, member.member_id, std::move(current)});
  return {};
}

int16_t version_of(const MemberRecord::Classic& classic) {
  const auto subscription = parse_subscription(classic.protocols.front().metadata);
  return subscription ? subscription->version : int16_t{0};
}

ClassicGroupRecord::Member classic_member(const std::string& id, const ConsumerState::Member& member,
                                          const std::string& protocol, const TopicView& topics) {
  ClassicGroupRecord::Member made;
  made.member_id = id;
  made.instance_id = member.info.instance_id;
  made.client_id = member.info.client_id;
  made.client_host = member.info.client_host;
  made.rebalance_timeout_ms = member.info.rebalance_timeout_ms;
  made.session_timeout_ms = member.info.classic->session_timeout_ms;
  for (const MemberRecord::Protocol& offered : member.info.classic->protocols)
    if (offered.name == protocol) made.subscription = offered.metadata;
  made.assignment = write_assignment(member.current.assigned, version_of(*member.info.classic), topics);
  return made;
}

}  // namespace

std::expected<Upgrade, Refusal> upgrade(const std::string& group, const ClassicGroupRecord::Value& classic,
                                        const TopicView& topics, const ConsumerGroupRules& config) {
  Upgrade made;
  made.records.push_back(ClassicGroupRecord{group, std::nullopt});
  if (classic.members.empty()) return made;
  if (!config.may_upgrade) return Failure(cannot_upgrade(group, "online upgrade is disabled"));
  if (classic.protocol_type != kEmbeddedConsumerProtocol)
    return Failure(cannot_upgrade(group, "the group does not use the consumer embedded protocol"));
  if (std::cmp_greater(classic.members.size(), config.max_size))
    return Failure(cannot_upgrade(group, "the group size exceeds the consumer group maximum size"));
  const int32_t epoch = std::max(classic.generation, 1);
  made.state.apply(GroupEpochRecord{group, {{epoch, 0}}});
  made.state.apply(TargetEpochRecord{group, {{epoch, 0}}});
  for (const ClassicGroupRecord::Member& member : classic.members)
    if (const auto why = add_member(group, classic, member, topics, made.state); !why.empty())
      return Failure(cannot_upgrade(group, why));
  made.state.apply(GroupEpochRecord{group, {{epoch, SubscriptionChange(made.state).metadata_hash(topics)}}});
  made.state.each_record(group, [&](const Record& record) { made.records.push_back(record); });
  return made;
}

std::string common_protocol(const std::vector<const MemberRecord::Classic*>& members) {
  std::map<std::string, size_t> supporters, votes;
  for (const MemberRecord::Classic* member : members)
    for (const MemberRecord::Protocol& protocol : member->protocols) ++supporters[protocol.name];
  for (const MemberRecord::Classic* member : members)
    for (const MemberRecord::Protocol& protocol : member->protocols)
      if (supporters[protocol.name] == members.size()) {
        ++votes[protocol.name];
        break;
      }
  const auto most = std::ranges::max_element(votes, {}, [](const auto& vote) { return vote.second; });
  return most == votes.end() ? std::string() : most->first;
}

bool is_settled(const ConsumerState& state, const std::string& away) {
  return state.target_epoch().epoch == state.epoch() &&
         std::ranges::all_of(state.members(), [&](const auto& each) {
           const CurrentMemberRecord::Value& current = each.second.current;
           return current.state == MemberState::kStable &&
                  (current.epoch == state.epoch() || each.first == away) &&
                  same_partitions(current.assigned, each.second.target);
         });
}

std::optional<std::vector<Record>> downgrade(const ConsumerContext& context, const std::string& group,
                                             const std::vector<std::string>& leaving,
                                             const Joining* joining) {
  const ConsumerState& state = context.state;
  const auto leaves = [&](const std::string& id) { return std::ranges::find(leaving, id) != leaving.end(); };
  if (!context.config.may_downgrade || (state.classic_members() == 0 && joining == nullptr))
    return std::nullopt;
  std::vector<Joining> left;
  std::vector<const MemberRecord::Classic*> offers;
  for (const auto& [id, member] : state.members())
    if (!leaves(id)) left.push_back({id, member});
  if (joining != nullptr) left.push_back(*joining);
  for (const auto& [id, member] : left) {
    if (!member.info.classic || member.info.classic->protocols.empty()) return std::nullopt;
    offers.push_back(&*member.info.classic);
  }
  const std::string protocol = common_protocol(offers);
  if (left.empty() || protocol.empty() || std::cmp_greater(left.size(), context.config.classic_max_size))
    return std::nullopt;
  ClassicGroupRecord::Value classic;
  classic.protocol_type = kEmbeddedConsumerProtocol;
  classic.generation = state.epoch();
  classic.protocol = protocol;
  classic.leader = left.front().id;
  classic.state_timestamp_ms = context.now.wall_ms;
  for (const auto& [id, member] : left)
    classic.members.push_back(classic_member(id, member, protocol, context.topics));
  std::vector<Record> records;
  state.remove_all(group, records);
  records.push_back(ClassicGroupRecord{group, std::move(classic)});
  return records;
}

}  // namespace chronik::kafka::group
