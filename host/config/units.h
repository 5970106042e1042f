// Durations and sizes as people write them, an integer and a unit: "150ms", "64KiB"; sizes and counts as they
// read them: "1.2 GiB", "2 groups".
#pragma once

#include <chronik/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace chronik::host {

// Nanoseconds. Units: ns us ms s m h d.
Result<int64_t> parse_duration(std::string_view text);
// Bytes. Units: B KiB MiB GiB TiB PiB.
Result<int64_t> parse_size(std::string_view text);

// The shortest text that parses back to the same number.
std::string format_duration(int64_t ns);
std::string format_size(int64_t bytes);

// For a line that nobody parses: "1.2 GiB".
std::string human_size(uint64_t bytes);
// "1 group", "2 groups"
std::string plural(uint64_t n, std::string_view one, std::string_view many);

// "host:port" or "[v6]:port"; the port may be 0, which means any free one where that makes sense.
struct Address {
  std::string host;
  uint16_t port = 0;
};
Result<Address> parse_address(std::string_view text);

}  // namespace chronik::host
