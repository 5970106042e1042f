// OffsetSearch: where a partition's log begins, ends, or was at a time; where an epoch ended. On the partition's
// shard.
//
//   a search is | left with
//   finding     | consensus knows the batch: locating; it begins below the start of the log: walking
//   walking     | (over headers from the start of the log on: what consensus finds first may be deleted, as a member
//               | needs it still) the batch is found: locating; it is not there: done
//   locating    | its records are read: done; all that would do are deleted: walking behind it
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "kafka-proto/partition/codec_lane.h"
#include "kafka-proto/partition/replica.h"
#include "kafka-proto/records/batch.h"

namespace chronik::kafka {

class OffsetSearch {
 public:
  struct Found {
    ErrorCode error = ErrorCode::kNone;
    int64_t offset = -1;
    int64_t timestamp = -1;
    int32_t epoch = -1;
  };
  using Done = std::function<void(const Found&)>;

  explicit OffsetSearch(Replica& replica) : replica_(replica) {}
  OffsetSearch(const OffsetSearch&) = delete;
  OffsetSearch& operator=(const OffsetSearch&) = delete;

  // ListOffsets: by timestamp or a special one (see offsets.h). client: whose turn on the lane of codecs it
  // takes.
  void find(int64_t timestamp, CodecLane::Client client, Done done);
  // OffsetForLeaderEpoch: the epoch and where it ends; -1 and -1 where it is not known.
  std::pair<int32_t, int64_t> epoch_end(int32_t epoch) const { return replica_.epoch_end(epoch); }

 private:
  struct Search;  // by time
  using SearchPtr = std::shared_ptr<Search>;

  void find_start(const Done& done);
  void walk(const SearchPtr& search, int64_t offset);
  void look_at_headers(const SearchPtr& search);
  void locate(const SearchPtr& search);
  void locate_in(const SearchPtr& search, Bytes batch, Lease lease);

  Replica& replica_;
};

}  // namespace chronik::kafka
