// How much of what is gone a transaction may remove. Every commit of the node waits behind a transaction that
// removes, so it is bounded by what it costs: entries, freed bytes (each freed page is a number that LMDB
// writes and reads again), time.
#pragma once

#include <chronik/host.hpp>

#include <algorithm>

namespace chronik::storage_lmdb {

struct Slice {
  uint64_t entries;
  uint64_t bytes;
  uint64_t ns;
};

// What of a slice is left. The first entry always fits.
class Budget {
 public:
  Budget() = default;
  Budget(const Host& host, const Slice& slice)
      : host_(&host), entries_(slice.entries), bytes_(slice.bytes), until_ns_(host.now_ns() + slice.ns) {}
  static Budget unlimited() { return {}; }

  bool is_spent() const { return entries_ == 0; }
  void spend(uint64_t bytes) {
    if (host_ == nullptr) return;
    bytes_ -= std::min(bytes_, bytes);
    --entries_;
    if (bytes_ == 0 || host_->now_ns() >= until_ns_) entries_ = 0;
  }

 private:
  const Host* host_ = nullptr;
  uint64_t entries_ = UINT64_MAX;
  uint64_t bytes_ = UINT64_MAX;
  uint64_t until_ns_ = UINT64_MAX;
};

}  // namespace chronik::storage_lmdb
