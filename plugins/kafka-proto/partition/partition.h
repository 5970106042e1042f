// Partition: one replica of a partition on this node, as the state machine of its Raft group.
//
// Lives on the shard of its group; everything but the constants is touched there only. Consensus owns the
// log; this owns what Kafka adds to it, each in a part of its own, and passes on what consensus tells:
//
//   told        | parts, in this order
//   role()      | replica, observers, reassignment, in sync, appends (leadership lost), held appends, transfers
//   committed() | replica, appends, polls
//   apply()     | observers, appends (repeats)
//   truncated() | observers, appends
//   trimmed()   | observers, polls
//   upkeep()    | traffic, retention; where it leads: in sync, reassignment, producers
//   close()     | replica, observers, traffic, in sync, appends, transfers, held appends
#pragma once

#include <chronik/consensus.h>

#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kafka-proto/partition/append_queue.h"
#include "kafka-proto/partition/held_appends.h"
#include "kafka-proto/partition/in_sync_replicas.h"
#include "kafka-proto/partition/info.h"
#include "kafka-proto/partition/long_polls.h"
#include "kafka-proto/partition/observers.h"
#include "kafka-proto/partition/offset_search.h"
#include "kafka-proto/partition/origin.h"
#include "kafka-proto/partition/producer_dedup.h"
#include "kafka-proto/partition/reassignment.h"
#include "kafka-proto/partition/record_deletion.h"
#include "kafka-proto/partition/replica.h"
#include "kafka-proto/partition/retention.h"
#include "kafka-proto/partition/state_stream.h"
#include "kafka-proto/partition/traffic.h"
#include "kafka-proto/partition/transfers.h"

namespace chronik::kafka {

class Partition : public std::enable_shared_from_this<Partition> {
 public:
  using Id = PartitionId;
  using Members = PartitionMembers;
  using Log = Replica::Log;

  // The context outlives the partition.
  Partition(const PartitionContext& context, Id id, Members members,
            std::shared_ptr<const TopicConfig> config);
  ~Partition();

  // ---- any shard ----
  const Id& id() const { return info_.id(); }
  uint32_t shard() const { return replica_.shard(); }
  const std::string& group_name() const { return info_.group_name(); }
  const std::string& label() const { return info_.label(); }
  // The configs of the topic as of the last change.
  std::shared_ptr<const TopicConfig> config() const { return info_.config(); }
  void set_config(std::shared_ptr<const TopicConfig> config) { info_.set_config(std::move(config)); }
  std::shared_ptr<const Members> members() const { return info_.members(); }
  // Then reassign() on the partition's shard.
  void set_members(Members members) { info_.set_members(std::move(members)); }
  // The replicas in sync, as of the leader's last look; null where this replica does not lead.
  std::shared_ptr<const std::vector<int32_t>> in_sync() const { return in_sync_.shown(); }
  // Bytes that went out to clients.
  void count_fetched(uint64_t bytes) { traffic_.count_fetched(bytes); }

  // ---- life, on the shard ----
  // Who follows the log: added before open(), found on any shard from then on. Producers come first.
  Observers& observers() { return observers_; }
  // Opens the group; done(status) once the log is recovered. Once in the life of a Partition.
  void open(const std::function<void(const Status&)>& done);
  // Closed without ever having been opened; after close().
  bool never_opened() const { return replica_.never_opened(); }
  // Closes the group; done() once no callback can come any more.
  void close(Log log, std::function<void()> done);
  // What time does: retention, expiry of producers, metrics. Called twice a second.
  void upkeep();
  // A link to another node came or went.
  void links_changed() {
    if (replica_.leads()) look_at_replicas();
  }
  // On the leader: makes the nodes of the catalog's target the members, and tells the directory once they
  // are; where there is no target, the replicas.
  void reassign();
  // Hands leadership to another replica; done(code) as consensus says.
  void hand_over(int32_t to, const std::function<void(chr_status)>& done) { transfers_.hand_over(to, done); }

  // ---- the leader's answers, on the shard ----
  // NONE, or why this replica does not answer for clients now. current_epoch -1: not checked.
  ErrorCode leads(int32_t current_epoch) const { return replica_.check_leader(current_epoch); }
  LeaderHint leader_hint() const { return replica_.leader_hint(); }
  chr_group_bounds bounds() const { return replica_.bounds(); }

  // Appends one batch that passed validate_batch(); its bytes stand under `frame` and may be patched. Both
  // stay where they are until done(). acks as in Produce. Never overtakes an append that came before it.
  void append(const AdmittedBatch& batch, const Lease& frame, int16_t acks, Origin origin, AppendDone done) {
    appends_.append({batch, frame, acks, origin}, std::move(done));
  }

  // Appends a batch of the coordinator that stands on this partition, for the term in which it leads now: it
  // has its index, or why not. It is done where it is applied, and gone where leadership is, or where it is
  // truncated. Nothing is held, and it goes before appends that came early. Its bytes may be patched.
  std::expected<uint64_t, ErrorCode> append_own(MutableBytes batch, const Lease& lease);

  // Reads committed batches from offset on; the result has a lease of its own. One batch comes whole.
  struct ReadResult {
    ErrorCode error = ErrorCode::kNone;
    std::vector<chr_slice> runs;  // a batch each, under lease
    Lease lease;
    uint64_t bytes = 0;
  };
  void read(int64_t offset, uint64_t max_bytes, std::function<void(ReadResult)> done);
  // Told once when there is more to read than at `seen`, or leadership changed.
  void wait(int64_t seen_high_watermark, std::shared_ptr<FetchWait> wait) {
    polls_.add_wait(seen_high_watermark, std::move(wait));
  }

  // Where the log begins, ends, or was at a time.
  OffsetSearch& offsets() { return offsets_; }
  // DeleteRecords.
  RecordDeletion& deletion() { return deletion_; }
  // What is applied of idempotent producers.
  const ProducerStates& producers() const { return dedup_.states(); }

 private:
  // ---- chr_state_machine_v1 ----
  chr_status apply(const chr_entry* entries, uint32_t n, uint64_t token);
  void role(const chr_role* role);
  void committed(uint64_t index, int64_t offset);
  void truncated(uint64_t index, int64_t offset);
  void trimmed(int64_t offset);
  chr_status save(const chr_sink* sink);
  chr_status load(const chr_slice* pieces, uint32_t n, chr_error* error);
  static const chr_state_machine_v1& machine();

  void batch_placed(size_t bytes);
  void look_at_replicas();

  // Upkeep comes again after this many bytes, however fast they come.
  static constexpr uint64_t kUpkeepBytes = 8u << 20;

  const PartitionContext& context_;
  PartitionInfo info_;
  Replica replica_;
  LongPolls polls_;
  HeldAppends held_;
  InSyncReplicas in_sync_;
  ProducerDedup dedup_;
  Observers observers_;
  PartitionStream stream_;
  AppendQueue appends_;
  Retention retention_;
  RecordDeletion deletion_;
  OffsetSearch offsets_;
  Reassignment reassignment_;
  Transfers transfers_;
  Traffic traffic_;
  uint64_t appended_since_upkeep_ = 0;
};

}  // namespace chronik::kafka
