#include "kafka-proto/group/upkeep.h"

#include <set>
#include <utility>

#include "kafka-proto/group/core/offset_rules.h"
#include "kafka-proto/group/records.h"
#include "kafka-proto/group/shard.h"

namespace chronik::kafka {

using group::kMaxRecordsAtOnce;

// ---- by request ----

// As many as go into a write, until nothing is left of them. What is named again and again is forgotten once.
void GroupShard::delete_offsets(const std::string& id, OffsetDeletion request,
                                const group::Reply<OffsetDeletionResult>& reply) {
  take_turn(id, Turn::kAlone, [this, id, request = std::move(request), reply](ErrorCode error) mutable {
    const group::Group* const group = table_.find(id);
    const group::ClassicGroup* const live = find_live(id);
    if (error == ErrorCode::kNone) error = group::check_offset_delete(group, live);
    if (error != ErrorCode::kNone) return reply({error, {}});
    OffsetDeletionResult result;
    group::Outcome outcome;
    std::set<std::pair<std::string_view, int32_t>> gone;
    for (const OffsetDeletion::Topic& topic : request.topics) {
      result.topics.push_back(group::check_topic_offset_delete(*group, live, topic.name));
      if (result.topics.back() != ErrorCode::kNone) continue;
      for (const int32_t partition : topic.partitions) {
        if (outcome.records.size() > kMaxRecordsAtOnce) break;
        if (group->offsets.find(topic.name, partition) != nullptr &&
            gone.emplace(topic.name, partition).second)
          outcome.records.push_back(group::offset_tombstone(id, topic.name, partition));
      }
    }
    if (!cut_to_write(outcome.records)) {
      outcome.answer(reply, std::move(result));
    } else {
      outcome.finish.push_back([this, id, request = std::move(request), reply](ErrorCode written) mutable {
        if (written != ErrorCode::kNone) return reply({written, {}});
        delete_offsets(id, std::move(request), reply);
      });
    }
    finish_outcome(id, std::move(outcome));
  });
}

// ---- in passes ----

GroupUpkeep::GroupUpkeep(GroupShard* groups, TimerWheel& timers, const GroupConfig& config,
                         const TopicFeed& topics, Services& services)
    : groups_(*groups),
      config_(config),
      topics_(topics),
      services_(services),
      expiry_(
          groups_.table_, timers,
          [this](const std::string& id, const group::Group& group, GroupPass::Done done) {
            add_unknown(group.offsets, *topics_.view(), unknown_);
            expire_offsets(id, std::move(done));
          },
          [this] {
            forget_unknown();
            expiry_.begin_in(static_cast<uint64_t>(config_.offsets_retention_check_interval_ms));
          }),
      forgetting_(
          groups_.table_, timers,
          [this](const std::string& id, const group::Group& group, GroupPass::Done done) {
            forget_deleted(id, group, std::move(done));
          },
          [this] { begin_forgetting(); }) {
  expiry_.begin_in(static_cast<uint64_t>(config_.offsets_retention_check_interval_ms));
}

// What cannot be written is over the next time, too.
void GroupUpkeep::expire_offsets(const std::string& id, GroupPass::Done done) {
  groups_.forget_offsets(
      id,
      [groups = &groups_, id, retention_ms = config_.offsets_retention_ms](
          const group::Group& group, std::vector<group::Record>& records) {
        const int64_t wall_ms = groups->now().wall_ms;
        if (group.consumer != nullptr)
          return group::expire_consumer(id, group, retention_ms, wall_ms, records);
        group::expire_classic(id, group, groups->find_live(id), retention_ms, wall_ms, records);
      },
      [done = std::move(done)](ErrorCode) { done(true); });
}

// What two passes did not find, and a catalog that is current does not have either.
void GroupUpkeep::forget_unknown() {
  DeletedTopics topics = in_both(unknown_, unknown_before_);
  unknown_before_ = std::exchange(unknown_, {});
  if (topics.empty()) return;
  find_deleted(services_, std::move(topics),
               [this, alive = std::weak_ptr(alive_)](const DeletedTopics& deleted) {
                 if (!alive.expired()) forget_topics(deleted);
               });
}

void GroupUpkeep::forget_topics(const DeletedTopics& topics) {
  for (const auto& [name, ids] : topics) next_deleted_[name].insert(ids.begin(), ids.end());
  if (forgetting_.is_resting()) begin_forgetting();
}

// Those that are deleted from now on wait for the next pass.
void GroupUpkeep::begin_forgetting() {
  deleted_ = std::make_shared<const DeletedTopics>(std::exchange(next_deleted_, {}));
  if (!deleted_->empty()) forgetting_.begin_in(0);
}

void GroupUpkeep::forget_deleted(const std::string& id, const group::Group& group, GroupPass::Done done) {
  if (!has_offsets_of(group.offsets, *deleted_)) return done(true);
  groups_.forget_offsets(
      id,
      [id, topics = deleted_](const group::Group& from, std::vector<group::Record>& records) {
        delete_topics_offsets(id, from.offsets, *topics, records);
      },
      [done = std::move(done)](ErrorCode written) { done(written == ErrorCode::kNone); });
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
void GroupShard::forget_offsets(const std::string& id, Forget find, group::Reply<ErrorCode> done) {
  take_turn(id, Turn::kAlone, [this, id, find = std::move(find), done](ErrorCode error) mutable {
    const group::Group* const group = table_.find(id);
    if (error != ErrorCode::kNone || group == nullptr) return done(error);
    group::Outcome outcome;
    find(*group, outcome.records);
    if (outcome.records.empty()) return done(ErrorCode::kNone);
    const bool is_more = cut_to_write(outcome.records);
    outcome.finish.push_back([this, id, is_more, find = std::move(find), done](ErrorCode written) mutable {
      if (written != ErrorCode::kNone) return done(written);
      if (table_.find(id) == nullptr) live_.erase(id);
      if (!is_more) return done(ErrorCode::kNone);
      forget_offsets(id, std::move(find), std::move(done));
    });
    finish_outcome(id, std::move(outcome));
  });
}

}  // namespace chronik::kafka
