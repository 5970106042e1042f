// The bytes of a log entry, as the core sees them: a counted lease that it carries and never looks into.
#pragma once

#include <chronik/abi.h>

#include <cstdint>
#include <utility>

namespace chronik::raft {

// Owns one reference of a slice's lease (none for static bytes). Default: no bytes, or bytes that are not in
// memory.
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

 private:
  void retain() {
    if (slice_.lease != nullptr) slice_.lease->ops->retain(slice_.lease);
  }

  chr_slice slice_{};
};

}  // namespace chronik::raft
