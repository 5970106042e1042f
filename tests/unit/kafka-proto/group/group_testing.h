// Groups on a Partition on fakes, which leads from the start.
#pragma once

#include <chronik/testing/fake_assignor.hpp>

#include <memory>
#include <string>
#include <vector>

#include "coordinator/shard_testing.h"
#include "kafka-proto/group/shard.h"

namespace chronik::kafka::testing {

// Before the partition, which refers to it.
struct GroupEnvironment {
  std::shared_ptr<GroupShard> make_groups(FakeHost& fake, const Host& host, Partition& partition,
                                          const CoordinatorMetrics& metrics) {
    if (timers == nullptr) {
      timers = std::make_unique<TimerWheel>(host);
      services = std::make_unique<Services>(host);
      assignor = std::make_unique<chronik::testing::FakeAssignor>(&fake, "uniform");
      auto acquired = Assignors::acquire(host, {"uniform"});
      EXPECT_TRUE(acquired);
      steps = std::make_unique<ConsumerSteps>(*services, std::move(*acquired));
    }
    return std::make_shared<GroupShard>(host, partition, metrics, config, *timers,
                                        ConsumerParts{rules, *steps, feed, *services});
  }
  GroupConfig config;
  // What config says now.
  void show_rules() { rules.show(std::make_shared<const GroupRules>(config), {}); }
  RulesFeed rules{std::make_shared<const GroupRules>(config)};
  TopicFeed feed;
  std::unique_ptr<chronik::testing::FakeAssignor> assignor;  // "uniform"
  std::unique_ptr<TimerWheel> timers;
  std::unique_ptr<Services> services;
  std::unique_ptr<ConsumerSteps> steps;
};

class GroupPartition : public GroupEnvironment, public CoordinatedPartition<GroupShard> {
 public:
  GroupPartition()
      : CoordinatedPartition([this](const Host& h, Partition& of, const CoordinatorMetrics& metrics) {
          return make_groups(host, h, of, metrics);
        }) {}
  ~GroupPartition() {
    close();
    timers = nullptr;  // it stands on the host
  }
};

class GroupShardTest : public ::testing::Test, public GroupPartition {
 protected:
  void commit(const std::string& id, int64_t offset, int32_t generation = -1) {
    GroupShard::CommitRequest request;
    request.group = id;
    request.claim.generation = generation;
    request.offsets.push_back({id, "orders", 0, group::OffsetCommitRecord::Value{offset, 2, "m", 9, -1, {}}});
    shard->commit_offsets(std::move(request), [this](const GroupShard::CommitResult& result) {
      answers.push_back(result.error);
    });
  }
  int64_t committed(const std::string& id) const {
    const group::Group* const found = shard->table().find(id);
    const auto* const offset = found == nullptr ? nullptr : found->offsets.find("orders", 0);
    return offset == nullptr ? -1 : offset->offset;
  }

  std::vector<ErrorCode> answers;
};

}  // namespace chronik::kafka::testing
