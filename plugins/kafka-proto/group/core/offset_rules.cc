#include "kafka-proto/group/core/offset_rules.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

namespace chronik::kafka::group {
namespace {

ClassicState state_of(const Group& group, const ClassicGroup* live) {
  return live != nullptr ? live->state() : recorded_state(group.classic.get());
}

std::string_view type_of(const Group& group, const ClassicGroup* live) {
  if (live != nullptr) return live->protocol_type();
  return group.classic != nullptr ? std::string_view(group.classic->protocol_type) : std::string_view();
}

// Shared: rules are copied.
std::shared_ptr<const Subscription> subscription_of(const Group& group, const ClassicGroup* live) {
  return std::make_shared<const Subscription>(live != nullptr ? live->subscription()
                                                              : recorded_subscription(group.classic.get()));
}

bool is_over(const Offsets::Committed& committed, const ExpiryRule& rule, int64_t retention_ms,
             int64_t wall_ms) {
  // A client of before version 5 said when.
  if (committed.expire_timestamp_ms >= 0) return wall_ms >= committed.expire_timestamp_ms;
  const int64_t since = rule.base == ExpiryRule::Base::kEmptySince && rule.empty_since_ms >= 0
                            ? rule.empty_since_ms
                            : committed.commit_timestamp_ms;
  return wall_ms >= since && wall_ms - since >= retention_ms;
}

bool is_enough(const std::vector<Record>& records) { return records.size() > kMaxRecordsAtOnce; }

}  // namespace

ExpiryRule classic_expiry(const Group& group, const ClassicGroup* live) {
  using Base = ExpiryRule::Base;
  const ClassicState state = state_of(group, live);
  const std::string_view type = type_of(group, live);
  if (type.empty()) return {.base = Base::kCommit};
  if (state == ClassicState::kEmpty)
    return {.base = Base::kEmptySince,
            .empty_since_ms = group.classic != nullptr ? group.classic->state_timestamp_ms : -1};
  if (state != ClassicState::kStable || type != kConsumerProtocolType) return {};
  auto subscription = subscription_of(group, live);
  if (!subscription->is_known()) return {};
  return {.base = Base::kCommit,
          .is_subscribed = [subscription](std::string_view topic) { return subscription->contains(topic); }};
}

bool expire_offsets(const std::string& id, const Offsets& offsets, const ExpiryRule& rule,
                    int64_t retention_ms, int64_t wall_ms, std::vector<Record>& records) {
  if (rule.base == ExpiryRule::Base::kNever) return offsets.empty();
  bool all = true;
  for (const auto& [topic, partitions] : offsets.topics()) {
    if (rule.is_subscribed && rule.is_subscribed(topic)) {
      all = false;
      continue;
    }
    for (const auto& [partition, committed] : partitions) {
      if (is_enough(records)) return false;
      if (is_over(committed, rule, retention_ms, wall_ms)) {
        records.push_back(offset_tombstone(id, topic, partition));
      } else {
        all = false;
      }
    }
  }
  return all;
}

void expire_classic(const std::string& id, const Group& group, const ClassicGroup* live, int64_t retention_ms,
                    int64_t wall_ms, std::vector<Record>& records) {
  const bool none_left =
      expire_offsets(id, group.offsets, classic_expiry(group, live), retention_ms, wall_ms, records);
  if (!none_left || group.classic == nullptr || state_of(group, live) != ClassicState::kEmpty) return;
  if (live == nullptr || live->is_dispensable()) records.push_back(ClassicGroupRecord{id, std::nullopt});
}

ErrorCode delete_classic(const std::string& id, const Group* group, const ClassicGroup* live,
                         std::vector<Record>& records) {
  if (group == nullptr) return ErrorCode::kGroupIdNotFound;
  if (state_of(*group, live) != ClassicState::kEmpty) return ErrorCode::kNonEmptyGroup;
  if (delete_offsets(id, group->offsets, records) && group->classic != nullptr)
    records.push_back(ClassicGroupRecord{id, std::nullopt});
  return ErrorCode::kNone;
}

ErrorCode delete_consumer(const std::string& id, const Group& group, std::vector<Record>& records) {
  if (!group.consumer->members().empty()) return ErrorCode::kNonEmptyGroup;
  if (delete_offsets(id, group.offsets, records)) group.consumer->remove_all(id, records);
  return ErrorCode::kNone;
}

void expire_consumer(const std::string& id, const Group& group, int64_t retention_ms, int64_t wall_ms,
                     std::vector<Record>& records) {
  const ConsumerState& state = *group.consumer;
  const ExpiryRule rule = {
      .base = ExpiryRule::Base::kCommit,
      .is_subscribed = [&state](std::string_view topic) { return state.is_subscribed(topic); }};
  const bool none_left = expire_offsets(id, group.offsets, rule, retention_ms, wall_ms, records);
  if (none_left && state.members().empty()) state.remove_all(id, records);
}

bool delete_offsets(const std::string& id, const Offsets& offsets, std::vector<Record>& records) {
  for (const auto& [topic, partitions] : offsets.topics())
    for (const auto& [partition, committed] : partitions) {
      if (is_enough(records)) return false;
      records.push_back(offset_tombstone(id, topic, partition));
    }
  return true;
}

void delete_topic_offsets(const std::string& id, const Offsets& offsets, std::string_view topic,
                          const chr_uuid& topic_id, std::vector<Record>& records) {
  const auto partitions = offsets.topics().find(topic);
  if (partitions == offsets.topics().end()) return;
  for (const auto& [partition, committed] : partitions->second) {
    if (is_enough(records)) return;
    if (offsets.find(topic, topic_id, partition) != nullptr)
      records.push_back(offset_tombstone(id, partitions->first, partition));
  }
}

ErrorCode check_offset_delete(const Group* group, const ClassicGroup* live) {
  if (group == nullptr) return ErrorCode::kGroupIdNotFound;
  if (group->consumer != nullptr) return ErrorCode::kNone;
  if (state_of(*group, live) != ClassicState::kEmpty && type_of(*group, live) != kConsumerProtocolType)
    return ErrorCode::kNonEmptyGroup;
  return ErrorCode::kNone;
}

ErrorCode check_topic_offset_delete(const Group& group, const ClassicGroup* live, std::string_view topic) {
  if (group.consumer != nullptr)
    return group.consumer->is_subscribed(topic) ? ErrorCode::kGroupSubscribedToTopic : ErrorCode::kNone;
  const bool subscribed = type_of(group, live) == kConsumerProtocolType &&
                          (live != nullptr ? live->subscription().contains(topic)
                                           : recorded_subscription(group.classic.get()).contains(topic));
  return subscribed ? ErrorCode::kGroupSubscribedToTopic : ErrorCode::kNone;
}

OffsetCommitRecord offset_tombstone(std::string group, std::string topic, int32_t partition) {
  return {
      .group = std::move(group), .topic = std::move(topic), .partition = partition, .value = std::nullopt};
}

ErrorCode check_simple_commit(const Group* group, const MemberClaim& claim) {
  if (claim.generation < 0) return ErrorCode::kNone;
  return group == nullptr ? ErrorCode::kGroupIdNotFound : ErrorCode::kUnknownMemberId;
}

}  // namespace chronik::kafka::group
