// The default of a key, read from the schema, so that it stands there alone:
//
//     host.config_int("queue_bytes", config_default(kSchema, "queue_bytes"))
//
// chronik-server gives every key its default by itself; hosts without a configuration, as in tests, do not.
#pragma once

#include <chronik/plugin.h>

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace chronik {

// Of a number, duration (ns), size (bytes) or bool; throws where the schema has no such key, or no such default.
constexpr int64_t config_default(std::span<const chr_config_key> schema, std::string_view name) {
  const auto fail = [] { throw std::invalid_argument("the schema has no number of this name"); };
  std::string_view text;
  for (const chr_config_key& key : schema)
    if (std::string_view(key.name.p, key.name.n) == name)
      text = {key.default_value.p, static_cast<size_t>(key.default_value.n)};
  if (text == "true" || text == "false") return text == "true" ? 1 : 0;
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  const bool negative = !text.empty() && text.front() == '-';
  if (negative) text.remove_prefix(1);
  if (text.empty() || text.front() < '0' || text.front() > '9') fail();
  int64_t number = 0;
  for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1))
    number = number * 10 + (text.front() - '0');
  constexpr std::pair<std::string_view, int64_t> kUnits[] = {{"", 1},
                                                             {"B", 1},
                                                             {"KiB", 1ll << 10},
                                                             {"MiB", 1ll << 20},
                                                             {"GiB", 1ll << 30},
                                                             {"TiB", 1ll << 40},
                                                             {"PiB", 1ll << 50},
                                                             {"us", 1'000},
                                                             {"ms", 1'000'000},
                                                             {"s", 1'000'000'000},
                                                             {"m", 60'000'000'000},
                                                             {"h", 3'600'000'000'000},
                                                             {"d", 86'400'000'000'000},
                                                             {"ns", 1}};
  for (const auto& [unit, factor] : kUnits)
    if (text == unit) return (negative ? -number : number) * factor;
  fail();
  return 0;
}

}  // namespace chronik
