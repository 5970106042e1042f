// chronik.storage/1 in memory: the queue of writes, the drain, reads. Where a journal is asked for, every
// drain goes there first. Safe to call from any thread; drains run
// on a blocking thread, one at a time.
#pragma once

#include "storage-memory/journal.h"
#include "storage-memory/state.h"

#include <chronik/plugin.hpp>

#include <mutex>
#include <optional>

namespace chronik::storage_memory {

class Store {
 public:
  explicit Store(Host host);

  // [ctl] Recovers from the journal, if there is one. PENDING or done.
  Result<Progress> start(uint64_t token);
  // [ctl] Ends what is queued, then completes the token, or returns true if there is nothing to wait for.
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
  struct Verdict {
    chr_status code = CHR_OK;
    std::string message;
  };
  using Batch = std::vector<OwnedWrite>;
  // What earlier writes of a batch, not applied yet, do to the groups.
  struct Pending {
    std::map<uint64_t, std::vector<chr_storage_step>> steps;
    BatchFences* fences;
  };

  void drain();
  void finish_start(uint64_t token);
  // Replaces a batch that is done by the next one. false: nothing is queued, the drain has ended and nothing
  // of the store may be touched any more.
  bool take_batch(Batch* batch);
  void commit(const Batch& batch);
  Verdict judge(const OwnedWrite& write, Pending& pending, uint64_t* growth);
  std::vector<Verdict> judge_all(const Batch& batch, BatchFences* fences, FrameWriter* frame);
  void keep_fences(const BatchFences& fences);
  void apply(const Batch& batch, std::vector<Verdict>& verdicts);
  void complete(const Batch& batch, const std::vector<Verdict>& verdicts);
  void note_full(bool full);
  void fail_all(const Batch& batch, std::vector<Verdict>& verdicts, const Error& error);
  void compact();

  Host host_;
  uint64_t capacity_;
  uint64_t queue_limit_;
  std::optional<Journal> journal_;

  std::mutex mutex_;  // all below
  State state_;
  Batch queue_;
  uint64_t queued_bytes_ = 0;
  bool draining_ = false;
  bool full_ = false;
  std::optional<Error> refuse_all_;  // no write is taken any more: stopping, or the disk failed
  bool failed_ = false;              // the disk failed: what is queued fails too
  std::optional<uint64_t> stop_token_;
};

}  // namespace chronik::storage_memory
