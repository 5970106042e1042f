// The indexes of segments: `<group>-<number>.index`, and those that are in memory.
//
// An index file is a row of blocks of 4 KiB, each sealed for its place. It is never synced and never believed: points out of order
// are left out, a point that no record lies at has the index made again, and what it does not cover is found by a scan of heads.
#pragma once

#include "storage-log/segment/index_point.h"
#include "storage-log/segment/segment_files.h"
#include "storage-log/segment/segment_view.h"

#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace chronik::storage_log {

// [any] thread, but for what says otherwise.
class SegmentIndexes {
 public:
  using Points = std::shared_ptr<const std::vector<IndexPoint>>;

  explicit SegmentIndexes(SegmentFiles& files) : files_(files) {}

  // What is in memory of it, or nullptr.
  Points find(const SegmentId& id);
  // [blocking] A point at least every 64 KiB of the records that the view shows, as far as they are whole. With `again` the index
  // file is left out. OVERLOADED: what must be scanned for it cannot be loaded for now.
  Result<Points> load(SegmentView& view, bool again);
  // [blocking] The index file as it is, for a check.
  struct Stored {
    uint64_t bytes = 0;
    std::vector<IndexPoint> points;   // in order, of the records that the view shows
    std::optional<uint64_t> damaged;  // where the first block lies that is not whole
  };
  Stored stored(const SegmentView& view);
  // [blocking] Points behind those that were written before; at most kIndexBlockPoints.
  Status append(const SegmentId& id, std::span<const IndexPoint> points);

 private:
  struct Cached {
    Points points;
    bool made_again = false;
    uint64_t used = 0;
  };
  std::vector<IndexPoint> read_file(const SegmentView& view);
  void keep(const SegmentId& id, Points points, bool made_again);

  SegmentFiles& files_;
  std::mutex file_mutex_;  // an index file is open once at a time
  std::mutex mutex_;       // all below
  std::map<SegmentId, Cached> cached_;
  uint64_t cached_points_ = 0;
  uint64_t uses_ = 0;
};

}  // namespace chronik::storage_log
