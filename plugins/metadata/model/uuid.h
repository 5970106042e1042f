// A 128-bit identity and its text form, the 22 characters of base64url that Kafka's tools print.
#pragma once

#include <chronik/abi.h>

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <string>

namespace chronik::metadata {

struct Uuid {
  std::array<uint8_t, 16> bytes{};

  auto operator<=>(const Uuid&) const = default;
  bool zero() const { return *this == Uuid{}; }

  static Uuid from_abi(const chr_uuid& id) {
    Uuid out;
    std::memcpy(out.bytes.data(), id.b, sizeof id.b);
    return out;
  }
  chr_uuid to_abi() const {
    chr_uuid out;
    std::memcpy(out.b, bytes.data(), sizeof out.b);
    return out;
  }
  // Makes a version 4 UUID of 16 random bytes.
  static Uuid from_random(std::array<uint8_t, 16> random);
};

// 22 characters; never begins with '-' for an id of from_random(),
// which command lines would take for an option.
std::string to_text(const Uuid& id);

}  // namespace chronik::metadata
