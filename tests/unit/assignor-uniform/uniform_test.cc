#include "assignor-uniform/uniform.h"

#include <gtest/gtest.h>

#include "unit/assignments.h"

namespace chronik::assignor {
namespace {

using chronik::test::group_of;
using chronik::test::kAll;

constexpr int32_t kNumbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
constexpr std::span<const int32_t> kPartitions = kNumbers;

std::string assign(AssignorGroup group) {
  return chronik::test::text_of_assignment(std::move(group), assign_uniform);
}

TEST(Uniform, ANewGroupIsDealtInTurn) {
  AssignorGroup group = group_of({4, 3});
  for (const char* id : {"a", "b", "c"}) group.add_member({.id = id, .topics = kAll.first(2)});
  EXPECT_EQ(assign(std::move(group)), "0:0,3 1:2 | 0:1 1:0 | 0:2 1:1");
}

TEST(Uniform, WhoJoinsTakesFromThoseAboveTheirShare) {
  AssignorGroup group = group_of({9});
  for (const char* id : {"a", "b", "c"}) group.add_member({.id = id, .topics = kAll.first(1)});
  group.add_owned(0, 0, kPartitions.first(5));
  group.add_owned(1, 0, kPartitions.subspan(5, 4));
  EXPECT_EQ(assign(std::move(group)), "0:0,1,2 | 0:5,6,7 | 0:3,4,8");
}

TEST(Uniform, WhoHasOneMoreKeepsIt) {
  AssignorGroup group = group_of({7});
  for (const char* id : {"a", "b", "c"}) group.add_member({.id = id, .topics = kAll.first(1)});
  group.add_owned(0, 0, kPartitions.first(2));
  group.add_owned(1, 0, kPartitions.subspan(2, 2));
  group.add_owned(2, 0, kPartitions.subspan(4, 3));
  EXPECT_EQ(assign(std::move(group)), "0:0,1 | 0:2,3 | 0:4,5,6");
}

TEST(Uniform, WhatALeaverHadGoesToThoseWithTheFewest) {
  AssignorGroup group = group_of({6});
  for (const char* id : {"a", "c"}) group.add_member({.id = id, .topics = kAll.first(1)});
  group.add_owned(0, 0, kPartitions.first(2));
  group.add_owned(1, 0, kPartitions.subspan(4, 2));
  EXPECT_EQ(assign(std::move(group)), "0:0,1,2 | 0:3,4,5");
}

TEST(Uniform, WhoNoLongerSubscribesLosesItAll) {
  AssignorGroup group = group_of({2, 2});
  group.add_member({.id = "a", .topics = kAll.first(1)});
  group.add_member({.id = "b", .topics = kAll.first(2)});
  group.add_owned(0, 0, kPartitions.first(1));
  group.add_owned(0, 1, kPartitions.first(2));
  group.add_owned(1, 0, kPartitions.subspan(1, 1));
  EXPECT_EQ(assign(std::move(group)), "0:0,1 | 1:0,1");
}

TEST(Uniform, TopicsWithFewSubscribersComeFirst) {
  AssignorGroup group = group_of({2, 4});
  group.add_member({.id = "a", .topics = kAll.first(2)});
  group.add_member({.id = "b", .topics = kAll.first(1)});
  EXPECT_EQ(assign(std::move(group)), "1:0,1,2,3 | 0:0,1") << "only a can read topic 1";
}

TEST(Uniform, AHeavyMemberHandsOverWhatOthersMayRead) {
  AssignorGroup group = group_of({4, 4});
  group.add_member({.id = "a", .topics = kAll.first(2)});
  group.add_member({.id = "b", .topics = kAll.subspan(1, 1)});
  group.add_owned(0, 0, kPartitions.first(4));
  group.add_owned(0, 1, kPartitions.first(4));
  EXPECT_EQ(assign(std::move(group)), "0:0,1,2,3 | 1:0,1,2,3");
}

TEST(Uniform, ALongChainOfSubscriptionsEnds) {
  AssignorGroup group = group_of(std::initializer_list<uint32_t>{});
  constexpr uint32_t kLinks = 400;
  for (uint32_t t = 0; t < kLinks; ++t)
    group.add_topic({{static_cast<uint8_t>(t >> 8), static_cast<uint8_t>(t)}}, t == 0 ? 500 : 1);
  std::vector<std::string> ids;
  for (uint32_t m = 0; m <= kLinks; ++m) ids.push_back("m" + std::to_string(1'000 + m));
  for (uint32_t m = 0; m <= kLinks; ++m) {
    std::vector<uint32_t> topics;
    if (m > 0) topics.push_back(m - 1);
    if (m < kLinks) topics.push_back(m);
    group.add_member({.id = ids[m], .topics = topics});
  }
  const chr_assignor_group& view = group.view();
  std::vector<uint32_t> owners(view.n_partitions, CHR_ASSIGNOR_NOBODY);
  assign_uniform(view, owners);
  const auto made = GroupAssignment::make(view, owners);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->partitions(), view.n_partitions);
  EXPECT_LE(made->partitions_of(0), 251u);
  EXPECT_LE(made->partitions_of(1), 251u);
}

}  // namespace
}  // namespace chronik::assignor
