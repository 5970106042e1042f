// Files of segments that no log lists any more, kept for a moment for logs that begin another one. What is written over takes no new
// blocks of the disk and no new pages of memory: about half of what a new file costs.
//
//   state | entered by                                     | left by
//   kept  | keep()                                         | take(): it is another segment now; age(), give_up(): to be removed
#pragma once

#include "storage-log/segment/place.h"

#include <deque>
#include <optional>
#include <vector>

namespace chronik::storage_log {

// By one thread at a time.
class SpareSegments {
 public:
  explicit SpareSegments(uint64_t segment_bytes) : segment_bytes_(segment_bytes) {}

  // False: it is of another size, or there are enough for a store of so many bytes.
  bool keep(const SegmentId& id, uint64_t size, uint64_t store_bytes);
  // The oldest one for which usable(id) holds.
  template <class Test>
  std::optional<SegmentId> take(Test usable) {
    for (auto spare = spares_.begin(); spare != spares_.end(); ++spare) {
      if (!usable(spare->id)) continue;
      const SegmentId id = spare->id;
      spares_.erase(spare);
      return id;
    }
    return std::nullopt;
  }
  // 50 ms have passed, of a store of so many bytes: those that nobody took for long.
  std::vector<SegmentId> age(uint64_t store_bytes);
  std::vector<SegmentId> give_up();
  bool empty() const { return spares_.empty(); }

 private:
  struct Spare {
    SegmentId id;
    uint64_t since = 0;  // which age()
  };
  bool are_many(uint64_t store_bytes, uint64_t share) const {
    return spares_.size() * share * segment_bytes_ > store_bytes;
  }

  const uint64_t segment_bytes_;
  uint64_t now_ = 0;  // counts calls of age()
  std::deque<Spare> spares_;
};

}  // namespace chronik::storage_log
