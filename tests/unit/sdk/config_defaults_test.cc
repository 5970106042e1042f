// The defaults of a schema, as a host without a configuration file gives them to a plugin.
#include <chronik/plugin.hpp>
#include <chronik/testing/config_defaults.hpp>
#include <chronik/testing/fake_host.hpp>

#include <gtest/gtest.h>

namespace chronik::testing {
namespace {

constexpr chr_config_key kSchema[] = {
    config_key("size", CHR_CONFIG_SIZE, "\"64MiB\"", ""),
    config_key("unlimited", CHR_CONFIG_SIZE, "\"-1\"", "", -1),
    config_key("wait", CHR_CONFIG_DURATION, "\"150ms\"", ""),
    config_key("day", CHR_CONFIG_DURATION, "\"24h\"", ""),
    config_key("attempts", CHR_CONFIG_INT, "5", ""),
    config_key("below", CHR_CONFIG_INT, "-5", ""),
    config_key("on", CHR_CONFIG_BOOL, "true", ""),
    config_key("off", CHR_CONFIG_BOOL, "false", ""),
    config_key("name", CHR_CONFIG_STRING, "\"7\"", ""),
    config_key("list", CHR_CONFIG_LIST | CHR_CONFIG_INT, "[1, 2]", ""),
    config_key("none", CHR_CONFIG_INT, "", ""),
    config_key("odd", CHR_CONFIG_SIZE, "\"3 bushels\"", ""),
};

TEST(ConfigDefaults, AreInTheUnitsOfTheHost) {
  FakeHost fake;
  give_config_defaults(fake, kSchema);
  const Host host(fake.core());
  EXPECT_EQ(host.config_int("size", 99), 64 << 20);
  EXPECT_EQ(host.config_int("unlimited", 99), -1);
  EXPECT_EQ(host.config_int("wait", 99), 150'000'000);
  EXPECT_EQ(host.config_int("day", 99), 86'400'000'000'000);
  EXPECT_EQ(host.config_int("attempts", 99), 5);
  EXPECT_EQ(host.config_int("below", 99), -5);
  EXPECT_EQ(host.config_int("on", 99), 1);
  EXPECT_EQ(host.config_int("off", 99), 0);
  for (const char* other : {"name", "list", "none", "odd"})
    EXPECT_EQ(host.config_int(other, 99), 99) << other;
}

}  // namespace
}  // namespace chronik::testing
