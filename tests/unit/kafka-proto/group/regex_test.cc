#include "kafka-proto/group/regex.h"

#include <gtest/gtest.h>

namespace chronik::kafka::group {
namespace {

TEST(Regex, MatchesWholeNames) {
  const Regex regex("orders-.*|x");
  EXPECT_EQ(regex.refusal(), "");
  EXPECT_TRUE(regex.matches("orders-1"));
  EXPECT_TRUE(regex.matches("x"));
  EXPECT_FALSE(regex.matches("my-orders-1"));
  EXPECT_FALSE(regex.matches("xx"));
}

TEST(Regex, TakesWhatKafkaTakes) {
  for (const char* pattern : {"", ".*", "(?i)T7\\z", "(?P<n>a)\\z\\Q.\\E", "[[:alpha:]]+\\pL", "a{1000}"})
    EXPECT_EQ(Regex(pattern).refusal(), "") << pattern;
}

TEST(Regex, RefusesWhatKafkaRefuses) {
  for (const char* pattern : {"(((", "(?<x", "(?=a)b", "(a)\\1", "a{2000}", "*", "[", "\\"}) {
    const Regex regex(pattern);
    EXPECT_NE(regex.refusal(), "") << pattern;
    EXPECT_FALSE(regex.matches("a")) << pattern;
  }
}

TEST(Regex, NamesGroupsAsJavaDoes) {
  EXPECT_TRUE(Regex("(?<kind>orders|bills)-(?<n>\\d+)").matches("orders-12"));
  EXPECT_TRUE(Regex("\\Q(?<\\E").matches("(?<"));
  EXPECT_TRUE(Regex("[(?<n>]+").matches("<"));
  for (const char* pattern : {"[(?<n>]+", "[](?<n>]", "[^](?<n>]?x", "[[:digit:](?<n>]", "[\\](?<n>]"}) {
    EXPECT_EQ(Regex(pattern).refusal(), "") << pattern;
    EXPECT_FALSE(Regex(pattern).matches("P")) << pattern;
  }
  EXPECT_TRUE(Regex("\\(\\?<a").matches("(?<a"));
  EXPECT_NE(Regex("(?<=a)b").refusal(), "");
}

TEST(Regex, KnowsNoBytes) {
  EXPECT_EQ(Regex("a\\C").refusal(), "invalid escape sequence: \\C");
  EXPECT_EQ(Regex("a\\\\C").refusal(), "");
  EXPECT_EQ(Regex("\\Qa\\C\\E").refusal(), "");
}

// Bombs: of memory where it is compiled, and of time where it is matched.
TEST(Regex, RefusesBombs) {
  for (const std::string& pattern : {std::string("((a{100}){100}){100}"), std::string("(x{1000}){1000}"),
                                     std::string("\\pL{1000}"), std::string(kMaxRegexBytes + 1, 'a')})
    EXPECT_NE(Regex(pattern).refusal(), "") << pattern;
}

TEST(Regex, TakesLinearTime) {
  const Regex regex("(a*)*(a*)*(a*)*(a*)*b");
  ASSERT_EQ(regex.refusal(), "");
  EXPECT_FALSE(regex.matches(std::string(249, 'a')));
}

}  // namespace
}  // namespace chronik::kafka::group
