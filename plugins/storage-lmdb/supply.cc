#include "storage-lmdb/supply.h"

#include <algorithm>

namespace chronik::storage_lmdb {
namespace {

constexpr uint64_t kPagesOfACommit = 16;  // that one without rows takes and frees, roughly
constexpr uint64_t kFew = 3;              // commits that rows must last for; what the last two freed waits
constexpr uint64_t kMany = 4;             // and for how many they are made
constexpr uint64_t kLeast = 4u << 20;
constexpr uint64_t kMaxSpare = 8 << 10;
constexpr uint64_t kForgetSpare = 1024;
constexpr uint64_t kForget = 16;  // what a commit needed counts less with each that needs less

uint64_t faded(uint64_t before, uint64_t now) {
  return std::max(now, before - (before + kForget - 1) / kForget);
}

}  // namespace

void Supply::Rows::add(uint64_t value_bytes, uint64_t page_size) {
  const uint64_t own = own_pages(value_bytes, page_size);
  pages += own;
  longest = std::max(longest, own);
}

void Supply::expect(const Rows& rows) {
  pages_per_commit_ = faded(pages_per_commit_, rows.pages);
  if (rows.longest > longest_) in_rows_ = 0;  // how many are long enough is not known
  longest_ = std::max<uint64_t>(1, faded(longest_, rows.longest));
}

void Supply::took(const Rows& rows) {
  ++commits_since_look_;
  in_rows_ -= std::min(in_rows_, rows.pages + kPagesOfACommit);
  spare_ -= (spare_ + kForgetSpare - 1) / kForgetSpare;
}

void Supply::fell_short(uint64_t bytes) {
  in_rows_ = 0;
  spare_ = std::min(kMaxSpare, spare_ + bytes / page_size_);
}

void Supply::looked(const FreePages& free, uint64_t leased_bytes) {
  commits_since_look_ = 0;
  const uint64_t in_rows = free.in_rows_of(longest_);
  in_rows_ = in_rows - std::min(in_rows, leased_bytes / page_size_);
}

uint64_t Supply::portion() const { return std::max(kLeast, kMany * demand()); }

bool Supply::is_short() {
  if (in_rows_ < kFew * pages_per_commit_ + spare_) filling_ = true;
  if (in_rows_ >= kMany * pages_per_commit_ + spare_) filling_ = false;
  return filling_;
}

}  // namespace chronik::storage_lmdb
