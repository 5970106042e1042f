// Each promise of draft/assignor.h, one a test, on random groups.
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "subject.hpp"

namespace chronik::conformance {
namespace {

constexpr int kGroups = 300;

class AssignorConformance : public ::testing::Test {
 protected:
  const Subject& subject_ = Subject::get();
  Random random_{seed()};

  static void expect_all_read(const TestGroup& group, const std::vector<std::string>& owners) {
    const std::vector<uint32_t> topic = group.topic_of();
    ASSERT_EQ(owners.size(), topic.size());
    for (size_t i = 0; i < owners.size(); ++i) {
      const auto reads = [&](const TestMember& m) { return std::ranges::binary_search(m.topics, topic[i]); };
      const bool has_subscribers = std::ranges::any_of(group.members, reads);
      EXPECT_EQ(!owners[i].empty(), has_subscribers) << "partition number " << i << " of topic " << topic[i];
    }
  }

  // Nobody could hand a partition to a subscriber of its topic who has two fewer.
  static void expect_level(const TestGroup& group) {
    const std::vector<uint32_t> topic = group.topic_of();
    std::map<std::string, size_t> load;
    for (const TestMember& member : group.members) load[member.id] = group.partitions_of(member.id);
    for (size_t i = 0; i < topic.size(); ++i) {
      for (const TestMember& member : group.members) {
        if (group.owners[i].empty() || !std::ranges::binary_search(member.topics, topic[i])) continue;
        EXPECT_LE(load[group.owners[i]], load[member.id] + 1)
            << "partition number " << i << ": " << group.owners[i] << " could hand it to " << member.id;
      }
    }
  }
};

TEST_F(AssignorConformance, GroupsOfNothingAreAssignedNothing) {
  EXPECT_TRUE(subject_.ask(TestGroup{}).empty());
  TestGroup group;
  group.members = {{"a", "", "", {}}, {"b", "i", "r", {}}};
  EXPECT_TRUE(subject_.ask(group).empty());
  group.topics = {0, 0};
  group.members[1].topics = {0, 1};
  EXPECT_TRUE(subject_.ask(group).empty());
  group.topics = {0, 3, 0};
  EXPECT_EQ(subject_.ask(group), std::vector<std::string>(3, "b"));
  group.members.clear();
  group.topics = {2, 1};
  EXPECT_EQ(subject_.ask(group), std::vector<std::string>(3)) << "nobody is there to read";
}

TEST_F(AssignorConformance, EveryPartitionIsReadByASubscriber) {
  for (int i = 0; i < kGroups; ++i) {
    TestGroup group = random_group(random_, i % 2 == 0 ? Subscriptions::kSame : Subscriptions::kRandom);
    if (i % 3 == 0) add_random_racks(random_, &group);
    subject_.assign(&group);
    expect_all_read(group, group.owners);
  }
}

TEST_F(AssignorConformance, EveryPartitionIsReadWhateverWasBefore) {
  for (int i = 0; i < kGroups; ++i) {
    TestGroup group = random_group(random_, Subscriptions::kRandom);
    // Owners at random: some do not subscribe any more.
    for (uint32_t p = 0; p < group.partitions(); ++p) {
      const bool has_owner = below(random_, 4) != 0;
      group.owners.push_back(has_owner ? group.members[below(random_, group.members.size())].id : "");
    }
    expect_all_read(group, subject_.ask(group));
  }
}

TEST_F(AssignorConformance, ManyMembersOfFewPartitionsAndTheReverse) {
  for (const Sizes sizes : {Sizes{1, 3, 60}, Sizes{40, 2, 60}, Sizes{2, 400, 3}}) {
    for (int i = 0; i < 20; ++i) {
      TestGroup group =
          random_group(random_, i % 2 == 0 ? Subscriptions::kSame : Subscriptions::kRandom, sizes);
      subject_.assign(&group);
      expect_all_read(group, group.owners);
      expect_all_read(group, subject_.ask(group));
    }
  }
}

TEST_F(AssignorConformance, TheSameGroupGetsTheSameAnswer) {
  for (int i = 0; i < kGroups; ++i) {
    TestGroup group = random_group(random_, Subscriptions::kRandom);
    const auto first = subject_.ask(group);
    EXPECT_EQ(subject_.ask(group), first);
    TestGroup other = random_group(random_, Subscriptions::kSame);
    (void)subject_.ask(other);
    EXPECT_EQ(subject_.ask(group), first) << "after another group was asked about";
  }
}

TEST_F(AssignorConformance, ManyThreadsMayAskAtOnce) {
  std::vector<TestGroup> groups;
  std::vector<std::vector<std::string>> alone;
  for (int i = 0; i < 20; ++i) {
    groups.push_back(random_group(random_, Subscriptions::kRandom, {10, 100, 40}));
    alone.push_back(subject_.ask(groups.back()));
  }
  std::vector<std::vector<std::vector<std::string>>> answers(4);
  std::vector<std::jthread> threads;
  for (auto& of_thread : answers) {
    threads.emplace_back([&, this] {
      for (const TestGroup& group : groups) of_thread.push_back(subject_.ask(group));
    });
  }
  threads.clear();
  for (const auto& of_thread : answers) EXPECT_EQ(of_thread, alone);
}

TEST_F(AssignorConformance, ALargeGroupIsNoTrouble) {
  TestGroup group;
  group.topics.assign(100, 100);
  for (uint32_t m = 0; m < 1'000; ++m) {
    TestMember member{"m" + std::to_string(10'000 + m), {}, {}, {}};
    for (uint32_t t = 0; t < 100; ++t) {
      if (t != m % 100) member.topics.push_back(t);
    }
    group.members.push_back(std::move(member));
  }
  subject_.assign(&group);
  expect_all_read(group, group.owners);
}

TEST_F(AssignorConformance, EverybodyReadsAsMuch) {
  if (!subject_.balanced) GTEST_SKIP() << "not asked for: --balanced";
  for (int i = 0; i < kGroups; ++i) {
    TestGroup group = random_group(random_, i % 2 == 0 ? Subscriptions::kSame : Subscriptions::kRandom);
    subject_.assign(&group);
    expect_level(group);
    group.remove(below(random_, group.members.size()));
    subject_.assign(&group);
    expect_level(group);
  }
}

TEST_F(AssignorConformance, NothingMovesWhereNothingChanged) {
  if (!subject_.sticky) GTEST_SKIP() << "not asked for: --sticky";
  for (int i = 0; i < kGroups; ++i) {
    TestGroup group = random_group(random_, i % 2 == 0 ? Subscriptions::kSame : Subscriptions::kRandom);
    subject_.assign(&group);
    EXPECT_EQ(subject_.ask(group), group.owners);
  }
}

TEST_F(AssignorConformance, OnlyThePartitionsOfWhoLeavesMove) {
  if (!subject_.sticky || !subject_.balanced) GTEST_SKIP() << "not asked for: --sticky --balanced";
  for (int i = 0; i < kGroups; ++i) {
    TestGroup group = random_group(random_, Subscriptions::kSame);
    subject_.assign(&group);
    group.remove(below(random_, group.members.size()));
    EXPECT_EQ(moved(group.owners, subject_.ask(group)), 0u);
  }
}

TEST_F(AssignorConformance, WhoJoinsTakesItsShareAndNoMore) {
  if (!subject_.sticky || !subject_.balanced) GTEST_SKIP() << "not asked for: --sticky --balanced";
  for (int i = 0; i < kGroups; ++i) {
    TestGroup group = random_group(random_, Subscriptions::kSame);
    subject_.assign(&group);
    const auto before = group.owners;
    group.add({"m" + std::to_string(below(random_, 1'000'000)), {}, {}, group.members[0].topics});
    subject_.assign(&group);
    EXPECT_EQ(moved(before, group.owners), group.partitions() / group.members.size());
  }
}

}  // namespace
}  // namespace chronik::conformance
