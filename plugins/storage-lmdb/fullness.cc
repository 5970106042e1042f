#include "storage-lmdb/fullness.h"

#include <algorithm>
#include <optional>

namespace chronik::storage_lmdb {
namespace {

constexpr uint64_t kSayFullForNs = 1'000'000'000;

}  // namespace

Growth Fullness::needed(const WriteQueue::Batch& batch) {
  Growth most = Growth::kNone;
  for (const OwnedWrite& write : batch) most = std::max(most, write.growth());
  return most;
}

Growth Fullness::allowed(const WriteQueue::Batch& batch) {
  for (const Growth growth : {Growth::kData, Growth::kControl}) {
    uint64_t bytes = 0;
    uint64_t entries = 0;
    for (const OwnedWrite& write : batch) {
      if (write.growth() == Growth::kNone || write.growth() > growth) continue;
      bytes += write.bytes();
      for (const chr_storage_step& step : write.steps()) entries += 1 + step.n;
    }
    const bool asks = std::ranges::any_of(batch, [&](const OwnedWrite& w) { return w.growth() == growth; });
    if (growth == Growth::kData && !asks) continue;  // control writes alone have the reserve
    if (bytes == 0 || space_.has_room(growth, bytes, entries)) return growth;
  }
  return Growth::kNone;
}

void Fullness::note_batch(const WriteQueue::Batch& batch, Growth allowed) {
  std::optional<uint64_t> refused, written;  // bytes of the largest
  for (const OwnedWrite& write : batch) {
    if (write.growth() > allowed) refused = std::max(refused.value_or(0), write.bytes());
    if (write.growth() == Growth::kData) written = std::max(written.value_or(0), write.bytes());
  }
  const uint64_t now = host_.now_ns();
  if (refused) {
    refused_bytes_ = *refused;
    refused_ns_ = now;
    set_full(true);
  } else if (written && (*written >= refused_bytes_ || now - refused_ns_ >= kSayFullForNs)) {
    space_.data_was_written();
    set_full(false);
  } else if (!written && space_.has_room_again()) {
    set_full(false);
  }
}

void Fullness::set_full(bool full) {
  if (is_full_.exchange(full, std::memory_order_relaxed) == full) return;
  if (full) {
    host_.warn(
        "the store is full: writes are refused until space returns",
        "used=" + std::to_string(space_.live_bytes()) + " file=" + std::to_string(space_.file_bytes()));
    host_.health("space", CHR_HEALTH_DEGRADED, "the store is full");
  } else {
    host_.info("the store has space again");
    host_.health("space", CHR_HEALTH_READY);
  }
}

}  // namespace chronik::storage_lmdb
