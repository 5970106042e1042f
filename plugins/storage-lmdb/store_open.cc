// Opening a store: settings, metrics, and the groups that are there.
#include "storage-lmdb/log_ends.h"
#include "storage-lmdb/store.h"

#include <algorithm>

namespace chronik::storage_lmdb {
namespace {

constexpr uint32_t kMaxReaders = 512;

}  // namespace

Status Store::open() {
  const Space::Options space{setting(host_, "map_size"), setting(host_, "max_size"),
                             setting(host_, "preallocate")};
  const std::string directory(from_abi(host_.node().directory));
  CHRONIK_TRY(env_, Env::open({directory, space.limit(), kMaxReaders, space.slack()}));
  space_.emplace(host_, env_, space);
  generations_ = std::make_shared<Generations>(
      env_, Generations::Options{setting(host_, "max_lease"),
                                 std::min(setting(host_, "lease_budget"), space_->capacity() / 16)});
  supply_.emplace(env_->page_size());
  used_end_ = env_->used_end();
  reader_.emplace(host_, env_, generations_);
  define_metrics();
  return recover();
}

void Store::define_metrics() {
  metrics_ = {
      host_.counter("chronik_storage_commits_total", "Transactions committed, each with one sync."),
      host_.histogram("chronik_storage_commit_seconds", "Time of a commit, sync included."),
      host_.counter("chronik_storage_written_bytes_total", "Bytes of entries and keys written."),
      host_.counter(
          "chronik_storage_moved_bytes_total",
          "Written again elsewhere, as it lay between free pages that large entries need in a row."),
      host_.gauge("chronik_storage_overdue_leases", "Leases on pages that are held past their age."),
      host_.gauge("chronik_storage_waiting_bytes",
                  "Freed bytes that cannot be used again before a lease ends."),
      host_.gauge("chronik_storage_groups", "Logs that the store holds: of partitions and of __meta."),
      host_.gauge("chronik_storage_used_bytes",
                  "What the store holds, with its overhead; without what is gone."),
      host_.gauge("chronik_storage_gone_bytes",
                  "What was trimmed or deleted and lies in the file until its pages are needed, roughly."),
      host_.gauge("chronik_storage_file_bytes", "Size of the data file.")};
}

Status Store::recover() {
  std::vector<std::pair<uint64_t, std::string>> records;
  {
    CHRONIK_TRY(const Snapshot snapshot, Snapshot::begin(generations_->transactions()));
    CHRONIK_CHECK(space_->count_all(snapshot.txn()));
    MDB_val key{};
    MDB_val value{};
    MDB_cursor* cursor = nullptr;
    int rc = mdb_cursor_open(snapshot.txn(), env_->groups(), &cursor);
    const std::unique_ptr<MDB_cursor, void (*)(MDB_cursor*)> closer(cursor, mdb_cursor_close);
    while (rc == MDB_SUCCESS && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == MDB_SUCCESS)
      records.emplace_back(LogKey::load(key.mv_data),
                           std::string(static_cast<const char*>(value.mv_data), value.mv_size));
    if (rc != MDB_NOTFOUND) return std::unexpected(lmdb_error(rc, "read the groups"));
    uint64_t next = 1;
    MDB_val name{10, const_cast<char*>("next_group")};
    rc = mdb_get(snapshot.txn(), env_->meta(), &name, &value);
    if (rc == MDB_SUCCESS) std::memcpy(&next, value.mv_data, std::min(value.mv_size, sizeof next));
    groups_.restore_next_id(next);
  }
  for (auto& [id, bytes] : records) CHRONIK_CHECK(recover_record(id, {bytes.size(), bytes.data()}));
  host_.set(metrics_.groups, static_cast<double>(groups_.count()));
  note_sizes();
  return {};
}

// One that is damaged is set aside, the others are served.
Status Store::recover_record(uint64_t id, MDB_val value) {
  const Result<GroupRecord> record = parse_group(value);
  const auto recover = [&]() -> Result<Group> {
    if (!record) return std::unexpected(record.error());
    // A transaction of its own: one that met damage is of no use any more.
    CHRONIK_TRY(const Snapshot snapshot, Snapshot::begin(generations_->transactions()));
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

Result<Group> Store::recover_group(MDB_txn* txn, uint64_t id, const GroupRecord& record) {
  Group group;
  group.id = id;
  group.set_name(record.name);
  group.durable = true;
  group.dropped = record.head.dropped != 0;
  group.purge_below = record.head.start;
  if (group.dropped) return group;
  CHRONIK_TRY(LogEnds ends, LogEnds::open(txn, *env_, id));
  CHRONIK_TRY(group.log, ends.find(group.purge_below));
  return group;
}

Result<uint64_t> Store::count_gone(const Group& group) {
  CHRONIK_TRY(const Snapshot snapshot, Snapshot::begin(generations_->transactions()));
  CHRONIK_TRY(LogEnds ends, LogEnds::open(snapshot.txn(), *env_, group.id));
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
