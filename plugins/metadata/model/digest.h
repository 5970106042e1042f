// A 64-bit digest of a catalog: the sum of the digests of its parts, so that it is kept up to date part by
// part and does not depend on their order. Equal on every node and build; no protection against an adversary.
#pragma once

#include <string_view>

#include "metadata/model/uuid.h"

namespace chronik::metadata {

class Digest {
 public:
  explicit Digest(std::string_view kind) { text(kind); }
  Digest& text(std::string_view bytes) {
    number(bytes.size());
    for (const char c : bytes) byte(static_cast<uint8_t>(c));
    return *this;
  }
  Digest& number(uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) byte(static_cast<uint8_t>(value >> shift));
    return *this;
  }
  Digest& id(const Uuid& id) {
    for (const uint8_t b : id.bytes) byte(b);
    return *this;
  }
  uint64_t value() const {  // a finaliser spreads the last bytes over all bits before digests are added
    uint64_t x = state_;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
  }

 private:
  void byte(uint8_t b) { state_ = (state_ ^ b) * 0x100000001B3u; }
  uint64_t state_ = 0xCBF29CE484222325u;
};

}  // namespace chronik::metadata
