#include "storage-lmdb/log_view.h"

#include <algorithm>

namespace chronik::storage_lmdb {

Result<LogView> LogView::open(MDB_txn* txn, const Env& env, uint64_t group, uint64_t start) {
  MDB_cursor* cursor = nullptr;
  const int rc = mdb_cursor_open(txn, env.lane(group), &cursor);
  if (rc != MDB_SUCCESS) return std::unexpected(lmdb_error(rc, "open a cursor"));
  return LogView(cursor, group, start);
}

Result<std::optional<StoredRecord>> LogView::locate(MDB_val key, MDB_cursor_op op) {
  MDB_val value{};
  const int rc = mdb_cursor_get(cursor_, &key, &value, op);
  if (rc == MDB_NOTFOUND) return std::nullopt;
  if (rc != MDB_SUCCESS) return std::unexpected(lmdb_error(rc, "read an entry"));
  if (!LogKey::fits(key)) return fail(Code::kCorrupt, "the key of an entry is damaged on disk");
  const StoredRecord record{key, value};
  if (LogKey::load(key.mv_data) != group_ || record.index() < start_) return std::nullopt;
  return record;
}

LogView::Found LogView::parse(const Result<std::optional<StoredRecord>>& found) {
  if (!found) return std::unexpected(found.error());
  if (!*found) return std::nullopt;
  return parse_record((*found)->key, (*found)->value);
}

Result<std::optional<StoredRecord>> LogView::place_of(uint64_t index) {
  LogKey key(group_, std::max(index, start_));
  return locate(key.val(), MDB_SET_RANGE);
}

LogView::Found LogView::at_or_after(uint64_t index) { return parse(place_of(index)); }

LogView::Found LogView::next() { return parse(next_place()); }

LogView::Found LogView::last() {
  LogKey end(group_ + 1, 0);
  MDB_val key = end.val();
  MDB_val value{};
  const int rc = mdb_cursor_get(cursor_, &key, &value, MDB_SET_RANGE);
  return parse(locate({}, rc == MDB_NOTFOUND ? MDB_LAST : MDB_PREV));
}

LogView::Found LogView::first_where(uint64_t from, const Test& test) {
  CHRONIK_TRY(const std::optional<RecordView> end, last());
  std::optional<RecordView> best;
  if (!end) return best;
  uint64_t low = std::max(from, start_);
  uint64_t high = end->head.header.index;
  while (low <= high) {
    const uint64_t middle = low + (high - low) / 2;
    CHRONIK_TRY(const std::optional<RecordView> record, at_or_after(middle));
    if (!record) break;
    if (test(record->head.header)) {
      best = record;
      if (middle == 0) break;
      high = middle - 1;
    } else {
      low = record->head.header.index + 1;
    }
  }
  return best;
}

LogView::Found LogView::scan(uint64_t from, const Test& test) {
  CHRONIK_TRY(std::optional<RecordView> record, at_or_after(from));
  while (record && !test(record->head.header)) {
    CHRONIK_TRY(record, next());
  }
  return record;
}

LogView::Found LogView::find(int32_t by, int64_t value) {
  if (by == CHR_FIND_OFFSET) return find_offset(value);
  if (by == CHR_FIND_TIMESTAMP) return find_timestamp(value);
  return find_max_timestamp();
}

LogView::Found LogView::find_offset(int64_t offset) {
  uint64_t from = start_;
  for (;;) {
    CHRONIK_TRY(const std::optional<RecordView> found, first_where(from, [offset](const chr_entry_header& h) {
                  return h.base_offset + static_cast<int64_t>(h.records) > offset;
                }));
    if (!found || found->head.header.records != 0) return found;
    offset = found->head.header.base_offset;  // of the next entry with records: skip those without
    from = found->head.header.index + 1;
  }
}

LogView::Found LogView::find_timestamp(int64_t timestamp) {
  const auto holds = [timestamp](const chr_entry_header& h) {
    return h.records != 0 && h.max_timestamp >= timestamp;
  };
  // The prefix maximum covers trimmed entries too. Above that of the first entry, where it reaches the value
  // is where an entry reaches it; else the entries themselves must be looked at.
  CHRONIK_TRY(const std::optional<RecordView> head, at_or_after(start_));
  if (!head || head->head.header.log_max_timestamp >= timestamp) return scan(start_, holds);
  CHRONIK_TRY(const std::optional<RecordView> found,
              first_where(start_, [timestamp](const chr_entry_header& h) {
                return h.log_max_timestamp >= timestamp;
              }));
  if (!found) return found;
  return scan(found->head.header.index, holds);
}

LogView::Found LogView::find_max_timestamp() {
  CHRONIK_TRY(const std::optional<RecordView> end, last());
  if (!end) return end;
  const int64_t largest = end->head.header.log_max_timestamp;
  if (largest < 0) return std::nullopt;
  CHRONIK_TRY(const std::optional<RecordView> found, find_timestamp(largest));
  if (found) return found;
  // The largest of all was trimmed away.
  std::optional<RecordView> best;
  CHRONIK_TRY(std::optional<RecordView> record, at_or_after(start_));
  while (record) {
    const chr_entry_header& h = record->head.header;
    if (h.records != 0 && h.max_timestamp >= 0 &&
        (!best || h.max_timestamp > best->head.header.max_timestamp))
      best = record;
    CHRONIK_TRY(record, next());
  }
  return best;
}

}  // namespace chronik::storage_lmdb
