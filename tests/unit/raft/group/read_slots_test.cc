// How many reads are under way at a time, and in which order they begin.
#include "raft/group/read_slots.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace chronik::raft {
namespace {

TEST(ReadSlots, BeginsAFewInTheOrderOfTheCalls) {
  ReadSlots slots;
  std::vector<int> begun;
  for (int i = 0; i < 20; ++i) slots.begin_read([&begun, i] { begun.push_back(i); });
  EXPECT_EQ(begun.size(), ReadSlots::kMaxReads);
  for (int i = 0; i < 20; ++i) {
    slots.finish_read();
    const size_t expected = std::min<size_t>(20, ReadSlots::kMaxReads + static_cast<size_t>(i) + 1);
    EXPECT_EQ(begun.size(), expected);
    EXPECT_EQ(begun.back(), static_cast<int>(expected) - 1);
  }
}

// As a storage does that has the answer at once.
TEST(ReadSlots, ReadsThatEndAtOnceGoNoDeeper) {
  ReadSlots slots;
  int depth = 0, deepest = 0, ended = 0;
  for (uint32_t i = 0; i < ReadSlots::kMaxReads; ++i) slots.begin_read([] {});
  for (int i = 0; i < 10'000; ++i)
    slots.begin_read([&] {
      deepest = std::max(deepest, ++depth);
      ++ended;
      slots.finish_read();
      --depth;
    });
  EXPECT_EQ(ended, 0);
  slots.finish_read();
  EXPECT_EQ(ended, 10'000);
  EXPECT_EQ(deepest, 1);
}

}  // namespace
}  // namespace chronik::raft
