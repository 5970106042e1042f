// How followers learn what is committed, and what that costs.
#include "unit/raft/group/fixture.h"

#include <fmt/format.h>

#include <array>

namespace chronik::raft::test {
namespace {

using std::chrono::microseconds;

// Three nodes, the first of which leads this many groups.
struct Led {
  explicit Led(int groups) : followers(static_cast<size_t>(groups)), cluster(3) {
    cluster.connect_all();
    for (size_t i = 0; i < followers.size(); ++i)
      for (int32_t id = 1; id <= 3; ++id)
        cluster.node(id).open(name(i), &followers[i][static_cast<size_t>(id - 1)]);
    cluster.run(100);
    for (size_t i = 0; i < followers.size(); ++i) EXPECT_EQ(cluster.leader(name(i)), 1);
    cluster.count(true);
  }
  static std::string name(size_t i) { return fmt::format("test/{}", i); }
  Journal& follower(size_t group, int32_t id) { return followers[group][static_cast<size_t>(id - 1)]; }
  // One record, whose replication takes no time.
  void produce(size_t group, microseconds then) {
    EXPECT_EQ(cluster.node(1).propose(name(group), "x"), CHR_PENDING);
    cluster.step(microseconds(0));
    EXPECT_EQ(cluster.node(1).last.code, CHR_OK);
    cluster.step(then);
  }

  std::vector<std::array<Journal, 3>> followers;
  Cluster cluster;
};

TEST(Commits, TravelWithTheNextAppend) {
  Led led(1);
  constexpr uint64_t kRecords = 2'000;
  for (uint64_t i = 0; i < kRecords; ++i) led.produce(0, microseconds(500));  // a second
  for (int32_t id : {2, 3}) {
    EXPECT_GE(led.follower(0, id).high_watermark, static_cast<int64_t>(kRecords) - 1) << id;
    // With heartbeats, and an append that asks where the follower is after each.
    EXPECT_LE(led.cluster.frames(1, id), kRecords + 20) << id;
    EXPECT_LE(led.cluster.frames(id, 1), kRecords + 20) << id;
  }
}

TEST(Commits, AreToldWithinMillisecondsWhenNothingElseComes) {
  Led led(1);
  for (const int wait : {0, 300, 1'000, 2'400, 2'600, 4'900}) {
    led.cluster.step(microseconds(wait));
    led.produce(0, microseconds(0));
    const int64_t all = led.follower(0, 1).high_watermark;
    EXPECT_EQ(led.follower(0, 2).high_watermark, all - 1);
    led.cluster.step(microseconds(5'000));
    for (int32_t id : {2, 3}) EXPECT_EQ(led.follower(0, id).high_watermark, all) << id;
  }
  led.cluster.run(1'000);
  led.cluster.count(true);
  led.cluster.run(1'000);
  EXPECT_LE(led.cluster.frames(1, 2), 7u);  // heartbeats alone
}

TEST(Commits, GroupsShareAFrame) {
  constexpr size_t kGroups = 20;
  Led led(kGroups);
  for (size_t i = 0; i < kGroups; ++i) led.produce(i, microseconds(50));
  led.cluster.step(microseconds(5'000));
  for (size_t i = 0; i < kGroups; ++i) EXPECT_EQ(led.follower(i, 2).high_watermark, 1) << i;
  EXPECT_LE(led.cluster.frames(1, 2), kGroups + 3);
  EXPECT_LE(led.cluster.frames(2, 1), kGroups + 3);
}

// Whoever proposed it may wait at any replica to see it applied there.
TEST(Commits, OfWhatTakesNoOffsetAreToldAtOnce) {
  Led led(1);
  EXPECT_EQ(led.cluster.node(1).command("test/0", "by itself"), CHR_PENDING);
  led.cluster.step(microseconds(0));
  EXPECT_EQ(led.follower(0, 2).applied.size(), 1u);
  led.produce(0, microseconds(0));
  EXPECT_EQ(led.follower(0, 2).applied.size(), 1u);
  EXPECT_EQ(led.cluster.node(1).command("test/0", "behind a record"), CHR_PENDING);
  led.cluster.step(microseconds(0));
  EXPECT_EQ(led.follower(0, 2).applied.size(), 3u);
}

}  // namespace
}  // namespace chronik::raft::test
