#include "kafka-proto/group/core/classic_subscription.h"

#include <gtest/gtest.h>

#include <string>

namespace chronik::kafka::group {
namespace {

using namespace std::string_literals;

// Version 1, topics "a" and "bc", two bytes of user data, and what version 1 appends.
const std::string kTwoTopics = "\0\1\0\0\0\2\0\1a\0\2bc\0\0\0\2xy\0\0\0\0"s;

TEST(Subscription, ReadsTheTopicsOfAllMembers) {
  const Subscription read({kTwoTopics, "\0\0\0\0\0\1\0\1d\xff\xff\xff\xff"s, kTwoTopics});
  EXPECT_TRUE(read.is_known());
  for (const char* topic : {"a", "bc", "d"}) EXPECT_TRUE(read.contains(topic)) << topic;
  EXPECT_FALSE(read.contains("b"));
  EXPECT_FALSE(read.contains(""));
}

TEST(Subscription, OfNobodyIsOfNoTopic) {
  const Subscription none((std::vector<std::string_view>()));
  EXPECT_TRUE(none.is_known());
  EXPECT_FALSE(none.contains("a"));
}

TEST(Subscription, NothingIsKnownWhereBytesAreMissing) {
  for (size_t size = 0; size < kTwoTopics.size() - 4; ++size) {
    const Subscription read({kTwoTopics, kTwoTopics.substr(0, size)});
    EXPECT_FALSE(read.is_known()) << size;
    EXPECT_TRUE(read.contains("anything"));
  }
}

TEST(Subscription, TakesNoCountAtItsWord) {
  for (const std::string& count : {"\x7f\xff\xff\xff"s, "\xff\xff\xff\xff"s, "\x80\0\0\0"s})
    EXPECT_FALSE(Subscription({"\0\1"s + count + "\0\1a\0\0\0\0"s}).is_known());
  EXPECT_FALSE(Subscription({"\0\1\0\0\0\1\xff\xff\0\0\0\0"s}).is_known());
  EXPECT_FALSE(Subscription({"\0\1\0\0\0\1\x7f\xff"
                             "a\0\0\0\0"s})
                   .is_known());
  EXPECT_FALSE(Subscription({"\0\1\0\0\0\0\x7f\xff\xff\xff"s}).is_known());
}

TEST(Subscription, AsRecorded) {
  ClassicGroupRecord::Value group{.protocol_type = "consumer", .protocol = "range"};
  group.members.emplace_back().subscription = kTwoTopics;
  EXPECT_TRUE(recorded_subscription(&group).contains("a"));
  EXPECT_FALSE(recorded_subscription(&group).contains("c"));
  group.protocol_type = "connect";
  EXPECT_FALSE(recorded_subscription(&group).is_known());
  EXPECT_FALSE(recorded_subscription(nullptr).is_known());
}

}  // namespace
}  // namespace chronik::kafka::group
