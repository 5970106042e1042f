// What GroupShard forgets where it leads: offsets that are deleted, of topics that are, and those that time is over for.
#include <algorithm>
#include <utility>

#include "kafka-proto/group/core/offset_rules.h"
#include "kafka-proto/group/records.h"
#include "kafka-proto/group/shard.h"

namespace chronik::kafka {
namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr size_t kMaxWorkAtOnce = 2000;  // in a turn of the shard, in groups and offsets that are looked at
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

void GroupShard::run_pass(void* shard) {
  GroupShard& self = *static_cast<GroupShard*>(shard);
  Upkeep& upkeep = *self.upkeep_;
  const group::GroupTable::Map& groups = self.table_.groups();
  std::vector<std::string> due;
  size_t work = 0;
  auto at = groups.lower_bound(upkeep.pass.from);
  for (; work < kMaxWorkAtOnce && at != groups.end(); ++at) {
    due.push_back(at->first);
    work += 1 + add_unknown(at->second.offsets, *self.consumers_.topics.view(), upkeep.unknown);
  }
  const bool is_over = at == groups.end();
  upkeep.pass.from = is_over ? std::string() : at->first;
  upkeep.pass.timer.arm(
      is_over ? static_cast<uint64_t>(self.config_.offsets_retention_check_interval_ms) * kMs : kMs);
  if (is_over) self.forget_unknown_topics();
  for (const std::string& id : due) self.expire_offsets(id);
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

void GroupShard::forget_topics(std::shared_ptr<const DeletedTopics> topics) {
  if (upkeep_ == nullptr) return;
  upkeep_->deletions.push_back(std::move(topics));
  if (upkeep_->deletions.size() == 1) run_deletions(this);
}

void GroupShard::run_deletions(void* shard) {
  GroupShard& self = *static_cast<GroupShard*>(shard);
  Upkeep& upkeep = *self.upkeep_;
  const group::GroupTable::Map& groups = self.table_.groups();
  const std::shared_ptr<const DeletedTopics> topics = upkeep.deletions.front();
  std::vector<std::string> due;
  size_t work = 0;
  auto at = groups.lower_bound(upkeep.deletion.from);
  for (; work < kMaxWorkAtOnce && at != groups.end(); ++at) {
    const size_t offsets = count_offsets(at->second.offsets, *topics, work);
    if (offsets != 0) due.push_back(at->first);
    work += 1 + offsets;
  }
  const bool is_over = at == groups.end();
  upkeep.deletion.from = is_over ? std::string() : at->first;
  if (is_over) upkeep.deletions.pop_front();
  if (!upkeep.deletions.empty()) upkeep.deletion.timer.arm(kMs);
  for (const std::string& id : due)
    self.forget_offsets(id, [id, topics](const group::Group& group, std::vector<group::Record>& records) {
      delete_topics_offsets(id, group.offsets, *topics, kMaxRecordsAtOnce, records);
    });
}

// What two passes did not find, and a catalog that is current does not have either.
void GroupShard::forget_unknown_topics() {
  DeletedTopics topics = in_both(upkeep_->unknown, upkeep_->unknown_before);
  upkeep_->unknown_before = std::exchange(upkeep_->unknown, {});
  if (topics.empty()) return;
  find_deleted(consumers_.services, std::move(topics),
               [this, alive = partition().shared_from_this()](DeletedTopics deleted) {
                 if (!deleted.empty())
                   forget_topics(std::make_shared<const DeletedTopics>(std::move(deleted)));
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
