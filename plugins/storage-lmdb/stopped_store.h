// A store whose node does not run, opened to be read. Nothing of its folder changes, and nothing is kept in
// memory but the list of its groups. Blocking; one thread at a time.
#pragma once

#include "storage-lmdb/groups.h"
#include "storage-lmdb/lease.h"
#include "storage-lmdb/log_view.h"

#include <chronik/storage_admin_plugin.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace chronik::storage_lmdb {

// A group as the table of groups has it.
struct StoredGroup {
  uint64_t id = 0;
  bool is_damaged = false;  // its record; nothing below is known then
  bool dropped = false;
  uint64_t start = 0;  // entries below are gone
  std::string name;
};

// Records of a log side by side, so that they are brought into memory together.
struct RecordWindow {
  std::vector<StoredRecord> records;
  size_t readable = 0;  // how many from the first one on the disk can give
  Status behind;        // why there is no way on behind them
};
// From `record` on, which then stands behind the last one; absent: that was the end.
RecordWindow take_window(LogView& log, std::optional<StoredRecord>* record);

class StoppedStore {
 public:
  static Result<std::unique_ptr<StoppedStore>> open(const Host& host);

  const Env& env() const { return *env_; }
  ReadTransactions& transactions() { return transactions_; }

  // By id, those that were dropped too.
  Result<std::vector<StoredGroup>> stored_groups();
  // By id. The three of them until fn says false: then CANCELLED.
  Status groups(const StorageGroupFn& fn);
  // Those after `after`. NOT_FOUND: no group that a start would list has this id; CORRUPT: its record is
  // damaged, or the next key is.
  Status keys(uint64_t group, std::string_view after, const StorageKeyFn& fn);
  // From an index on; the same.
  Status entries(uint64_t group, uint64_t from, const StorageEntryFn& fn);

 private:
  explicit StoppedStore(const std::shared_ptr<Env>& env) : env_(env), transactions_(env) {}
  Result<StoredGroup> find(uint64_t id);
  Result<LogState> log_state(const StoredGroup& group);

  std::shared_ptr<Env> env_;
  ReadTransactions transactions_;
};

// A cursor for one scope.
class Cursor {
 public:
  static Result<Cursor> open(MDB_txn* txn, MDB_dbi table);
  Cursor(Cursor&& other) noexcept : cursor_(std::exchange(other.cursor_, nullptr)) {}
  Cursor& operator=(Cursor&&) = delete;
  ~Cursor() {
    if (cursor_ != nullptr) mdb_cursor_close(cursor_);
  }
  // False: there is none. key() and value() are of where it stands.
  Result<bool> move(MDB_cursor_op op);
  Result<bool> seek(MDB_val key, MDB_cursor_op op = MDB_SET_RANGE);
  MDB_val key() const { return key_; }
  MDB_val value() const { return value_; }

 private:
  explicit Cursor(MDB_cursor* cursor) : cursor_(cursor) {}
  MDB_cursor* cursor_;
  MDB_val key_{};
  MDB_val value_{};
};

// The value of a small key, all of which the disk can give, or why not.
Result<std::string_view> readable_value(MDB_val value);
// The group that a row of the tables of keys and of logs belongs to; 0: it says none.
uint64_t group_of(MDB_val key);
// The key's own bytes in a row of the table of keys.
std::string_view key_of(MDB_val key);

}  // namespace chronik::storage_lmdb
