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

}  // namespace
}  // namespace chronik::metadata::test
