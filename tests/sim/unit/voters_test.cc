// Who decides in a group, as its entries say.
#include "sim/check/voters.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace chronik::sim {
namespace {

chr_slice slice(const std::string& bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), nullptr};
}

bool agree(const Voters& voters, const std::set<uint32_t>& nodes) {
  return voters.agree([&](uint32_t node) { return nodes.contains(node); });
}

TEST(Voters, ReadsWhatAnEntrySays) {
  const std::string bytes("\2\0\0\0\3\0\0\0\1\0\0\0\1\0\0\0\7\0\0\0", 20);
  EXPECT_EQ(decode_voters(slice(bytes)), (Voters{{3, 1}, {7}}));
  EXPECT_TRUE(decode_voters(slice(std::string())).empty());
  EXPECT_EQ(decode_voters(slice(std::string("\xff\xff\xff\xff\5\0\0\0", 8))), (Voters{{5}, {}}));
}

TEST(Voters, AgreeByMajoritiesOfBoth) {
  const Voters joint{{1, 2, 3}, {3, 4, 5}};
  EXPECT_TRUE(agree(joint, {2, 3, 4}));
  EXPECT_FALSE(agree(joint, {1, 2, 3}));
  EXPECT_FALSE(agree(joint, {3, 4, 5}));
  EXPECT_TRUE(agree({{1, 2}, {}}, {1, 2}));
  EXPECT_FALSE(agree({{1, 2}, {}}, {1}));
  EXPECT_FALSE(agree({}, {1}));
}

TEST(Voters, ChangeThroughBoth) {
  const Voters before{{1, 2, 3}, {}}, both{{4, 5}, {1, 2, 3}}, after{{4, 5}, {}};
  EXPECT_TRUE(before.may_become(both));
  EXPECT_TRUE(both.may_become(after));
  EXPECT_TRUE(before.may_become({{3, 1, 2}, {}}));
  EXPECT_FALSE(before.may_become(after));
  EXPECT_FALSE(both.may_become(before));
  EXPECT_FALSE(before.may_become({{4, 5}, {1, 2}}));
}

}  // namespace
}  // namespace chronik::sim
