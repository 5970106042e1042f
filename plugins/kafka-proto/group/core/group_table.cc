#include "kafka-proto/group/core/group_table.h"

#include <utility>
#include <variant>

#include "kafka-proto/group/core/table_image.h"

namespace chronik::kafka::group {
namespace {

// ---- one record ----

bool is_tombstone(const auto& record) { return !record.value.has_value(); }

void apply_to(Group& group, const OffsetCommitRecord& record) { group.offsets.apply(record); }

void apply_to(Group& group, const ClassicGroupRecord& record) {
  group.classic = record.value ? std::make_unique<ClassicGroupRecord::Value>(*record.value) : nullptr;
}

// All others are of the consumer protocol.
void apply_to(Group& group, const auto& record) {
  if (group.consumer == nullptr) {
    if (is_tombstone(record)) return;
    group.consumer = std::make_unique<ConsumerState>();
  }
  group.consumer->apply(record);
  if (group.consumer->is_gone()) group.consumer = nullptr;
}

}  // namespace

void GroupTable::apply(const Record& record) {
  if (image_ != nullptr) image_->keep(record);
  std::visit(
      [this](const auto& one) {
        auto at = groups_.find(one.group);
        if (at == groups_.end()) {
          if (is_tombstone(one)) return;
          at = groups_.try_emplace(one.group).first;
        }
        Group& group = at->second;
        apply_to(group, one);
        if constexpr (!std::is_same_v<decltype(one), const OffsetCommitRecord&>) count_members(at);
        if (group.offsets.empty() && group.kind() == GroupKind::kSimple) groups_.erase(at);
      },
      record);
}

void GroupTable::count_members(Map::const_iterator group) {
  if (group->second.has_members()) {
    with_members_.insert(group->first);
  } else {
    with_members_.erase(group->first);
  }
}

const Group* GroupTable::find(std::string_view id) const {
  const auto at = groups_.find(id);
  return at == groups_.end() ? nullptr : &at->second;
}

GroupTable::Map::const_iterator GroupTable::slice_end(Map::const_iterator first) const {
  auto at = first;
  for (size_t items = 0; at != groups_.end(); ++at) {
    items += 1 + at->second.offsets.size();
    if (items > kMaxSlice && at != first) break;
  }
  return at;
}

void GroupTable::swap_groups(GroupTable& other) {
  groups_.swap(other.groups_);
  with_members_.swap(other.with_members_);
}

void GroupTable::drop_slice() {
  with_members_.clear();
  for (size_t left = kMaxSlice; left > 0 && !groups_.empty(); --left) {
    const auto first = groups_.begin();
    left -= first->second.offsets.drop_some(left - 1);
    if (!first->second.offsets.empty()) return;
    groups_.erase(first);
  }
}

// ---- snapshots ----

size_t emit_members(const std::string& id, const Group& group, const GroupTable::Emit& emit) {
  size_t count = 0;
  if (group.classic != nullptr) {
    emit(ClassicGroupRecord{id, *group.classic});
    ++count;
  }
  if (group.consumer != nullptr) count += group.consumer->each_record(id, emit);
  return count;
}

void GroupTable::each_record(const Emit& emit) const {
  for (const auto& [id, group] : groups_) {
    emit_members(id, group, emit);
    for (const auto& [topic, partitions] : group.offsets.topics())
      for (const auto& [partition, committed] : partitions)
        emit(OffsetCommitRecord{id, topic, partition, committed});
  }
}

}  // namespace chronik::kafka::group
