#include "kafka-proto/group/core/group_table.h"

namespace chronik::kafka::group {

void GroupTable::apply(const Record& record) {
  const auto* const commit = std::get_if<OffsetCommitRecord>(&record);
  if (commit == nullptr) return;
  const auto at = groups_.try_emplace(commit->group).first;
  at->second.offsets.apply(*commit);
  if (at->second.offsets.empty()) groups_.erase(at);
}

const Group* GroupTable::find(std::string_view id) const {
  const auto found = groups_.find(id);
  return found == groups_.end() ? nullptr : &found->second;
}

void GroupTable::each_record(const std::function<void(const Record&)>& emit) const {
  for (const auto& [id, group] : groups_)
    for (const auto& [topic, partitions] : group.offsets.topics())
      for (const auto& [partition, committed] : partitions)
        emit(OffsetCommitRecord{id, topic, partition, committed});
}

}  // namespace chronik::kafka::group
