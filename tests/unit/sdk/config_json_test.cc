#include <chronik/config_json.hpp>

#include <gtest/gtest.h>

namespace chronik {
namespace {

TEST(ConfigJson, FindsANumberAtTheTop) {
  const std::string_view json =
      R"({"a":"b\":7,","first":-1,"list":["first",{"second":2}],"nested":{"second":3},"second" : 12 , "third":9})";
  EXPECT_EQ(json_integer(json, "first"), -1);
  EXPECT_EQ(json_integer(json, "second"), 12);
  EXPECT_EQ(json_integer(json, "third"), 9);
  for (const char* absent : {"a", "b", "list", "nested", "fourth", ""})
    EXPECT_EQ(json_integer(json, absent), std::nullopt);
}

TEST(ConfigJson, WhatIsNoJsonHasNoNumber) {
  for (const std::string_view json : {"", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1x}", "{\"a\":1.5}",
                                      "\"a\":1}", "{\"a\":99999999999999999999}", "{\"a\\"})
    EXPECT_EQ(json_integer(json, "a"), std::nullopt) << json;
}

}  // namespace
}  // namespace chronik
