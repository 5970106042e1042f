// chronik/config_default.hpp: numbers as schemas write them. What is tested here is known to the compiler.
#include <chronik/config_default.hpp>
#include <chronik/plugin.hpp>

#include <gtest/gtest.h>

namespace chronik {
namespace {

constexpr chr_config_key kSchema[] = {
    config_key("plain", CHR_CONFIG_INT, "5", ""),
    config_key("below", CHR_CONFIG_SIZE, "\"-1\"", ""),
    config_key("size", CHR_CONFIG_SIZE, "\"64MiB\"", ""),
    config_key("wait", CHR_CONFIG_DURATION, "\"250ms\"", ""),
    config_key("day", CHR_CONFIG_DURATION, "\"24h\"", ""),
    config_key("on", CHR_CONFIG_BOOL, "true", ""),
    config_key("text", CHR_CONFIG_STRING, "\"none\"", ""),
    config_key("required", CHR_CONFIG_INT, "", ""),
};

static_assert(config_default(kSchema, "plain") == 5);
static_assert(config_default(kSchema, "below") == -1);
static_assert(config_default(kSchema, "size") == 64 << 20);
static_assert(config_default(kSchema, "wait") == 250'000'000);
static_assert(config_default(kSchema, "day") == 86'400'000'000'000);
static_assert(config_default(kSchema, "on") == 1);

TEST(ConfigDefault, WhatIsNoNumberIsRefused) {
  for (const char* name : {"text", "required", "unknown"})
    EXPECT_THROW(static_cast<void>(config_default(kSchema, name)), std::invalid_argument) << name;
}

}  // namespace
}  // namespace chronik
