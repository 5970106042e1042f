#include "storage-log/segment/spare_segments.h"

#include <algorithm>

namespace chronik::storage_log {
namespace {

constexpr size_t kMaxSpares = 16;
// Logs are trimmed together and begin segments one after the other: one byte of five may be of spares for a second. One of sixteen
// may be for ten seconds, as slow logs meet only so.
constexpr uint64_t kShare = 5;
constexpr uint64_t kKept = 20;  // calls of age()
constexpr uint64_t kLongShare = 16;
constexpr uint64_t kLongKept = 200;

}  // namespace

bool SpareSegments::keep(const SegmentId& id, uint64_t size, uint64_t store_bytes) {
  if (std::ranges::find(spares_, id, &Spare::id) != spares_.end()) return true;
  if (size != segment_bytes_ || spares_.size() >= kMaxSpares) return false;
  spares_.push_back({id, now_});
  if (!are_many(store_bytes, kShare)) return true;
  spares_.pop_back();
  return false;
}

std::vector<SegmentId> SpareSegments::age(uint64_t store_bytes) {
  ++now_;
  std::vector<SegmentId> old;
  while (!spares_.empty() &&
         now_ - spares_.front().since >= (are_many(store_bytes, kLongShare) ? kKept : kLongKept)) {
    old.push_back(spares_.front().id);
    spares_.pop_front();
  }
  return old;
}

std::vector<SegmentId> SpareSegments::give_up() {
  std::vector<SegmentId> all;
  for (const Spare& spare : spares_) all.push_back(spare.id);
  spares_.clear();
  return all;
}

}  // namespace chronik::storage_log
