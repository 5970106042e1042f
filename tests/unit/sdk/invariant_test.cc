#include <gtest/gtest.h>

#include <chronik/invariant.hpp>
#include <chronik/testing/fake_host.hpp>

namespace chronik {
namespace {

class Invariant : public ::testing::Test {
 protected:
  testing::FakeHost fake_;
  Host host_{fake_.core()};
};

TEST_F(Invariant, HoldsWithoutAWord) {
  int evaluated = 0;
  CHRONIK_INVARIANT(host_, ++evaluated == 1, "it is evaluated more than once");
  EXPECT_EQ(evaluated, 1);
  EXPECT_TRUE(fake_.fatals().empty());
}

TEST_F(Invariant, StopsTheNodeAndSaysWhatIsWrongAndWhere) {
  const int writes = 0;
  CHRONIK_INVARIANT(host_, writes > 0, "a write ended that was not begun");
  ASSERT_EQ(fake_.fatals().size(), 1u);
  const std::string& said = fake_.fatals().front();
  EXPECT_EQ(said.find("Broken invariant: a write ended that was not begun (writes > 0, invariant_test.cc:"),
            0u)
      << said;
}

// As one statement: an else behind it belongs to the if before it.
TEST_F(Invariant, IsOneStatement) {
  bool other = false;
  if (host_.core() == nullptr)
    CHRONIK_INVARIANT(host_, false, "not reached");
  else
    other = true;
  EXPECT_TRUE(other);
}

}  // namespace
}  // namespace chronik
