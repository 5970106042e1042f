#include "storage-lmdb/lease.h"

#include <algorithm>

namespace chronik::storage_lmdb {

ReadTransactions::~ReadTransactions() {
  for (MDB_txn* txn : idle_) mdb_txn_abort(txn);
}

Result<MDB_txn*> ReadTransactions::begin() {
  MDB_txn* txn = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      txn = idle_.back();
      idle_.pop_back();
    }
  }
  const int rc = txn != nullptr ? mdb_txn_renew(txn) : mdb_txn_begin(env_->raw(), nullptr, MDB_RDONLY, &txn);
  if (rc == MDB_SUCCESS) return txn;
  if (txn != nullptr) mdb_txn_abort(txn);
  return std::unexpected(lmdb_error(rc, "begin a read transaction"));
}

void ReadTransactions::end(MDB_txn* txn) {
  mdb_txn_reset(txn);
  const std::lock_guard lock(mutex_);
  idle_.push_back(txn);
}

Result<Generation*> Generations::pin(uint64_t now_ns) {
  const std::lock_guard lock(mutex_);
  if (!generations_.empty() && now_ns - generations_.back()->opened_ns < width_ns()) {
    ++generations_.back()->leases;
    return generations_.back().get();
  }
  auto generation = std::make_unique<Generation>();
  CHRONIK_TRY(generation->txn, transactions_.begin());
  generation->opened_ns = now_ns;
  generation->freed_at = freed_;
  generation->leases = 1;
  return generations_.emplace_back(std::move(generation)).get();
}

void Generations::unpin(Generation* generation) {
  const std::lock_guard lock(mutex_);
  if (--generation->leases != 0) return;
  transactions_.end(generation->txn);
  std::erase_if(generations_, [generation](const auto& g) { return g.get() == generation; });
}

bool Generations::is_recalled(const Generation* generation) {
  const std::lock_guard lock(mutex_);
  return freed_ - generation->freed_at > std::max(budget_, options_.min_budget);
}

void Generations::freed(uint64_t bytes, uint64_t live, uint64_t now_ns) {
  constexpr uint64_t kWindowNs = 250'000'000;
  const std::lock_guard lock(mutex_);
  freed_ += bytes;
  budget_ = std::max(options_.min_budget, live / 16);
  const uint64_t elapsed = now_ns - window_start_ns_;
  if (elapsed < kWindowNs) return;
  freed_per_ns_ = static_cast<double>(freed_ - window_freed_at_) / static_cast<double>(elapsed);
  window_start_ns_ = now_ns;
  window_freed_at_ = freed_;
}

bool Generations::wants_copy(uint64_t now_ns) {
  const std::lock_guard lock(mutex_);
  // Writers that stopped free nothing: the rate of the last window fades with time.
  const auto since = static_cast<double>(now_ns - window_start_ns_);
  const double horizon = static_cast<double>(options_.max_lease_ns + width_ns());
  const double recent = static_cast<double>(freed_ - window_freed_at_);
  const double rate = since < 1e9 ? std::max(freed_per_ns_, recent / std::max(since, 2.5e8)) : recent / since;
  const double held = generations_.empty() ? 0 : static_cast<double>(freed_ - generations_.front()->freed_at);
  const auto budget = static_cast<double>(std::max(budget_, options_.min_budget));
  return std::max(held, rate * horizon) > budget;
}

Generations::Pressure Generations::pressure(uint64_t now_ns) {
  const std::lock_guard lock(mutex_);
  Pressure pressure;
  for (const auto& generation : generations_) {
    pressure.leases += generation->leases;
    if (now_ns - generation->opened_ns > options_.max_lease_ns + width_ns())
      pressure.overdue += generation->leases;
  }
  if (!generations_.empty()) pressure.waiting_bytes = freed_ - generations_.front()->freed_at;
  return pressure;
}

uint64_t Generations::oldest() {
  const std::lock_guard lock(mutex_);
  return generations_.empty() ? UINT64_MAX : mdb_txn_id(generations_.front()->txn);
}

}  // namespace chronik::storage_lmdb
