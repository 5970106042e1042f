#include "host/offline/progress.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>

namespace chronik::host {
namespace {

constexpr std::chrono::seconds kInterval{5};

}  // namespace

std::string plural(uint64_t n, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", n, n == 1 ? one : many);
}

std::string human_size(uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double size = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; size >= 1024 && unit + 1 < kUnits.size(); ++unit) size /= 1024;
  return fmt::format("{:.1f} {}", size, kUnits[unit]);
}

void Progress::set_done(uint64_t bytes) {
  bytes_ = bytes;
  const Clock::time_point now = Clock::now();
  if (now - printed_ >= kInterval) print(now);
}

void Progress::print(Clock::time_point now) {
  const double seconds = std::chrono::duration<double>(now - printed_).count();
  const auto rate = static_cast<uint64_t>(static_cast<double>(bytes_ - printed_bytes_) / seconds);
  std::string of;
  if (total_ != 0) {
    const double share = 100.0 * static_cast<double>(bytes_) / static_cast<double>(total_);
    of = fmt::format(" of {} ({:.0f} %)", human_size(total_), share);
  }
  fmt::print(stderr, "{}: {} {}{}, {}/s\n", command_, done_, human_size(bytes_), of, human_size(rate));
  printed_ = now;
  printed_bytes_ = bytes_;
}

}  // namespace chronik::host
