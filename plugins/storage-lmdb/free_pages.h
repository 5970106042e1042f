// The pages of the file that LMDB has free, and how they lie. An entry of more than about 2 KiB takes its
// pages in a row, and a free page between two that are in use is of no use to it.
#pragma once

#include "storage-lmdb/lease.h"

#include <vector>

namespace chronik::storage_lmdb {

// How many pages of its own a value of this size takes; 0: it shares one with others.
uint64_t own_pages(uint64_t value_bytes, uint64_t page_size);

class FreePages {
 public:
  // Reads LMDB's list as the last commit left it. Costs about a millisecond for 100 MB of free pages; of a
  // list that is much longer the rest counts as if it lay as the beginning does.
  static Result<FreePages> read(ReadTransactions& transactions, size_t most_pages = 128 << 10);
  // How many pages values find that take so many in a row.
  uint64_t in_rows_of(uint64_t pages) const;
  // Those that were read, in the order in which LMDB takes single ones.
  const std::vector<uint64_t>& in_order() const { return in_order_; }
  // How many of these became free before this transaction.
  uint64_t freed_before(uint64_t transaction) const;

 private:
  std::vector<uint64_t> in_order_;
  std::vector<std::pair<uint64_t, uint64_t>> freed_;  // by which transaction, and how many are in order then
  std::vector<uint64_t> rows_;                        // their lengths
  uint64_t unread_ = 0;
};

}  // namespace chronik::storage_lmdb
