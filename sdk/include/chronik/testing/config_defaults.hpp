// The defaults of a plugin's schema, for hosts that have no configuration file: as chronik-server does, a test
// gives a plugin a value for each key.
//
//     testing::FakeHost host;
//     testing::give_config_defaults(host, MyPlugin::schema());
//     host.config_int("attempts", 5);                          // what the test wants otherwise
#pragma once

#include <chronik/plugin.h>
#include <chronik/host.hpp>

#include <charconv>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace chronik::testing {

// What a unit of sizes and durations stands for, in bytes or nanoseconds.
inline std::optional<int64_t> unit_of_default(std::string_view unit) {
  constexpr std::pair<std::string_view, int64_t> kUnits[] = {{"", 1},
                                                             {"B", 1},
                                                             {"KiB", 1ll << 10},
                                                             {"MiB", 1ll << 20},
                                                             {"GiB", 1ll << 30},
                                                             {"TiB", 1ll << 40},
                                                             {"PiB", 1ll << 50},
                                                             {"ns", 1},
                                                             {"us", 1'000},
                                                             {"ms", 1'000'000},
                                                             {"s", 1'000'000'000},
                                                             {"m", 60'000'000'000},
                                                             {"h", 3'600'000'000'000},
                                                             {"d", 86'400'000'000'000}};
  for (const auto& [name, factor] : kUnits)
    if (unit == name) return factor;
  return std::nullopt;
}

// The default of a key in the unit of chr_config_v1.integer: nanoseconds, bytes, 0 or 1. None where it is no
// number, or there is no default.
inline std::optional<int64_t> config_default(const chr_config_key& key) {
  if (key.type < CHR_CONFIG_BOOL || key.type > CHR_CONFIG_SIZE || key.type == CHR_CONFIG_STRING)
    return std::nullopt;
  std::string_view text = from_abi(key.default_value);
  if (text == "true" || text == "false") return text == "true" ? 1 : 0;
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  const std::optional<int64_t> unit =
      unit_of_default({end, static_cast<size_t>(text.data() + text.size() - end)});
  return unit ? std::optional(number * *unit) : std::nullopt;
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
