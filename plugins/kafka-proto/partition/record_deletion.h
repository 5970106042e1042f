// RecordDeletion: the oldest records of a partition go because a client says so (DeleteRecords): the log starts
// at the offset that it names, within a batch, too. Consensus agrees on that, so that whoever leads next starts
// there as well. On the partition's shard.
//
//   a deletion is | left with
//   asked         | it is refused, or the log starts there at all replicas already: done
//   proposed      | it is applied here: done; leadership is lost: done, with NOT_LEADER_OR_FOLLOWER
#pragma once

#include <cstdint>
#include <functional>

#include "kafka-proto/partition/replica.h"

namespace chronik::kafka {

class RecordDeletion {
 public:
  struct Deleted {
    ErrorCode error = ErrorCode::kNone;
    int64_t low_watermark = -1;  // where the log starts now
  };
  using Done = std::function<void(const Deleted&)>;

  // In place of an offset: all that is committed goes.
  static constexpr int64_t kAllCommitted = -1;

  explicit RecordDeletion(Replica& replica) : replica_(replica) {}
  RecordDeletion(const RecordDeletion&) = delete;
  RecordDeletion& operator=(const RecordDeletion&) = delete;

  // Deletes what lies below the offset. Where the log starts behind it already, nothing is to be done.
  void delete_below(int64_t offset, const Done& done);

 private:
  Replica& replica_;
};

}  // namespace chronik::kafka
