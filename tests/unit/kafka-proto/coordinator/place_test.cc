// Where keys are, as Java works it out.
#include "kafka-proto/coordinator/place.h"

#include <gtest/gtest.h>

#include <string>

namespace chronik::kafka {
namespace {

// What String.hashCode() of these is.
TEST(PlaceTest, HashesAreThoseOfJava) {
  EXPECT_EQ(java_hash(""), 0);
  EXPECT_EQ(java_hash("a"), 97);
  EXPECT_EQ(java_hash("hello"), 99162322);
  EXPECT_EQ(java_hash("polygenelubricants"), INT32_MIN);
  EXPECT_EQ(java_hash("\xC3\xBC"), 0xFC);
  EXPECT_EQ(java_hash("\xE2\x82\xAC"), 0x20AC);
  // A surrogate pair: 31 * 0xD83D + 0xDE00.
  EXPECT_EQ(java_hash("\xF0\x9F\x98\x80"), 31 * 0xD83D + 0xDE00);
}

// Java puts U+FFFD in place of each longest begin of what could have been a character.
TEST(PlaceTest, WhatIsNoUtf8CountsAsReplaced) {
  const auto replaced = [](int n) {
    std::string out;
    for (int i = 0; i < n; ++i) out += "\xEF\xBF\xBD";
    return java_hash(out);
  };
  for (const std::string one : {"\x80", "\xC0", "\xFF", "\xE2\x82", "\xF0\x9F\x98", "\xC3"})
    EXPECT_EQ(java_hash(one), replaced(1)) << static_cast<int>(one[0]);
  EXPECT_EQ(java_hash("\xED\xA0\x80"), replaced(3));  // a surrogate
  EXPECT_EQ(java_hash("\xC0\x80"), replaced(2));
  EXPECT_EQ(java_hash("\xF4\x90\x80\x80"), replaced(4));  // above U+10FFFF
  EXPECT_EQ(java_hash("\xE2\x82z"), java_hash("\xEF\xBF\xBDz"));
}

TEST(PlaceTest, PartitionsAreThoseOfKafka) {
  EXPECT_EQ(partition_of_key("", 50), 0);
  EXPECT_EQ(partition_of_key("hello", 50), 22);
  EXPECT_EQ(partition_of_key("polygenelubricants", 50), 0);  // the sign is cut off
  for (int32_t count : {1, 2, 50, 10'000}) {
    const int32_t partition = partition_of_key("some-group", count);
    EXPECT_GE(partition, 0);
    EXPECT_LT(partition, count);
  }
}

}  // namespace
}  // namespace chronik::kafka
