// storage-lmdb: the table of groups, of which a drain copies what it works on.
#include "storage-lmdb/groups.h"

#include <gtest/gtest.h>

namespace chronik::storage_lmdb {
namespace {

TEST(GroupTable, NamesAreNotCopiedWithTheirGroups) {
  const std::string name =
      "0123456789abcdefghijkl/12345";  // more than a string holds without memory of its own
  GroupTable groups;
  const uint64_t id = *groups.open(name);
  Group working;
  ASSERT_TRUE(groups.checkout(id, &working));
  EXPECT_EQ(working.name(), name);
  const void* const text = working.name().data();
  working.durable = true;
  working.log.last = 7;
  groups.publish(working);
  Group again;
  ASSERT_TRUE(groups.checkout(id, &again));
  EXPECT_EQ(again.log.last, 7u);
  EXPECT_EQ(again.name().data(), text);
  EXPECT_EQ(groups.durable(), (std::map<uint64_t, std::string>{{id, name}}));
}

TEST(GroupTable, ANameIsFreeOnceItsGroupIsDropped) {
  GroupTable groups;
  const uint64_t id = *groups.open("a");
  Group working;
  ASSERT_TRUE(groups.checkout(id, &working));
  working.durable = working.dropped = true;
  groups.publish(working);
  EXPECT_NE(*groups.open("a"), id);
  groups.publish(working);  // what is still removed of it does not take the name from the new one
  EXPECT_EQ(*groups.open("a"), id + 1);
}

}  // namespace
}  // namespace chronik::storage_lmdb
