// The defaults of a plugin's schema, for hosts that have no configuration file: as chronik-server does, a test
// gives a plugin a value for each key.
//
//     testing::FakeHost host;
//     testing::give_config_defaults(host, MyPlugin::schema());
//     host.config_int("attempts", 5);                          // what the test wants otherwise
#pragma once

#include <chronik/plugin.h>
#include <chronik/config_default.hpp>
#include <chronik/host.hpp>

#include <optional>
#include <span>
#include <string>

namespace chronik::testing {

// The default of a key in the unit of chr_config_v1.integer: nanoseconds, bytes, 0 or 1. None where it is no
// number, or there is no default.
inline std::optional<int64_t> config_default(const chr_config_key& key) {
  if (key.type < CHR_CONFIG_BOOL || key.type > CHR_CONFIG_SIZE || key.type == CHR_CONFIG_STRING)
    return std::nullopt;
  try {
    return chronik::config_default(std::span(&key, 1), from_abi(key.name));
  } catch (const std::invalid_argument&) {
    return std::nullopt;
  }
}

// Gives a host the defaults that are numbers, by its config_int(name, value).
template <class TestHost>
void give_config_defaults(TestHost& host, std::span<const chr_config_key> schema) {
  for (const chr_config_key& key : schema)
    if (const std::optional<int64_t> value = config_default(key))
      host.config_int(std::string(from_abi(key.name)), *value);
}

// The same of a plugin that was loaded.
template <class TestHost>
void give_config_defaults(TestHost& host, const chr_plugin_v1& plugin) {
  uint32_t n = 0;
  const chr_config_key* keys = plugin.config_schema(&n);
  give_config_defaults(host, std::span(keys, n));
}

}  // namespace chronik::testing
