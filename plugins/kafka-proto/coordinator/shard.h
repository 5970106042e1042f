// CoordinatorShard: what coordinators of groups and of transactions do on one partition of their topic. Each
// replica applies the records of the log; the one that leads writes them. On the partition's shard.
//
// Requests take turns by key (a group, a transactional id): while records of a key are being written
// nothing else of it is looked at, so that state that is not committed is never read, and nothing has
// to be undone. Those that share do not depend on what the others among them write (commits of
// offsets), and may be written together.
//
//   a request is | left with
//   waiting      | nothing of its key is written, or only by requests that share, and it shares: it runs, and
//                | writes or does not
//   writing      | its batch is applied here: done(NONE). It could not be appended, or was cut off: done(why)
//   either       | leadership goes: NOT_COORDINATOR. Its batch, or one before it, takes longer than kWriteTimeoutNs:
//                | COORDINATOR_NOT_AVAILABLE
//
// One batch is in flight. What is written meanwhile goes into the next one, as far as it is no larger than a
// batch may be: one sync of the disk serves many keys. A batch is for the term in which it was made, and is
// not appended in another one. One that is late may still be applied: until that is known nothing is written, and
// its keys have no turns.
#pragma once

#include <chronik/host.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kafka-proto/coordinator/record_list.h"
#include "kafka-proto/partition/observer.h"
#include "kafka-proto/partition/partition.h"
#include "kafka-proto/wire/error_code.h"

namespace chronik::kafka {

// Counters, the same for all partitions of a topic.
struct CoordinatorMetrics {
  CoordinatorMetrics(const Host& host, std::string_view topic);
  uint64_t writes;   // that were applied
  uint64_t batches;  // that they were in
};

class CoordinatorShard : public PartitionObserver {
 public:
  enum class Turn : uint8_t { kAlone, kShared };
  using Run = std::function<void(ErrorCode)>;
  using Written = std::function<void(ErrorCode)>;
  static constexpr uint64_t kWriteTimeoutNs = 5'000'000'000;  // Kafka's offsets.commit.timeout.ms
  static constexpr size_t kMaxQueuedBytes = 16 << 20;         // behind the batch in flight

  // An observer of this partition.
  CoordinatorShard(const Host& host, Partition& partition, const CoordinatorMetrics& metrics)
      : host_(host), partition_(partition), metrics_(metrics) {}

  // Whether this node answers for the keys of this partition: from led() to lost().
  bool leads() const { return leads_; }
  // run(NONE) in the turn of the key, perhaps at once; run(NOT_COORDINATOR) where leadership is gone.
  void take_turn(std::string_view key, Turn turn, Run run);
  // Within the turn, once: done() in a later turn of the shard. Records of a write are in one batch. An
  // error: nothing of them has happened; NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE: as far as this node knows.
  void write(std::string_view key, RecordList records, Written done);

  // ---- PartitionObserver ----
  Status applied(const chr_entry& entry, const BatchHeader& header) final;
  void led(uint64_t term) final;
  void lost() final;
  void truncated(uint64_t index) final;
  bool stands_for_log() const final { return true; }

 protected:
  const Host& host() const { return host_; }
  Partition& partition() const { return partition_; }
  // Whether a write of the key was late, and told so, and may be applied all the same.
  bool has_late_write(std::string_view key) const;
  // What the records of a write may take (RecordList::batch_bytes).
  size_t max_write_bytes() const;

  // On each replica, in the order of the log.
  virtual Status apply_record(Bytes key, const std::optional<Bytes>& value) = 0;
  // Requests come from now on; none come any more, and all that were there are answered.
  virtual void begin_leading() {}
  virtual void end_leading() {}
  // A write of the key that was late, and told so, is applied now, or lost.
  virtual void end_late_write(const std::string& /*key*/) {}

 private:
  struct Waiting {
    Turn turn;
    Run run;
  };
  struct Key {
    std::deque<Waiting> waiting;
    uint32_t writes = 0;
    Turn turn = Turn::kShared;  // of those that write, or of the one that runs
    bool running = false;
  };
  struct Write {
    std::string key;
    RecordList records;
    Written done;
  };
  using Keys = std::map<std::string, Key, std::less<>>;

  void run_waiting(const std::string& key);
  bool may_run(const Key& key) const;
  void flush_later();
  void flush();
  std::vector<Write> next_batch();
  ErrorCode append(const std::vector<Write>& writes);
  void end_writes(const std::vector<Write>& writes, ErrorCode error);
  void refuse_later(Write write);
  void begin_batch(std::vector<Write> writes);
  void end_late_batch();
  void end_applied_batch();
  // Later, since consensus is in the middle of telling.
  void end_batch_later(ErrorCode error);

  const Host host_;
  Partition& partition_;
  const CoordinatorMetrics metrics_;
  bool leads_ = false;
  Keys keys_;
  std::deque<Write> next_;
  size_t next_bytes_ = 0;
  std::vector<Write> refused_;  // to be told
  struct {
    uint64_t index = 0;  // 0: none
    uint64_t number = 0;
    bool is_applied = false;
    bool is_late = false;
    std::vector<Write> writes;  // without done() where it is late
    uint64_t timer = 0;
  } batch_;                     // in flight
  uint64_t applied_index_ = 0;  // the last one
  bool flush_comes_ = false;
  uint64_t batches_ = 0;
};

// What an append that failed means to clients of a coordinator, as Kafka's tells them.
ErrorCode coordinator_error(ErrorCode append_error);

}  // namespace chronik::kafka
