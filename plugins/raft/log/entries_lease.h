// Entries handed out by a read: the array and what keeps the payloads alive, under one lease.
#pragma once

#include "raft/core/types.h"
#include "raft/log/store.h"

#include <atomic>
#include <vector>

namespace chronik::raft {

// Counts references atomically: readers give it back on any thread.
class EntriesLease {
 public:
  static EntriesLease* make() { return new EntriesLease; }

  void add(const Entry& entry, bool headers_only) {
    chr_entry out{entry.header, {}};
    if (!headers_only) {
      out.payload = entry.payload.slice();
      payloads_.push_back(entry.payload);
    }
    entries_.push_back(out);
  }
  // The payload lives as long as the lease that is given to hold().
  void add(const chr_entry& entry) { entries_.push_back(entry); }
  void hold(Lease lease) { below_ = std::move(lease); }
  bool empty() const { return entries_.empty(); }

  // Hands everything to the caller, with the one reference; nothing where there are no entries.
  void give_to(chr_entries* out) {
    out->n = static_cast<uint32_t>(entries_.size());
    out->entries = entries_.data();
    out->lease = &base_.buf;
    if (!entries_.empty()) return;
    out->entries = nullptr;
    out->lease = nullptr;
    delete this;
  }

 private:
  struct Base {
    chr_buf buf;
    EntriesLease* owner;
  };
  EntriesLease() : base_{{&kOps}, this} {}
  ~EntriesLease() = default;

  static EntriesLease* of(const chr_buf* buf) { return reinterpret_cast<const Base*>(buf)->owner; }
  static void CHR_CALL retain(chr_buf* buf) { of(buf)->references_.fetch_add(1, std::memory_order_relaxed); }
  static void CHR_CALL release(chr_buf* buf) {
    if (of(buf)->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete of(buf);
  }
  static int32_t CHR_CALL is_recalled(const chr_buf* buf) { return of(buf)->below_.is_recalled() ? 1 : 0; }
  static constexpr chr_buf_ops kOps = {retain, release, is_recalled};

  Base base_;
  std::atomic<uint32_t> references_{1};
  std::vector<chr_entry> entries_;
  std::vector<Payload> payloads_;
  Lease below_;
};

}  // namespace chronik::raft
