#include "kafka-proto/group/core/group_table.h"

#include <limits>
#include <utility>
#include <variant>

namespace chronik::kafka::group {
namespace {

// ---- one record ----

bool is_tombstone(const auto& record) { return !record.value.has_value(); }

ConsumerState& consumer_of(Group& group) {
  if (group.consumer == nullptr) group.consumer = std::make_unique<ConsumerState>();
  return *group.consumer;
}

void apply_to(Group& group, const OffsetCommitRecord& record) { group.offsets.apply(record); }

void apply_to(Group& group, const ClassicGroupRecord& record) {
  group.classic = record.value ? std::make_unique<ClassicGroupRecord::Value>(*record.value) : nullptr;
}

void apply_to(Group& group, const GroupEpochRecord& record) {
  ConsumerState& consumer = consumer_of(group);
  const GroupEpochRecord::Value value = record.value.value_or(GroupEpochRecord::Value{});
  consumer.epoch = value.epoch;
  consumer.metadata_hash = value.metadata_hash;
}

void apply_to(Group& group, const TargetEpochRecord& record) {
  consumer_of(group).target_epoch = record.value.value_or(TargetEpochRecord::Value{});
}

void apply_to(Group& group, const MemberRecord& record) {
  ConsumerState& consumer = consumer_of(group);
  if (record.value) {
    consumer.members[record.member_id].info = *record.value;
  } else {
    consumer.members.erase(record.member_id);
  }
}

void apply_to(Group& group, const TargetMemberRecord& record) {
  ConsumerState& consumer = consumer_of(group);
  if (record.value) {
    consumer.members[record.member_id].target = *record.value;
  } else if (const auto member = consumer.members.find(record.member_id); member != consumer.members.end()) {
    member->second.target.clear();
  }
}

void apply_to(Group& group, const CurrentMemberRecord& record) {
  ConsumerState& consumer = consumer_of(group);
  if (record.value) {
    consumer.members[record.member_id].current = *record.value;
  } else if (const auto member = consumer.members.find(record.member_id); member != consumer.members.end()) {
    member->second.current = {};
  }
}

void apply_to(Group& group, const RegexRecord& record) {
  ConsumerState& consumer = consumer_of(group);
  if (record.value) {
    consumer.regexes[record.regex] = *record.value;
  } else {
    consumer.regexes.erase(record.regex);
  }
}

// Epochs begin at 1.
bool is_gone(const ConsumerState& consumer) {
  return consumer.epoch == 0 && consumer.target_epoch.epoch == 0 && consumer.members.empty() &&
         consumer.regexes.empty();
}

// ---- snapshots ----

size_t emit_consumer(const std::string& id, const ConsumerState& consumer, const GroupTable::Emit& emit) {
  size_t count = 0;
  const auto give = [&](Record record) {
    emit(record);
    ++count;
  };
  for (const auto& [member, state] : consumer.members) give(MemberRecord{id, member, state.info});
  for (const auto& [regex, value] : consumer.regexes) give(RegexRecord{id, regex, value});
  give(GroupEpochRecord{id, GroupEpochRecord::Value{consumer.epoch, consumer.metadata_hash}});
  for (const auto& [member, state] : consumer.members) give(TargetMemberRecord{id, member, state.target});
  give(TargetEpochRecord{id, consumer.target_epoch});
  for (const auto& [member, state] : consumer.members) give(CurrentMemberRecord{id, member, state.current});
  return count;
}

size_t emit_group(const std::string& id, const Group& group, const GroupTable::Emit& emit) {
  size_t count = 0;
  if (group.classic != nullptr) {
    emit(ClassicGroupRecord{id, *group.classic});
    ++count;
  }
  if (group.consumer != nullptr) count += emit_consumer(id, *group.consumer, emit);
  for (const auto& [topic, partitions] : group.offsets.topics())
    for (const auto& [partition, committed] : partitions) {
      emit(OffsetCommitRecord{id, topic, partition, committed});
      ++count;
    }
  return count;
}

}  // namespace

void GroupTable::apply(const Record& record) {
  std::visit(
      [this](const auto& one) {
        auto at = groups_.find(one.group);
        if (at == groups_.end()) {
          if (is_tombstone(one)) return;
          at = groups_.try_emplace(one.group).first;
        }
        Group& group = at->second;
        apply_to(group, one);
        if (group.consumer != nullptr && is_gone(*group.consumer)) group.consumer = nullptr;
        if (group.offsets.empty() && group.kind() == GroupKind::kSimple) groups_.erase(at);
      },
      record);
}

const Group* GroupTable::find(std::string_view id) const {
  const auto at = groups_.find(id);
  return at == groups_.end() ? nullptr : &at->second;
}

void GroupTable::each_record(const Emit& emit) const {
  each_record({}, std::numeric_limits<size_t>::max(), emit);
}

std::optional<std::string> GroupTable::each_record(std::string_view from, size_t min_records,
                                                   const Emit& emit) const {
  size_t count = 0;
  for (auto at = groups_.lower_bound(from); at != groups_.end(); ++at) {
    if (count >= min_records) return at->first;
    count += emit_group(at->first, at->second, emit);
  }
  return std::nullopt;
}

}  // namespace chronik::kafka::group
