#include "kafka-proto/group/core/consumer_group.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "kafka-proto/group/core/consumer_conversion.h"
#include "kafka-proto/group/core/consumer_reconcile.h"
#include "kafka-proto/group/core/consumer_subscriptions.h"
#include "kafka-proto/group/core/consumer_watch.h"

namespace chronik::kafka::group {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
constexpr int64_t kRegexRestMs = 10'000;  // all regular expressions are resolved no oftener than this

PartitionSet without_epochs(PartitionSet set) {
  for (TopicPartitions& topic : set) topic.assignment_epochs.clear();
  return set;
}

}  // namespace

ConsumerGroup::ConsumerGroup(std::string id, const ConsumerContext& context)
    : id_(std::move(id)), watch_(std::make_shared<Watch>()), regexes_resolved_ms_(context.now.monotonic_ms) {
  for (const auto& [member, recorded] : context.state.members()) {
    const auto& classic = recorded.info.classic;
    // mutant consumer-sessions-not-renewed: (void)classic;
    //     watch_->sessions.set(member, context.now.monotonic_ms + 1000);
    watch_->sessions.set(member, context.now.monotonic_ms + (classic ? classic->session_timeout_ms
                                                                     : context.config.session_timeout_ms));
    watch_revocation(context, member, recorded.info, recorded.current);
  }
  const int64_t made_ms = context.state.target_epoch().timestamp_ms;
  if (made_ms != 0)
    target_made_ms_ = context.now.monotonic_ms - std::max<int64_t>(context.now.wall_ms - made_ms, 0);
}

ConsumerGroup::~ConsumerGroup() { fail_waits(ErrorCode::kNotCoordinator); }

void ConsumerGroup::fail_waits(ErrorCode error) {
  watch_->over = error;
  watch_->fail_all({error, {}});
}

// ---- heartbeats ----

bool ConsumerGroup::changes_nothing(const ConsumerContext& context,
                                    const ConsumerHeartbeatRequest& request) const {
  if (request.epoch <= 0 || topics_changed(context)) return false;
  const ConsumerState::Member* member = context.state.find_member(request.member_id);
  if (member == nullptr || member->current.epoch != request.epoch || !says_nothing_new(member->info, request))
    return false;
  const CurrentMemberRecord::Value& current = member->current;
  switch (current.state) {
    case MemberState::kStable:
      return current.epoch == context.state.target_epoch().epoch;
    case MemberState::kUnrevokedPartitions:
      return !request.owned || intersects(*request.owned, current.pending_revocation);
    case MemberState::kUnreleasedPartitions:
      return false;
  }
  return false;
}

void ConsumerGroup::heartbeat(const ConsumerContext& context, ConsumerHeartbeatRequest request,
                              const HeartbeatReply& reply, Outcome& out) {
  if (auto refusal = check_request(request, context.config.assignors))
    return out.answer(reply, refused(*refusal));
  if (request.owned) request.owned = sorted(std::move(*request.owned));
  if (request.epoch < 0) return leave(context, request, reply, out);
  Asked asked{.wants_assignment = request.epoch == kJoinEpoch || request.is_full()};
  const int64_t session_ends_ms = context.now.monotonic_ms + context.config.session_timeout_ms;
  if (changes_nothing(context, request)) {
    watch_->sessions.set(request.member_id, session_ends_ms);
    const ConsumerState::Member& member = *context.state.find_member(request.member_id);
    ConsumerHeartbeatResult result{.member_id = std::move(request.member_id),
                                   .epoch = member.current.epoch,
                                   .heartbeat_interval_ms = context.config.heartbeat_interval_ms};
    if (asked.wants_assignment) result.assignment = without_epochs(member.current.assigned);
    return out.answer(reply, std::move(result));
  }
  auto change = change_member(context, id_, request, topics_changed(context));
  if (!change) return out.answer(reply, refused(change.error()));
  watch_->sessions.set(change->id, session_ends_ms);
  asked.subscription_changed = change->subscription_changed;
  asked.owned = std::move(request.owned);
  finish_change(context, std::move(*change), std::move(asked), reply, out);
}

void ConsumerGroup::finish_change(const ConsumerContext& context, MemberChange change, Asked asked,
                                  const HeartbeatReply& reply, Outcome& out) {
  if (change.group_epoch == context.state.epoch()) topics_version_ = context.topics.version();
  std::ranges::move(change.records, std::back_inserter(out.records));
  if (assignment_is_due(context, change.group_epoch))
    return wait_for_target(std::move(change.id), std::move(asked), reply, out);
  out.answer(reply, take_next_step(context, change.id, change.member, change.member.target,
                                   context.state.target_epoch().epoch, asked, out));
}

void ConsumerGroup::wait_for_target(std::string member, Asked asked, const HeartbeatReply& reply,
                                    Outcome& out) {
  out.finish.push_back([watch = watch_, member = std::move(member), asked = std::move(asked),
                        reply](ErrorCode written) mutable {
    if (written == ErrorCode::kNone) written = watch->over;
    if (written != ErrorCode::kNone) return reply(refused({written, {}}));
    Wait& wait = watch->waits[member];
    asked.wants_assignment |= wait.asked.wants_assignment;
    asked.subscription_changed |= wait.asked.subscription_changed;
    wait.asked = std::move(asked);
    wait.replies.push_back(reply);
  });
}

ConsumerHeartbeatResult ConsumerGroup::take_next_step(const ConsumerContext& context, const std::string& id,
                                                      const ConsumerState::Member& member,
                                                      const PartitionSet& target, int32_t target_epoch,
                                                      const Asked& asked, Outcome& out) {
  const ConsumerState& state = context.state;
  CurrentMemberRecord::Value next = reconcile(
      {member.current, target, target_epoch, asked.owned ? &*asked.owned : nullptr,
       asked.subscription_changed,
       [&](const chr_uuid& topic) { return subscribes(state, member.info, context.topics.name_of(topic)); },
       [&](const chr_uuid& topic, int32_t partition) { return state.is_taken(topic, partition); }});
  ConsumerHeartbeatResult result{
      .member_id = id, .epoch = next.epoch, .heartbeat_interval_ms = context.config.heartbeat_interval_ms};
  if (asked.wants_assignment || !same_partitions(next.assigned, member.current.assigned))
    result.assignment = without_epochs(next.assigned);
  if (same_current(next, member.current)) return result;
  watch_revocation(context, id, member.info, next);
  out.records.push_back(CurrentMemberRecord{id_, id, std::move(next)});
  return result;
}

void ConsumerGroup::leave(const ConsumerContext& context, const ConsumerHeartbeatRequest& request,
                          const HeartbeatReply& reply, Outcome& out) {
  const ConsumerState::Member* member = context.state.find_member(request.member_id);
  if (request.instance_id) {
    if (auto refusal = check_static(context.state, request.member_id, *request.instance_id))
      return out.answer(reply, refused(*refusal));
  } else if (member == nullptr) {
    return out.answer(reply, refused(unknown_member(id_, request.member_id)));
  }
  // mutant static-leave-frees: if (false) {
  if (request.epoch == kStaticLeaveEpoch) {
    // All stays reserved until it comes back, or its session ends.
    CurrentMemberRecord::Value away = member->current;
    away.epoch = kStaticLeaveEpoch;
    away.pending_revocation.clear();
    watch_revocation(context, request.member_id, member->info, away);
    out.records.push_back(CurrentMemberRecord{id_, request.member_id, std::move(away)});
  } else {
    fence(context, {request.member_id}, out);
  }
  out.answer(reply, ConsumerHeartbeatResult{.member_id = request.member_id, .epoch = request.epoch});
}

void ConsumerGroup::fence(const ConsumerContext& context, const std::vector<std::string>& members,
                          Outcome& out) {
  auto classic = downgrade(context, id_, members);
  const bool is_over = classic.has_value();
  if (is_over)
    std::ranges::move(*classic, std::back_inserter(out.records));
  else
    fence_members(context, id_, members, out.records);
  out.finish.push_back([watch = watch_, group = id_, members, is_over](ErrorCode written) {
    if (written != ErrorCode::kNone) return;
    for (const std::string& member : members) {
      watch->forget(member);
      watch->fail(member, unknown_member(group, member));
    }
    if (is_over) watch->fail_all({ErrorCode::kRebalanceInProgress, {}});
  });
}

// ---- time ----

void ConsumerGroup::watch_revocation(const ConsumerContext& context, const std::string& id,
                                     const MemberRecord::Value& info,
                                     const CurrentMemberRecord::Value& current) {
  // Those that speak the classic protocol have their time to join and to sync.
  if (current.state != MemberState::kUnrevokedPartitions || current.epoch < 0 || info.classic) {
    watch_->revocations.erase(id);
    watch_->revoking.erase(id);
    return;
  }
  watch_->revocations.set(id, context.now.monotonic_ms + info.rebalance_timeout_ms);
  watch_->revoking[id] = current.epoch;
}

std::vector<std::string> ConsumerGroup::due_members(const ConsumerContext& context) {
  const int64_t now = context.now.monotonic_ms;
  std::vector<std::string> due;
  while (auto id = watch_->sessions.take_due(now))
    if (context.state.find_member(*id) != nullptr) due.push_back(std::move(*id));
  while (auto id = watch_->revocations.take_due(now)) {
    const ConsumerState::Member* member = context.state.find_member(*id);
    const int32_t epoch = watch_->revoking[*id];
    watch_->revoking.erase(*id);
    if (member != nullptr && member->current.epoch == epoch &&
        member->current.state == MemberState::kUnrevokedPartitions)
      due.push_back(std::move(*id));
  }
  for (MemberDeadlines* deadlines : {&watch_->joins, &watch_->syncs})
    while (auto id = deadlines->take_due(now)) {
      const ConsumerState::Member* member = context.state.find_member(*id);
      if (member != nullptr && member->info.classic) due.push_back(std::move(*id));
    }
  std::ranges::sort(due);
  due.erase(std::unique(due.begin(), due.end()), due.end());
  return due;
}

void ConsumerGroup::expire(const ConsumerContext& context, Outcome& out) {
  const std::vector<std::string> due = due_members(context);
  if (due.empty()) return;
  // Should the write fail, they are looked at again.
  for (const std::string& id : due)
    watch_->sessions.set(id, context.now.monotonic_ms + context.config.session_timeout_ms);
  fence(context, due, out);
}

int64_t ConsumerGroup::next_deadline_ms(const ConsumerContext& context) const {
  const bool waits_for_target = context.state.epoch() > context.state.target_epoch().epoch && !assigning_ &&
                                !context.state.members().empty();
  return std::min(
      {watch_->next_ms(), waits_for_target ? target_due_ms(context) : kNever, regexes_due_ms(context)});
}

// ---- the target ----

int64_t ConsumerGroup::target_due_ms(const ConsumerContext& context) const {
  return target_made_ms_ ? *target_made_ms_ + context.config.assignment_interval_ms : 0;
}

bool ConsumerGroup::assignment_is_due(const ConsumerContext& context, int32_t group_epoch) const {
  return group_epoch > context.state.target_epoch().epoch && !assigning_ &&
         context.now.monotonic_ms >= target_due_ms(context);
}

std::optional<AssignmentInput> ConsumerGroup::begin_assignment(const ConsumerContext& context) {
  if (!assignment_is_due(context, context.state.epoch()) || context.state.members().empty())
    return std::nullopt;
  assigning_ = true;
  return assignment_input(context);
}

void ConsumerGroup::finish_assignment(const ConsumerContext& context, const AssignmentInput& input,
                                      std::optional<AssignmentOwners> owners, Outcome& out) {
  assigning_ = false;
  target_made_ms_ = context.now.monotonic_ms;
  if (!owners || !check_owners(input, *owners).empty()) {
    watch_->fail_all({ErrorCode::kUnknownServerError, "no assignor made a target assignment"});
    return;
  }
  std::vector<PartitionSet> sets = targets(input, *owners);
  std::map<std::string, PartitionSet> changed;
  for (size_t i = 0; i < sets.size(); ++i) {
    const AssignmentInput::Member& asked = input.members[i];
    const ConsumerState::Member* member = context.state.find_member(asked.id);
    const std::string* id = &asked.id;
    if (member == nullptr && !asked.instance_id.empty())
      // Another member came in the place of the static one meanwhile.
      if (const auto* successor = context.state.static_member(asked.instance_id)) {
        id = &successor->first;
        member = &successor->second;
      }
    if (member == nullptr) continue;
    if (!same_partitions(member->target, sets[i]))
      out.records.push_back(TargetMemberRecord{id_, *id, sets[i]});
    changed.emplace(*id, std::move(sets[i]));
  }
  out.records.push_back(TargetEpochRecord{id_, {{input.epoch, context.now.wall_ms}}});
  answer_waits(context, input.epoch, changed, out);
}

void ConsumerGroup::answer_waits(const ConsumerContext& context, int32_t target_epoch,
                                 const std::map<std::string, PartitionSet>& targets, Outcome& out) {
  for (auto& [id, wait] : std::exchange(watch_->waits, {})) {
    const ConsumerState::Member* member = context.state.find_member(id);
    ConsumerHeartbeatResult result = refused(unknown_member(id_, id));
    if (member != nullptr) {
      const auto target = targets.find(id);
      result = take_next_step(context, id, *member, target == targets.end() ? member->target : target->second,
                              target_epoch, wait.asked, out);
    }
    for (const HeartbeatReply& reply : wait.replies) out.answer(reply, result);
  }
}

// ---- topics ----

void ConsumerGroup::refresh_topics(const ConsumerContext& context, Outcome& out) {
  if (!topics_changed(context)) return;
  const int64_t hash = SubscriptionChange(context.state).metadata_hash(context.topics);
  if (hash != context.state.metadata_hash() && !context.state.members().empty())
    out.records.push_back(GroupEpochRecord{id_, {{context.state.epoch() + 1, hash}}});
  else
    topics_version_ = context.topics.version();
}

int64_t ConsumerGroup::regexes_due_ms(const ConsumerContext& context) const {
  if (resolving_ || context.state.regex_members().empty()) return kNever;
  if (!context.state.unresolved_regexes().empty()) return 0;
  const bool topics_changed = context.topics.version() != regexes_version_;
  return regexes_resolved_ms_ + (topics_changed ? kRegexRestMs : context.config.regex_refresh_interval_ms);
}

std::optional<RegexInput> ConsumerGroup::begin_regexes(const ConsumerContext& context) {
  if (regexes_due_ms(context) > context.now.monotonic_ms) return std::nullopt;
  resolving_ = true;
  RegexInput input{.version = context.topics.version()};
  const auto& unresolved = context.state.unresolved_regexes();
  input.regexes.assign(unresolved.begin(), unresolved.end());
  input.all = unresolved.empty();
  if (input.all)
    for (const auto& [regex, members] : context.state.regex_members()) input.regexes.push_back(regex);
  return input;
}

void ConsumerGroup::finish_regexes(const ConsumerContext& context, const RegexInput& input,
                                   const RegexTopics& found, Outcome& out) {
  static const std::vector<std::string> none;
  resolving_ = false;
  if (input.all) {
    regexes_version_ = input.version;
    regexes_resolved_ms_ = context.now.monotonic_ms;
  }
  const ConsumerState& state = context.state;
  SubscriptionChange subscription(state);
  bool bump = false;
  for (const std::string& regex : input.regexes) {
    if (state.members_of_regex(regex) == 0) continue;
    const auto topics = found.find(regex);
    const std::vector<std::string>& after = topics == found.end() ? none : topics->second;
    const auto known = state.regexes().find(regex);
    if (known != state.regexes().end() && known->second.topics == after) continue;
    if (known != state.regexes().end() || !after.empty()) bump = true;
    subscription.resolve_regex(regex, after);
    out.records.push_back(RegexRecord{id_, regex, {{after, input.version, context.now.wall_ms}}});
  }
  const int64_t hash = subscription.metadata_hash(context.topics);
  if (bump || (hash != state.metadata_hash() && !state.members().empty()))
    out.records.push_back(GroupEpochRecord{id_, {{state.epoch() + 1, hash}}});
}

}  // namespace chronik::kafka::group
