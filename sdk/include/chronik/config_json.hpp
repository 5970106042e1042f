// Reads numbers of the table that a plugin's validate() gets: JSON, as chr_plugin_v1 says.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace chronik {

// The number under a key at the top of the object. Absent: there is no such key, or it has no whole number.
inline std::optional<int64_t> json_integer(std::string_view json, std::string_view key) {
  const auto skip_space = [&](size_t i) {
    return std::min(json.find_first_not_of(" \t\r\n", i), json.size());
  };
  int depth = 0;
  for (size_t i = 0; i < json.size(); ++i) {
    if (json[i] == '{' || json[i] == '[') ++depth;
    if (json[i] == '}' || json[i] == ']') --depth;
    if (json[i] != '"') continue;
    const size_t begin = ++i;
    while (i < json.size() && json[i] != '"') i += json[i] == '\\' ? 2 : 1;
    if (i >= json.size()) return std::nullopt;
    const std::string_view text = json.substr(begin, i - begin);
    const size_t colon = skip_space(i + 1);
    if (depth != 1 || text != key || colon == json.size() || json[colon] != ':') continue;
    const size_t at = skip_space(colon + 1);
    int64_t number = 0;
    const auto [end, error] = std::from_chars(json.data() + at, json.data() + json.size(), number);
    const size_t behind = skip_space(static_cast<size_t>(end - json.data()));
    const bool is_whole =
        error == std::errc() && behind < json.size() && (json[behind] == ',' || json[behind] == '}');
    return is_whole ? std::optional(number) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace chronik
