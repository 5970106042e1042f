#include "kafka-proto/group/core/group_table.h"

#include <limits>
#include <utility>
#include <variant>

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

// ---- snapshots ----

size_t emit_group(const std::string& id, const Group& group, const GroupTable::Emit& emit) {
  size_t count = 0;
  if (group.classic != nullptr) {
    emit(ClassicGroupRecord{id, *group.classic});
    ++count;
  }
  if (group.consumer != nullptr) count += group.consumer->each_record(id, emit);
  for (const auto& [topic, partitions] : group.offsets.topics())
    for (const auto& [partition, committed] : partitions) {
      // mutant offsets-not-in-snapshot: left out
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
