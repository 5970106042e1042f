#include "kafka-proto/group/core/consumer_state.h"

#include <algorithm>
#include <utility>

#include "kafka-proto/group/core/partition_sets.h"

namespace chronik::kafka::group {
namespace {

using Counts = std::map<std::string, int, std::less<>>;

void count(Counts& counts, const std::string& key, int sign) {
  const auto at = counts.try_emplace(key, 0).first;
  at->second += sign;
  if (at->second <= 0) counts.erase(at);
}

void sort_names(std::vector<std::string>& names) {
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
}

MemberRecord::Value normal(MemberRecord::Value info) {
  sort_names(info.topic_names);
  if (info.topic_regex && info.topic_regex->empty()) info.topic_regex.reset();
  return info;
}

// Each partition with the epoch of its assignment: that of the member where none is recorded.
PartitionSet with_epochs(PartitionSet set, int32_t epoch) {
  for (TopicPartitions& topic : set)
    if (topic.assignment_epochs.size() != topic.partitions.size())
      topic.assignment_epochs.assign(topic.partitions.size(), epoch);
  return sorted(std::move(set));
}

}  // namespace

void ConsumerState::count_info(const std::string& id, const MemberRecord::Value& info, int sign) {
  for (const std::string& topic : info.topic_names) count(topics_, topic, sign);
  if (info.topic_regex) count_regex(*info.topic_regex, sign);
  if (info.classic) classic_members_ += static_cast<size_t>(sign);
  if (!info.instance_id) return;
  if (sign > 0)
    static_members_[*info.instance_id] = id;
  else if (const auto at = static_members_.find(*info.instance_id);
           at != static_members_.end() && at->second == id)
    static_members_.erase(at);
}

void ConsumerState::count_regex(const std::string& regex, int sign) {
  count(regex_members_, regex, sign);
  note_resolved(regex);
}

void ConsumerState::note_resolved(const std::string& regex) {
  if (regex_members_.contains(regex) && !regexes_.contains(regex))
    unresolved_regexes_.insert(regex);
  else
    unresolved_regexes_.erase(regex);
}

void ConsumerState::count_owned(const CurrentMemberRecord::Value& current, int sign) {
  for (const PartitionSet* set : {&current.assigned, &current.pending_revocation})
    for (const TopicPartitions& topic : *set) {
      if (topic.partitions.empty()) continue;
      std::vector<int16_t>& owners = owners_[topic.topic];
      for (const int32_t partition : topic.partitions) {
        if (partition < 0) continue;
        if (owners.size() <= static_cast<size_t>(partition))
          owners.resize(static_cast<size_t>(partition) + 1);
        owners[static_cast<size_t>(partition)] =
            static_cast<int16_t>(owners[static_cast<size_t>(partition)] + sign);
      }
      while (!owners.empty() && owners.back() == 0) owners.pop_back();
      if (owners.empty()) owners_.erase(topic.topic);
    }
}

void ConsumerState::apply(const MemberRecord& record) {
  const auto at = members_.find(record.member_id);
  if (at != members_.end()) count_info(at->first, at->second.info, -1);
  if (record.value) {
    Member& member = at != members_.end() ? at->second : members_[record.member_id];
    member.info = normal(*record.value);
    count_info(record.member_id, member.info, 1);
  } else if (at != members_.end()) {
    count_owned(at->second.current, -1);
    members_.erase(at);
  }
}

void ConsumerState::apply(const GroupEpochRecord& record) {
  gone_ = !record.value;
  if (gone_) return;
  epoch_ = record.value->epoch;
  metadata_hash_ = record.value->metadata_hash;
}

void ConsumerState::apply(const TargetEpochRecord& record) {
  target_epoch_ = record.value.value_or(TargetEpochRecord::Value{.epoch = 1});
}

void ConsumerState::apply(const TargetMemberRecord& record) {
  if (record.value)
    members_[record.member_id].target = sorted(*record.value);
  else if (const auto at = members_.find(record.member_id); at != members_.end())
    at->second.target.clear();
}

void ConsumerState::apply(const CurrentMemberRecord& record) {
  if (!record.value && !members_.contains(record.member_id)) return;
  CurrentMemberRecord::Value& current = members_[record.member_id].current;
  count_owned(current, -1);
  current = record.value.value_or(CurrentMemberRecord::Value{});
  current.assigned = with_epochs(std::move(current.assigned), current.epoch);
  current.pending_revocation = with_epochs(std::move(current.pending_revocation), current.epoch);
  count_owned(current, 1);
}

void ConsumerState::apply(const RegexRecord& record) {
  const auto at = regexes_.find(record.regex);
  if (at != regexes_.end())
    for (const std::string& topic : at->second.topics) count(topics_, topic, -1);
  if (record.value) {
    RegexRecord::Value& regex = regexes_[record.regex] = *record.value;
    sort_names(regex.topics);
    for (const std::string& topic : regex.topics) count(topics_, topic, 1);
  } else if (at != regexes_.end()) {
    regexes_.erase(at);
  }
  note_resolved(record.regex);
}

size_t ConsumerState::each_record(const std::string& group,
                                  const std::function<void(const Record&)>& emit) const {
  size_t count = 0;
  const auto give = [&](const Record& record) {
    emit(record);
    ++count;
  };
  for (const auto& [id, member] : members_) give(MemberRecord{group, id, member.info});
  for (const auto& [regex, value] : regexes_) give(RegexRecord{group, regex, value});
  give(GroupEpochRecord{group, {{epoch_, metadata_hash_}}});
  for (const auto& [id, member] : members_) give(TargetMemberRecord{group, id, member.target});
  give(TargetEpochRecord{group, target_epoch_});
  for (const auto& [id, member] : members_) give(CurrentMemberRecord{group, id, member.current});
  return count;
}

void ConsumerState::remove_all(const std::string& group, std::vector<Record>& records) const {
  for (const auto& [id, member] : members_) records.push_back(CurrentMemberRecord{group, id, std::nullopt});
  for (const auto& [id, member] : members_) records.push_back(TargetMemberRecord{group, id, std::nullopt});
  records.push_back(TargetEpochRecord{group, std::nullopt});
  for (const auto& [id, member] : members_) records.push_back(MemberRecord{group, id, std::nullopt});
  for (const auto& [regex, value] : regexes_) records.push_back(RegexRecord{group, regex, std::nullopt});
  records.push_back(GroupEpochRecord{group, std::nullopt});
}

const ConsumerState::Member* ConsumerState::find_member(std::string_view id) const {
  const auto at = members_.find(id);
  return at == members_.end() ? nullptr : &at->second;
}

const ConsumerState::Members::value_type* ConsumerState::static_member(std::string_view instance_id) const {
  const auto at = static_members_.find(instance_id);
  if (at == static_members_.end()) return nullptr;
  const auto member = members_.find(at->second);
  return member == members_.end() ? nullptr : &*member;
}

int ConsumerState::members_of_regex(std::string_view regex) const {
  const auto at = regex_members_.find(regex);
  return at == regex_members_.end() ? 0 : at->second;
}

bool ConsumerState::is_taken(const chr_uuid& topic, int32_t partition) const {
  const auto at = owners_.find(topic);
  return at != owners_.end() && partition >= 0 && static_cast<size_t>(partition) < at->second.size() &&
         at->second[static_cast<size_t>(partition)] > 0;
}

}  // namespace chronik::kafka::group
