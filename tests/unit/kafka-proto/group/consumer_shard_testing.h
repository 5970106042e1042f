// Groups of the consumer protocol on a partition, with topics and assignors of the test.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "group/core/consumer_testing.h"
#include "group/group_testing.h"

namespace chronik::kafka::testing {

class ConsumerShardTest : public GroupShardTest {
 protected:
  ConsumerShardTest() {
    config.consumer.assignors = {"uniform"};
    show_rules();
    topics.add("orders", 4);
    feed.show(view());
  }

  // The topics outlive what is shown.
  TopicFeed::View view() { return {std::shared_ptr<void>(), &topics}; }
  void change_topics(const std::string& name, int32_t partitions) {
    topics.add(name, partitions);
    host.on_shard(0, [this] { feed.show(view()); });
    host.run();
  }

  // The answer of the shard, if there is one.
  std::optional<group::ConsumerHeartbeatResult> heartbeat(const group::ConsumerHeartbeatRequest& request) {
    const size_t before = told.size();
    host.on_shard(0, [&] {
      shard->consumer_heartbeat(
          "g", request, [this](group::ConsumerHeartbeatResult result) { told.push_back(std::move(result)); });
    });
    host.run();
    return told.size() == before ? std::nullopt : std::optional(told.back());
  }
  std::optional<group::ConsumerHeartbeatResult> join(const std::string& member,
                                                     std::vector<std::string> names = {"orders"}) {
    return heartbeat(group::test::join(member, std::move(names)));
  }
  std::optional<group::ConsumerHeartbeatResult> alive(const std::string& member, int32_t epoch) {
    return heartbeat(group::test::alive(member, epoch));
  }
  std::string assigned(const std::string& member) const {
    const auto* const known = state().find_member(member);
    return known == nullptr ? "nobody" : group::test::describe(known->current.assigned, topics);
  }
  const group::ConsumerState& state() const { return *shard->table().find("g")->consumer; }

  group::test::Topics topics;
  std::vector<group::ConsumerHeartbeatResult> told;
};

}  // namespace chronik::kafka::testing
