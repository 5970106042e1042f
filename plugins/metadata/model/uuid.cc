#include "metadata/model/uuid.h"

#include <string_view>

namespace chronik::metadata {

Uuid Uuid::from_random(std::array<uint8_t, 16> random) {
  random[6] = static_cast<uint8_t>((random[6] & 0x0F) | 0x40);
  random[8] = static_cast<uint8_t>((random[8] & 0x3F) | 0x80);
  // A first sextet of 62 would print as '-'.
  if ((random[0] >> 2) == 62) random[0] = static_cast<uint8_t>(random[0] & 0x7F);
  return Uuid{random};
}

std::string to_text(const Uuid& id) {
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  uint32_t bits = 0;
  int held = 0;
  for (const uint8_t byte : id.bytes) {
    bits = (bits << 8 | byte) & 0xFFFF;
    held += 8;
    while (held >= 6) {
      held -= 6;
      out += kAlphabet[bits >> held & 63];
    }
  }
  out += kAlphabet[bits << (6 - held) & 63];
  return out;
}

}  // namespace chronik::metadata
