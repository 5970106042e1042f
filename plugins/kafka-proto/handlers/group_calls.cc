#include "kafka-proto/handlers/group_calls.h"

#include <fmt/format.h>

#include <array>

namespace chronik::kafka {
namespace {

constexpr size_t kMaxPrefix = 255;

// Not within a character of UTF-8.
std::string_view first_bytes(std::string_view text, size_t count) {
  if (text.size() <= count) return text;
  while (count > 0 && (static_cast<uint8_t>(text[count]) & 0xc0) == 0x80) --count;
  return text.substr(0, count);
}

}  // namespace

std::string client_host(std::string_view peer) {
  const size_t colon = peer.rfind(':');
  std::string_view address = peer.substr(0, colon);
  if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
  return fmt::format("/{}", address);
}

std::string new_member_id(const Host& host, std::string_view prefix) {
  std::array<uint8_t, 16> b{};
  host.random(b.data(), b.size());
  b[6] = static_cast<uint8_t>((b[6] & 0x0f) | 0x40);  // version 4: random
  b[8] = static_cast<uint8_t>((b[8] & 0x3f) | 0x80);
  std::string out = fmt::format("{}-", first_bytes(prefix, kMaxPrefix));
  for (size_t i = 0; i < b.size(); ++i)
    out += fmt::format("{}{:02x}", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b[i]);
  return out;
}

}  // namespace chronik::kafka
