// A topic of coordinators: more replicas as nodes come, and the number of partitions that a node's file says.
#include "kafka-proto/coordinator/internal_topic.h"

#include <gtest/gtest.h>
#include <chronik/testing/fake_consensus.hpp>
#include <chronik/testing/fake_metadata.hpp>
#include <chronik/testing/fake_net.hpp>

namespace chronik::kafka::testing {
namespace {

using chronik::testing::FakeConsensus;
using chronik::testing::FakeHost;
using chronik::testing::FakeMetadata;
using chronik::testing::FakeNet;
using std::chrono::seconds;

constexpr const char* kName = "__consumer_offsets";

class InternalTopicTest : public ::testing::Test {
 protected:
  InternalTopicTest() { EXPECT_TRUE(services.find()); }
  ~InternalTopicTest() override {
    host.on_shard(0, [this] { topic.stop(); });
    EXPECT_EQ(host.open_timers(), 0u);
  }
  void follow() {
    host.on_shard(0, [this] { topic.follow_catalog(Catalog(services)); });
    host.run();
  }
  // Partitions that are to have more replicas.
  size_t moves() { return metadata.topic(kName).moves.size(); }

  FakeHost host;
  FakeNet net{&host};
  FakeConsensus consensus{&host};
  FakeMetadata metadata{&host};
  Services services{Host(host.core())};
  InternalTopic topic{services, {.name = kName, .partitions = 5, .configs = {}, .partitions_given = true}};
};

TEST_F(InternalTopicTest, ReplicasThatCouldNotBeAddedAreAddedLater) {
  metadata.add_topic(kName, 5);
  metadata.set_broker({1, "one", 9092, ""});
  metadata.set_broker({2, "two", 9092, ""});
  metadata.answer_changes(CHR_E_UNAVAILABLE);
  follow();
  host.advance(seconds(60));
  EXPECT_EQ(moves(), 0u);
  metadata.answer_changes(CHR_OK);
  host.advance(seconds(5));
  EXPECT_EQ(moves(), 5u);
  EXPECT_EQ(host.open_timers(), 0u);
}

TEST_F(InternalTopicTest, NothingIsTriedAfterTheStop) {
  metadata.add_topic(kName, 5);
  metadata.set_broker({1, "one", 9092, ""});
  metadata.set_broker({2, "two", 9092, ""});
  metadata.answer_changes(CHR_E_UNAVAILABLE);
  metadata.hold_changes(true);
  follow();
  services.stopping = true;
  host.on_shard(0, [this] { topic.stop(); });
  metadata.hold_changes(false);
  host.run();
  EXPECT_EQ(host.open_timers(), 0u);
}

// The image at the start may be from before the topic was made.
TEST_F(InternalTopicTest, ItsPartitionsAreLookedAtAlsoWhereItIsHeardOfLater) {
  follow();
  metadata.add_topic(kName, 5);
  follow();
  EXPECT_TRUE(host.fatals().empty());
  metadata.remove_topic(kName);
  metadata.add_topic(kName, 7);
  follow();
  ASSERT_EQ(host.fatals().size(), 1u);
  EXPECT_EQ(
      host.fatals()[0],
      "__consumer_offsets shall have 5 partitions, but has 7, and what is in them would not be found any "
      "more: set the number back to 7");
  follow();
  EXPECT_EQ(host.fatals().size(), 1u);
}

}  // namespace
}  // namespace chronik::kafka::testing
