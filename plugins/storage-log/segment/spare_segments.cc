#include "storage-log/segment/spare_segments.h"

#include <algorithm>

namespace chronik::storage_log {
namespace {

constexpr uint64_t kKept = 20;       // calls of age()
constexpr uint64_t kShareOfAll = 5;  // one byte of so many may be of spares
constexpr size_t kMost = 16;

}  // namespace

bool SpareSegments::keep(const SegmentId& id, uint64_t size, uint64_t store_bytes) {
  if (std::ranges::find(spares_, id, &Spare::id) != spares_.end()) return true;
  if (size != segment_bytes_ || spares_.size() >= kMost) return false;
  if ((spares_.size() + 1) * kShareOfAll * segment_bytes_ > store_bytes) return false;
  spares_.push_back({id, now_ + kKept});
  return true;
}

std::vector<SegmentId> SpareSegments::age() {
  ++now_;
  std::vector<SegmentId> old;
  for (; !spares_.empty() && spares_.front().until <= now_; spares_.pop_front())
    old.push_back(spares_.front().id);
  return old;
}

std::vector<SegmentId> SpareSegments::give_up() {
  std::vector<SegmentId> all;
  for (const Spare& spare : spares_) all.push_back(spare.id);
  spares_.clear();
  return all;
}

}  // namespace chronik::storage_log
