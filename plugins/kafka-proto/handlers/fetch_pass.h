// FetchPass: reads what a Fetch asks for, once through its partitions.
//
// Room goes to partitions in the order of the request, whichever shard is quick (KIP-74), and no more is read
// than an answer carries, but for the last batches: a read returns its first batch whole, so each reserves
// what it may return, and what it took is known before others are given what it left. A few reads are under
// way at a time; what one request can put in front of other reads of the store is bounded, however many
// partitions it names.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "kafka-proto/handlers/broker.h"
#include "kafka-proto/handlers/fetch_sessions.h"
#include "kafka-proto/partition/directory.h"

namespace chronik::kafka {

class FetchPass : public std::enable_shared_from_this<FetchPass> {
 public:
  static constexpr size_t kMaxOpenReads = 16;
  static constexpr int16_t kFirstIdVersion = 13;

  // What one partition gave.
  struct Read {
    std::shared_ptr<Partition> partition;  // null: not here
    ErrorCode error = ErrorCode::kNone;
    Partition::ReadResult data;
    int64_t high_watermark = -1;
    int64_t log_start = -1;
    LeaderHint hint;
    std::pair<int32_t, int64_t> diverging{-1, -1};  // where it is known that the client's log is another
    bool looked_at = false;
    int64_t there = 0;         // about how many bytes, once it was looked at
    bool chosen = false;       // to be read
    bool comes_first = false;  // of all, and gets a batch whatever its size
    bool tried = false;        // to read it
    int64_t most = 0;          // bytes to read, but for the first batch

    bool diverged() const { return diverging.second >= 0; }
  };

  // targets: stay where they are, and as they are during run().
  FetchPass(Broker& broker, const std::vector<FetchTarget>& targets, int16_t version, int64_t most_bytes);

  // On the connection's shard, where done() runs, perhaps at once. Not before the one before it is done.
  void run(std::function<void()> done);
  // One for each target.
  std::vector<Read>& reads() { return reads_; }
  // A partition was not read for want of room.
  bool skipped() const { return skipped_.load(std::memory_order_relaxed); }

 private:
  // What a shard does in one round, in this order.
  struct Lane {
    std::vector<size_t> targets;
    size_t next = 0;
    size_t open = 0;  // reads
    bool advancing = false;
  };

  void find_partition(const PartitionMap& map, size_t i);
  void place();
  void rounds();
  bool plan();
  void lane_done();
  void finish_pass();
  bool by_id() const { return version_ >= kFirstIdVersion; }
  ErrorCode error_for_version(ErrorCode error) const;
  int64_t most_of(size_t i) const;
  int64_t batch_of(const Read& read) const;

  // On a partition's shard.
  void advance(uint32_t shard);
  void serve(size_t i);
  ErrorCode locate_records(const FetchTarget& target, Read& read) const;
  void read(size_t i);

  Broker& broker_;
  const std::vector<FetchTarget>& targets_;
  const int16_t version_;  // of the request
  const int64_t most_bytes_;
  std::function<void()> done_;
  uint32_t home_ = 0;  // the connection's shard
  uint32_t desk_ =
      0;  // the shard of all partitions, where there is one; else home_. What follows is touched there
  std::vector<Read> reads_;  // and each on its partition's shard during a round
  std::vector<Lane> lanes_;  // one a shard, likewise
  size_t lanes_left_ = 0;
  size_t most_open_ = 1;          // reads of a lane
  size_t cursor_ = 0;             // targets before it have what they get
  int64_t largest_batch_ = 0;     // that this pass has seen
  std::atomic<int64_t> held_{0};  // bytes that were read
  std::atomic<bool> skipped_{false};
};

}  // namespace chronik::kafka
