#include "raft/log/snapshot_sink.h"

#include <chronik/crc32c.hpp>

#include <algorithm>
#include <cstring>

namespace chronik::raft {

std::vector<chr_slice> SnapshotSink::pieces() const {
  std::vector<chr_slice> slices;
  for (const Payload& piece : pieces_) slices.push_back(piece.slice());
  if (!slices.empty()) slices.back().n = bytes_ - kPieceBytes * (slices.size() - 1);
  return slices;
}

uint32_t CHR_CALL SnapshotSink::write(void* context, const uint8_t* p, uint64_t n) noexcept {
  return static_cast<SnapshotSink*>(context)->append(p, n) ? 1 : 0;
}

bool SnapshotSink::append(const uint8_t* p, uint64_t n) {
  checksum_ = crc32c::extend(checksum_, p, n);
  while (n > 0) {
    const uint64_t used = bytes_ % kPieceBytes;
    if (used == 0) {
      chr_slice piece{};
      if (host_.alloc(kPieceBytes, &piece) != CHR_OK) return false;
      pieces_.push_back(Payload::adopt(piece));
    }
    const uint64_t part = std::min(n, kPieceBytes - used);
    std::memcpy(const_cast<uint8_t*>(pieces_.back().slice().p) + used, p, part);
    bytes_ += part;
    p += part;
    n -= part;
  }
  return true;
}

}  // namespace chronik::raft
