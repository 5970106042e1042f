// What a read hands out: its entries, and the leases on the bytes that they point to.
#pragma once

#include <chronik/storage.h>
#include <chronik/host.hpp>

#include <atomic>
#include <memory>
#include <vector>

namespace chronik::storage_log {

class EntriesLease {
 public:
  EntriesLease() : base_{{&kOps}, this} {}
  EntriesLease(const EntriesLease&) = delete;
  EntriesLease& operator=(const EntriesLease&) = delete;

  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }
  // The payload's lease is borrowed; readers: of the segment where it lies, if it does.
  void add(const chr_entry_header& header, const chr_slice& payload, std::shared_ptr<const void> readers) {
    if (readers != nullptr && (readers_.empty() || readers_.back() != readers))
      readers_.push_back(std::move(readers));
    if (payload.lease != nullptr && (leases_.empty() || leases_.back().get() != payload.lease))
      leases_.push_back(Lease::share(payload.lease));
    entries_.push_back({header, payload});
    if (payload.p != nullptr) entries_.back().payload.lease = &base_.buf;
  }
  // Gives itself to the caller of the read, who has at least one entry.
  void publish(chr_entries* out) {
    out->n = static_cast<uint32_t>(entries_.size());
    out->entries = entries_.data();
    out->lease = &base_.buf;
  }

 private:
  struct Base {
    chr_buf buf;
    EntriesLease* owner;
  };
  static EntriesLease* of(const chr_buf* buf) { return reinterpret_cast<const Base*>(buf)->owner; }
  static void CHR_CALL retain(chr_buf* buf) { of(buf)->references_.fetch_add(1, std::memory_order_relaxed); }
  static void CHR_CALL release(chr_buf* buf) {
    if (of(buf)->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete of(buf);
  }
  static int32_t CHR_CALL is_recalled(const chr_buf* buf) {
    for (const Lease& lease : of(buf)->leases_)
      if (lease.is_recalled()) return 1;
    return 0;
  }
  static constexpr chr_buf_ops kOps = {retain, release, is_recalled};

  Base base_;
  std::atomic<uint64_t> references_{1};
  std::vector<Lease> leases_;
  std::vector<std::shared_ptr<const void>> readers_;
  std::vector<chr_entry> entries_;
};

}  // namespace chronik::storage_log
