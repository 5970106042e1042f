#include "kafka-proto/configs/config_value.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace chronik::kafka {
namespace {

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

template <class T>
Result<T> parse_number(std::string_view name, std::string_view value, std::string_view type) {
  std::string_view digits = value;
  if (digits.size() > 1 && digits[0] == '+' && digits[1] != '-') digits.remove_prefix(1);
  T number{};
  const char* begin = digits.data();
  const char* end = begin + digits.size();
  const auto [stop, error] = std::from_chars(begin, end, number);
  if (error != std::errc() || stop != end)
    return invalid_config(name, value, fmt::format("Not a number of type {}", type));
  return number;
}

// As Java's Double.toString() does between 0 and 10,000,000.
std::string shown_double(double number) {
  constexpr double kMinPlain = 1e-3;
  if (number != 0 && number < kMinPlain) {
    std::array<char, 32> buffer{};
    const auto end = std::to_chars(buffer.begin(), buffer.end(), number, std::chars_format::scientific).ptr;
    const std::string text(buffer.begin(), end);  // 1e-05
    const size_t e = text.find('e');
    const std::string digits = text.substr(0, e);
    return fmt::format("{}{}E{}", digits, digits.size() == 1 ? ".0" : "", std::stoi(text.substr(e + 1)));
  }
  std::string text = fmt::format("{}", number);
  return text.find('.') == std::string::npos ? text + ".0" : text;
}

}  // namespace

Status check_config_size(std::string_view value) {
  if (value.size() <= kMaxConfigBytes) return {};
  return fail(Code::kInvalidArgument,
              fmt::format("The configuration value cannot be added because it exceeds the maximum value size "
                          "of {} bytes.",
                          kMaxConfigBytes));
}

std::unexpected<Error> invalid_config(std::string_view name, std::string_view value, std::string_view why) {
  return fail(Code::kInvalidArgument,
              fmt::format("Invalid value {} for configuration {}: {}", value, name, why));
}

std::string_view trim_config(std::string_view text) {
  while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ') text.remove_prefix(1);
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
  return text;
}

Result<int32_t> parse_config_int(std::string_view name, std::string_view value) {
  return parse_number<int32_t>(name, value, "INT");
}

Result<int64_t> parse_config_long(std::string_view name, std::string_view value) {
  return parse_number<int64_t>(name, value, "LONG");
}

Result<double> parse_config_double(std::string_view name, std::string_view value) {
  return parse_number<double>(name, value, "DOUBLE");
}

Result<bool> parse_config_boolean(std::string_view name, std::string_view value) {
  if (equals_ignoring_case(value, "true")) return true;
  if (equals_ignoring_case(value, "false")) return false;
  return invalid_config(name, value, "Expected value to be either true or false");
}

std::vector<std::string_view> config_elements(std::string_view list) {
  std::vector<std::string_view> out;
  list = trim_config(list);
  if (list.empty()) return out;
  for (size_t at = 0; at <= list.size();) {
    const size_t comma = std::min(list.find(',', at), list.size());
    out.push_back(trim_config(list.substr(at, comma - at)));
    at = comma + 1;
  }
  return out;
}

std::string shown_config(ConfigType type, std::string_view value) {
  value = trim_config(value);
  switch (type) {
    case ConfigType::kBoolean:
      return parse_config_boolean({}, value).value_or(false) ? "true" : "false";
    case ConfigType::kInt:
    case ConfigType::kShort:
    case ConfigType::kLong:
      if (const Result<int64_t> number = parse_config_long({}, value)) return fmt::format("{}", *number);
      break;
    case ConfigType::kDouble:
      if (const Result<double> number = parse_config_double({}, value)) return shown_double(*number);
      break;
    case ConfigType::kList:
      return fmt::format("{}", fmt::join(config_elements(value), ","));
    case ConfigType::kString:
      break;
  }
  return std::string(value);
}

}  // namespace chronik::kafka
