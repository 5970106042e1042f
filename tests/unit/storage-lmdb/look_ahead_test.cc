// storage-lmdb: what was read of what is to be removed, and what could not be.
#include "storage-lmdb/look_ahead.h"

#include <gtest/gtest.h>

namespace chronik::storage_lmdb {
namespace {

TEST(LookAhead, GivesItsNewsOnce) {
  LookAhead look_ahead;
  look_ahead.begin_read();
  EXPECT_TRUE(look_ahead.is_reading());
  look_ahead.end_read(1, 100);
  EXPECT_FALSE(look_ahead.is_reading());
  look_ahead.end_read(2, 50);
  EXPECT_TRUE(look_ahead.has_news());
  EXPECT_EQ(look_ahead.take_news(), (WarmBelow{{1, 100}, {2, 50}}));
  EXPECT_FALSE(look_ahead.has_news());
}

TEST(LookAhead, TriesAgainWithTheNextDrainWhatIsNotDamaged) {
  LookAhead look_ahead;
  look_ahead.end_read(1, fail(Code::kCorrupt, "damaged"));
  look_ahead.end_read(2, fail(Code::kIo, "busy"));
  EXPECT_FALSE(look_ahead.has_news());
  EXPECT_TRUE(look_ahead.has_to_wait(1));
  EXPECT_TRUE(look_ahead.has_to_wait(2));
  EXPECT_FALSE(look_ahead.has_to_wait(3));
  look_ahead.end_drain();
  EXPECT_TRUE(look_ahead.has_to_wait(1));
  EXPECT_FALSE(look_ahead.has_to_wait(2));
}

}  // namespace
}  // namespace chronik::storage_lmdb
