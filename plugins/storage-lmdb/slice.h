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

// What of a slice was used. The first entry always fits, unless the slice is empty.
class Budget {
 public:
  Budget() = default;
  Budget(const Host& host, const Slice& slice)
      : host_(&host), most_(slice), until_ns_(host.now_ns() + slice.ns), spent_(slice.entries == 0) {}
  static Budget unlimited() { return {}; }

  bool is_spent() const { return spent_; }
  uint64_t entries_left() const { return most_.entries - std::min(most_.entries, entries_); }
  void spend(uint64_t bytes) { spend(1, bytes); }
  // A part of what is left, and what that used.
  Budget part(uint64_t entries, uint64_t bytes) const {
    Budget part = *this;
    part.most_.entries = std::min(entries, most_.entries - entries_);
    part.most_.bytes = std::min(bytes, most_.bytes - bytes_);
    part.entries_ = part.bytes_ = 0;
    return part;
  }
  void spend(const Budget& part) { spend(part.entries_, part.bytes_); }

 private:
  void spend(uint64_t entries, uint64_t bytes) {
    if (host_ == nullptr) return;
    entries_ += entries;
    bytes_ += bytes;
    spent_ = entries_ >= most_.entries || bytes_ >= most_.bytes || host_->now_ns() >= until_ns_;
  }

  const Host* host_ = nullptr;
  Slice most_{UINT64_MAX, UINT64_MAX, UINT64_MAX};
  uint64_t until_ns_ = UINT64_MAX;
  uint64_t entries_ = 0;
  uint64_t bytes_ = 0;
  bool spent_ = false;
};

}  // namespace chronik::storage_lmdb
