// One write transaction: the writes of a drain, over all groups, and slices of the work that dropped groups
// and long trims leave behind. Begun and ended on one thread; aborts unless committed.
#pragma once

#include "storage-lmdb/env.h"
#include "storage-lmdb/groups.h"
#include "storage-lmdb/movable.h"
#include "storage-lmdb/record.h"
#include "storage-lmdb/slice.h"
#include "storage-lmdb/space.h"
#include "storage-lmdb/supply.h"
#include "storage-lmdb/warmer.h"

#include <optional>
#include <unordered_map>
#include <vector>

namespace chronik::storage_lmdb {

class Transaction {
 public:
  // What it does to the space of the file, roughly.
  struct Effect {
    uint64_t written = 0;       // bytes of records
    uint64_t freed = 0;         // bytes of records and of pages that are copied on write
    uint64_t removed = 0;       // bytes of entries
    uint64_t rows_removed = 0;  // pages of those that had pages of their own
    Supply::Rows rows;          // that it wrote
  };

  Transaction(const Host& host, Env& env, GroupTable& groups) : host_(host), env_(env), groups_(groups) {}
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  Status begin();
  // Entries with pages of their own get none behind this place of the file: NO_SPACE.
  void end_rows_at(uint64_t place) { row_end_ = place; }
  // What trims is to leave all that is gone in its place, for purge().
  void leave_trimmed() { trims_ = Budget(host_, {}); }
  // Applies all steps of a write. INVALID_ARGUMENT: nothing was applied, the transaction goes on; any other
  // error ends it; CORRUPT: this write alone meets damage.
  Status apply(const OwnedWrite& write);
  // Removes a slice of the groups that have something to remove, as far as it is in memory. Groups of which
  // more must be read first leave `warm`. `turn`: the group that was the last one to have a turn.
  Status purge(const Slice& slice, WarmBelow& warm, uint64_t& turn);
  // Writes what stands there again as it is: it comes to other pages, as does the shared page that has its
  // key. Where it has pages of its own, the first of them and how many.
  Result<PageRow> move_row(const Movable& what);
  // Changes something that does not matter, so that the commit is one.
  Status touch();
  // Durable when it returns OK, and visible; space knows how many pages are live then.
  Status commit(Space& space);

  bool is_empty() const { return working_.empty(); }
  // The group that an error of purge() is about, 0: none.
  uint64_t purging() const { return purging_; }
  const Effect& effect() const { return effect_; }

 private:
  struct Working {
    Group group;
    bool purged = false;
  };

  Group* checkout(uint64_t id);
  Status apply_step(Group& group, const chr_storage_step& step);
  Status append(Group& group, const chr_storage_step& step);
  Status append_one(Group& group, const chr_entry& entry);
  Status truncate(Group& group, uint64_t index);
  Status trim(Group& group, uint64_t index, Budget& budget);
  Status put_value(const Group& group, const chr_storage_step& step);
  Status remove_key(const Group& group, chr_str key);
  Status write_group(Group& group);
  // True: all that is in memory is gone.
  Result<bool> purge_group(uint64_t id, uint64_t warm_below, Budget& budget);
  Status finish_purge(Working& working);

  // Removes entries with an index in [from, to), as far as the budget allows: all where it is not spent.
  Status remove_entries(const Group& group, uint64_t from, uint64_t to, Budget& budget);
  // The same of entries that are gone.
  Status remove_gone(Group& group, uint64_t from, uint64_t to, Budget& budget);
  Status look_over(MDB_dbi dbi, MDB_val key, uint64_t n);
  Status remove_keys(const Group& group, Budget& budget);
  // The last index of the log below this one, 0: none.
  Result<uint64_t> last_below(const Group& group, uint64_t index);
  Status check(int rc, const char* doing) const;

  const Host& host_;
  Env& env_;
  GroupTable& groups_;
  Budget trims_;  // of all trims of the transaction; what they leave is purged later
  uint64_t row_end_ = UINT64_MAX;
  MDB_txn* txn_ = nullptr;
  std::unordered_map<uint64_t, Working> working_;
  uint64_t purging_ = 0;
  Effect effect_;
};

}  // namespace chronik::storage_lmdb
