// A consumer group by itself: its recorded state, its leader, topics and time, all of them the test's.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kafka-proto/group/core/consumer_group.h"

namespace chronik::kafka::group::test {

chr_uuid topic_id(uint8_t number);

class Topics final : public TopicView {
 public:
  void add(const std::string& name, int32_t partitions);
  void remove(const std::string& name);
  void set_racks(const std::string& name, std::vector<std::string> racks);

  std::optional<Topic> find(std::string_view name) const override;
  std::string_view name_of(const chr_uuid& id) const override;
  int64_t version() const override { return version_; }
  void each_name(const std::function<void(std::string_view)>& fn) const override;
  std::vector<std::string> racks(const chr_uuid& id, int32_t partition) const override;

 private:
  std::map<std::string, Topic, std::less<>> topics_;
  std::map<std::string, std::vector<std::string>, std::less<>> racks_;  // partition p is in the p-th of them
  int64_t version_ = 1;
  uint8_t last_id_ = 0;
};

// Takes what has no "((" in it.
class AnyPatterns final : public Patterns {
 public:
  std::string refuse(std::string_view pattern) const override;
};

// Each topic in ranges over those who subscribe to it.
class RangeAssignor final : public Assignor {
 public:
  std::expected<AssignmentOwners, std::string> assign(const AssignmentInput& input) const override;
};

class ConsumerHarness {
 public:
  ConsumerHarness();

  ConsumerContext context() const { return {state, topics, patterns, config, now}; }
  // The answer, if there is one already.
  std::optional<ConsumerHeartbeatResult> heartbeat(ConsumerHeartbeatRequest request);
  // Writes and applies what came of something; in fail, the write fails. Then targets and expressions that are due.
  void finish(Outcome& out, ErrorCode written = ErrorCode::kNone);
  // Time passes, in steps that deadlines end.
  void tick(int64_t ms);
  void new_leader();
  void run_steps();  // of an assignor and of regular expressions, while they are due

  ConsumerState state;
  Topics topics;
  AnyPatterns patterns;
  ConsumerGroupRules config;
  Now now{.monotonic_ms = 1'000'000, .wall_ms = 5'000'000};
  RangeAssignor assignor;
  bool runs_steps = true;       // at once, as they become due
  std::vector<Record> written;  // since the last look
  std::unique_ptr<ConsumerGroup> group;
};

// A first request.
ConsumerHeartbeatRequest join(std::string member, std::vector<std::string> topics);
// One that says nothing but that the member is there.
ConsumerHeartbeatRequest alive(std::string member, int32_t epoch);
// What a member that speaks the classic protocol says of itself: version 1.
std::string subscription_bytes(const std::vector<std::string>& names, const PartitionSet& owned,
                               const TopicView& topics);
// For reading: "t6:0-5 u2:0", by the names of the topics.
std::string describe(const PartitionSet& set, const TopicView& topics);
PartitionSet parse_partitions(const std::string& text, const TopicView& topics);
std::string describe(const Record& record, const TopicView& topics);
std::string describe(MemberState state);

}  // namespace chronik::kafka::group::test
