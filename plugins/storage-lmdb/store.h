// chronik.storage/1 on LMDB: the service, the queue of writes, the drain, and reads.
// Safe to call from any thread.
//
// One drain at a time runs on a blocking thread: it takes what is queued over all groups and has it written
// (batch_writer.h), then completes all of it in one call; between batches it purges what was dropped, moves
// what is in the way and extends the file. What runs, and the stop that waits for it: activity.h.
#pragma once

#include "storage-lmdb/activity.h"
#include "storage-lmdb/batch_writer.h"
#include "storage-lmdb/look_ahead.h"
#include "storage-lmdb/reader.h"

#include <chronik/blocking_lane.hpp>

#include <memory>

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
  // What there is once the file is open.
  struct Opened {
    Opened(Host host, const std::shared_ptr<Env>& env, const Space::Options& space, GroupTable& groups,
           StorageFailure& failure);

    StoreParts parts;
    Reader reader;
    Fullness fullness;
    Purge purge;
    RowMover mover;
    BatchWriter writer;
  };

  Status open();
  void start_failed(uint64_t token, const Status& status);

  void drain();
  // False: the drain goes on. Nothing of the store may be touched where it ended.
  bool end_drain(bool more);
  void complete(const Batch& batch, const BatchWriter::Verdicts& verdicts);
  // Work between drains; false: there is none.
  bool maintain();
  // Writes that would come below what is still to be purged wait in the queue until that is done.
  void hold_blocked(Batch& batch);
  void release_held();
  // Has the next of what is to be removed read, so that its removal waits for no disk.
  void look_ahead();
  void looked_ahead(uint64_t group, const Result<uint64_t>& below);
  // Runs fn in the lane of reads; fn completes the token.
  template <class F>
  chr_status on_blocking(F fn, chr_error* error);
  void end_read();

  Host host_;
  std::shared_ptr<BlockingLane> read_lane_;
  GroupTable groups_;
  StorageFailure failure_;
  std::unique_ptr<Opened> opened_;

  std::mutex mutex_;  // all below
  WriteQueue queue_;
  Activity activity_;
  LookAhead look_ahead_;
};

}  // namespace chronik::storage_lmdb
