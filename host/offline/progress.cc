#include "host/offline/progress.h"

#include <fmt/format.h>

#include <cstdio>

#include "host/config/units.h"

namespace chronik::host {
namespace {

constexpr std::chrono::seconds kInterval{5};

}  // namespace

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
