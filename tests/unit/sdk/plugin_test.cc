// The edge that plugin.hpp puts around a plugin.
#include <chronik/storage.h>
#include <gtest/gtest.h>

#include <chronik/plugin.hpp>
#include <stdexcept>

namespace chronik {
namespace {

struct Broken {
  chr_status open_group(chr_str /*name*/, uint64_t* /*group*/, chr_error* /*error*/) {
    throw std::runtime_error("the shelf fell");
  }
  chr_status bounds(uint64_t /*group*/, chr_storage_bounds* /*out*/) { throw 7; }
  uint32_t count() { throw std::runtime_error("lost count"); }
  void forget() { throw std::runtime_error("cannot"); }
};

TEST(Thunk, TurnsAnExceptionIntoAnErrorWithItsMessage) {
  Broken broken;
  chr_error error = make_abi_error();
  uint64_t group = 0;
  EXPECT_EQ(thunk<&Broken::open_group>(&broken, to_abi("a"), &group, &error), CHR_E_FAILED);
  EXPECT_EQ(error.code, CHR_E_FAILED);
  EXPECT_STREQ(error.message, "the shelf fell");
  EXPECT_EQ(thunk<&Broken::open_group>(&broken, to_abi("a"), &group, nullptr), CHR_E_FAILED);
}

TEST(Thunk, LetsNothingOutWhereThereIsNoErrorToFill) {
  Broken broken;
  EXPECT_EQ(thunk<&Broken::bounds>(&broken, 1, nullptr), CHR_E_FAILED);
  EXPECT_EQ(thunk<&Broken::count>(&broken), 0u);
  thunk<&Broken::forget>(&broken);
}

}  // namespace
}  // namespace chronik
