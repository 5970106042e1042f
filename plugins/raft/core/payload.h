// The bytes of a log entry, as the core sees them: a counted lease that it carries and never looks into.
#pragma once

#include <chronik/abi.h>
#include <chronik/leased.hpp>

#include <cstdint>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace chronik::raft {

// Owns one reference of a slice's lease (none for static bytes). Default: no bytes, or
// bytes that are not in memory.
class Payload {
 public:
  Payload() = default;
  // Takes a reference of its own.
  static Payload share(const chr_slice& slice) {
    Payload payload;
    payload.slice_ = slice;
    payload.retain();
    return payload;
  }
  // Bytes of our own.
  static Payload copy(const chr_slice& slice) {
    void* const place = ::operator new(sizeof(Owned) + slice.n);
    auto* const owned = new (place) Owned;
    auto* const bytes = reinterpret_cast<uint8_t*>(owned + 1);
    if (slice.n != 0) std::memcpy(bytes, slice.p, slice.n);
    return adopt({bytes, slice.n, owned->lease()});
  }
  static Payload own(std::string_view bytes) {
    return copy({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), nullptr});
  }
  // For the tail of a log. What came in lies in a buffer with much else, up to a MiB of it, and a buffer goes
  // as a whole: what is small in one is copied, or a slow group would keep what a fast one got beside it.
  static constexpr uint64_t kSmall = 64u << 10;
  static Payload keep(const chr_slice& slice) { return slice.n < kSmall ? copy(slice) : share(slice); }
  // Takes over the reference that the caller owns.
  static Payload adopt(const chr_slice& slice) {
    Payload payload;
    payload.slice_ = slice;
    return payload;
  }
  Payload(const Payload& other) : slice_(other.slice_) { retain(); }
  Payload(Payload&& other) noexcept : slice_(std::exchange(other.slice_, chr_slice{})) {}
  Payload& operator=(Payload other) noexcept {
    std::swap(slice_, other.slice_);
    return *this;
  }
  ~Payload() {
    if (slice_.lease != nullptr) slice_.lease->ops->release(slice_.lease);
  }

  const chr_slice& slice() const { return slice_; }
  uint64_t size() const { return slice_.n; }
  std::string_view text() const { return {reinterpret_cast<const char*>(slice_.p), slice_.n}; }

 private:
  struct Owned : Leased<Owned> {  // before its bytes
    static void end(Owned* owned) {
      owned->~Owned();
      ::operator delete(owned);
    }
  };

  void retain() {
    if (slice_.lease != nullptr) slice_.lease->ops->retain(slice_.lease);
  }

  chr_slice slice_{};
};

}  // namespace chronik::raft
