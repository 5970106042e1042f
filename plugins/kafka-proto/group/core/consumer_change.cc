#include "kafka-proto/group/core/consumer_change.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "kafka-proto/group/core/consumer_subscriptions.h"

namespace chronik::kafka::group {
namespace {

enum class RegexChange { kNone, kUnresolved, kResolved };

using Failure = std::unexpected<Refusal>;

template <class T>
void set_if(T& to, const T& from) {
  if (from) to = from;
}

std::optional<std::string> non_empty(const std::optional<std::string>& text) {
  return text && !text->empty() ? text : std::nullopt;
}

std::vector<std::string> sorted_names(std::vector<std::string> names) {
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

MemberRecord::Value updated_info(MemberRecord::Value info, const ConsumerHeartbeatRequest& request) {
  set_if(info.instance_id, request.instance_id);
  set_if(info.rack_id, request.rack_id);
  set_if(info.assignor, request.assignor);
  if (request.rebalance_timeout_ms != -1) info.rebalance_timeout_ms = request.rebalance_timeout_ms;
  if (request.topic_names) info.topic_names = sorted_names(*request.topic_names);
  if (request.topic_regex) info.topic_regex = non_empty(request.topic_regex);
  info.client_id = request.client_id;
  info.client_host = request.client_host;
  info.classic.reset();
  return info;
}

bool same_protocols(const std::optional<MemberRecord::Classic>& a,
                    const std::optional<MemberRecord::Classic>& b) {
  if (!a || !b) return !a && !b;
  return a->session_timeout_ms == b->session_timeout_ms &&
         std::ranges::equal(a->protocols, b->protocols, [](const auto& x, const auto& y) {
           return x.name == y.name && x.metadata == y.metadata;
         });
}

bool same_info(const MemberRecord::Value& a, const MemberRecord::Value& b) {
  return a.instance_id == b.instance_id && a.rack_id == b.rack_id && a.client_id == b.client_id &&
         a.client_host == b.client_host && a.topic_names == b.topic_names && a.topic_regex == b.topic_regex &&
         a.rebalance_timeout_ms == b.rebalance_timeout_ms && a.assignor == b.assignor &&
         same_protocols(a.classic, b.classic);
}

// In the place of the static member that left or, speaking another protocol, is taken over: with all that it had.
FoundMember replacement(const ConsumerState::Members::value_type& old, const std::string& id) {
  FoundMember found{id, old.second, &old.second.info, old.first};
  found.member.current.epoch = 0;
  found.member.current.previous_epoch = 0;
  return found;
}

std::expected<RegexChange, Refusal> change_regex(const ConsumerContext& context, const std::string& group,
                                                 const std::optional<std::string>& before,
                                                 const std::optional<std::string>& after,
                                                 MemberChange& change) {
  if (before == after) return RegexChange::kNone;
  const ConsumerState& state = context.state;
  if (before && state.members_of_regex(*before) == 1 && state.regexes().contains(*before))
    change.records.push_back(RegexRecord{group, *before, std::nullopt});
  if (!after) return RegexChange::kUnresolved;
  if (state.members_of_regex(*after) > 0)
    return state.regexes().contains(*after) ? RegexChange::kResolved : RegexChange::kUnresolved;
  const std::string why = context.patterns.refuse(*after);
  if (why.empty()) return RegexChange::kUnresolved;
  return Failure(
      {ErrorCode::kInvalidRegularExpression,
       fmt::format("SubscribedTopicRegex `{}` is not a valid regular expression: {}.", *after, why)});
}

// The group's next epoch, where it gets one.
void change_epoch(const ConsumerContext& context, const std::string& group, const MemberRecord::Value* before,
                  bool bump, MemberChange& change) {
  SubscriptionChange subscription(context.state);
  if (before != nullptr) subscription.remove_member(*before);
  subscription.add_member(change.member.info);
  for (const Record& record : change.records)
    if (const auto* regex = std::get_if<RegexRecord>(&record)) subscription.remove_regex(regex->regex);
  const int64_t hash = subscription.metadata_hash(context.topics);
  if (!bump && hash == context.state.metadata_hash()) return;
  change.group_epoch = context.state.epoch() + 1;
  change.records.push_back(GroupEpochRecord{group, {{change.group_epoch, hash}}});
}

void record_replacement(const std::string& group, const FoundMember& found, std::vector<Record>& records) {
  remove_member(group, found.replaces, records);
  records.push_back(MemberRecord{group, found.id, found.member.info});
  if (!found.member.target.empty())
    records.push_back(TargetMemberRecord{group, found.id, found.member.target});
  records.push_back(CurrentMemberRecord{group, found.id, found.member.current});
}

}  // namespace

Refusal unknown_member(const std::string& group, std::string_view member) {
  return {ErrorCode::kUnknownMemberId, fmt::format("Member {} is not a member of group {}.", member, group)};
}

std::optional<Refusal> check_static(const ConsumerState& state, const std::string& member_id,
                                    const std::string& instance_id) {
  const auto* known = state.static_member(instance_id);
  if (known == nullptr)
    return Refusal{ErrorCode::kUnknownMemberId, fmt::format("Instance id {} is unknown.", instance_id)};
  if (known->first == member_id) return std::nullopt;
  return Refusal{ErrorCode::kFencedInstanceId,
                 fmt::format("Static member {} with instance id {} was fenced by member {}.", member_id,
                             instance_id, known->first)};
}

std::optional<Refusal> check_epoch(const CurrentMemberRecord::Value& current,
                                   const ConsumerHeartbeatRequest& request) {
  if (request.epoch == current.epoch || request.epoch == kJoinEpoch) return std::nullopt;
  const bool greater = request.epoch > current.epoch;
  // The answer with the new epoch may have been lost; what the member has tells whether that is so.
  if (!greater && request.epoch == current.previous_epoch && request.owned &&
      is_subset(*request.owned, current.assigned))
    return std::nullopt;
  return Refusal{
      ErrorCode::kFencedMemberEpoch,
      fmt::format("The consumer group member has a {} member epoch ({}) than the one known by the group "
                  "coordinator ({}). The member must abandon all its partitions and rejoin.",
                  greater ? "greater" : "smaller", request.epoch, current.epoch)};
}

std::expected<FoundMember, Refusal> find_or_add_member(const ConsumerContext& context,
                                                       const std::string& group,
                                                       const MemberClaimant& claimant) {
  const ConsumerState& state = context.state;
  const ConsumerState::Member* known = state.find_member(claimant.member_id);
  if (known == nullptr && std::cmp_greater_equal(state.members().size(), context.config.max_size))
    return Failure({ErrorCode::kGroupMaxSizeReached,
                    fmt::format("The consumer group has reached its maximum capacity of {} members.",
                                context.config.max_size)});
  if (claimant.instance_id && !claimant.joins) {
    if (auto refusal = check_static(state, claimant.member_id, *claimant.instance_id))
      return Failure(*refusal);
  } else if (claimant.instance_id) {
    const auto* old = state.static_member(*claimant.instance_id);
    if (old != nullptr && !claimant.speaks_classic && !old->second.info.classic &&
        old->second.current.epoch != kStaticLeaveEpoch)
      return Failure(
          {ErrorCode::kUnreleasedInstanceId,
           fmt::format("Static member {} with instance id {} cannot join the group because the instance id "
                       "is owned by {} member.",
                       claimant.member_id, *claimant.instance_id, old->first)});
    if (old != nullptr) return replacement(*old, claimant.member_id);
  }
  if (known != nullptr) return FoundMember{claimant.member_id, *known, &known->info, {}};
  if (!claimant.joins) return Failure(unknown_member(group, claimant.member_id));
  return FoundMember{claimant.member_id, {}, nullptr, {}};
}

std::expected<MemberChange, Refusal> update_member(const ConsumerContext& context, const std::string& group,
                                                   FoundMember found, MemberRecord::Value info,
                                                   bool check_topics) {
  const MemberRecord::Value none;
  const MemberRecord::Value& before = found.before != nullptr ? *found.before : none;
  MemberChange change;
  change.id = found.id;
  change.group_epoch = context.state.epoch();
  const bool names_changed = info.topic_names != before.topic_names;
  const bool changed = found.before == nullptr || !same_info(before, info);
  found.member.info = std::move(info);
  if (!found.replaces.empty())
    record_replacement(group, found, change.records);
  else if (changed)
    change.records.push_back(MemberRecord{group, found.id, found.member.info});
  const auto regex = change_regex(context, group, before.topic_regex, found.member.info.topic_regex, change);
  if (!regex) return Failure(regex.error());
  change.member = std::move(found.member);
  change.subscription_changed = names_changed || *regex != RegexChange::kNone;
  // Where the expression is not resolved yet, the epoch follows with what it finds; a member that speaks the classic
  // protocol now has none.
  const bool lost_regex = change.member.info.classic && *regex != RegexChange::kNone;
  const bool bump = names_changed || *regex == RegexChange::kResolved || lost_regex;
  if (bump || check_topics) change_epoch(context, group, found.before, bump, change);
  return change;
}

std::expected<MemberChange, Refusal> change_member(const ConsumerContext& context, const std::string& group,
                                                   const ConsumerHeartbeatRequest& request,
                                                   bool check_topics) {
  const bool joins = request.epoch == kJoinEpoch;
  const std::string& id = request.member_id.empty() ? request.new_member_id : request.member_id;
  auto found = find_or_add_member(context, group, {id, request.instance_id, joins});
  if (!found) return Failure(found.error());
  if (auto refusal = check_epoch(found->member.current, request)) return Failure(*refusal);
  MemberRecord::Value info = updated_info(found->member.info, request);
  return update_member(context, group, std::move(*found), std::move(info), check_topics);
}

bool says_nothing_new(const MemberRecord::Value& info, const ConsumerHeartbeatRequest& request) {
  const auto same = [](const auto& said, const auto& known) { return !said || said == known; };
  return same(request.instance_id, info.instance_id) && same(request.rack_id, info.rack_id) &&
         same(request.assignor, info.assignor) && !info.classic &&
         (request.rebalance_timeout_ms == -1 || request.rebalance_timeout_ms == info.rebalance_timeout_ms) &&
         (!request.topic_names || *request.topic_names == info.topic_names) &&
         (!request.topic_regex || *request.topic_regex == info.topic_regex.value_or("")) &&
         request.client_id == info.client_id && request.client_host == info.client_host;
}

void remove_member(const std::string& group, const std::string& member, std::vector<Record>& records) {
  records.push_back(CurrentMemberRecord{group, member, std::nullopt});
  records.push_back(TargetMemberRecord{group, member, std::nullopt});
  records.push_back(MemberRecord{group, member, std::nullopt});
}

void fence_members(const ConsumerContext& context, const std::string& group,
                   const std::vector<std::string>& members, std::vector<Record>& records) {
  const ConsumerState& state = context.state;
  SubscriptionChange subscription(state);
  std::map<std::string, int> regexes;
  for (const std::string& id : members) {
    remove_member(group, id, records);
    const MemberRecord::Value& info = state.find_member(id)->info;
    subscription.remove_member(info);
    if (info.topic_regex) ++regexes[*info.topic_regex];
  }
  for (const auto& [regex, count] : regexes) {
    if (state.members_of_regex(regex) != count || !state.regexes().contains(regex)) continue;
    records.push_back(RegexRecord{group, regex, std::nullopt});
    subscription.remove_regex(regex);
  }
  records.push_back(
      GroupEpochRecord{group, {{state.epoch() + 1, subscription.metadata_hash(context.topics)}}});
}

}  // namespace chronik::kafka::group
