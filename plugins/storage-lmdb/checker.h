// What is damaged in a store that nobody uses: every group record, key and entry with its checksums, the
// trees that lead to them as far as LMDB can walk, their counts, and the list of free pages. Changes nothing.
// Blocking; for one check.
#pragma once

#include "storage-lmdb/stopped_store.h"

#include <map>
#include <set>

namespace chronik::storage_lmdb {

// Which pages of the file hold something. The map begins where page 0 lies.
class PagesInUse {
 public:
  // Nothing is known of places where the file's first page could not be found.
  Status locate(const Env& env, MDB_txn* txn);
  // The pages of a value. False: another value's own pages are among them.
  bool take(MDB_val value);
  bool has(uint64_t page) const { return page < shared_.size() && (shared_[page] || own_[page]); }
  uint64_t count() const { return shared_.size(); }
  // "data.mdb, page 4711", or "data.mdb".
  std::string place(MDB_val value) const;

 private:
  uint64_t page_of(MDB_val value) const;

  const uint8_t* base_ = nullptr;
  uint64_t page_size_ = 4096;
  std::vector<bool> shared_;  // pages that several values may lie in
  std::vector<bool> own_;     // pages of one large value
};

class Checker {
 public:
  // CORRUPT: so damaged at its root that the groups cannot be told; CANCELLED: report said false.
  static Status check(const Host& host, const StorageReportFn& report, chr_storage_check* seen);

 private:
  using Finding = StorageFinding;
  // How far the walk along one log has come.
  struct Walk {
    const StoredGroup& group;
    uint64_t last = 0;                // index of the last row
    std::optional<RecordHead> whole;  // of the last whole one
    uint64_t rows_since = 0;          // damaged ones behind that
    bool is_interrupted = false;      // rows were passed over since
  };

  Checker(StoppedStore& store, const StorageReportFn& report, chr_storage_check& seen)
      : store_(store), report_(report, &seen), seen_(seen) {
    report_.set_all_bytes(store.env().used_end());
  }
  Status run();
  Status check_size();
  Result<uint64_t> count_free_from(uint64_t page);
  Status check_groups();
  Status check_group(const StoredGroup& group);
  Status check_keys(const StoredGroup& group);
  Status check_key(const StoredGroup& group, const Cursor& cursor);
  Status check_log(const StoredGroup& group);
  Status walk_log(Walk& walk, uint64_t from);
  Status check_row(Walk& walk, const StoredRecord& record, bool is_readable, Cursor& search);
  std::string fault_of(Walk& walk, const StoredRecord& record, bool is_readable, Cursor& search);
  std::string fault_of_totals(Walk& walk, const RecordHead& head) const;
  // Where a log can be walked again behind damage of its tree.
  struct Way {
    uint64_t lost = UINT64_MAX;  // the last index that cannot be reached
    uint64_t next = 0;           // the entry there; 0: none
  };
  Result<Way> way_behind(const StoredGroup& group, uint64_t bad);
  Status check_strangers(MDB_dbi table, const std::string& rows);
  // How many rows there are, and whether each has a key that may stand there. key_bytes: 0: of any size.
  Status check_count(MDB_dbi table, const std::string& name, size_t key_bytes);
  Status check_free_pages();

  Status tell(const Finding& finding);
  // Rows of a log side by side with the same fault are one finding.
  Status tell_row(const Walk& walk, uint64_t index, MDB_val value, std::string what);
  Status tell_tree(const StoredGroup& group, MDB_dbi table, uint64_t first, uint64_t last,
                   const Error& error);
  Status flush();

  StoppedStore& store_;
  StorageCheckReport report_;
  chr_storage_check& seen_;
  PagesInUse pages_;
  std::map<uint64_t, StoredGroup> groups_;
  std::set<std::string, std::less<>> names_;
  std::set<MDB_dbi> damaged_tables_;  // of whose trees something was told
  std::optional<Finding> pending_;
};

}  // namespace chronik::storage_lmdb
