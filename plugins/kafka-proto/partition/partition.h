// Partition: one replica of a partition on this node, as the state machine of its Raft group.
//
// Lives on the shard of its group; everything but the constants is touched there only. Consensus owns the
// log; this owns what Kafka adds to it: acknowledgements, deduplication of producers, the high watermark's
// waiters, retention.
#pragma once

#include <chronik/consensus.h>

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kafka-proto/configs/topic_config.h"
#include "kafka-proto/partition/codec_lane.h"
#include "kafka-proto/partition/context.h"
#include "kafka-proto/partition/fetch_wait.h"
#include "kafka-proto/partition/metrics.h"
#include "kafka-proto/records/producer_state.h"
#include "kafka-proto/records/validate.h"

namespace chronik::kafka {

// How an append ended.
struct Appended {
  ErrorCode error = ErrorCode::kNone;
  int64_t base_offset = -1;
  int64_t log_append_time_ms = kNoTimestamp;
  int64_t log_start = -1;
  std::string message;
};

// What a client must know to ask elsewhere (KIP-951).
struct LeaderHint {
  int32_t id = -1;
  int32_t epoch = -1;
};

class Partition : public std::enable_shared_from_this<Partition> {
 public:
  struct Id {
    chr_uuid topic;
    int32_t index;
    std::string topic_name;
  };
  // The nodes of its group, as the catalog has it.
  struct Members {
    std::vector<int32_t> replicas;  // the preferred leader first
    std::vector<int32_t> target;    // where they shall be; empty: nothing is under way
    std::vector<int32_t> others;    // may be members still, from a target before
    bool operator==(const Members&) const = default;
    static Members of(const chr_partition& partition);
    // Each once, as clients are told: the target first, then whoever is still to go.
    template <class F>
    static void each(const chr_partition& partition, F&& f) {
      const std::span<const int32_t> in_order[] = {{partition.target, partition.n_target},
                                                   {partition.replicas, partition.n_replicas},
                                                   {partition.others, partition.n_others}};
      const auto told = [&](const int32_t* upto) {
        for (const std::span<const int32_t>& nodes : in_order)
          for (const int32_t& node : nodes) {
            if (&node == upto) return false;
            if (node == *upto) return true;
          }
        return false;
      };
      for (const std::span<const int32_t>& nodes : in_order)
        for (const int32_t& node : nodes)
          if (!told(&node)) f(node);
    }
    // Whether a node hosts a replica.
    bool names(int32_t node) const;
    int32_t preferred() const;  // -1: there is none
    // As clients are told: the target first, then whoever is still to go.
    std::vector<int32_t> all() const;
  };

  Partition(const PartitionContext& broker, Id id, Members members,
            std::shared_ptr<const TopicConfig> config);
  ~Partition();

  // ---- constants, any shard ----
  const Id& id() const { return id_; }
  uint32_t shard() const { return shard_; }
  const std::string& group_name() const { return group_name_; }
  // Nothing: no partition's group is named so.
  static std::optional<chr_uuid> topic_of_group(std::string_view group);
  const std::string& label() const { return label_; }
  // The configs of the topic as of the last change; any shard.
  std::shared_ptr<const TopicConfig> config() const { return config_.load(); }
  void set_config(std::shared_ptr<const TopicConfig> config) { config_.store(std::move(config)); }
  std::shared_ptr<const Members> members() const { return members_.load(); }
  // Any shard; then pursue() on the partition's.
  void set_members(Members members) { members_.store(std::make_shared<const Members>(std::move(members))); }
  // Any shard: the replicas in sync, as of the leader's last look; null where this replica does not lead.
  std::shared_ptr<const std::vector<int32_t>> in_sync() const { return in_sync_.load(); }
  // Any shard: bytes that went out to clients.
  void count_fetched(uint64_t bytes) { fetched_bytes_.fetch_add(bytes, std::memory_order_relaxed); }

  // ---- life, on the shard ----
  // Opens the group; done(status) once the log is recovered. Once in the life of a Partition.
  void open(const std::function<void(const Status&)>& done);
  // Closed without ever having been opened; after close().
  bool never_opened() const { return never_opened_; }
  // What becomes of the log of a partition that is closed: it stays; it goes as far as consensus sees no need
  // for it, since the partition moved to other nodes; it goes, since the topic was deleted.
  enum class Log : uint8_t { kStays, kLeft, kDeleted };
  // Closes the group; done() once no callback can come any more.
  void close(Log log, std::function<void()> done);
  // What time does: retention, expiry of producers, metrics. Called twice a second.
  void upkeep();

  // A link to another node came or went.
  void links_changed() {
    if (leader_) look_at_replicas();
  }
  // On the leader: makes the nodes of the catalog's target the members, and tells the directory once they
  // are; where there is no target, the replicas.
  void pursue();
  // done(OK): this node led when it was asked.
  void confirm_leadership(const std::function<void(chr_status, std::string_view)>& done);
  // Hands leadership to another replica; done(code) as consensus says.
  void hand_over(int32_t to, const std::function<void(chr_status)>& done);

  // ---- the leader's answers, on the shard ----
  // NONE, or why this replica does not answer for clients now. current_epoch -1: not checked.
  ErrorCode leads(int32_t current_epoch) const;
  LeaderHint leader_hint() const;
  chr_group_bounds bounds() const;

  // Appends one batch that passed validate_batch(); its bytes stand under `frame` and may be patched. Both
  // stay where they are until done(). acks as in Produce. Never overtakes an append that came before it.
  void append(const AdmittedBatch& batch, const Lease& frame, int16_t acks,
              std::function<void(Appended)> done);

  // Reads committed batches from offset on; the result has a lease of its own. One batch comes whole.
  struct ReadResult {
    ErrorCode error = ErrorCode::kNone;
    std::vector<chr_slice> runs;  // a batch each, under lease
    Lease lease;
    uint64_t bytes = 0;
  };
  void read(int64_t offset, uint64_t max_bytes, std::function<void(ReadResult)> done);
  // Told once when there is more to read than at `seen`, or leadership changed.
  void wait(int64_t seen_high_watermark, std::shared_ptr<FetchWait> wait);

  // ListOffsets: by timestamp or a special one (see offsets.h).
  struct FoundOffset {
    ErrorCode error = ErrorCode::kNone;
    int64_t offset = -1;
    int64_t timestamp = -1;
    int32_t epoch = -1;
  };
  // client: whose turn on the lane of codecs it takes.
  void find_offset(int64_t timestamp, CodecLane::Client client, std::function<void(FoundOffset)> done);
  // OffsetForLeaderEpoch: the epoch and where it ends; -1 and -1 where it is not known.
  std::pair<int32_t, int64_t> epoch_end(int32_t epoch) const;

 private:
  enum class Life { kNew, kOpening, kOpen, kClosing, kClosed };
  struct Append {                        // a batch on its way
    std::function<void(Appended)> done;  // null once it was answered
    Appended answer;
    void finish() {
      if (done != nullptr) std::exchange(done, nullptr)(std::move(answer));
    }
  };
  struct Duplicate {  // a batch that was sent again while the original is under way
    std::shared_ptr<Append> append;
    int64_t end;   // the offset after it
    int16_t acks;  // of the repeat
  };
  struct Refused {  // waits to be told who leads, or to be appended where that is this node
    std::function<void(Appended)> done;
    Appended answer;
    std::function<void(std::function<void(Appended)>)> append = nullptr;
  };
  struct LastRefusal {  // of a producer
    ErrorCode error;
    uint64_t at_ns;
  };
  struct CopiesWait {
    uint64_t index;  // of the entry; 0: it is committed
    int64_t end;     // the offset after it
    std::shared_ptr<Append> append;
  };
  // The others as the leader knows them now.
  struct Replicas {
    std::vector<int32_t> in_sync;
    uint32_t wanted = 1;  // copies, by an append with acks=all
    int64_t copied = -1;  // what lies below this offset is on so many disks
    bool enough() const { return in_sync.size() >= wanted; }
  };
  struct HandOver {
    int32_t to;
    std::function<void(chr_status)> done;
  };
  // The oldest batch, as retention saw it last; valid while the log starts at its offset.
  struct Oldest {
    int64_t offset = -1;
    int64_t end = -1;
    int64_t max_timestamp = -1;
    uint64_t bytes = 0;
  };

  // ---- chr_state_machine_v1 ----
  chr_status apply(const chr_entry* entries, uint32_t n, uint64_t token);
  void role(const chr_role* role);
  void committed(uint64_t index, int64_t offset);
  void truncated(uint64_t index, int64_t offset);
  void trimmed(int64_t offset);
  chr_status save(const chr_sink* sink);
  chr_status load(const chr_slice* pieces, uint32_t n, chr_error* error);
  static const chr_state_machine_v1& machine();

  void opened(chr_status code);
  void close_group(Log log, const std::function<void()>& done);
  void remove_group(const std::function<void()>& done);
  void admit(const AdmittedBatch& batch, const Lease& frame, int16_t acks,
             std::function<void(Appended)> done);
  void propose(const AdmittedBatch& batch, const Lease& frame, int16_t acks,
               std::function<void(Appended)> done);
  void finish_duplicate(Duplicate duplicate);
  void settle_duplicates(uint64_t up_to_index);
  void wake_waiters();
  void locate_in_batch(const chr_entry_header& header, int64_t timestamp, CodecLane::Client client,
                       std::function<void(FoundOffset)> done);

  // ---- replicas.cc ----
  bool strays_from(const std::vector<int32_t>& replicas);
  bool knows_leader() const { return known_leader_ >= 0; }
  void set_known_leader(int32_t leader);
  bool leadership_moves() const;
  void answer(std::function<void(Appended)> done, Appended answer);
  void refuse(const AdmittedBatch& batch, const Lease& frame, int16_t acks, Refused refused);
  void hold(Refused refused);
  void end_moment_later();
  void tell_refused();
  void append_early();
  void end_hand_overs();
  void remember_refusal(const BatchHeader& batch, ErrorCode error);
  ErrorCode why_out_of_order(const BatchHeader& batch, bool ahead) const;
  uint32_t copies_wanted(uint32_t voters) const;  // for acks=all
  Replicas find_replicas() const;
  bool has_enough_in_sync() const;  // for acks=all
  void look_at_replicas();
  void tell_in_sync(const std::vector<int32_t>& in_sync);
  void throttle(const std::vector<int32_t>& in_sync);
  void settle_short_of_copies(const Replicas& replicas);
  void fail_waits();

  // ---- upkeep.cc ----
  void retain();
  void look_at_head(const chr_group_bounds& now, uint64_t max_bytes);
  void retain_from(int64_t start, const chr_entries& head, uint64_t asked_bytes);
  bool is_due(const Oldest& batch, uint64_t log_bytes) const;
  void trim(int64_t offset, bool again);
  bool trim_alone(int64_t offset);
  void expire_producers();
  void report_metrics();
  // Retention looks again after this many bytes, however fast they come.
  static constexpr uint64_t kUpkeepBytes = 8u << 20;
  // That are remembered; a snapshot of so many takes about 14 MB, and some 10 ms.
  static constexpr size_t kMostProducers = 100'000;

  const PartitionContext& broker_;
  const Id id_;
  const std::string group_name_;
  const std::string label_;
  const uint32_t shard_;
  std::atomic<std::shared_ptr<const TopicConfig>> config_;
  std::atomic<std::shared_ptr<const Members>> members_;

  Life life_ = Life::kNew;
  bool never_opened_ = false;
  std::function<void()> close_later_;  // close() came while the group was opening
  chr_group* group_ = nullptr;         // null unless open or opening
  bool leader_ = false;
  uint64_t term_ = 0;
  int32_t known_leader_ = -1;
  uint64_t leaderless_since_ns_ = 0;
  std::vector<Refused> refused_;
  uint64_t refused_timer_ = 0;
  std::deque<Refused> early_;  // came before this node led, and are appended next; others wait behind them
  std::vector<HandOver> handed_over_;  // until it is known who leads now
  uint64_t leading_since_ns_ = 0;
  int64_t high_watermark_ = 0;
  uint64_t commit_index_ = 0;
  std::atomic<std::shared_ptr<const std::vector<int32_t>>> in_sync_;
  std::vector<int32_t> told_in_sync_;  // what other nodes were told; empty: nothing, or that all are
  uint64_t told_in_sync_term_ = 0;
  std::vector<std::pair<int32_t, int32_t>> throttled_;  // nodes and buckets, as consensus was told
  std::vector<int32_t> pursued_;                        // the target of the change of members under way
  uint64_t strays_since_ns_ = 0;  // the members are not the replicas, though there is no target; 0: they are
  std::vector<CopiesWait> short_of_copies_;  // appends and repeats that want more copies than a majority
  ProducerStates producers_;
  // Producers whose last batch was not taken, and why: what they have sent behind it is out of order only for
  // that reason, and must not be called so, which ends an idempotent producer.
  std::map<int64_t, LastRefusal> refusals_;
  std::multimap<uint64_t, Duplicate> duplicates_;  // by the index of the original
  std::vector<std::shared_ptr<FetchWait>> waiters_;

  uint64_t appended_since_upkeep_ = 0;
  bool looking_ = false;   // at the oldest batches
  int64_t trimming_ = -1;  // where the log is to start, as was asked for last; -1: nothing is under way
  Oldest oldest_;
  int64_t last_expiry_ms_ = 0;

  uint64_t appended_bytes_ = 0;  // since the last report
  std::atomic<uint64_t> fetched_bytes_{0};
  std::optional<PartitionMetrics> metrics_;  // while this node leads
};

}  // namespace chronik::kafka
