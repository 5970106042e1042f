// Integers in little-endian bytes.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>

namespace chronik::host {

static_assert(std::endian::native == std::endian::little, "put_le and get_le copy as they are");

template <std::integral T>
void put_le(uint8_t* out, T value) {
  std::memcpy(out, &value, sizeof value);
}

template <std::integral T>
T get_le(const uint8_t* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

}  // namespace chronik::host
