#include "storage-lmdb/warmer.h"

#include "storage-lmdb/record.h"

#include <sys/mman.h>

#include <cerrno>
#include <vector>

namespace chronik::storage_lmdb {
namespace {

constexpr size_t kEntriesAtOnce = 2048;  // a few slices of removal
constexpr size_t kKeysAtOnce = 2048;

using Pages = std::vector<uintptr_t>;

// What is asked for ahead is read by the disk all at once, not page after page.
void ask_for(Pages& pages, const MDB_val& value, uint64_t page_size) {
  // An entry with pages of its own begins with a header of LMDB, which is all that its removal looks at.
  const uintptr_t page = reinterpret_cast<uintptr_t>(value.mv_data) & ~(page_size - 1);
  if (!pages.empty() && pages.back() == page) return;
  madvise(reinterpret_cast<void*>(page), page_size, MADV_WILLNEED);
  pages.push_back(page);
}

// CORRUPT where a page cannot be read: touching it would be a signal. Another code
// where it may be read later.
Status read_in(const Pages& pages, uint64_t page_size) {
  for (const uintptr_t page : pages) {
    if (madvise(reinterpret_cast<void*>(page), page_size, MADV_POPULATE_READ) == 0) continue;
    if (errno == EINVAL) {  // a kernel before 5.14
      (void)*reinterpret_cast<volatile const uint8_t*>(page);
      continue;
    }
    const bool is_bad = errno == EFAULT || errno == EHWPOISON;
    return fail(is_bad ? Code::kCorrupt : Code::kIo, "a page of what is to be removed cannot be read");
  }
  return {};
}

Status warm_keys(MDB_txn* txn, const Env& env, uint64_t group, Pages& pages) {
  MDB_cursor* cursor = nullptr;
  int rc = mdb_cursor_open(txn, env.keys(), &cursor);
  const std::unique_ptr<MDB_cursor, void (*)(MDB_cursor*)> closer(cursor, mdb_cursor_close);
  LogKey from(group, 0);
  MDB_val key = from.group_val();
  MDB_val value{};
  if (rc == MDB_SUCCESS) rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
  for (size_t n = 0; rc == MDB_SUCCESS && n < kKeysAtOnce && LogKey::load(key.mv_data) == group; ++n) {
    ask_for(pages, value, env.page_size());
    rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
  }
  return rc == MDB_SUCCESS || rc == MDB_NOTFOUND ? Status{} : std::unexpected(lmdb_error(rc, "read keys"));
}

}  // namespace

Result<uint64_t> warm(const Env& env, ReadTransactions& transactions, uint64_t group, uint64_t end) {
  CHRONIK_TRY(const Snapshot snapshot, Snapshot::begin(transactions));
  MDB_cursor* cursor = nullptr;
  int rc = mdb_cursor_open(snapshot.txn(), env.lane(group), &cursor);
  const std::unique_ptr<MDB_cursor, void (*)(MDB_cursor*)> closer(cursor, mdb_cursor_close);
  LogKey from(group, 0);
  MDB_val key = from.val();
  MDB_val value{};
  Pages pages;
  if (rc == MDB_SUCCESS) rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
  for (size_t n = 0; rc == MDB_SUCCESS && LogKey::load(key.mv_data) == group; ++n) {
    const uint64_t index = LogKey::load(static_cast<const uint8_t*>(key.mv_data) + 8);
    if (index >= end) break;
    if (n == kEntriesAtOnce) {
      CHRONIK_CHECK(read_in(pages, env.page_size()));
      return index;
    }
    ask_for(pages, value, env.page_size());
    rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
  }
  if (rc != MDB_SUCCESS && rc != MDB_NOTFOUND)
    return std::unexpected(lmdb_error(rc, "read what is to be removed"));
  if (end == UINT64_MAX) CHRONIK_CHECK(warm_keys(snapshot.txn(), env, group, pages));
  CHRONIK_CHECK(read_in(pages, env.page_size()));
  return end;
}

}  // namespace chronik::storage_lmdb
