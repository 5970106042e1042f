#include "storage-lmdb/recovery.h"

#include "storage-lmdb/log_ends.h"

#include <algorithm>
#include <cstring>
#include <memory>

namespace chronik::storage_lmdb {

Status Recovery::run() {
  CHRONIK_TRY(Records records, read_records());
  for (auto& [id, bytes] : records) CHRONIK_CHECK(recover_record(id, {bytes.size(), bytes.data()}));
  return {};
}

Result<Recovery::Records> Recovery::read_records() {
  Records records;
  CHRONIK_TRY(const Snapshot snapshot, Snapshot::begin(transactions_));
  CHRONIK_CHECK(space_.count_all(snapshot.txn()));
  MDB_val key{};
  MDB_val value{};
  MDB_cursor* cursor = nullptr;
  int rc = mdb_cursor_open(snapshot.txn(), env_.groups(), &cursor);
  const std::unique_ptr<MDB_cursor, void (*)(MDB_cursor*)> closer(cursor, mdb_cursor_close);
  while (rc == MDB_SUCCESS && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == MDB_SUCCESS)
    records.emplace_back(LogKey::load(key.mv_data),
                         std::string(static_cast<const char*>(value.mv_data), value.mv_size));
  if (rc != MDB_NOTFOUND) return std::unexpected(lmdb_error(rc, "read the groups"));
  uint64_t next = 1;
  MDB_val name{10, const_cast<char*>("next_group")};
  rc = mdb_get(snapshot.txn(), env_.meta(), &name, &value);
  if (rc == MDB_SUCCESS) std::memcpy(&next, value.mv_data, std::min(value.mv_size, sizeof next));
  groups_.restore_next_id(next);
  return records;
}

Status Recovery::recover_record(uint64_t id, MDB_val value) {
  const Result<GroupRecord> record = parse_group(value);
  const auto recover = [&]() -> Result<Group> {
    if (!record) return std::unexpected(record.error());
    // A transaction of its own: one that met damage is of no use any more.
    CHRONIK_TRY(const Snapshot snapshot, Snapshot::begin(transactions_));
    return contain([&] { return recover_group(snapshot.txn(), id, *record); });
  };
  Result<Group> group = recover();
  if (group) {
    if (group->dropped || group->purge_below != 0)
      group->gone_bytes = contain([&] { return count_gone(*group); }).value_or(0);
    groups_.restore(*group);
    return {};
  }
  if (group.error().code != Code::kCorrupt) return std::unexpected(group.error());
  const std::string_view name = record ? record->name : std::string_view();
  host_.error("a log is damaged on disk and not served: " + group.error().message,
              "group=" + std::to_string(id) + " name=" + std::string(name.empty() ? "unknown" : name));
  groups_.set_aside(id, name, group.error().message);
  return {};
}

Result<Group> Recovery::recover_group(MDB_txn* txn, uint64_t id, const GroupRecord& record) {
  Group group;
  group.id = id;
  group.set_name(record.name);
  group.durable = true;
  group.dropped = record.head.dropped != 0;
  group.purge_below = record.head.start;
  if (group.dropped) return group;
  CHRONIK_TRY(LogEnds ends, LogEnds::open(txn, env_, id));
  CHRONIK_TRY(group.log, ends.find(group.purge_below));
  return group;
}

Result<uint64_t> Recovery::count_gone(const Group& group) {
  CHRONIK_TRY(const Snapshot snapshot, Snapshot::begin(transactions_));
  CHRONIK_TRY(LogEnds ends, LogEnds::open(snapshot.txn(), env_, group.id));
  CHRONIK_TRY(LogState gone, ends.find(0));
  if (!group.dropped) {
    CHRONIK_TRY(gone, ends.without_from(group.purge_below, gone));
  }
  // The totals began from zero again where the log was empty in between.
  if (gone.entries_at_last < gone.entries_before_first || gone.bytes_at_last < gone.bytes_before_first)
    return 0;
  return bytes_in_file(gone.entries(), gone.bytes());
}

}  // namespace chronik::storage_lmdb
