#include "sim/scenario/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace chronik::sim {
namespace {

constexpr std::array<std::string_view, 32> kTypeNames = {
    "crash",       "power",       "crashes",       "stop",       "pause",     "block",      "flap",
    "silence",     "reset",       "resets",        "loss",       "duplicate", "reorder",    "delay",
    "split",       "sync-cost",   "slow-disk",     "stall-disk", "disk-full", "sync-error", "flip",
    "clock-rate",  "wall-clock",  "client-reset",  "client-cut", "members",   "spare",      "lost-disk",
    "write-error", "short-write", "power-at-sync", "write-back"};

std::string seconds(uint64_t us) { return fmt::format("{}.{:06}", us / 1'000'000, us % 1'000'000); }

template <class T>
Result<T> parse_integer(std::string_view text) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty())
    return fail(Code::kInvalidArgument, fmt::format("\"{}\" is not a number", text));
  return value;
}

// "12.5" -> 12500000
Result<uint64_t> parse_seconds(std::string_view text) {
  const size_t dot = text.find('.');
  CHRONIK_TRY(const uint64_t whole, parse_integer<uint64_t>(text.substr(0, dot)));
  uint64_t part = 0;
  if (dot != std::string_view::npos) {
    std::string digits(text.substr(dot + 1));
    if (digits.size() > 6)
      return fail(Code::kInvalidArgument, fmt::format("\"{}\" is finer than 1 us", text));
    digits.resize(6, '0');
    CHRONIK_TRY(part, parse_integer<uint64_t>(digits));
  }
  return whole * 1'000'000 + part;
}

// The next word of `line`, which loses it; empty at its end.
std::string_view next_word(std::string_view* line) {
  const size_t begin = line->find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return *line = {};
  line->remove_prefix(begin);
  const std::string_view word = line->substr(0, line->find_first_of(" \t\r"));
  line->remove_prefix(word.size());
  return word;
}

Status parse_value(std::string_view word, Fault* out) {
  const size_t equals = word.find('=');
  if (equals == std::string_view::npos)
    return fail(Code::kInvalidArgument, fmt::format("\"{}\" is not key=value", word));
  const std::string_view key = word.substr(0, equals), text = word.substr(equals + 1);
  if (key == "lasts") {
    CHRONIK_TRY(out->lasts_us, parse_seconds(text));
    return {};
  }
  if (key == "node") {
    CHRONIK_TRY(out->node, parse_integer<uint32_t>(text));
  } else if (key == "peer") {
    CHRONIK_TRY(out->peer, parse_integer<uint32_t>(text));
  } else if (key == "amount") {
    CHRONIK_TRY(out->amount, parse_integer<int64_t>(text));
  } else {
    return fail(Code::kInvalidArgument, fmt::format("unknown key \"{}\" of a fault", key));
  }
  return {};
}

Result<Fault> parse_fault(std::string_view time, std::string_view rest) {
  Fault fault;
  CHRONIK_TRY(fault.at_us, parse_seconds(time));
  const std::string_view name = next_word(&rest);
  const auto found = std::find(kTypeNames.begin(), kTypeNames.end(), name);
  if (found == kTypeNames.end())
    return fail(Code::kInvalidArgument, fmt::format("unknown type of fault \"{}\"", name));
  fault.type = static_cast<FaultType>(found - kTypeNames.begin());
  for (std::string_view word; !(word = next_word(&rest)).empty();) CHRONIK_CHECK(parse_value(word, &fault));
  return fault;
}

}  // namespace

std::string to_text(const Fault& fault) {
  std::string text = fmt::format("{} {}", seconds(fault.at_us), kTypeNames[static_cast<size_t>(fault.type)]);
  if (fault.node != 0) text += fmt::format(" node={}", fault.node);
  if (fault.peer != 0) text += fmt::format(" peer={}", fault.peer);
  if (fault.lasts_us != 0) text += fmt::format(" lasts={}", seconds(fault.lasts_us));
  if (fault.amount != 0) text += fmt::format(" amount={}", fault.amount);
  return text;
}

std::string to_text(const Schedule& schedule, std::string_view separator) {
  std::string text;
  for (const Fault& fault : schedule) text.append(text.empty() ? "" : separator).append(to_text(fault));
  return text.empty() ? "none" : text;
}

Result<Schedule> parse_schedule(std::string_view text) {
  Schedule schedule;
  while (!text.empty()) {
    const size_t end = text.find_first_of(";\n");
    std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    line = line.substr(0, line.find('#'));
    const std::string_view time = next_word(&line);
    if (time.empty() || time == "none") continue;
    CHRONIK_TRY(const Fault fault, parse_fault(time, line));
    schedule.push_back(fault);
  }
  std::stable_sort(schedule.begin(), schedule.end(),
                   [](const Fault& a, const Fault& b) { return a.at_us < b.at_us; });
  return schedule;
}

}  // namespace chronik::sim
