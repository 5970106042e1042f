#include "host/runtime/slice_sums.h"

#include <chronik/crc32c.hpp>

#include <utility>

namespace chronik::host {

uint32_t SliceSums::of(const chr_slice& slice) {
  // What nobody leases may become something else as soon as the caller returns.
  if (slice.lease == nullptr || slice.n < kMinBytes) {
    summed_bytes_ += slice.n;
    return crc32c::extend(0, slice.p, slice.n);
  }
  if (known_ == nullptr) known_ = std::make_unique<Known[]>(size_t{1} << kSlotBits);
  const auto slot =
      static_cast<uint32_t>(reinterpret_cast<uintptr_t>(slice.p) * 0x9e3779b97f4a7c15u >> (64 - kSlotBits));
  Known& known = known_[slot];
  const chr_slice before = known.slice;
  if (before.lease == slice.lease && before.p == slice.p && before.n == slice.n) return known.crc;
  summed_bytes_ += slice.n;
  slice.lease->ops->retain(slice.lease);
  known = {slice, crc32c::extend(0, slice.p, slice.n)};
  if (before.lease == nullptr) {
    used_.push_back(slot);
  } else {
    before.lease->ops->release(before.lease);
  }
  return known.crc;
}

void SliceSums::clear() {
  for (const uint32_t slot : used_) {
    chr_buf* const lease = std::exchange(known_[slot].slice, chr_slice{}).lease;
    lease->ops->release(lease);
  }
  used_.clear();
}

}  // namespace chronik::host
