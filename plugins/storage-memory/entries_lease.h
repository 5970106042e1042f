// The lease of a read: an array of entries and a reference on each of their payloads.
#pragma once

#include "storage-memory/log.h"

#include <atomic>
#include <vector>

namespace chronik::storage_memory {

class EntriesLease {
 public:
  // One reference, which the caller owns.
  EntriesLease() : base_{{&kOps}, this} {}
  EntriesLease(const EntriesLease&) = delete;
  EntriesLease& operator=(const EntriesLease&) = delete;

  void add(const Entry& entry, bool header_only) {
    chr_entry out{entry.header, {nullptr, 0, &base_.buf}};
    if (!header_only) {
      out.payload.p = entry.payload;
      out.payload.n = entry.header.bytes;
      held_.push_back(entry.lease);
    }
    entries_.push_back(out);
  }
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
  static EntriesLease* of(chr_buf* buf) { return reinterpret_cast<Base*>(buf)->owner; }
  static void CHR_CALL retain(chr_buf* buf) { of(buf)->references_.fetch_add(1, std::memory_order_relaxed); }
  static void CHR_CALL release(chr_buf* buf) {
    if (of(buf)->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete of(buf);
  }
  static constexpr chr_buf_ops kOps = {retain, release, nullptr};

  Base base_;
  std::atomic<uint64_t> references_{1};
  std::vector<chr_entry> entries_;
  std::vector<Lease> held_;
};

}  // namespace chronik::storage_memory
