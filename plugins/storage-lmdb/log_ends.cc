#include "storage-lmdb/log_ends.h"

#include "storage-lmdb/record.h"

namespace chronik::storage_lmdb {

Result<LogEnds> LogEnds::open(MDB_txn* txn, const Env& env, uint64_t group) {
  MDB_cursor* cursor = nullptr;
  const int rc = mdb_cursor_open(txn, env.lane(group), &cursor);
  if (rc != MDB_SUCCESS) return std::unexpected(lmdb_error(rc, "open a cursor"));
  return LogEnds(cursor, group);
}

Result<bool> LogEnds::stands(int rc) {
  if (rc == MDB_NOTFOUND) return false;
  if (rc != MDB_SUCCESS) return std::unexpected(lmdb_error(rc, "look for an entry"));
  if (!LogKey::fits(key_)) return fail(Code::kCorrupt, "the key of an entry is damaged on disk");
  return LogKey::load(key_.mv_data) == group_;
}

Result<bool> LogEnds::move_cursor(MDB_cursor_op op) {
  return stands(mdb_cursor_get(cursor_, &key_, &value_, op));
}

Result<bool> LogEnds::seek(uint64_t index) {
  LogKey id(group_, index);
  key_ = id.val();
  return move_cursor(MDB_SET_RANGE);
}

Result<bool> LogEnds::seek_below(uint64_t index) {
  LogKey id(group_, index);
  key_ = id.val();
  const int rc = mdb_cursor_get(cursor_, &key_, &value_, MDB_SET_RANGE);
  if (rc != MDB_SUCCESS && rc != MDB_NOTFOUND) return stands(rc);
  return move_cursor(rc == MDB_NOTFOUND ? MDB_LAST : MDB_PREV);
}

uint64_t LogEnds::index() const { return LogKey::load(static_cast<const uint8_t*>(key_.mv_data) + 8); }

Result<LogEnds::Row> LogEnds::row(MDB_cursor_op op, uint64_t from, uint64_t to) {
  Row row;
  for (bool there = index() >= from && index() <= to; there;) {
    if (row.index == 0) row.index = index();
    if (const Result<RecordView> record = parse_record(key_, value_)) {
      row.whole = true;
      row.up_to_whole = {record->head.total_entries, record->head.total_bytes};
      row.whole_bytes = record->head.header.bytes;
      return row;
    }
    ++row.damaged.entries;
    row.damaged.bytes += value_.mv_size - std::min(value_.mv_size, sizeof(RecordHead));
    CHRONIK_TRY(there, move_cursor(op));
    there = there && index() >= from && index() <= to;
  }
  return row;
}

Result<LogState> LogEnds::find(uint64_t start) {
  CHRONIK_TRY(const bool any, seek(start));
  if (!any) return LogState{};
  CHRONIK_TRY(const Row head, row(MDB_NEXT, start, UINT64_MAX));
  LogState log;
  log.first = head.index;
  CHRONIK_TRY(log.last, index_below(UINT64_MAX));
  if (!head.whole) {
    log.entries_at_last = head.damaged.entries;
    log.bytes_at_last = head.damaged.bytes;
    return log;
  }
  log.entries_before_first = head.up_to_whole.entries - 1 - head.damaged.entries;
  log.bytes_before_first = head.up_to_whole.bytes - head.whole_bytes - head.damaged.bytes;
  CHRONIK_TRY(const Row tail, row(MDB_PREV, start, UINT64_MAX));
  log.entries_at_last = tail.up_to_whole.entries + tail.damaged.entries;
  log.bytes_at_last = tail.up_to_whole.bytes + tail.damaged.bytes;
  return log;
}

Result<LogState> LogEnds::without_below(uint64_t index, const LogState& log) {
  CHRONIK_TRY(const bool any, seek(index));
  if (!any) return LogState{};
  CHRONIK_TRY(const Row head, row(MDB_NEXT, index, log.last));
  LogState rest = log;
  rest.first = head.index;
  const Totals before = head.whole
                            ? Totals{head.up_to_whole.entries - 1, head.up_to_whole.bytes - head.whole_bytes}
                            : Totals{log.entries_at_last, log.bytes_at_last};
  rest.entries_before_first = before.entries - head.damaged.entries;
  rest.bytes_before_first = before.bytes - head.damaged.bytes;
  return rest;
}

Result<LogState> LogEnds::without_from(uint64_t index, const LogState& log) {
  CHRONIK_TRY(const bool any, seek_below(index));
  if (!any || this->index() < log.first) return LogState{};
  CHRONIK_TRY(const Row tail, row(MDB_PREV, log.first, log.last));
  LogState rest = log;
  rest.last = tail.index;
  const Totals up_to =
      tail.whole ? tail.up_to_whole : Totals{log.entries_before_first, log.bytes_before_first};
  rest.entries_at_last = up_to.entries + tail.damaged.entries;
  rest.bytes_at_last = up_to.bytes + tail.damaged.bytes;
  return rest;
}

Result<uint64_t> LogEnds::index_below(uint64_t index) {
  CHRONIK_TRY(const bool any, seek_below(index));
  return any ? this->index() : 0;
}

}  // namespace chronik::storage_lmdb
