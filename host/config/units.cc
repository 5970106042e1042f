#include "host/config/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <span>
#include <vector>

#include "host/config/diagnostic.h"

namespace chronik::host {
namespace {

struct Unit {
  std::string_view name;
  int64_t factor;
};

constexpr Unit kDurations[] = {{"d", 86'400'000'000'000},
                               {"h", 3'600'000'000'000},
                               {"m", 60'000'000'000},
                               {"s", 1'000'000'000},
                               {"ms", 1'000'000},
                               {"us", 1'000},
                               {"ns", 1}};
constexpr Unit kSizes[] = {{"PiB", 1LL << 50}, {"TiB", 1LL << 40}, {"GiB", 1LL << 30},
                           {"MiB", 1LL << 20}, {"KiB", 1LL << 10}, {"B", 1}};

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

// The unit that was most likely meant: "KB" and "kib" for "KiB", "sec" for "s".
std::string_view likely(std::string_view unit, std::span<const Unit> units) {
  for (const Unit& candidate : units) {
    if (equal_ignoring_case(unit, candidate.name)) return candidate.name;
    if (candidate.name.size() == 3 && !unit.empty() &&
        equal_ignoring_case(unit.substr(0, 1), candidate.name.substr(0, 1)) &&
        (unit.size() == 1 || equal_ignoring_case(unit.substr(1), "b"))) {
      return candidate.name;
    }
  }
  for (const auto& [word, name] : {std::pair<std::string_view, std::string_view>{"millis", "ms"},
                                   {"msec", "ms"},
                                   {"sec", "s"},
                                   {"min", "m"},
                                   {"hour", "h"},
                                   {"day", "d"}}) {
    if (unit.starts_with(word)) return name;
  }
  return {};
}

std::string join(std::span<const Unit> units) {
  std::string out;
  for (auto it = units.rbegin(); it != units.rend(); ++it) {
    if (!out.empty()) out += ", ";
    out += it->name;
  }
  return out;
}

Result<int64_t> parse(std::string_view text, std::span<const Unit> units, std::string_view missing) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  if (error == std::errc::invalid_argument || number < 0) {
    return fail(Code::kInvalidArgument, "must be a whole number with a unit: " + join(units));
  }
  if (error == std::errc::result_out_of_range) return fail(Code::kOutOfRange, "is too large");
  if (unit.empty()) {
    return fail(Code::kInvalidArgument, fmt::format("has no unit; did you mean \"{}{}\"?", text, missing));
  }
  for (const Unit& candidate : units) {
    if (candidate.name != unit) continue;
    if (number > std::numeric_limits<int64_t>::max() / candidate.factor)
      return fail(Code::kOutOfRange, "is too large");
    return number * candidate.factor;
  }
  const std::string_view meant = likely(unit, units);
  if (!meant.empty()) {
    return fail(Code::kInvalidArgument,
                fmt::format("has an unknown unit; did you mean \"{}{}\"?", number, meant));
  }
  return fail(Code::kInvalidArgument, "has an unknown unit; the units are " + join(units));
}

std::string format(int64_t number, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (number != 0 && number % unit.factor == 0) return fmt::format("{}{}", number / unit.factor, unit.name);
  }
  return "0" + std::string(units.size() == std::size(kSizes) ? "B" : "s");
}

}  // namespace

Result<int64_t> parse_duration(std::string_view text) { return parse(text, kDurations, "ms"); }
Result<int64_t> parse_size(std::string_view text) { return parse(text, kSizes, "MiB"); }
std::string format_duration(int64_t ns) { return ns < 0 ? "-1" : format(ns, kDurations); }
std::string format_size(int64_t bytes) { return bytes < 0 ? "-1" : format(bytes, kSizes); }

std::string human_size(uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double size = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; size >= 1024 && unit + 1 < kUnits.size(); ++unit) size /= 1024;
  return fmt::format("{:.1f} {}", size, kUnits[unit]);
}

std::string plural(uint64_t n, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", n, n == 1 ? one : many);
}

Result<Address> parse_address(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    const bool number = !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
    if (number) return fail(Code::kInvalidArgument, fmt::format("has no host; write \"127.0.0.1:{}\"", text));
    return fail(Code::kInvalidArgument, fmt::format("has no port; write \"{}:PORT\"", text));
  }
  Address address;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']') && host.size() > 2) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return fail(Code::kInvalidArgument, "is ambiguous; write an IPv6 address in brackets: \"[::1]:9092\"");
  }
  if (host.empty())
    return fail(Code::kInvalidArgument, "has no host; write \"127.0.0.1:PORT\" or \"0.0.0.0:PORT\"");
  if (host.find_first_of(" \t/@\"'[]") != std::string_view::npos) {
    return fail(Code::kInvalidArgument, "has a character that no host name has");
  }
  const std::string_view port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size()) {
    return fail(Code::kInvalidArgument,
                fmt::format("has the port \"{}\"; a port is a number from 0 to 65535", port));
  }
  address.host = host;
  return address;
}

}  // namespace chronik::host
