// Batches of the core on their way to storage, and what happens where it has no room.
//
//   takes all    a write is refused for lack of space   -> refused
//   refused      the last write in flight came back     -> full
//   full         100 ms later                           -> takes all
//                meanwhile: entries that take no Kafka offset, if only records were refused (Room::kControl)
//
// Writes of a group are written in order: behind one that is refused all are refused, and dealt with at once.
#pragma once

#include "raft/group/context.h"
#include "raft/log/write.h"

namespace chronik::raft {

class LogRepair;
class LogTrim;
class Snapshots;
class SnapshotInstaller;
class Proposals;

class StorageWrites {
 public:
  static constexpr Nanos kRetryWhenFull = 100'000'000;

  struct Siblings {
    LogRepair& repair;
    LogTrim& trim;
    Proposals& proposals;
    SnapshotInstaller& installer;
    Snapshots& snapshots;
  };
  StorageWrites(GroupContext* group, const Siblings& siblings) : group_(*group), siblings_(siblings) {}

  // cuts: what is damaged on disk is still to be deleted, by the write that brings other entries.
  void restore(const Base& base, bool cuts);
  // The log on disk is empty and begins there.
  void set_base(const Base& base);
  const Base& base() const { return base_; }
  // Terms and configurations are on disk as the core has them, or (forget) must be written again.
  void note_meta() { meta_ = MetaOnDisk(*group_.raft); }
  void forget_meta() { meta_ = MetaOnDisk(); }

  void write_batch(const StorageBatch& batch);
  bool is_idle() const { return in_flight_ == 0; }
  bool is_refused() const { return refused_; }
  // What storage may take now.
  Room room() const;
  // A write was refused lately; or storage says of itself that it is full, too.
  bool is_waiting_for_room() const { return group_.now() < full_until_; }
  bool is_full() const;
  void wait_for_room();
  // What storage had no room for, or what would make some.
  void retry_soon();
  void cancel_retry();

  // Serves the core from storage: entries for a lagging peer.
  void read_entries(const ReadRequest& request);

 private:
  void entries_read(const ReadRequest& request, const Result<StoredEntries>& read);
  static void CHR_CALL on_retry(void* writes);
  void batch_written(Ticket ticket, bool data, const Status& status);
  void refuse_batches();

  GroupContext& group_;
  const Siblings siblings_;
  MetaOnDisk meta_;
  Base base_;
  size_t in_flight_ = 0;
  bool cuts_ = false;
  bool refused_ = false;       // one of those in flight; the others are waited for
  bool data_refused_ = false;  // since there was room last: entries that take offsets, not even others
  Nanos full_until_ = 0;
  Nanos say_full_at_ = 0;  // not at each attempt
  uint64_t retry_timer_ = 0;
};

}  // namespace chronik::raft
