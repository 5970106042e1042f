#include "storage-lmdb/free_pages.h"

#include "storage-lmdb/record.h"

#include <algorithm>
#include <memory>

namespace chronik::storage_lmdb {
namespace {

constexpr MDB_dbi kFreeList = 0;  // LMDB's own: transaction -> the pages that it freed, their number first
constexpr uint64_t kPageHead = 16;
constexpr uint64_t kNodeHead = 8;

std::vector<uint64_t> rows_of(std::vector<uint64_t> pages) {
  std::vector<uint64_t> rows;
  std::ranges::sort(pages);
  for (size_t i = 0; i < pages.size(); ++i) {
    if (i != 0 && pages[i] == pages[i - 1] + 1) {
      ++rows.back();
    } else {
      rows.push_back(1);
    }
  }
  return rows;
}

}  // namespace

uint64_t own_pages(uint64_t value_bytes, uint64_t page_size) {
  const bool shares = kNodeHead + sizeof(LogKey) + value_bytes <= ((page_size - kPageHead) / 2 & ~1ull) - 2;
  return shares ? 0 : (kPageHead - 1 + value_bytes) / page_size + 1;
}

Result<FreePages> FreePages::read(ReadTransactions& transactions, size_t most_pages) {
  CHRONIK_TRY(const Snapshot snapshot, Snapshot::begin(transactions));
  MDB_cursor* cursor = nullptr;
  MDB_val key{};
  MDB_val value{};
  int rc = mdb_cursor_open(snapshot.txn(), kFreeList, &cursor);
  const std::unique_ptr<MDB_cursor, void (*)(MDB_cursor*)> closer(cursor, mdb_cursor_close);
  FreePages found;
  std::vector<uint64_t>& pages = found.in_order_;
  while (rc == MDB_SUCCESS && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == MDB_SUCCESS) {
    uint64_t n = 0;
    if (value.mv_size >= sizeof n) std::memcpy(&n, value.mv_data, sizeof n);
    const auto* numbers = static_cast<const uint8_t*>(value.mv_data) + sizeof n;
    n = std::min(n, value.mv_size / sizeof n - 1);
    if (pages.size() + n > most_pages) {
      found.unread_ += n;
      continue;
    }
    const size_t before = pages.size();
    pages.resize(before + n);
    std::memcpy(pages.data() + before, numbers, n * sizeof n);
    std::reverse(pages.begin() + static_cast<ptrdiff_t>(before), pages.end());  // it has the largest first
    uint64_t transaction = 0;
    std::memcpy(&transaction, key.mv_data, std::min(key.mv_size, sizeof transaction));
    found.freed_.emplace_back(transaction, pages.size());
  }
  if (rc != MDB_NOTFOUND) return std::unexpected(lmdb_error(rc, "read the list of free pages"));
  found.rows_ = rows_of(pages);
  return found;
}

uint64_t FreePages::freed_before(uint64_t transaction) const {
  const auto end = std::ranges::lower_bound(freed_, std::pair(transaction, uint64_t{0}));
  return end == freed_.begin() ? 0 : std::prev(end)->second;
}

uint64_t FreePages::in_rows_of(uint64_t pages) const {
  uint64_t found = 0;
  uint64_t all = 0;
  for (const uint64_t row : rows_) {
    found += row / pages * pages;
    all += row;
  }
  return all == 0 ? found : found + unread_ / all * found + unread_ % all * found / all;
}

}  // namespace chronik::storage_lmdb
