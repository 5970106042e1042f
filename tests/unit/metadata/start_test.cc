// A node whose __meta cannot be opened.
#include "tests/unit/metadata/node.h"

#include <gtest/gtest.h>

namespace chronik::metadata::test {
namespace {

TEST(Start, AFailedOpenLeavesNothingToClose) {
  TestNode node;
  node.consensus.fail_opens(CHR_E_CORRUPT);
  EXPECT_THROW(node.start(), std::runtime_error);
  EXPECT_NO_THROW(node.stop());
  EXPECT_FALSE(node.host.logged("was not closed cleanly"));
}

// A signal may stop a node while __meta opens: the start is completed first, and nothing goes on behind the stop.
TEST(Start, AStopDuringTheStartEndsAll) {
  TestNode node;
  EXPECT_EQ(node.start_and_stop(), "start 0, stop 0");
  EXPECT_NO_THROW(node.host.expect_idle());
}

}  // namespace
}  // namespace chronik::metadata::test
