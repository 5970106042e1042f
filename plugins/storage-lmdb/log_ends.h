// Where logs begin and end, and what they hold up to there. The totals stand in the heads of the records; of
// a damaged record only key and size are believed, and the totals come from the nearest whole one. So damage
// is in the way of nobody but its readers.
#pragma once

#include "storage-lmdb/env.h"
#include "storage-lmdb/groups.h"

#include <optional>

namespace chronik::storage_lmdb {

// One group's log as a transaction sees it; valid as long as that.
class LogEnds {
 public:
  static Result<LogEnds> open(MDB_txn* txn, const Env& env, uint64_t group);
  LogEnds(LogEnds&& other) noexcept : cursor_(std::exchange(other.cursor_, nullptr)), group_(other.group_) {}
  LogEnds& operator=(LogEnds&&) = delete;
  ~LogEnds() {
    if (cursor_ != nullptr) mdb_cursor_close(cursor_);
  }

  // All entries from `start` on.
  Result<LogState> find(uint64_t start);
  // The log without what lies below `index`, or from there on; `log` is what it is now.
  Result<LogState> without_below(uint64_t index, const LogState& log);
  Result<LogState> without_from(uint64_t index, const LogState& log);
  // The largest index below `index`; 0: there is none.
  Result<uint64_t> index_below(uint64_t index);

 private:
  struct Totals {
    uint64_t entries = 0;
    uint64_t bytes = 0;
  };
  // A row of damaged records, and the whole one that ended it.
  struct Row {
    uint64_t index = 0;  // where it began; 0: there is no entry
    Totals damaged;
    bool whole = false;
    Totals up_to_whole;  // with that one
    uint64_t whole_bytes = 0;
  };

  LogEnds(MDB_cursor* cursor, uint64_t group) : cursor_(cursor), group_(group) {}
  // True: the cursor stands on an entry of the group.
  Result<bool> seek(uint64_t index);
  Result<bool> seek_below(uint64_t index);
  Result<bool> move_cursor(MDB_cursor_op op);
  Result<bool> stands(int rc);
  uint64_t index() const;
  // From where the cursor stands, until it meets a whole record or leaves [from, to].
  Result<Row> row(MDB_cursor_op op, uint64_t from, uint64_t to);

  MDB_cursor* cursor_;
  uint64_t group_;
  MDB_val key_{};
  MDB_val value_{};
};

}  // namespace chronik::storage_lmdb
