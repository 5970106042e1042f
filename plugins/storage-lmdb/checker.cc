#include "storage-lmdb/checker.h"

#include "storage-lmdb/page.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

namespace chronik::storage_lmdb {
namespace {

constexpr MDB_dbi kFreeList = 0;  // LMDB's own: transaction -> the pages that it freed, their number first
constexpr uint64_t kMetaPages = 2;
constexpr size_t kMaxKeyBytes = 8 + kMaxStorageKey;

std::string text(uint64_t number) { return std::to_string(number); }

uint64_t file_size(const Env& env) {
  struct stat info{};
  return ::fstat(env.data_file(), &info) == 0 ? static_cast<uint64_t>(info.st_size) : 0;
}

// fn for each page number that LMDB's list has.
template <class F>
Status each_free_page(StoppedStore& store, F&& fn) {
  return contain([&]() -> Status {
    CHRONIK_TRY(const Snapshot snapshot, Snapshot::begin(store.transactions()));
    CHRONIK_TRY(Cursor cursor, Cursor::open(snapshot.txn(), kFreeList));
    CHRONIK_TRY(bool there, cursor.move(MDB_FIRST));
    while (there) {
      const MDB_val value = cursor.value();
      if (!is_readable(value.mv_data, value.mv_size))
        return fail(Code::kCorrupt, "the disk cannot read a part of it");
      for (uint64_t at = sizeof(uint64_t); at + sizeof(uint64_t) <= value.mv_size; at += sizeof(uint64_t)) {
        uint64_t page = 0;
        std::memcpy(&page, static_cast<const uint8_t*>(value.mv_data) + at, sizeof page);
        fn(page);
      }
      CHRONIK_TRY(there, cursor.move(MDB_NEXT));
    }
    return {};
  });
}

}  // namespace

// ---- pages ----

// LMDB does not say where its map begins. The page of the format record knows its number, which counts where
// the file has these bytes at this place.
Status PagesInUse::locate(const Env& env, MDB_txn* txn) {
  page_size_ = env.page_size();
  shared_.resize(env.used_end() / page_size_);
  own_.resize(shared_.size());
  CHRONIK_TRY(Cursor cursor, Cursor::open(txn, env.meta()));
  CHRONIK_TRY(const bool there, cursor.move(MDB_FIRST));
  if (!there) return {};
  const auto* const row = static_cast<const uint8_t*>(cursor.value().mv_data);
  const auto* const page = row - reinterpret_cast<uintptr_t>(row) % page_size_;
  const uint64_t number = PageHeader::load(page).number;
  std::vector<uint8_t> bytes(page_size_);
  if (number >= shared_.size()) return {};
  if (::pread(env.data_file(), bytes.data(), bytes.size(), static_cast<off_t>(number * page_size_)) !=
      static_cast<ssize_t>(bytes.size()))
    return {};
  if (std::memcmp(bytes.data(), page, bytes.size()) == 0) base_ = page - number * page_size_;
  return {};
}

uint64_t PagesInUse::page_of(MDB_val value) const {
  const auto* const at = static_cast<const uint8_t*>(value.mv_data);
  return base_ == nullptr || at < base_ ? shared_.size() : static_cast<uint64_t>(at - base_) / page_size_;
}

bool PagesInUse::take(MDB_val value) {
  const uint64_t first = page_of(value);
  const uint64_t own = own_pages(value.mv_size, page_size_);
  bool is_free = true;
  for (uint64_t page = first; page < first + std::max<uint64_t>(own, 1) && page < shared_.size(); ++page) {
    is_free = is_free && !own_[page] && (own == 0 || !shared_[page]);
    (own != 0 ? own_ : shared_)[page] = true;
  }
  return is_free;
}

std::string PagesInUse::place(MDB_val value) const {
  const uint64_t page = page_of(value);
  return page < shared_.size() ? "data.mdb, page " + text(page) : "data.mdb";
}

// ---- what is told ----

Status Checker::tell(const Finding& finding) {
  CHRONIK_CHECK(flush());
  return report_.tell(finding);
}

Status Checker::flush() {
  if (!pending_) return {};
  return tell(*std::exchange(pending_, std::nullopt));
}

Status Checker::tell_row(const Walk& walk, uint64_t index, MDB_val value, std::string what) {
  if (pending_ && pending_->group == walk.group.id && pending_->last == walk.last && pending_->what == what) {
    pending_->last = index;
    return {};
  }
  CHRONIK_CHECK(flush());
  pending_ = Finding{walk.group.id, walk.group.name, index, index, {}, pages_.place(value), std::move(what)};
  return {};
}

Status Checker::tell_tree(const StoredGroup& group, MDB_dbi table, uint64_t first, uint64_t last,
                          const Error& error) {
  damaged_tables_.insert(table);
  return tell({group.id, group.name, first, last, {}, "data.mdb", "there is no way there: " + error.message});
}

// ---- the check ----

Status Checker::check(const Host& host, const StorageReportFn& report, chr_storage_check* seen) {
  CHRONIK_TRY(const std::unique_ptr<StoppedStore> store, StoppedStore::open(host));
  return Checker(*store, report, *seen).run();
}

Status Checker::run() {
  CHRONIK_CHECK(check_size());
  CHRONIK_CHECK(check_groups());
  for (const auto& [id, group] : groups_) CHRONIK_CHECK(check_group(group));
  CHRONIK_CHECK(check_strangers(store_.env().keys(), "keys"));
  for (uint32_t i = 0; i < kLanes; ++i) CHRONIK_CHECK(check_strangers(store_.env().lane(i), "entries"));
  CHRONIK_CHECK(check_count(store_.env().groups(), "groups", 8));
  CHRONIK_CHECK(check_count(store_.env().keys(), "keys", 0));
  for (uint32_t i = 0; i < kLanes; ++i) CHRONIK_CHECK(check_count(store_.env().lane(i), "log" + text(i), 16));
  CHRONIK_CHECK(check_free_pages());
  return flush();
}

// LMDB writes no page that a transaction took and gave back: only such ones may be missing at the end.
Status Checker::check_size() {
  const Env& env = store_.env();
  const uint64_t pages = file_size(env) / env.page_size();
  const uint64_t used = env.used_end() / env.page_size();
  if (pages >= used) return {};
  if (const Result<uint64_t> free = count_free_from(pages); free && *free == used - pages) return {};
  const std::string what = "the file ends after " + text(pages) + " pages, but " + text(used) + " are in use";
  CHRONIK_CHECK(tell({0, {}, 0, 0, {}, "data.mdb", what}));
  return fail(Code::kCorrupt, "data.mdb was cut short: " + what);
}

Result<uint64_t> Checker::count_free_from(uint64_t first) {
  uint64_t n = 0;
  CHRONIK_CHECK(each_free_page(store_, [&](uint64_t page) { n += page >= first ? 1 : 0; }));
  return n;
}

Status Checker::check_groups() {
  Result<std::vector<StoredGroup>> groups = store_.stored_groups();
  if (!groups) {
    CHRONIK_CHECK(tell({0, {}, 0, 0, {}, "data.mdb", "the table of groups: " + groups.error().message}));
    return std::unexpected(std::move(groups).error());
  }
  for (StoredGroup& group : *groups) groups_.emplace(group.id, std::move(group));
  return contain([&]() -> Status {
    CHRONIK_TRY(const Snapshot snapshot, Snapshot::begin(store_.transactions()));
    return pages_.locate(store_.env(), snapshot.txn());
  });
}

Status Checker::check_group(const StoredGroup& group) {
  if (group.dropped) return {};
  ++seen_.groups;
  const bool is_name = !group.name.empty() && names_.insert(group.name).second;
  if (group.is_damaged) {
    CHRONIK_CHECK(
        tell({group.id, group.name, 0, 0, {}, "data.mdb", "the record of the group fails its check"}));
  } else if (!is_name) {
    CHRONIK_CHECK(tell(
        {group.id, group.name, 0, 0, {}, "data.mdb", "another group has the same name, or it has none"}));
  }
  CHRONIK_CHECK(check_keys(group));
  CHRONIK_CHECK(check_log(group));
  return flush();
}

Status Checker::check_keys(const StoredGroup& group) {
  const Status walked = contain([&]() -> Status {
    CHRONIK_TRY(const Snapshot snapshot, Snapshot::begin(store_.transactions()));
    CHRONIK_TRY(Cursor cursor, Cursor::open(snapshot.txn(), store_.env().keys()));
    LogKey first(group.id, 0);
    CHRONIK_TRY(bool there, cursor.seek(first.group_val()));
    while (there && group_of(cursor.key()) == group.id) {
      CHRONIK_CHECK(check_key(group, cursor));
      CHRONIK_TRY(there, cursor.move(MDB_NEXT));
    }
    return {};
  });
  if (walked || walked.error().code != Code::kCorrupt) return walked;
  return tell_tree(group, store_.env().keys(), 0, 0, walked.error());
}

Status Checker::check_key(const StoredGroup& group, const Cursor& cursor) {
  ++seen_.keys;
  const MDB_val value = cursor.value();
  const std::string key(key_of(cursor.key()));
  std::string what;
  if (const Result<std::string_view> bytes = readable_value(value); !bytes) {
    what = "the value of the key fails its check, or cannot be read";
  } else if (!own_pages_are_whole(value, store_.env().page_size())) {
    what = "the header of its pages is damaged";
  } else if (!pages_.take(value)) {
    what = "its pages are those of something else, too";
  }
  CHRONIK_CHECK(report_.note_read(value.mv_size));
  if (what.empty()) return {};
  return tell({group.id, group.name, 0, 0, key, pages_.place(value), what});
}

// ---- logs ----

Status Checker::check_log(const StoredGroup& group) {
  Walk walk{group, 0, {}, 0, false};
  for (uint64_t from = group.start;;) {
    const Status walked = contain([&] { return walk_log(walk, from); });
    if (walked || walked.error().code != Code::kCorrupt) return walked;
    const uint64_t bad = std::max(from, walk.last + 1);
    CHRONIK_TRY(const Way way, way_behind(group, bad));
    CHRONIK_CHECK(tell_tree(group, store_.env().lane(group.id), bad, way.lost, walked.error()));
    if (way.next == 0) return {};
    walk.is_interrupted = true;
    walk.last = way.lost;
    from = way.next;
  }
}

Status Checker::walk_log(Walk& walk, uint64_t from) {
  const StoredGroup& group = walk.group;
  CHRONIK_TRY(const Snapshot snapshot, Snapshot::begin(store_.transactions()));
  CHRONIK_TRY(LogView log, LogView::open(snapshot.txn(), store_.env(), group.id, group.start));
  // Apart: a transaction that met damage answers nothing more.
  CHRONIK_TRY(const Snapshot other, Snapshot::begin(store_.transactions()));
  CHRONIK_TRY(Cursor search, Cursor::open(other.txn(), store_.env().lane(group.id)));
  CHRONIK_TRY(std::optional<StoredRecord> record, log.place_of(from));
  while (record) {
    const RecordWindow window = take_window(log, &record);
    for (size_t i = 0; i < window.records.size(); ++i)
      CHRONIK_CHECK(check_row(walk, window.records[i], i < window.readable, search));
    CHRONIK_CHECK(window.behind);
  }
  return {};
}

Status Checker::check_row(Walk& walk, const StoredRecord& record, bool is_readable, Cursor& search) {
  const uint64_t index = record.index();
  if (index <= walk.last)
    return fail(Code::kCorrupt,
                "entry " + text(index) + " stands behind entry " + text(walk.last) + " in the tree");
  ++seen_.entries;
  std::string what = fault_of(walk, record, is_readable, search);
  if (!what.empty()) CHRONIK_CHECK(tell_row(walk, index, record.value, std::move(what)));
  walk.last = index;
  return report_.note_read(record.value.mv_size);
}

// What is wrong with an entry, or nothing.
std::string Checker::fault_of(Walk& walk, const StoredRecord& record, bool is_readable, Cursor& search) {
  ++walk.rows_since;
  if (!is_readable) return "the disk cannot read it, or the file ends before it";
  const Result<RecordView> view = parse_readable(record.key, record.value);
  if (!view) return "its head fails its check";
  std::string totals = fault_of_totals(walk, view->head);
  walk.whole = view->head;
  walk.rows_since = 0;
  walk.is_interrupted = false;
  seen_.bytes += view->head.header.bytes;
  if (!payload_is_whole(*view)) return "its payload fails its check";
  if (!own_pages_are_whole(record.value, store_.env().page_size()))
    return "the header of its pages is damaged";
  if (!pages_.take(record.value)) return "its pages are those of something else, too";
  if (!totals.empty()) return totals;
  const Result<bool> found = search.seek(record.key, MDB_SET);
  if (!found) return "a search for it fails: " + found.error().message;
  if (!*found || search.value().mv_data != record.value.mv_data) return "a search does not find it";
  return {};
}

std::string Checker::fault_of_totals(Walk& walk, const RecordHead& head) const {
  if (!walk.whole || walk.is_interrupted) return {};
  const uint64_t due = walk.whole->total_entries + walk.rows_since;
  if (head.total_entries > due) return text(head.total_entries - due) + " entries before it are missing";
  const bool bytes_fit =
      walk.rows_since != 1 || head.total_bytes == walk.whole->total_bytes + head.header.bytes;
  if (head.total_entries == due && bytes_fit) return {};
  return "its totals do not follow those of the entry before it";
}

Result<Checker::Way> Checker::way_behind(const StoredGroup& group, uint64_t bad) {
  // The entry at this index or the next one, 0: none.
  const auto seek = [&](uint64_t index) {
    return contain([&]() -> Result<uint64_t> {
      CHRONIK_TRY(const Snapshot snapshot, Snapshot::begin(store_.transactions()));
      CHRONIK_TRY(LogView log, LogView::open(snapshot.txn(), store_.env(), group.id, group.start));
      CHRONIK_TRY(const std::optional<StoredRecord> record, log.place_of(index));
      return record ? record->index() : 0;
    });
  };
  uint64_t low = bad;
  uint64_t high = bad;
  for (uint64_t step = 1;; step *= 2) {
    if (high == UINT64_MAX || step == 0) return Way{};
    high += std::min(step, UINT64_MAX - high);
    const Result<uint64_t> found = seek(high);
    if (found) break;
    if (found.error().code != Code::kCorrupt) return std::unexpected(found.error());
    low = high;
  }
  while (high - low > 1) {
    const uint64_t middle = low + (high - low) / 2;
    (seek(middle) ? high : low) = middle;
  }
  CHRONIK_TRY(const uint64_t next, seek(high));
  return Way{high - 1, next};
}

// ---- what no group leads to ----

Status Checker::check_strangers(MDB_dbi table, const std::string& rows) {
  uint64_t id = 0;
  for (bool there = true; there;) {
    const Result<uint64_t> found = contain([&]() -> Result<uint64_t> {
      CHRONIK_TRY(const Snapshot snapshot, Snapshot::begin(store_.transactions()));
      CHRONIK_TRY(Cursor cursor, Cursor::open(snapshot.txn(), table));
      LogKey first(id, 0);
      CHRONIK_TRY(there, cursor.seek(first.group_val()));
      return there ? group_of(cursor.key()) : 0;
    });
    if (!found && found.error().code != Code::kCorrupt) return std::unexpected(found.error());
    if (found && !there) return {};
    if (found && *found < id) return {};  // no group's row, which check_count() tells
    // Damage on the way to a group was told with it.
    const auto known = groups_.lower_bound(found ? *found : id);
    if (!found) {
      if (known == groups_.end()) return {};
      id = known->first + 1;
      continue;
    }
    if (known == groups_.end() || known->first != *found) {
      CHRONIK_CHECK(tell(
          {*found, {}, 0, 0, {}, "data.mdb", "there are " + rows + " of it, but the group is not there"}));
    }
    if (*found == UINT64_MAX) return {};
    id = *found + 1;
  }
  return {};
}

// All that is live was looked at: what is met here only is gone, and waits to be removed.
Status Checker::check_count(MDB_dbi table, const std::string& name, size_t key_bytes) {
  if (damaged_tables_.contains(table)) return {};
  uint64_t rows = 0;
  bool is_ordered = true;
  MDB_stat stat{};
  const Status counted = contain([&]() -> Status {
    CHRONIK_TRY(const Snapshot snapshot, Snapshot::begin(store_.transactions()));
    if (const int rc = mdb_stat(snapshot.txn(), table, &stat); rc != MDB_SUCCESS)
      return std::unexpected(lmdb_error(rc, "read the size of a table"));
    CHRONIK_TRY(Cursor cursor, Cursor::open(snapshot.txn(), table));
    CHRONIK_TRY(bool there, cursor.move(MDB_FIRST));
    std::string before;
    for (; there && is_ordered && rows <= stat.ms_entries; ++rows) {
      const MDB_val row = cursor.key();
      const std::string key(static_cast<const char*>(row.mv_data), std::min(row.mv_size, kMaxKeyBytes + 1));
      const bool fits = key_bytes == 0 ? key_of(row).size() - 1 < kMaxStorageKey : key.size() == key_bytes;
      is_ordered = fits && key > before && groups_.contains(group_of(row));
      before = key;
      CHRONIK_TRY(there, cursor.move(MDB_NEXT));
    }
    return {};
  });
  if (!counted && counted.error().code != Code::kCorrupt) return counted;
  Finding finding;
  finding.place = "data.mdb, table " + name;
  if (!counted) {
    finding.kind = CHR_REPORT_NOTE;
    finding.what = "what was dropped or trimmed cannot be removed: " + counted.error().message;
    return tell(finding);
  }
  if (is_ordered && rows == stat.ms_entries) return {};
  finding.what = is_ordered
                     ? "it should have " + text(stat.ms_entries) + " rows, but has " +
                           (rows > stat.ms_entries ? "more" : text(rows))
                     : "its row " + text(rows) + " has no place there: its keys are out of order, or damaged";
  return tell(finding);
}

Status Checker::check_free_pages() {
  std::vector<bool> listed(pages_.count());
  uint64_t wrong = 0;
  uint64_t first = 0;
  const Status walked = each_free_page(store_, [&](uint64_t page) {
    const bool is_one = page >= kMetaPages && page < listed.size();
    if (is_one && !listed[page] && !pages_.has(page)) {
      listed[page] = true;
    } else if (wrong++ == 0) {
      first = page;
    }
  });
  if (!walked && walked.error().code != Code::kCorrupt) return walked;
  const std::string place = "data.mdb, list of free pages";
  if (!walked) CHRONIK_CHECK(tell({0, {}, 0, 0, {}, place, walked.error().message}));
  if (wrong == 0) return {};
  return tell(
      {0,
       {},
       0,
       0,
       {},
       place,
       text(wrong) + " of its pages are in use, or listed twice, or none; the first is " + text(first)});
}

}  // namespace chronik::storage_lmdb
