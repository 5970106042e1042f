#include "storage-lmdb/stopped_store.h"

#include "storage-lmdb/log_ends.h"

namespace chronik::storage_lmdb {
namespace {

constexpr size_t kWindowRecords = 256;
constexpr uint64_t kWindowBytes = 4 << 20;
constexpr size_t kGroupBytes = 8;  // that a key of the table of keys begins with

std::string entry_name(uint64_t index, uint64_t group) {
  return "entry " + std::to_string(index) + " of group " + std::to_string(group);
}

Status give(const RecordWindow& window, uint64_t group, const StorageEntryFn& fn) {
  for (size_t i = 0; i < window.records.size(); ++i) {
    const StoredRecord& record = window.records[i];
    CHRONIK_TRY(const RecordView view,
                parse_readable(record.key, i < window.readable ? record.value : MDB_val{}));
    if (!payload_is_whole(view))
      return fail(Code::kCorrupt,
                  "the payload of " + entry_name(record.index(), group) + " is damaged on disk");
    if (!fn({view.head.header, {view.payload, view.head.header.bytes, nullptr}})) return stopped_by_caller();
  }
  return {};
}

}  // namespace

RecordWindow take_window(LogView& log, std::optional<StoredRecord>* record) {
  RecordWindow window;
  uint64_t bytes = 0;
  while (*record && window.records.size() < kWindowRecords && bytes < kWindowBytes) {
    bytes += (*record)->value.mv_size;
    window.records.push_back(**record);
    auto next = contain([&log] { return log.next_place(); });
    if (!next) window.behind = std::unexpected(next.error());
    *record = next ? *next : std::nullopt;
  }
  window.readable = readable(window.records, false);
  return window;
}

Result<Cursor> Cursor::open(MDB_txn* txn, MDB_dbi table) {
  MDB_cursor* cursor = nullptr;
  const int rc = mdb_cursor_open(txn, table, &cursor);
  if (rc != MDB_SUCCESS) return std::unexpected(lmdb_error(rc, "open a cursor"));
  return Cursor(cursor);
}

Result<bool> Cursor::move(MDB_cursor_op op) {
  const int rc = mdb_cursor_get(cursor_, &key_, &value_, op);
  if (rc == MDB_NOTFOUND) return false;
  if (rc != MDB_SUCCESS) return std::unexpected(lmdb_error(rc, "read a row"));
  return true;
}

Result<bool> Cursor::seek(MDB_val key, MDB_cursor_op op) {
  key_ = key;
  return move(op);
}

uint64_t group_of(MDB_val key) { return key.mv_size >= kGroupBytes ? LogKey::load(key.mv_data) : 0; }

std::string_view key_of(MDB_val key) {
  if (key.mv_size <= kGroupBytes) return {};
  return {static_cast<const char*>(key.mv_data) + kGroupBytes, key.mv_size - kGroupBytes};
}

Result<std::string_view> readable_value(MDB_val value) {
  if (!is_readable(value.mv_data, value.mv_size))
    return fail(Code::kCorrupt, "the disk cannot read the value of a key, or the file ends before it");
  return parse_value(value);
}

Result<std::unique_ptr<StoppedStore>> StoppedStore::open(const Host& host) {
  CHRONIK_TRY(const std::shared_ptr<Env> env,
              Env::open_for_reading(std::string(from_abi(host.node().directory))));
  return std::unique_ptr<StoppedStore>(new StoppedStore(env));
}

Result<std::vector<StoredGroup>> StoppedStore::stored_groups() {
  return contain([&]() -> Result<std::vector<StoredGroup>> {
    std::vector<StoredGroup> groups;
    CHRONIK_TRY(const Snapshot snapshot, Snapshot::begin(transactions_));
    CHRONIK_TRY(Cursor cursor, Cursor::open(snapshot.txn(), env_->groups()));
    CHRONIK_TRY(bool there, cursor.move(MDB_FIRST));
    while (there) {
      StoredGroup group{group_of(cursor.key()), true, false, 0, {}};
      if (const Result<GroupRecord> record = parse_group(cursor.value()))
        group = {group.id, false, record->head.dropped != 0, record->head.start, std::string(record->name)};
      groups.push_back(std::move(group));
      CHRONIK_TRY(there, cursor.move(MDB_NEXT));
    }
    return groups;
  });
}

Status StoppedStore::groups(const StorageGroupFn& fn) {
  CHRONIK_TRY(const std::vector<StoredGroup> groups, stored_groups());
  for (const StoredGroup& group : groups) {
    if (group.dropped) continue;
    chr_storage_group out{};
    out.struct_size = sizeof out;
    out.group = group.id;
    out.name = to_abi(group.name);
    const Result<LogState> log = log_state(group);
    if (!log && log.error().code != Code::kCorrupt) return std::unexpected(log.error());
    out.state = group.is_damaged || !log ? CHR_E_CORRUPT : CHR_OK;
    if (out.state == CHR_OK) {
      out.first_index = log->first;
      out.last_index = log->last;
      out.entries = log->entries();
      out.bytes = log->bytes();
    }
    if (!fn(out)) return stopped_by_caller();
  }
  return {};
}

Result<StoredGroup> StoppedStore::find(uint64_t id) {
  return contain([&]() -> Result<StoredGroup> {
    CHRONIK_TRY(const Snapshot snapshot, Snapshot::begin(transactions_));
    CHRONIK_TRY(Cursor cursor, Cursor::open(snapshot.txn(), env_->groups()));
    LogKey key(id, 0);
    CHRONIK_TRY(const bool there, cursor.seek(key.group_val(), MDB_SET));
    if (!there) return fail(Code::kNotFound, "there is no group " + std::to_string(id));
    CHRONIK_TRY(const GroupRecord record, parse_group(cursor.value()));
    if (record.head.dropped != 0)
      return fail(Code::kNotFound, "group " + std::to_string(id) + " was dropped");
    return StoredGroup{id, false, false, record.head.start, std::string(record.name)};
  });
}

Result<LogState> StoppedStore::log_state(const StoredGroup& group) {
  return contain([&]() -> Result<LogState> {
    CHRONIK_TRY(const Snapshot snapshot, Snapshot::begin(transactions_));
    CHRONIK_TRY(LogEnds ends, LogEnds::open(snapshot.txn(), *env_, group.id));
    return ends.find(group.start);
  });
}

Status StoppedStore::keys(uint64_t group, std::string_view after, const StorageKeyFn& fn) {
  CHRONIK_CHECK(find(group));
  return contain([&]() -> Status {
    CHRONIK_TRY(const Snapshot snapshot, Snapshot::begin(transactions_));
    CHRONIK_TRY(Cursor cursor, Cursor::open(snapshot.txn(), env_->keys()));
    std::string first(reinterpret_cast<const char*>(LogKey(group, 0).bytes()), kGroupBytes);
    first.append(after);
    CHRONIK_TRY(bool there, cursor.seek({first.size(), first.data()}));
    while (there && group_of(cursor.key()) == group) {
      const std::string_view key = key_of(cursor.key());
      if (key > after) {
        const Result<std::string_view> value = readable_value(cursor.value());
        if (!value)
          return fail(Code::kCorrupt, "the value of the key " + std::string(key) + " of group " +
                                          std::to_string(group) + " is damaged on disk");
        const chr_slice slice{reinterpret_cast<const uint8_t*>(value->data()), value->size(), nullptr};
        if (!fn(key, slice)) return stopped_by_caller();
      }
      CHRONIK_TRY(there, cursor.move(MDB_NEXT));
    }
    return {};
  });
}

Status StoppedStore::entries(uint64_t id, uint64_t from, const StorageEntryFn& fn) {
  CHRONIK_TRY(const StoredGroup group, find(id));
  uint64_t next = std::max(from, group.start);
  Status status = contain([&]() -> Status {
    CHRONIK_TRY(const Snapshot snapshot, Snapshot::begin(transactions_));
    CHRONIK_TRY(LogView log, LogView::open(snapshot.txn(), *env_, group.id, group.start));
    CHRONIK_TRY(std::optional<StoredRecord> record, log.place_of(from));
    while (record) {
      const RecordWindow window = take_window(log, &record);
      CHRONIK_CHECK(give(window, group.id, fn));
      next = window.records.back().index() + 1;
      CHRONIK_CHECK(window.behind);
    }
    return {};
  });
  if (!status && status.error().code == Code::kCorrupt && !status.error().message.starts_with("entry "))
    status.error().message = entry_name(next, group.id) + ", or what leads to it: " + status.error().message;
  return status;
}

}  // namespace chronik::storage_lmdb
