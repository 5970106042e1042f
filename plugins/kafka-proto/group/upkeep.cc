// What GroupShard forgets where it leads: offsets that are deleted, of topics that are, and those that time is over for.
#include <algorithm>
#include <utility>

#include "kafka-proto/group/core/offset_rules.h"
#include "kafka-proto/group/records.h"
#include "kafka-proto/group/shard.h"

namespace chronik::kafka {
namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr size_t kMaxGroupsAtOnce = 500;    // are looked at in a turn of the shard
constexpr size_t kMaxRecordsAtOnce = 2000;  // of a group in a write

}  // namespace

void GroupShard::delete_offsets(const std::string& id, OffsetDeletion request,
                                const group::Reply<OffsetDeletionResult>& reply) {
  take_turn(id, Turn::kAlone, [this, id, request = std::move(request), reply](ErrorCode error) {
    const group::Group* const group = table_.find(id);
    const group::ClassicGroup* const live = find_live(id);
    if (error == ErrorCode::kNone) error = group::check_offset_delete(group, live);
    if (error != ErrorCode::kNone) return reply({error, {}});
    OffsetDeletionResult result;
    group::Outcome outcome;
    for (const OffsetDeletion::Topic& topic : request.topics) {
      result.topics.push_back(group::check_topic_offset_delete(*group, live, topic.name));
      if (result.topics.back() != ErrorCode::kNone) continue;
      for (const int32_t partition : topic.partitions)
        if (group->offsets.find(topic.name, partition) != nullptr)
          outcome.records.push_back(group::offset_tombstone(id, topic.name, partition));
    }
    outcome.answer(reply, std::move(result));
    finish_outcome(id, std::move(outcome));
  });
}

// ---- time ----

void GroupShard::begin_upkeep() {
  upkeep_ = std::make_unique<Timer>(timers_, run_upkeep, this);
  upkeep_->arm(static_cast<uint64_t>(config_.offsets_retention_check_interval_ms) * kMs);
}

void GroupShard::end_upkeep() {
  upkeep_.reset();
  upkeep_from_.clear();
}

// Some groups in each turn of the shard, since there may be a hundred thousand.
void GroupShard::run_upkeep(void* shard) {
  GroupShard& self = *static_cast<GroupShard*>(shard);
  std::vector<std::string> due;
  auto at = self.table_.groups().lower_bound(self.upkeep_from_);
  for (size_t n = 0; n < kMaxGroupsAtOnce && at != self.table_.groups().end(); ++n, ++at)
    due.push_back(at->first);
  const bool is_over = at == self.table_.groups().end();
  self.upkeep_from_ = is_over ? std::string() : at->first;
  for (const std::string& id : due) self.expire_offsets(id);
  self.upkeep_->arm(is_over ? static_cast<uint64_t>(self.config_.offsets_retention_check_interval_ms) * kMs
                            : kMs);
}

void GroupShard::expire_offsets(const std::string& id) {
  forget_offsets(id, [this, id](const group::Group& group, std::vector<group::Record>& records) {
    const int64_t retention_ms = config_.offsets_retention_ms;
    if (group.consumer != nullptr)
      return group::expire_consumer(id, group, retention_ms, now().wall_ms, records);
    group::expire_classic(id, group, find_live(id), retention_ms, now().wall_ms, records);
  });
}

// ---- topics that were deleted ----

void GroupShard::forget_topic(const std::string& topic, const chr_uuid& id) {
  std::vector<std::string> groups;
  for (const auto& [name, group] : table_.groups())
    if (group.offsets.topics().contains(topic)) groups.push_back(name);
  for (const std::string& name : groups)
    forget_offsets(name, [name, topic, id](const group::Group& group, std::vector<group::Record>& records) {
      group::delete_topic_offsets(name, group.offsets, topic, id, records);
    });
}

bool GroupShard::cut_to_write(std::vector<group::Record>& records) const {
  RecordList encoded;
  size_t fitting = 0;
  for (const size_t limit = max_write_bytes(); fitting < records.size(); ++fitting) {
    add_record(records[fitting], encoded);
    if (fitting == kMaxRecordsAtOnce || (fitting > 0 && encoded.batch_bytes() > limit)) break;
  }
  if (fitting == records.size()) return false;
  records.erase(records.begin() + static_cast<std::ptrdiff_t>(fitting), records.end());
  return true;
}

// In the turn of the group, as many as go into a write, until nothing is left of them.
void GroupShard::forget_offsets(const std::string& id, Forget find) {
  take_turn(id, Turn::kAlone, [this, id, find = std::move(find)](ErrorCode error) mutable {
    const group::Group* const group = table_.find(id);
    if (error != ErrorCode::kNone || group == nullptr) return;
    group::Outcome outcome;
    find(*group, outcome.records);
    if (outcome.records.empty()) return;
    const bool is_more = cut_to_write(outcome.records);
    outcome.finish.push_back([this, id, is_more, find = std::move(find)](ErrorCode written) mutable {
      if (written != ErrorCode::kNone) return;
      if (table_.find(id) == nullptr) live_.erase(id);
      if (is_more) forget_offsets(id, std::move(find));
    });
    finish_outcome(id, std::move(outcome));
  });
}

}  // namespace chronik::kafka
