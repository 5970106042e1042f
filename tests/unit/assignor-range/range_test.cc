#include "assignor-range/range.h"

#include <gtest/gtest.h>

#include <chronik/assignor.hpp>

namespace chronik::assignor {
namespace {

constexpr uint32_t kTopics[] = {0, 1, 2};
constexpr std::span<const uint32_t> kAll = kTopics;

AssignorGroup group_of(std::initializer_list<uint32_t> partitions) {
  AssignorGroup group;
  uint8_t id = 0;
  for (const uint32_t n : partitions) group.add_topic({{++id}}, n);
  return group;
}

// "0:0,1 1:0 | ...": topics and partitions of each member.
std::string assign(AssignorGroup group) {
  const chr_assignor_group& view = group.view();
  std::vector<uint32_t> owners(view.n_partitions, CHR_ASSIGNOR_NOBODY);
  assign_range(view, owners);
  const auto made = GroupAssignment::make(view, owners);
  if (!made) return made.error().message;
  std::string out;
  for (uint32_t m = 0; m < view.n_members; ++m) {
    out += m == 0 ? "" : " |";
    for (const AssignedTopic& topic : made->of(m)) {
      out += (out.empty() ? "" : " ") + std::to_string(topic.topic);
      for (const int32_t p : topic.partitions)
        out += (p == topic.partitions[0] ? ":" : ",") + std::to_string(p);
    }
  }
  return out;
}

TEST(Range, TopicsWithAsManyPartitionsAreReadInStep) {
  AssignorGroup group = group_of({5, 5, 4});
  group.add_member({.id = "a", .topics = kAll});
  group.add_member({.id = "b", .topics = kAll});
  EXPECT_EQ(assign(std::move(group)), "0:0,1,2 1:0,1,2 2:0,1 | 0:3,4 1:3,4 2:2,3");
}

TEST(Range, TheFirstMembersTakeWhatIsOver) {
  AssignorGroup group = group_of({11});
  for (const char* id : {"a", "b", "c"}) group.add_member({.id = id, .topics = kAll.first(1)});
  EXPECT_EQ(assign(std::move(group)), "0:0,1,2,3 | 0:4,5,6,7 | 0:8,9,10");
}

TEST(Range, StaticMembersComeFirstByInstanceWhateverTheirIds) {
  AssignorGroup group = group_of({4});
  group.add_member({.id = "a", .topics = kAll.first(1)});
  group.add_member({.id = "b", .instance_id = "z", .topics = kAll.first(1)});
  group.add_member({.id = "c", .instance_id = "y", .topics = kAll.first(1)});
  group.add_member({.id = "d", .topics = kAll.first(1)});
  EXPECT_EQ(assign(std::move(group)), "0:2 | 0:1 | 0:0 | 0:3");
}

TEST(Range, MembersWithoutAPartitionHaveNone) {
  AssignorGroup group = group_of({2, 0, 1});
  for (const char* id : {"a", "b", "c"}) group.add_member({.id = id, .topics = kAll});
  EXPECT_EQ(assign(std::move(group)), "0:0 2:0 | 0:1 |");
}

TEST(Range, EachTopicCountsItsOwnSubscribers) {
  AssignorGroup group = group_of({2, 3, 3});
  const uint32_t second_and_third[] = {1, 2};
  group.add_member({.id = "a", .topics = kAll});
  group.add_member({.id = "b", .topics = kAll.first(2)});
  group.add_member({.id = "c", .topics = kAll.last(1)});
  group.add_member({.id = "d", .topics = second_and_third});
  group.add_member({.id = "e", .topics = {}});
  EXPECT_EQ(assign(std::move(group)), "0:0 1:0 2:0 | 0:1 1:1 | 2:1 | 1:2 2:2 |");
}

TEST(Range, WhoHadAPartitionDoesNotMatter) {
  AssignorGroup group = group_of({4});
  const int32_t first[] = {0, 1, 2, 3};
  group.add_member({.id = "a", .topics = kAll.first(1)});
  group.add_member({.id = "b", .topics = kAll.first(1)});
  group.add_owned(1, 0, first);
  EXPECT_EQ(assign(std::move(group)), "0:0,1 | 0:2,3");
}

}  // namespace
}  // namespace chronik::assignor
