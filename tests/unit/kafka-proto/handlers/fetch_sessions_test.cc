// Fetch sessions: how many there are, and how large.
#include "kafka-proto/handlers/fetch_sessions.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace chronik::kafka::testing {
namespace {

FetchRequest wanting(std::vector<std::string>& names, size_t n, int32_t id, int32_t epoch) {
  names.clear();
  for (size_t i = 0; i < n; ++i) names.push_back("topic-" + std::to_string(i));
  FetchRequest request;
  request.session_id = id;
  request.session_epoch = epoch;
  for (const std::string& name : names) {
    request.topics.emplace_back().topic = name;
    request.topics.back().partitions.emplace_back();
  }
  return request;
}

TEST(FetchSessionsTest, IdleSessionsMakeRoomAndBusyOnesDoNot) {
  FetchSessions cache(2);
  std::vector<std::string> names;
  const int32_t a = cache.begin(wanting(names, 1, 0, 0), 11, 0, 5).session_id;
  const int32_t b = cache.begin(wanting(names, 1, 0, 0), 11, 0, 5).session_id;
  EXPECT_NE(a, b);
  EXPECT_EQ(cache.begin(wanting(names, 1, 0, 0), 11, 100'000, 6).session_id, 0);
  EXPECT_EQ(cache.begin(wanting(names, 0, a, 1), 11, 100'000, 0).error, ErrorCode::kNone);
  const int32_t c = cache.begin(wanting(names, 1, 0, 0), 11, 130'000, 99).session_id;
  EXPECT_NE(c, 0);
  EXPECT_EQ(cache.begin(wanting(names, 0, b, 1), 11, 130'000, 0).error, ErrorCode::kFetchSessionIdNotFound);
  EXPECT_EQ(cache.begin(wanting(names, 0, a, 2), 11, 130'000, 0).error, ErrorCode::kNone);
  EXPECT_EQ(cache.size(), 2u);
}

TEST(FetchSessionsTest, PartitionsAreBoundedOverAll) {
  FetchSessions cache(1000);
  std::vector<std::string> names;
  const size_t most = FetchSessions::kMaxOfOne;
  for (size_t all = most; all < FetchSessions::kMaxTargets; all += most)
    EXPECT_NE(cache.begin(wanting(names, most, 0, 0), 11, 0, 5).session_id, 0);
  EXPECT_NE(cache.begin(wanting(names, most - 10, 0, 0), 11, 0, 5).session_id, 0);
  EXPECT_EQ(cache.begin(wanting(names, 11, 0, 0), 11, 0, 6).session_id, 0);
  const int32_t b = cache.begin(wanting(names, 5, 0, 0), 11, 0, 6).session_id;
  EXPECT_NE(b, 0);
  // One that grows beyond the bound ends; its room is free again.
  EXPECT_EQ(cache.begin(wanting(names, 20, b, 1), 11, 0, 0).error, ErrorCode::kFetchSessionIdNotFound);
  EXPECT_NE(cache.begin(wanting(names, 9, 0, 0), 11, 0, 6).session_id, 0);
}

// Each Fetch looks at all of them.
TEST(FetchSessionsTest, PartitionsOfOneAreBounded) {
  FetchSessions cache(1000);
  std::vector<std::string> names;
  const size_t most = FetchSessions::kMaxOfOne;
  EXPECT_EQ(cache.begin(wanting(names, most + 1, 0, 0), 11, 0, 5).session_id, 0);
  const int32_t id = cache.begin(wanting(names, most, 0, 0), 11, 0, 5).session_id;
  EXPECT_NE(id, 0);
  EXPECT_EQ(cache.begin(wanting(names, most + 1, id, 1), 11, 0, 0).error, ErrorCode::kFetchSessionIdNotFound);
  EXPECT_EQ(cache.size(), 0u);
}

TEST(FetchSessionsTest, EpochsRise) {
  FetchSessions cache(10);
  std::vector<std::string> names;
  const int32_t id = cache.begin(wanting(names, 3, 0, 0), 11, 0, 5).session_id;
  for (int32_t epoch = 1; epoch < 50; ++epoch) {
    const FetchScope scope = cache.begin(wanting(names, 0, id, epoch), 11, 0, 0);
    EXPECT_EQ(scope.error, ErrorCode::kNone);
    EXPECT_EQ(scope.targets.size(), 3u);
    EXPECT_TRUE(scope.incremental);
  }
}

}  // namespace
}  // namespace chronik::kafka::testing
