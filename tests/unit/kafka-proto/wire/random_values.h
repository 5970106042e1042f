// Seeded random field values for message_fixtures.h. Owns the memory that strings,
// bytes and records point to.
#pragma once

#include <bit>
#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "kafka-proto/wire/types.h"

namespace chronik::kafka {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  uint64_t next() { return engine_(); }
  size_t below(size_t n) { return static_cast<size_t>(next() % n); }
  bool chance(size_t one_in) { return below(one_in) == 0; }

  void fill(bool& value) { value = chance(2); }
  void fill(int8_t& value) { value = static_cast<int8_t>(next()); }
  void fill(int16_t& value) { value = static_cast<int16_t>(next()); }
  void fill(uint16_t& value) { value = static_cast<uint16_t>(next()); }
  void fill(int32_t& value) { value = static_cast<int32_t>(next()); }
  void fill(uint32_t& value) { value = static_cast<uint32_t>(next()); }
  void fill(int64_t& value) { value = static_cast<int64_t>(next()); }
  void fill(double& value) { value = static_cast<double>(next()) / 3.0; }
  void fill(ErrorCode& value) { value = static_cast<ErrorCode>(static_cast<int>(below(135)) - 1); }
  void fill(std::string_view& value) { value = text(chance(8) ? 300 : 12); }
  void fill(chr_uuid& value) {
    for (uint8_t& byte : value.b) byte = static_cast<uint8_t>(next());
  }
  void fill(Bytes& value) {
    const std::string_view bytes = text(40);
    value = Bytes(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  }
  // Null, empty, one run or several.
  void fill(Records& value, bool null_allowed) {
    if (null_allowed && chance(4)) {
      value = Records();
      return;
    }
    std::vector<chr_slice> runs(below(4));
    for (chr_slice& run : runs) {
      Bytes bytes;
      fill(bytes);
      run = chr_slice{bytes.data(), bytes.size(), nullptr};
    }
    value = runs.empty() ? Records(Bytes()) : Records(std::move(runs));
  }

 private:
  std::string_view text(size_t most) {
    std::string& memory = memory_.emplace_back(below(most + 1), '\0');
    for (char& character : memory) character = static_cast<char>(next());
    return memory;
  }

  std::mt19937_64 engine_;
  std::deque<std::string> memory_;
};

}  // namespace chronik::kafka
