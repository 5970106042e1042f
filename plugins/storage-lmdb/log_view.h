// One group's log as a read transaction sees it: lookup by index, and the searches of chr_storage_v1.find.
#pragma once

#include "storage-lmdb/env.h"
#include "storage-lmdb/record.h"

#include <functional>
#include <optional>

namespace chronik::storage_lmdb {

// Valid as long as the transaction. Entries below `start` are gone, even where they still lie in the file.
class LogView {
 public:
  static Result<LogView> open(MDB_txn* txn, const Env& env, uint64_t group, uint64_t start);
  LogView(LogView&& other) noexcept
      : cursor_(std::exchange(other.cursor_, nullptr)), group_(other.group_), start_(other.start_) {}
  LogView& operator=(LogView&&) = delete;
  ~LogView() {
    if (cursor_ != nullptr) mdb_cursor_close(cursor_);
  }

  // Where the entry at this index lies, or the next one.
  Result<std::optional<StoredRecord>> place_of(uint64_t index);
  // And the one behind what was found last.
  Result<std::optional<StoredRecord>> next_place() { return locate({}, MDB_NEXT); }

  using Found = Result<std::optional<RecordView>>;
  // The entry at this index, or the next one.
  Found at_or_after(uint64_t index);
  // The entry behind the one that was found last.
  Found next();
  Found last();

  // by is CHR_FIND_*.
  Found find(int32_t by, int64_t value);

 private:
  using Test = std::function<bool(const chr_entry_header&)>;

  LogView(MDB_cursor* cursor, uint64_t group, uint64_t start)
      : cursor_(cursor), group_(group), start_(start) {}
  Result<std::optional<StoredRecord>> locate(MDB_val key, MDB_cursor_op op);
  static Found parse(const Result<std::optional<StoredRecord>>& found);
  // The first entry from index `from` on for which the test holds, which holds for all behind it too.
  Found first_where(uint64_t from, const Test& test);
  // The first entry from index `from` on for which any test holds; looks at each.
  Found scan(uint64_t from, const Test& test);
  Found find_offset(int64_t offset);
  Found find_timestamp(int64_t timestamp);
  Found find_max_timestamp();

  MDB_cursor* cursor_;
  uint64_t group_;
  uint64_t start_;
};

}  // namespace chronik::storage_lmdb
