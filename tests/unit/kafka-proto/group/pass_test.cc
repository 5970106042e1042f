// Passes over many groups, by what one turn does of them.
#include "kafka-proto/group/pass.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "group/group_testing.h"
#include "kafka-proto/group/walk.h"

namespace chronik::kafka::testing {
namespace {

using std::chrono::milliseconds;

class GroupPassTest : public ::testing::Test {
 protected:
  void fill(int groups) {
    for (int i = 0; i < groups; ++i)
      table_.apply(group::OffsetCommitRecord{"g" + std::to_string(i), "orders", 0,
                                             group::OffsetCommitRecord::Value{5, 2, "m", 9, -1, {}}});
  }
  // Visits that are told later are kept.
  void make_pass(bool told_later) {
    pass_ = std::make_unique<GroupPass>(
        table_, timers_,
        [this, told_later](const std::string& id, const group::Group&, GroupPass::Done done) {
          visited_.push_back(id);
          if (told_later) return waiting_.push_back(std::move(done));
          done(true);
        },
        [this] { ++ended_; });
  }
  void turn() { host_.advance(milliseconds(10)); }

  FakeHost host_;
  group::GroupTable table_;
  TimerWheel timers_{Host(host_.core())};
  std::unique_ptr<GroupPass> pass_;
  std::vector<std::string> visited_;
  std::vector<GroupPass::Done> waiting_;
  int ended_ = 0;
};

TEST_F(GroupPassTest, VisitsEachGroupOnceAndSomeInATurn) {
  fill(10'000);
  make_pass(false);
  pass_->begin_in(1'000);
  EXPECT_FALSE(pass_->is_resting());
  host_.advance(milliseconds(990));
  EXPECT_TRUE(visited_.empty());
  size_t turns = 0;
  for (size_t before = 0; ended_ == 0; before = visited_.size(), ++turns) {
    turn();
    ASSERT_LE(visited_.size() - before, group::GroupTable::kMaxSlice);
  }
  EXPECT_GE(turns, 2 * 10'000 / group::GroupTable::kMaxSlice);  // a group and its offset
  EXPECT_TRUE(pass_->is_resting());
  std::ranges::sort(visited_);
  EXPECT_EQ(std::ranges::unique(visited_).begin(), visited_.end());
  EXPECT_EQ(visited_.size(), 10'000u);
}

TEST_F(GroupPassTest, AnEmptyTableIsPassedAtOnce) {
  make_pass(false);
  pass_->begin_in(0);
  turn();
  EXPECT_EQ(ended_, 1);
  turn();
  EXPECT_EQ(ended_, 1);
}

TEST_F(GroupPassTest, ASliceWaitsForTheVisitsOfTheOneBefore) {
  fill(1'500);
  make_pass(true);
  pass_->begin_in(0);
  turn();
  EXPECT_EQ(visited_.size(), 1'000u);
  turn();
  EXPECT_EQ(visited_.size(), 1'000u);
  for (const GroupPass::Done& done : std::exchange(waiting_, {})) done(true);
  turn();
  EXPECT_EQ(visited_.size(), 1'500u);
  EXPECT_EQ(ended_, 0);
  for (const GroupPass::Done& done : std::exchange(waiting_, {})) done(true);
  EXPECT_EQ(ended_, 1);
}

TEST_F(GroupPassTest, WhatCouldNotBeDoneIsVisitedAgainLater) {
  fill(5);
  make_pass(true);
  pass_->begin_in(0);
  turn();
  for (size_t i = 0; i < 5; ++i) waiting_[i](i != 3);
  waiting_.clear();
  const std::string failed = visited_[3];
  host_.advance(milliseconds(GroupPass::kRetryMs - 10));
  EXPECT_EQ(visited_.size(), 5u);
  host_.advance(milliseconds(20));
  ASSERT_EQ(visited_.size(), 6u);
  EXPECT_EQ(visited_.back(), failed);
  EXPECT_EQ(ended_, 0);
  waiting_[0](true);
  EXPECT_EQ(ended_, 1);
}

TEST_F(GroupPassTest, WhatIsToldAfterItsEndIsNothing) {
  fill(5);
  make_pass(true);
  pass_->begin_in(0);
  turn();
  pass_ = nullptr;
  for (const GroupPass::Done& done : waiting_) done(false);
  host_.advance(milliseconds(2 * GroupPass::kRetryMs));
  EXPECT_EQ(visited_.size(), 5u);
  EXPECT_EQ(ended_, 0);
}

// ---- of a shard ----

class ManyGroupsTest : public GroupShardTest {
 protected:
  ManyGroupsTest() {
    for (int i = 0; i < 3'000; ++i) commit("g" + std::to_string(i), 5);
    host.run();
    EXPECT_EQ(shard->table().groups().size(), 3'000u);
  }
};

TEST_F(ManyGroupsTest, TopicsThatAreDeletedAreForgottenByAllGroups) {
  shard->forget_topics({{"other", {chr_uuid{}}}});
  shard->forget_topics({{"orders", {chr_uuid{}}}});  // for the next pass
  host.advance(std::chrono::seconds(1));
  EXPECT_TRUE(shard->table().groups().empty());
}

// A commit that takes too long has others refused: they are tried again.
TEST_F(ManyGroupsTest, ADeletedTopicIsForgottenThoughItsWritesFail) {
  consensus.hold_commits(true);
  shard->forget_topics({{"orders", {chr_uuid{}}}});
  host.advance(std::chrono::seconds(6));
  EXPECT_EQ(shard->table().groups().size(), 3'000u);
  consensus.hold_commits(false);
  consensus.commit(group());
  host.advance(std::chrono::seconds(10));
  EXPECT_TRUE(shard->table().groups().empty());
}

TEST_F(ManyGroupsTest, AWalkIsOverWhereLeadershipIs) {
  std::vector<std::string> visited;
  std::vector<bool> ends;
  const auto walk = [&] {
    visited.clear();
    walk_groups(
        context.host, partition, "",
        [&](const GroupShard&, const std::string& id, const group::Group&) {
          visited.push_back(id);
          return true;
        },
        [&](bool led) { ends.push_back(led); });
    EXPECT_EQ(visited.size(), group::GroupTable::kMaxSlice / 2);
  };
  walk();
  commit("a-new-one", 5);
  host.run();
  EXPECT_EQ(ends, (std::vector<bool>{true}));
  EXPECT_EQ(visited.size(), 3'000u);
  EXPECT_TRUE(std::ranges::is_sorted(visited));
  walk();
  follow(9);
  EXPECT_EQ(ends, (std::vector<bool>{true, false}));
  EXPECT_LT(visited.size(), 3'000u);
}

TEST_F(ManyGroupsTest, AWalkBeginsAndEndsWhereItIsToldTo) {
  std::vector<std::string> visited;
  std::vector<bool> ends;
  walk_groups(
      context.host, partition, "g2",
      [&](const GroupShard&, const std::string& id, const group::Group&) {
        visited.push_back(id);
        return visited.size() < 3;
      },
      [&](bool led) { ends.push_back(led); });
  host.run();
  EXPECT_EQ(visited, (std::vector<std::string>{"g2", "g20", "g200"}));
  EXPECT_EQ(ends, (std::vector<bool>{true}));
}

TEST_F(ManyGroupsTest, AClosedPartitionLetsGoOfThemInTurns) {
  std::vector<size_t> left;  // as others see it that have turns meanwhile
  bool closed = false;
  const std::function<void()> look = [&] {
    left.push_back(shard->table().groups().size());
    if (!closed) context.host.post(0, look);
  };
  partition->close(Partition::Log::kStays, [&] { closed = true; });
  look();
  host.run();
  EXPECT_TRUE(closed);
  EXPECT_EQ(left.back(), 0u);
  left.erase(std::unique(left.begin(), left.end()), left.end());
  EXPECT_EQ(left, (std::vector<size_t>{3'000, 2'000, 1'000, 0}));
  partition = nullptr;
  shard = nullptr;
}

// A save in parts over turns in which groups commit: what it has is the state of its begin.
TEST_F(ManyGroupsTest, ASnapshotIsTakenInPartsWhileGroupsCommit) {
  std::vector<uint8_t> at_once, section;
  shard->save(at_once);
  const auto save = shard->begin_save();
  size_t parts = 0;
  for (bool more = true; more; ++parts) {
    more = save->save_part(10'000, section);
    for (const std::string id : {"g0", "g2999", "new"}) commit(id + std::to_string(parts), 9);
    host.run();
  }
  EXPECT_GT(parts, 10u);
  EXPECT_TRUE(section == at_once);
  GroupPartition other;
  other.follow(2);
  const auto load = other.shard->begin_load();
  for (size_t at = 0; at < section.size(); at += 7'777) {
    ASSERT_TRUE(load->load_part(Bytes(section).subspan(at, std::min<size_t>(7'777, section.size() - at))));
    EXPECT_TRUE(other.shard->table().groups().empty());
  }
  ASSERT_TRUE(load->finish());
  EXPECT_EQ(other.shard->table().groups().size(), 3'000u);
}

}  // namespace
}  // namespace chronik::kafka::testing
