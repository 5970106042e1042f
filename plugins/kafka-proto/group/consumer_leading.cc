// What GroupShard does for groups of the consumer protocol (KIP-848) where it leads, and where groups change their kind.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "kafka-proto/group/core/consumer_conversion.h"
#include "kafka-proto/group/shard.h"

namespace chronik::kafka {
namespace {

const group::ConsumerState no_members;

void add_records(std::vector<group::Record>& records, std::vector<group::Record>&& more) {
  std::ranges::move(more, std::back_inserter(records));
}

}  // namespace

group::ConsumerContext GroupShard::consumer_context(std::string_view id) const {
  const group::Group* const recorded = table_.find(id);
  const bool is_consumer = recorded != nullptr && recorded->consumer != nullptr;
  return {is_consumer ? *recorded->consumer : no_members, *consumers_.topics.view(), patterns_,
          consumers_.rules.of(id), now()};
}

void GroupShard::Live::begin_consumer(const group::ConsumerContext& context) {
  consumer = std::make_unique<group::ConsumerGroup>(id, context);
  number = ++shard.consumer_groups_;
}

// ---- heartbeats ----

void GroupShard::consumer_heartbeat(const std::string& id, group::ConsumerHeartbeatRequest request,
                                    const HeartbeatReply& reply) {
  const auto found = live_.find(id);
  if (found != live_.end() && found->second->consumer != nullptr && !has_late_write(id) &&
      !found->second->leaving.members.contains(request.member_id)) {
    const group::ConsumerContext context = consumer_context(id);
    if (found->second->consumer->changes_nothing(context, request)) {
      group::Outcome outcome;
      found->second->consumer->heartbeat(context, std::move(request), reply, outcome);
      for (const group::Outcome::Finish& finish : outcome.finish) finish(ErrorCode::kNone);
      return;
    }
  }
  take_turn(id, Turn::kAlone, [this, id, request = std::move(request), reply](ErrorCode error) mutable {
    if (error != ErrorCode::kNone) return reply(group::refused({error, {}}));
    group::Outcome outcome;
    Live& group = live(id);
    if (group.consumer != nullptr) {
      group.consumer->heartbeat(consumer_context(id), std::move(request), reply, outcome);
    } else {
      consumer_join(group, std::move(request), reply, outcome);
    }
    finish_outcome(id, std::move(outcome));
  });
}

// The first member of the consumer protocol: of a group that is new, or of a classic one, which becomes another.
void GroupShard::consumer_join(Live& live, group::ConsumerHeartbeatRequest request,
                               const HeartbeatReply& reply, group::Outcome& out) {
  const auto refuse = [&](group::Refusal refusal) { out.answer(reply, group::refused(std::move(refusal))); };
  if (auto refusal = group::check_request(request, consumers_.rules.of(live.id).assignors))
    return refuse(*refusal);
  const group::Group* const recorded = table_.find(live.id);
  if (request.epoch != group::kJoinEpoch) {
    const bool is_there = recorded != nullptr || !live.group->is_dispensable();
    std::string_view why = "Group {} is not a consumer group.";
    if (!is_there) why = request.epoch > 0 ? "Consumer group {} not found." : "Group {} not found.";
    return refuse({ErrorCode::kGroupIdNotFound, fmt::format(fmt::runtime(why), live.id)});
  }
  group::Upgrade upgraded;
  const group::ConsumerContext context = consumer_context(live.id);
  if (recorded != nullptr && recorded->classic != nullptr) {
    auto made = group::upgrade(live.id, *recorded->classic, context.topics, context.config);
    if (!made) return refuse(made.error());
    upgraded = std::move(*made);
  }
  const group::ConsumerContext after = {upgraded.state, context.topics, patterns_, context.config,
                                        context.now};
  live.begin_consumer(after);
  group::Outcome joined;
  live.consumer->heartbeat(after, std::move(request), reply, joined);
  std::ranges::move(joined.finish, std::back_inserter(out.finish));
  if (joined.records.empty()) {  // refused: nothing has changed
    live.consumer = nullptr;
    return;
  }
  add_records(out.records, std::move(upgraded.records));
  add_records(out.records, std::move(joined.records));
}

// ---- where kinds change ----

bool GroupShard::Live::replace_consumer(group::JoinRequest& request, group::Reply<group::JoinResult>& reply,
                                        group::Outcome& out) {
  const group::ConsumerState& state = shard.consumer_context(id).state;
  if (!state.members().empty()) return false;
  group = std::make_unique<group::ClassicGroup>(shard.config_.classic, id, nullptr, shard.now());
  group::Outcome joined;
  group->join(std::move(request), std::move(reply), shard.now(), joined);
  std::ranges::move(joined.finish, std::back_inserter(out.finish));
  if (joined.records.empty()) {  // refused: nothing has changed
    group = nullptr;
    return true;
  }
  consumer = nullptr;
  state.remove_all(id, out.records);
  add_records(out.records, std::move(joined.records));
  return true;
}

// After records were applied.
void GroupShard::follow_kind(const std::string& id) {
  Live& live = *live_.find(id)->second;
  const group::Group* const recorded = table_.find(id);
  const bool is_consumer = recorded != nullptr && recorded->consumer != nullptr;
  if (is_consumer && live.group != nullptr) {
    live.group->fail_waits(ErrorCode::kRebalanceInProgress);
    live.group = nullptr;
  }
  const bool is_classic = !is_consumer && recorded != nullptr && recorded->classic != nullptr;
  if (!is_classic || live.consumer == nullptr) return;
  const bool keeps_generation = live.consumer->keeps_generation();
  begin(live);
  if (keeps_generation) return;
  take_turn(id, Turn::kAlone, [this, id](ErrorCode error) {
    const auto found = live_.find(id);
    if (error != ErrorCode::kNone || found == live_.end() || found->second->group == nullptr) return;
    group::Outcome outcome;
    found->second->group->rebalance(now(), outcome);
    finish_outcome(id, std::move(outcome));
  });
}

// ---- steps ----

// What a step comes to is recorded in a turn of its own, perhaps within this call.
void GroupShard::settle_consumer(const std::string& id) {
  const auto found = live_.find(id);
  Live& live = *found->second;
  const group::ConsumerContext context = consumer_context(id);
  if (context.state.members().empty() && !live.expires) {
    live_.erase(found);
    return;
  }
  const uint64_t number = live.number;
  auto assignment = live.consumer->begin_assignment(context);
  auto regexes = live.consumer->begin_regexes(context);
  live.arm(live.consumer->next_deadline_ms(context));
  const auto alive = partition().shared_from_this();
  if (assignment.has_value()) {
    const auto input = std::make_shared<const group::AssignmentInput>(std::move(*assignment));
    consumers_.steps.assign(
        input, [this, alive, id, number, input](std::optional<group::AssignmentOwners> owners) {
          finish_step(id, number,
                      [this, id, input, owners = std::move(owners)](group::ConsumerGroup& group,
                                                                    group::Outcome& out) {
                        group.finish_assignment(consumer_context(id), *input, owners, out);
                      });
        });
  }
  if (regexes.has_value()) {
    const auto input = std::make_shared<const group::RegexInput>(std::move(*regexes));
    consumers_.steps.resolve(input->regexes, consumers_.topics.view(),
                             [this, alive, id, number, input](group::RegexTopics topics) {
                               finish_step(id, number,
                                           [this, id, input, topics = std::move(topics)](
                                               group::ConsumerGroup& group, group::Outcome& out) {
                                             group.finish_regexes(consumer_context(id), *input, topics, out);
                                           });
                             });
  }
}

void GroupShard::finish_step(const std::string& id, uint64_t number,
                             const std::function<void(group::ConsumerGroup&, group::Outcome&)>& finish) {
  if (!leads()) return;
  take_turn(id, Turn::kAlone, [this, id, number, finish](ErrorCode error) {
    const auto found = live_.find(id);
    if (error != ErrorCode::kNone || found == live_.end()) return;
    if (found->second->consumer == nullptr || found->second->number != number) return;
    group::Outcome outcome;
    finish(*found->second->consumer, outcome);
    finish_outcome(id, std::move(outcome));
  });
}

void GroupShard::refresh_topics() {
  std::vector<std::string> ids;
  for (const auto& [id, live] : live_)
    if (live->consumer != nullptr) ids.push_back(id);
  for (const std::string& id : ids)
    take_turn(id, Turn::kAlone, [this, id](ErrorCode error) {
      const auto found = live_.find(id);
      if (error != ErrorCode::kNone || found == live_.end() || found->second->consumer == nullptr) return;
      group::Outcome outcome;
      found->second->consumer->refresh_topics(consumer_context(id), outcome);
      finish_outcome(id, std::move(outcome));
    });
}

}  // namespace chronik::kafka
