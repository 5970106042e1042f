// What a change of some bytes does to the CRC32C of all: a checksum is linear, so that changes add up by exclusive or,
// whatever the bytes are.
#pragma once

#include <array>
#include <cstdint>

namespace chronik::storage_log {

// Of a byte that is the last one.
inline constexpr std::array<uint32_t, 256> kCrcOfByte = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0u);
    table[byte] = crc;
  }
  return table;
}();

// The change with so many more bytes behind it.
inline uint32_t crc_change_behind(uint32_t change, uint64_t bytes) {
  for (; bytes != 0 && change != 0; --bytes) change = (change >> 8) ^ kCrcOfByte[change & 0xff];
  return change;
}

}  // namespace chronik::storage_log
