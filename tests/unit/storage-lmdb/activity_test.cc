// storage-lmdb: what of a store runs, and the stop that waits for it.
#include "storage-lmdb/activity.h"

#include <gtest/gtest.h>

namespace chronik::storage_lmdb {
namespace {

TEST(Activity, StopsAtOnceWhereNothingRuns) {
  Activity activity;
  EXPECT_TRUE(activity.begin_stop(7));
  EXPECT_FALSE(activity.is_stopping());
  EXPECT_TRUE(activity.was_stopped());
}

TEST(Activity, HasOneDrainAtMost) {
  Activity activity;
  EXPECT_TRUE(activity.begin_drain());
  EXPECT_FALSE(activity.begin_drain());
  EXPECT_EQ(activity.end_drain(), std::nullopt);
  EXPECT_TRUE(activity.begin_drain());
}

TEST(Activity, AStopWaitsForTheLastToEnd) {
  for (const bool drain_ends_last : {false, true}) {
    Activity activity;
    activity.begin_drain();
    activity.begin_read();
    activity.begin_read();
    EXPECT_FALSE(activity.begin_stop(7));
    EXPECT_TRUE(activity.is_stopping());
    EXPECT_EQ(activity.end_read(), std::nullopt);
    EXPECT_EQ(drain_ends_last ? activity.end_read() : activity.end_drain(), std::nullopt);
    EXPECT_EQ(drain_ends_last ? activity.end_drain() : activity.end_read(), 7u);
    EXPECT_FALSE(activity.is_stopping());
    EXPECT_TRUE(activity.was_stopped());
  }
}

}  // namespace
}  // namespace chronik::storage_lmdb
