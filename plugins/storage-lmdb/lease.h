// Leases on pages. A generation is one read transaction that only pins pages; all leases given out within its
// first moments share it, so that any number of slow readers costs a handful of reader slots. Each read walks
// the trees in a short transaction of its own, always newer than the generation that pins what it found.
//
// A pinned generation keeps every page that was freed since from being used again: the file grows by as much.
// So a generation is handed out for a short time only, readers promise to give leases back within
// max_lease_ns, and when writers free pages faster than the budget allows, reads are copied instead
// (wants_copy) and what is leased already is called back (is_recalled).
#pragma once

#include "storage-lmdb/env.h"

#include <chronik/host.hpp>

#include <atomic>
#include <mutex>
#include <vector>

namespace chronik::storage_lmdb {

// Read transactions, kept with their reader slot between uses. [any] thread.
class ReadTransactions {
 public:
  explicit ReadTransactions(std::shared_ptr<Env> env) : env_(std::move(env)) {}
  ~ReadTransactions();
  ReadTransactions(const ReadTransactions&) = delete;
  ReadTransactions& operator=(const ReadTransactions&) = delete;

  Result<MDB_txn*> begin();
  void end(MDB_txn* txn);

 private:
  std::shared_ptr<Env> env_;
  std::mutex mutex_;
  std::vector<MDB_txn*> idle_;
};

// A read transaction for one scope.
class Snapshot {
 public:
  static Result<Snapshot> begin(ReadTransactions& pool) {
    CHRONIK_TRY(MDB_txn * txn, pool.begin());
    return Snapshot(pool, txn);
  }
  Snapshot(Snapshot&& other) noexcept : pool_(other.pool_), txn_(std::exchange(other.txn_, nullptr)) {}
  Snapshot& operator=(Snapshot&&) = delete;
  ~Snapshot() {
    if (txn_ != nullptr) pool_->end(txn_);
  }
  MDB_txn* txn() const { return txn_; }

 private:
  Snapshot(ReadTransactions& pool, MDB_txn* txn) : pool_(&pool), txn_(txn) {}
  ReadTransactions* pool_;
  MDB_txn* txn_;
};

struct Generation {
  MDB_txn* txn = nullptr;
  uint64_t opened_ns = 0;
  uint64_t freed_at = 0;  // Generations::freed_ when it was opened
  uint64_t leases = 0;
};

// [any] thread. Shared by the store and by every lease, so that a lease may outlive the store.
class Generations {
 public:
  struct Options {
    uint64_t max_lease_ns;
    uint64_t min_budget;  // bytes that leases may always keep from being used again
  };
  Generations(std::shared_ptr<Env> env, Options options) : transactions_(std::move(env)), options_(options) {}

  // One more lease on the pages as they are now.
  Result<Generation*> pin(uint64_t now_ns);
  void unpin(Generation* generation);
  // Whether more was freed since than leases may keep from use: those who hold one are to copy and release.
  bool is_recalled(const Generation* generation);

  // A drain freed so many bytes; live is what the store holds then.
  void freed(uint64_t bytes, uint64_t live, uint64_t now_ns);
  // Whether a lease held for max_lease_ns would keep more pages from use than the budget allows.
  bool wants_copy(uint64_t now_ns);

  struct Pressure {
    uint64_t leases = 0;
    uint64_t overdue = 0;        // leases held past their age
    uint64_t waiting_bytes = 0;  // freed, but not to be used before the oldest lease ends
  };
  Pressure pressure(uint64_t now_ns);
  // What was freed by this transaction and later ones is kept by a lease; UINT64_MAX: nothing is.
  uint64_t oldest();
  uint64_t max_lease_ns() const { return options_.max_lease_ns; }
  ReadTransactions& transactions() { return transactions_; }

 private:
  // How long a generation is handed out: a lease pins at most this much more than its own age.
  uint64_t width_ns() const { return options_.max_lease_ns / 16; }

  ReadTransactions transactions_;
  Options options_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Generation>> generations_;  // with leases, oldest first
  uint64_t freed_ = 0;
  uint64_t budget_ = 0;
  uint64_t window_start_ns_ = 0;
  uint64_t window_freed_at_ = 0;
  double freed_per_ns_ = 0;
};

}  // namespace chronik::storage_lmdb
