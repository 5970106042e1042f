// Lag on /metrics, under kafka_exporter's names and by its rules.
#include "kafka-proto/admin/group_metrics.h"

#include <gtest/gtest.h>

#include "admin/admin_testing.h"

namespace chronik::kafka::testing {
namespace {

class GroupMetricsTest : public ::testing::Test {
 protected:
  GroupMetricsTest() { node.make_topic(); }
  double metric(const std::string& name, const std::string& labels) {
    return node.broker.host.metric(name + "{" + labels + "}");
  }
  double of_partition(const std::string& name, int32_t partition) {
    return metric("kafka_consumergroup_" + name,
                  R"(consumergroup="g",topic="orders",partition=")" + std::to_string(partition) + "\"");
  }
  double of_topic(const std::string& name) {
    return metric("kafka_consumergroup_" + name, R"(consumergroup="g",topic="orders")");
  }
  void pass_interval() { node.broker.host.advance(std::chrono::nanoseconds(GroupMetrics::kIntervalNs + 1)); }

  GroupsNode node;
};

TEST_F(GroupMetricsTest, HasTheLagOfEachPartitionOfATopicThatIsConsumed) {
  node.produce(0, 10);
  node.produce(1, 4);
  node.produce(2, 8);
  node.commit("g", 0, 3);
  node.commit("g", 1, 4);
  pass_interval();
  EXPECT_EQ(of_partition("current_offset", 0), 3);
  EXPECT_EQ(of_partition("lag", 0), 7);
  EXPECT_EQ(of_partition("current_offset", 1), 4);
  EXPECT_EQ(of_partition("lag", 1), 0);
  EXPECT_EQ(of_partition("current_offset", 2), -1);
  EXPECT_EQ(of_partition("lag", 2), -1);
  EXPECT_EQ(of_topic("current_offset_sum"), 6);
  EXPECT_EQ(of_topic("lag_sum"), 7);
}

TEST_F(GroupMetricsTest, FollowsWhatIsCommittedAndProduced) {
  node.produce(0, 10);
  node.commit("g", 0, 3);
  pass_interval();
  node.produce(0, 5);
  node.commit("g", 0, 12);
  pass_interval();
  EXPECT_EQ(of_partition("lag", 0), 3);
}

TEST_F(GroupMetricsTest, RemovesTheSeriesOfAGroupThatIsGone) {
  node.produce(0, 10);
  node.commit("g", 0, 3);
  pass_interval();
  ASSERT_EQ(of_partition("lag", 0), 7);
  ASSERT_EQ(node.call("DELETE", "/v1/groups/g").status, 200);
  pass_interval();
  EXPECT_EQ(of_partition("lag", 0), 0);  // the host of the test shows 0 for what was removed
  EXPECT_EQ(of_partition("current_offset", 2), 0);
}

// The next one shows them.
TEST_F(GroupMetricsTest, RemovesTheSeriesOfGroupsThatItCoordinatesNoLonger) {
  node.produce(0, 10);
  node.commit("g", 0, 3);
  pass_interval();
  ASSERT_EQ(of_partition("lag", 0), 7);
  const int32_t home = partition_of_key("g", kHomes);
  node.broker.consensus.follow(node.broker.group(kOffsets, home), 2, 9);
  node.broker.host.run();
  pass_interval();
  EXPECT_EQ(of_partition("lag", 0), 0);
}

TEST_F(GroupMetricsTest, EscapesIds) {
  node.produce(0, 10);
  node.commit("a\"\\b", 0, 3);
  pass_interval();
  EXPECT_EQ(metric("kafka_consumergroup_lag", R"(consumergroup="a\"\\b",topic="orders",partition="0")"), 7);
}

// More than one turn reads, sets or removes.
TEST_F(GroupMetricsTest, HasEachOfManyGroups) {
  constexpr size_t kGroups = GroupMetrics::kMaxSlice * 2;
  node.produce(0, 10);
  for (size_t i = 0; i < kGroups; ++i) node.commit("g" + std::to_string(i), 0, 3);
  pass_interval();
  const auto lag_of = [&](size_t i) {
    return metric("kafka_consumergroup_lag",
                  R"(consumergroup="g)" + std::to_string(i) + R"(",topic="orders",partition="0")");
  };
  for (size_t i = 0; i < kGroups; ++i) ASSERT_EQ(lag_of(i), 7) << i;
  for (int32_t home = 0; home < kHomes; ++home)
    node.broker.consensus.follow(node.broker.group(kOffsets, home), 2, 9);
  node.broker.host.run();
  pass_interval();
  for (size_t i = 0; i < kGroups; ++i) ASSERT_EQ(lag_of(i), 0) << i;
}

}  // namespace
}  // namespace chronik::kafka::testing
