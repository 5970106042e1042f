// chronik.storage/1 on LMDB: the queue of writes, the drain, and reads. Safe to call from any thread. One
// drain at a time runs on a blocking thread: it takes what is queued over all groups into one write
// transaction with one sync and completes all of it in one call; between drains it purges what was dropped
// and extends the file.
#pragma once

#include "storage-lmdb/movable.h"
#include "storage-lmdb/reader.h"
#include "storage-lmdb/schema.h"
#include "storage-lmdb/space.h"
#include "storage-lmdb/transaction.h"
#include "storage-lmdb/write_queue.h"

#include <chronik/blocking_lane.hpp>

#include <optional>

namespace chronik::storage_lmdb {

class Store {
 public:
  explicit Store(Host host);

  // [ctl] Opens and recovers on a blocking thread, then completes the token.
  void start(uint64_t token);
  // [ctl] Ends what is queued and in flight, then completes the token; true: there was nothing to wait for.
  bool stop(uint64_t token);

  // ---- chr_storage_v1, where the rules stand ----
  chr_status open_group(chr_str name, uint64_t* group, chr_error* error);
  void list_groups(void(CHR_CALL* fn)(void*, chr_str, uint64_t), void* context);
  chr_status write(const chr_storage_write* writes, uint32_t n, chr_error* error);
  chr_status read(const chr_storage_read* args, chr_entries* out, uint64_t token, chr_error* error);
  chr_status find(uint64_t group, int32_t by, int64_t value, chr_entry_header* out, uint64_t token,
                  chr_error* error);
  chr_status get(uint64_t group, chr_str key, chr_slice* out, uint64_t token, chr_error* error);
  chr_status bounds(uint64_t group, chr_storage_bounds* out);
  chr_status usage(chr_storage_usage* out);

 private:
  using Batch = WriteQueue::Batch;
  struct Verdict {
    chr_status code = CHR_OK;
    std::string message;
  };
  using Verdicts = std::vector<Verdict>;
  struct Metrics {
    uint64_t commits, commit_seconds, written, moved, overdue, waiting, groups, used, gone, file;
  };

  Status open();
  Status recover();
  Status recover_record(uint64_t id, MDB_val value);
  Result<Group> recover_group(MDB_txn* txn, uint64_t id, const GroupRecord& record);
  // What of it is gone but lies in the file, roughly.
  Result<uint64_t> count_gone(const Group& group);
  void define_metrics();

  void drain();
  Verdicts commit(const Batch& batch);
  // Nothing of it was applied, for lack of space.
  void refuse_appends(const Batch& batch);
  // What the batch needs, and the most that there is room for.
  static Growth asked(const Batch& batch);
  Growth allowed(const Batch& batch);
  // One transaction over the batch; writes that need more than is allowed are refused. A write that meets
  // damage is refused too, and the rest goes on without it.
  Status attempt(const Batch& batch, Growth allowed, Verdicts& verdicts);
  // What met damage, where the error is CORRUPT: the number of a write, or a group that was being purged.
  struct Spoiler {
    size_t write = SIZE_MAX;
    uint64_t purge = 0;
  };
  Status attempt_once(const Batch& batch, Growth allowed, Verdicts& verdicts, Spoiler* spoiler);
  Status ripen_freed_pages();
  bool could_ripen();
  void after_commit(const Batch& batch, const Transaction::Effect& effect, uint64_t started_ns);
  void complete(const Batch& batch, const Verdicts& verdicts);
  // Writes that would come below what is still to be purged wait in the queue until that is done.
  void set_aside(Batch& batch);
  bool comes_below_purge(const OwnedWrite& write) const;
  void release_held(bool all);
  // Has the next of what is to be removed read, so that its removal waits for no disk.
  void look_ahead();
  void looked_ahead(uint64_t group, const Result<uint64_t>& below);
  bool has_to_wait(uint64_t group) const { return unreadable_.contains(group) || not_now_.contains(group); }
  bool can_purge() const;
  // Whether some of what is gone is to be removed now.
  bool wants_purge();
  // Of which groups what is gone is to be removed, where any is.
  const std::set<uint64_t>& to_purge_now() const;
  // Pages in rows for what a batch brings, from what is gone, where the free ones do not suffice.
  void make_rows(const Supply::Rows& rows);
  Supply::Rows rows_of(const Batch& batch) const;
  // Removes some of what is gone, for the next transaction to use; false: there is none, or it cannot be.
  bool remove_for_now();
  void look_at_free_pages();
  // Moves some of what lies between free pages, so that there are rows for a batch that finds none although
  // there is room. False: nothing was moved.
  bool make_rows_by_moving(const Supply::Rows& rows);
  // Whether such rows were looked for in vain lately, and are not known to be there.
  bool are_wanting(const Supply::Rows& rows) const {
    return rows.longest >= scattered_.shortest && !supply_->has(rows) &&
           !space_->has_row_at_end(rows.pages * env_->page_size());
  }
  bool may_move(const Supply::Rows& rows);
  Result<Moves> find_moves(const Supply::Rows& rows);
  Status move(const Moves& moves);
  // The batch was written after all.
  void found_rows(const Supply::Rows& rows);
  // Work between drains; false: there is none.
  bool maintain();
  // Of such a slice what is needed.
  Slice slice(Slice most) const;
  Status purge_in(Transaction& transaction, Slice most, uint64_t* spoiler);
  Status purge_beside_writes(Transaction& transaction, uint64_t* spoiler);
  // A slice of what is gone, in a transaction of its own; false: nothing could be removed.
  bool purge_alone();
  Status purge(uint64_t* spoiler);
  void give_up_purge(uint64_t group, const Error& error);
  void fail_store(const Error& error);
  void note_room(const Batch& batch, Growth growth);
  void note_full(bool full);
  void note_leases();
  void note_sizes();
  // What is live, without what is gone and lies in the file.
  uint64_t used_bytes() const;
  // Runs fn in the lane of reads; fn completes the token.
  template <class F>
  chr_status on_blocking(F fn, chr_error* error);
  // The last drain or read to end completes a stop that waits; nothing of the store may be touched after it.
  bool end_drain(bool more);
  void end_read();

  Host host_;
  std::shared_ptr<BlockingLane> read_lane_;
  GroupTable groups_;
  Metrics metrics_{};
  std::shared_ptr<Env> env_;
  std::shared_ptr<Generations> generations_;
  std::optional<Space> space_;
  std::optional<Reader> reader_;
  uint64_t overdue_noted_ns_ = 0;
  // The drain's alone.
  WarmBelow warm_;
  uint64_t purge_turn_ = 0;  // the group that was purged last
  std::optional<Supply> supply_;
  uint64_t used_end_ = 0;          // of the file, after the last commit
  bool wants_purge_ = false;       // as this round began
  bool needs_all_ = false;         // as the store is full
  std::set<uint64_t> in_the_way_;  // groups of which something is gone that writes wait for
  uint64_t warm_at_ns_ = 0;        // when the newest of warm_ was read
  uint64_t commits_since_rows_ = UINT32_MAX;
  bool purge_is_refused_ = false;  // there is no space even for that
  uint64_t refused_ns_ = 0;        // when data was refused last, and how much
  uint64_t refused_bytes_ = 0;
  struct {
    uint64_t shortest = UINT64_MAX;  // row that was looked for in vain; such are made before they are needed
    Supply::Rows wanted;             // by the last batch that did not find them
    bool goes_on = false;            // there may be more to move for that one
    uint64_t slices = 0;             // moved for such batches since one of them was written
    uint64_t moved_ns = 0;           // when that was
    uint64_t spoken_for = 1;         // times the free pages that are thought to be taken first
  } scattered_;

  std::mutex mutex_;  // all below
  WriteQueue queue_;
  bool draining_ = false;
  bool failed_ = false;  // the disk failed: nothing is written any more
  bool full_ = false;
  std::optional<Error> refuse_all_;
  bool looking_ahead_ = false;
  WarmBelow warmed_;               // news for the drain
  std::set<uint64_t> unreadable_;  // groups that cannot be purged as the disk does not give their pages
  std::set<uint64_t> not_now_;     // of which something else was in the way: the next drain tries again
  uint64_t reads_ = 0;             // accepted and not ended
  std::optional<uint64_t> stop_token_;
};

}  // namespace chronik::storage_lmdb
