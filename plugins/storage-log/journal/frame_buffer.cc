#include "storage-log/journal/frame_buffer.h"

#include <algorithm>

namespace chronik::storage_log {

bool FrameBuffer::reserve(uint64_t n, uint64_t groups) {
  const uint64_t needed = frame_size(payload_ + n, groups, block_);
  if (needed <= capacity_) return true;
  // The first time as much as is asked for: most frames hold one write.
  const uint64_t capacity = base_ == nullptr ? needed : std::max(needed, 2 * capacity_);
  chr_slice slice{};
  if (host_.alloc(capacity + block_, &slice) != CHR_OK) return false;
  Lease lease = Lease::adopt(slice.lease);
  const auto address = reinterpret_cast<uintptr_t>(slice.p);
  auto* const base = const_cast<uint8_t*>(slice.p) + ((block_ - address % block_) % block_);
  if (payload_ != 0) std::memcpy(base, base_, sizeof(FrameHeader) + payload_);
  base_ = base;
  capacity_ = capacity;
  lease_ = std::move(lease);
  return true;
}

void FrameBuffer::shrink() {
  const uint64_t needed = sizeof(FrameHeader) + payload_;
  if (2 * needed > capacity_ + block_) return;
  chr_slice slice{};
  if (host_.alloc(needed, &slice) != CHR_OK) return;
  auto* const base = const_cast<uint8_t*>(slice.p);
  std::memcpy(base, base_, needed);
  base_ = base;
  capacity_ = needed;
  lease_ = Lease::adopt(slice.lease);
}

}  // namespace chronik::storage_log
