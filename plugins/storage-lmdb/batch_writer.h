// Writes what the drain took from the queue: one transaction with one sync over the writes of
// all groups. The drain's alone.
//
// A write that needs more than there is room for is refused, and so is one that meets damage; the
// rest goes on without it. Where the batch finds no space, some is made: what is gone is removed,
// what lies between free pages is moved; then less of it is written, and of none at last all is
// refused. Any other error fails the store.
#pragma once

#include "storage-lmdb/fullness.h"
#include "storage-lmdb/purge.h"
#include "storage-lmdb/row_mover.h"
#include "storage-lmdb/store_parts.h"

#include <string>
#include <vector>

namespace chronik::storage_lmdb {

class BatchWriter {
 public:
  using Batch = WriteQueue::Batch;
  struct Verdict {
    chr_status code = CHR_OK;
    std::string message;
  };
  using Verdicts = std::vector<Verdict>;

  BatchWriter(StoreParts& parts, Purge& purge, RowMover& mover, Fullness& fullness)
      : parts_(parts), purge_(purge), mover_(mover), fullness_(fullness), used_end_(parts.env->used_end()) {}

  // One verdict for each write of the batch. Blocking.
  Verdicts write_batch(const Batch& batch);

 private:
  // What met damage, where the error is CORRUPT: the number of a write, or a group that was being purged.
  struct Spoiler {
    size_t write = SIZE_MAX;
    uint64_t purge = 0;
  };

  Supply::Rows rows_of(const Batch& batch) const;
  // One transaction over the batch, and another one where that met damage, without what is damaged.
  Status attempt(const Batch& batch, Growth allowed, Verdicts& verdicts);
  Status attempt_once(const Batch& batch, Growth allowed, Verdicts& verdicts, Spoiler* spoiler);
  // Steps of the batch, as far as they are allowed, within a transaction.
  Status apply(const Batch& batch, Growth allowed, Transaction& transaction, BatchFences& fences,
               Verdicts& verdicts, Spoiler* spoiler);
  // Nothing of it was applied, for lack of space.
  void refuse_appends(const Batch& batch);
  void after_commit(const Batch& batch, const Transaction::Effect& effect, uint64_t started_ns);

  StoreParts& parts_;
  Purge& purge_;
  RowMover& mover_;
  Fullness& fullness_;
  uint64_t used_end_;  // of the file, after the last commit
};

}  // namespace chronik::storage_lmdb
