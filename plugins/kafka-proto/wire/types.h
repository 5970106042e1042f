// What the fields of Kafka messages are in C++, beside the built-in types.
#pragma once

#include <chronik/abi.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "kafka-proto/wire/errors.h"
#include "kafka-proto/wire/few.h"

namespace chronik::kafka {

// Borrowed bytes. Decoded ones point into the frame.
using Bytes = std::span<const uint8_t>;

// The value of a `records` field: null, or record batches that stand in one or more runs of memory.
//
// Decoding gives one run that points into the frame, without a lease. A response takes any number of runs,
// such as leased pages of the store; they go out as they are, in order. Records borrows: it neither retains
// nor releases leases. Encoding retains them (see Writer).
class Records {
 public:
  Records() = default;  // null
  explicit Records(const chr_slice& run) : first_(run), null_(false) {}
  explicit Records(std::vector<chr_slice> runs) : runs_(std::move(runs)), null_(false) {}
  explicit Records(Bytes bytes) : Records(chr_slice{bytes.data(), bytes.size(), nullptr}) {}

  bool is_null() const { return null_; }
  // All bytes of all runs.
  uint64_t size() const;
  // The runs in order; empty when null.
  std::span<const chr_slice> runs() const {
    if (!runs_.empty()) return runs_;
    return {&first_, null_ ? size_t{0} : size_t{1}};
  }
  // What was decoded: the only run. Empty when null.
  Bytes bytes() const { return null_ || !runs_.empty() ? Bytes() : Bytes(first_.p, first_.n); }

 private:
  chr_slice first_{};  // the run while runs_ is empty
  std::vector<chr_slice> runs_;
  bool null_ = true;
};

// Equality of field values, for types that bring none of their own. Records are equal when their bytes are.
bool same(const Records& a, const Records& b);
inline bool same(const chr_uuid& a, const chr_uuid& b) { return std::memcmp(a.b, b.b, sizeof a.b) == 0; }
inline bool same(Bytes a, Bytes b) { return std::ranges::equal(a, b); }
inline bool same(const std::optional<Bytes>& a, const std::optional<Bytes>& b) {
  return a.has_value() == b.has_value() && (!a || same(*a, *b));
}
inline bool same(const std::vector<chr_uuid>& a, const std::vector<chr_uuid>& b) {
  return std::ranges::equal(a, b, [](const chr_uuid& x, const chr_uuid& y) { return same(x, y); });
}
template <class T>
bool same(const T& a, const T& b) {
  return a == b;
}

inline bool is_zero(const chr_uuid& id) { return same(id, chr_uuid{}); }

}  // namespace chronik::kafka
