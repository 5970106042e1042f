// Reads: all may fault on cold pages, so they run on blocking threads. What they return is
// pinned (lease.h) or copied.
#pragma once

#include "storage-lmdb/groups.h"
#include "storage-lmdb/lease.h"
#include "storage-lmdb/log_view.h"

namespace chronik::storage_lmdb {

class Reader {
 public:
  Reader(Host host, std::shared_ptr<Env> env, std::shared_ptr<Generations> generations)
      : host_(host), env_(std::move(env)), generations_(std::move(generations)) {}

  // `start` is the first index of the group's log.
  Status read(const chr_storage_read& args, uint64_t start, chr_entries* out) const;
  Result<std::optional<chr_entry_header>> find(uint64_t group, uint64_t start, int32_t by,
                                               int64_t value) const;
  // NOT_FOUND: no such key. The caller owns the lease of the slice.
  Result<chr_slice> get(uint64_t group, std::string_view key) const;

 private:
  using Records = std::vector<RecordView>;

  Result<Records> collect(MDB_txn* txn, const chr_storage_read& args, uint64_t start) const;
  Result<Records> parse(std::span<const StoredRecord> found, bool heads_only) const;
  Status verify(Records& records) const;
  Status copy(Records& records, uint64_t bytes, Lease* lease) const;

  Host host_;
  std::shared_ptr<Env> env_;
  std::shared_ptr<Generations> generations_;
};

}  // namespace chronik::storage_lmdb
