#include "assignor-range/range.h"

#include <gtest/gtest.h>

#include "unit/assignments.h"

namespace chronik::assignor {
namespace {

using chronik::test::group_of;
using chronik::test::kAll;

std::string assign(AssignorGroup group) {
  return chronik::test::text_of_assignment(std::move(group), assign_range);
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
