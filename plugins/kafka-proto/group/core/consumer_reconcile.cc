#include "kafka-proto/group/core/consumer_reconcile.h"

#include <algorithm>
#include <iterator>

#include "kafka-proto/group/core/topic_view.h"

namespace chronik::kafka::group {
namespace {

using Current = CurrentMemberRecord::Value;

// What becomes of the partitions that a member has or shall have.
struct Division {
  PartitionSet kept, revoked, added;
  bool unreleased = false;  // something of its target is others'
};

void divide_topic(const Reconciliation& step, const chr_uuid& topic, Division& division) {
  static const TopicPartitions none;
  const TopicPartitions* target = step.subscribes(topic) ? find_topic(step.target, topic) : nullptr;
  if (target == nullptr) target = &none;
  if (const TopicPartitions* assigned = find_topic(step.current.assigned, topic))
    for (size_t i = 0; i < assigned->partitions.size(); ++i) {
      const bool keep = std::ranges::binary_search(target->partitions, assigned->partitions[i]);
      add_partition(keep ? division.kept : division.revoked, topic, assigned->partitions[i],
                    assigned->assignment_epochs[i]);
    }
  for (const int32_t partition : target->partitions) {
    if (contains(step.current.assigned, topic, partition)) continue;
    // What this member was itself told to give away is no one else's.
    // mutant owned-by-two: if (false) division.unreleased = true;
    if (step.taken(topic, partition) && !contains(step.current.pending_revocation, topic, partition))
      division.unreleased = true;
    else
      add_partition(division.added, topic, partition, step.target_epoch);
  }
}

Division divide(const Reconciliation& step) {
  std::vector<chr_uuid> topics;
  for (const PartitionSet* set : {&step.current.assigned, &step.target})
    for (const TopicPartitions& topic : *set) topics.push_back(topic.topic);
  std::ranges::sort(topics, TopicIdLess{});
  topics.erase(std::unique(topics.begin(), topics.end(), same_topic), topics.end());
  Division division;
  for (const chr_uuid& topic : topics) divide_topic(step, topic, division);
  return division;
}

bool owns_any(const Reconciliation& step, const PartitionSet& revoked) {
  return step.owned == nullptr || intersects(*step.owned, revoked);
}

Current next_assignment(const Reconciliation& step) {
  Division division = divide(step);
  Current next;
  next.previous_epoch = step.current.epoch;
  if (!division.revoked.empty() && owns_any(step, division.revoked)) {
    next.epoch = step.current.epoch;
    next.state = MemberState::kUnrevokedPartitions;
    next.assigned = std::move(division.kept);
    next.pending_revocation = std::move(division.revoked);
    return next;
  }
  next.epoch = step.target_epoch;
  next.state = division.unreleased ? MemberState::kUnreleasedPartitions : MemberState::kStable;
  next.assigned = merged(division.kept, division.added);
  return next;
}

// At the same target: what it has of topics that it does not subscribe to any more goes.
Current without_unsubscribed(const Reconciliation& step) {
  PartitionSet kept, revoked;
  for (const TopicPartitions& topic : step.current.assigned)
    (step.subscribes(topic.topic) ? kept : revoked).push_back(topic);
  if (revoked.empty()) return step.current;
  Current next{.epoch = step.current.epoch,
               .previous_epoch = step.current.epoch,
               .state = step.current.state,
               .assigned = std::move(kept),
               .pending_revocation = step.current.pending_revocation};
  revoked = merged(step.current.pending_revocation, revoked);
  if (!owns_any(step, revoked)) return next;
  next.state = MemberState::kUnrevokedPartitions;
  next.pending_revocation = std::move(revoked);
  return next;
}

}  // namespace

CurrentMemberRecord::Value reconcile(const Reconciliation& step) {
  const Current& current = step.current;
  switch (current.state) {
    case MemberState::kStable:
      if (current.epoch != step.target_epoch) return next_assignment(step);
      return step.subscription_changed ? without_unsubscribed(step) : current;
    case MemberState::kUnrevokedPartitions:
      if (!owns_any(step, current.pending_revocation)) return next_assignment(step);
      return step.subscription_changed ? without_unsubscribed(step) : current;
    case MemberState::kUnreleasedPartitions:
      return next_assignment(step);
  }
  return current;
}

}  // namespace chronik::kafka::group
