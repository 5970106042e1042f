// Members of a ConsumerGroup that speak the classic protocol: JoinGroup is their heartbeat with a subscription, SyncGroup
// asks for what they have, and a Heartbeat tells them to join again where there is something to give away or to take.
#include <algorithm>
#include <map>

#include "kafka-proto/group/core/consumer_conversion.h"
#include "kafka-proto/group/core/consumer_group.h"
#include "kafka-proto/group/core/consumer_protocol.h"
#include "kafka-proto/group/core/consumer_watch.h"

namespace chronik::kafka::group {
namespace {

// Whether there is one among them that all classic members can.
bool supports(const ConsumerState& state, const JoinRequest& request) {
  if (request.protocol_type != kEmbeddedConsumerProtocol || request.protocols.empty()) return false;
  if (state.classic_members() == 0) return true;
  std::map<std::string_view, size_t> supporters;
  for (const auto& [id, member] : state.members())
    if (member.info.classic)
      for (const MemberRecord::Protocol& protocol : member.info.classic->protocols)
        ++supporters[protocol.name];
  return std::ranges::any_of(request.protocols, [&](const Protocol& protocol) {
    const auto known = supporters.find(protocol.name);
    return known != supporters.end() && known->second == state.classic_members();
  });
}

MemberRecord::Value info_of(MemberRecord::Value info, const JoinRequest& request,
                            EmbeddedSubscription subscription) {
  if (request.instance_id) info.instance_id = request.instance_id;
  if (subscription.rack_id && !subscription.rack_id->empty()) info.rack_id = std::move(subscription.rack_id);
  if (request.rebalance_timeout_ms != -1) info.rebalance_timeout_ms = request.rebalance_timeout_ms;
  info.client_id = request.client_id;
  info.client_host = request.client_host;
  std::ranges::sort(subscription.topics);
  subscription.topics.erase(std::unique(subscription.topics.begin(), subscription.topics.end()),
                            subscription.topics.end());
  info.topic_names = std::move(subscription.topics);
  info.topic_regex.reset();
  info.classic = MemberRecord::Classic{};
  info.classic->session_timeout_ms = request.session_timeout_ms;
  for (const Protocol& protocol : request.protocols)
    info.classic->protocols.push_back({protocol.name, protocol.metadata});
  return info;
}

JoinResult join_result(const ConsumerHeartbeatResult& result, const std::string& protocol) {
  JoinResult joined;
  joined.error = result.error;
  joined.member_id = result.member_id;
  if (result.error != ErrorCode::kNone) return joined;
  joined.generation = result.epoch;
  joined.protocol_type = kEmbeddedConsumerProtocol;
  joined.protocol = protocol;
  return joined;
}

// Whether something of its target is others' still.
bool waits_for_others(const ConsumerState& state, const ConsumerState::Member& member) {
  return std::ranges::any_of(member.target, [&](const TopicPartitions& topic) {
    return std::ranges::any_of(topic.partitions, [&](int32_t partition) {
      return !contains(member.current.assigned, topic.topic, partition) &&
             state.is_taken(topic.topic, partition);
    });
  });
}

bool should_join_again(const ConsumerState& state, const ConsumerState::Member& member) {
  switch (member.current.state) {
    case MemberState::kUnrevokedPartitions:
      return true;
    case MemberState::kUnreleasedPartitions:
      if (!waits_for_others(state, member)) return true;
      break;
    case MemberState::kStable:
      break;
  }
  return member.current.epoch < state.target_epoch().epoch;
}

// NONE, or why nobody of that name speaks the classic protocol here.
ErrorCode find_classic(const ConsumerState& state, const std::string& id,
                       const std::optional<std::string>& instance_id, const ConsumerState::Member*& member) {
  if (instance_id)
    if (const auto refusal = check_static(state, id, *instance_id)) return refusal->error;
  member = state.find_member(id);
  return member == nullptr || !member->info.classic ? ErrorCode::kUnknownMemberId : ErrorCode::kNone;
}

}  // namespace

void ConsumerGroup::join(const ConsumerContext& context, JoinRequest request, const Reply<JoinResult>& reply,
                         Outcome& out) {
  const auto refuse = [&](ErrorCode error, const std::string& member_id) {
    JoinResult result;
    result.error = error;
    result.member_id = member_id;
    out.answer(reply, std::move(result));
  };
  const ConsumerState& state = context.state;
  const bool is_new = request.member_id.empty();
  const std::string id = is_new ? request.new_member_id : request.member_id;
  if (state.find_member(id) == nullptr &&
      std::cmp_greater_equal(state.members().size(), context.config.max_size))
    return refuse(ErrorCode::kGroupMaxSizeReached, request.member_id);
  if (!supports(state, request)) return refuse(ErrorCode::kInconsistentGroupProtocol, request.member_id);
  if (is_new && request.requires_known_member && !request.instance_id)
    return refuse(ErrorCode::kMemberIdRequired, id);
  const std::string& protocol = request.protocols.front().name;
  auto subscription = parse_subscription(request.protocols.front().metadata);
  if (!subscription) return refuse(ErrorCode::kUnknownServerError, request.member_id);
  auto found =
      find_or_add_member(context, id_, {id, request.instance_id, is_new || !request.instance_id, true});
  if (!found) return refuse(found.error().error, request.member_id);
  Asked asked{.wants_assignment = true, .owned = owned_by_id(subscription->owned, context.topics)};
  MemberRecord::Value info = info_of(found->member.info, request, std::move(*subscription));
  const std::string replaced = found->replaces;
  auto change = update_member(context, id_, std::move(*found), std::move(info), topics_changed(context));
  if (!change) return refuse(change.error().error, request.member_id);
  if (!replaced.empty() && join_classic(context, *change, replaced, reply, out)) return;
  const int64_t now = context.now.monotonic_ms;
  watch_->joins.erase(change->id);
  watch_->sessions.set(change->id, now + request.session_timeout_ms);
  watch_->syncs.set(change->id, now + request.rebalance_timeout_ms);
  asked.subscription_changed = change->subscription_changed;
  finish_change(
      context, std::move(*change), std::move(asked),
      [reply, protocol](const ConsumerHeartbeatResult& result) { reply(join_result(result, protocol)); },
      out);
}

// A static member that took the place of the last one of the consumer protocol: the group is classic again, and the member
// goes on with what the one before had. False: it is not.
bool ConsumerGroup::join_classic(const ConsumerContext& context, const MemberChange& change,
                                 const std::string& replaced, const Reply<JoinResult>& reply, Outcome& out) {
  const Joining joining{change.id, change.member};
  if (context.state.find_member(replaced)->info.classic) return false;
  auto records = downgrade(context, id_, {replaced}, &joining);
  if (!records) return false;
  keeps_generation_ = !change.subscription_changed && is_settled(context.state, replaced);
  const auto& classic = *std::get<ClassicGroupRecord>(records->back()).value;
  JoinResult result;
  result.member_id = change.id;
  result.generation = classic.generation;
  result.protocol_type = classic.protocol_type;
  result.protocol = classic.protocol;
  std::ranges::move(*records, std::back_inserter(out.records));
  out.answer(reply, std::move(result));
  out.finish.push_back([watch = watch_](ErrorCode written) {
    if (written == ErrorCode::kNone) watch->fail_all({ErrorCode::kRebalanceInProgress, {}});
  });
  return true;
}

void ConsumerGroup::sync(const ConsumerContext& context, const SyncRequest& request,
                         const Reply<SyncResult>& reply, Outcome& out) {
  const ConsumerState::Member* member = nullptr;
  SyncResult result;
  result.error = find_classic(context.state, request.member_id, request.instance_id, member);
  if (result.error != ErrorCode::kNone) return out.answer(reply, std::move(result));
  const CurrentMemberRecord::Value& current = member->current;
  const MemberRecord::Protocol& protocol = member->info.classic->protocols.front();
  if (request.generation != current.epoch) {
    result.error = ErrorCode::kIllegalGeneration;
  } else if (request.protocol_type.value_or(std::string(kEmbeddedConsumerProtocol)) !=
                 kEmbeddedConsumerProtocol ||
             request.protocol.value_or(protocol.name) != protocol.name) {
    result.error = ErrorCode::kInconsistentGroupProtocol;
  } else if (context.state.target_epoch().epoch > current.epoch &&
             current.state != MemberState::kUnrevokedPartitions) {
    watch_->joins.set_if_none(request.member_id,
                              context.now.monotonic_ms + member->info.rebalance_timeout_ms);
    result.error = ErrorCode::kRebalanceInProgress;
  } else {
    watch_->syncs.erase(request.member_id);
    watch_->sessions.set(request.member_id,
                         context.now.monotonic_ms + member->info.classic->session_timeout_ms);
    const auto subscription = parse_subscription(protocol.metadata);
    result.protocol_type = request.protocol_type;
    result.protocol = request.protocol;
    result.assignment =
        write_assignment(current.assigned, subscription ? subscription->version : int16_t{0}, context.topics);
  }
  out.answer(reply, std::move(result));
}

ErrorCode ConsumerGroup::classic_heartbeat(const ConsumerContext& context, const MemberClaim& claim) {
  const ConsumerState::Member* member = nullptr;
  const ErrorCode error = find_classic(context.state, claim.member_id, claim.instance_id, member);
  if (error != ErrorCode::kNone) return error;
  if (claim.generation != member->current.epoch) return ErrorCode::kIllegalGeneration;
  watch_->sessions.set(claim.member_id, context.now.monotonic_ms + member->info.classic->session_timeout_ms);
  if (!should_join_again(context.state, *member)) return ErrorCode::kNone;
  watch_->joins.set_if_none(claim.member_id, context.now.monotonic_ms + member->info.rebalance_timeout_ms);
  return ErrorCode::kRebalanceInProgress;
}

void ConsumerGroup::leave(const ConsumerContext& context, const LeaveRequest& request,
                          const Reply<LeaveResult>& reply, Outcome& out) {
  const ConsumerState& state = context.state;
  std::vector<std::string> leaving;
  LeaveResult result;
  for (const LeaveRequest::Member& member : request.members) {
    LeaveResult::Member& row = result.members.emplace_back();
    row.member_id = member.member_id;
    row.instance_id = member.instance_id;
    std::string id = member.member_id;
    const auto* known = member.instance_id ? state.static_member(*member.instance_id) : nullptr;
    if (known != nullptr && id.empty()) id = known->first;
    if (member.instance_id) {
      if (const auto refusal = check_static(state, id, *member.instance_id)) row.error = refusal->error;
    } else if (state.find_member(id) == nullptr) {
      row.error = ErrorCode::kUnknownMemberId;
    }
    if (row.error == ErrorCode::kNone) leaving.push_back(std::move(id));
  }
  std::ranges::sort(leaving);
  leaving.erase(std::unique(leaving.begin(), leaving.end()), leaving.end());
  if (!leaving.empty()) fence(context, leaving, out);
  out.answer(reply, std::move(result));
}

}  // namespace chronik::kafka::group
