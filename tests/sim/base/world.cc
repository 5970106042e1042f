#include "sim/base/world.h"

#include <chronik/host.h>
#include <fmt/format.h>

namespace chronik::sim {
namespace {

constexpr size_t kRecentLines = 60;

std::string_view level_name(int32_t level) {
  constexpr std::array<std::string_view, 6> kNames = {"?", "error", "warn", "info", "debug", "trace"};
  return level >= 1 && level <= 5 ? kNames[static_cast<size_t>(level)] : kNames[0];
}

}  // namespace

void World::fail(std::string_view name, std::string message) {
  if (failed()) return;
  invariant = name;
  violation = fmt::format("{}: {}", name, message);
  violated_at = now();
  log(kHarness, "check", CHR_LOG_ERROR, violation, {});
}

void World::log(uint32_t node, std::string_view plugin, int32_t level, std::string_view message,
                std::string_view fields) {
  trace.note(now(), node, Kind::kLog, digest(fields, digest(message)));
  std::string line = fmt::format("{:>12.6f} {} node={} plugin={} {}{}{}", static_cast<double>(now()) / 1e9,
                                 level_name(level), node, plugin, message, fields.empty() ? "" : " ", fields);
  if (options.print_logs || options.trace) fmt::print(stderr, "{}\n", line);
  recent.push_back(std::move(line));
  if (recent.size() > kRecentLines) recent.pop_front();
  if (on_log) on_log(node, level, message);
}

}  // namespace chronik::sim
