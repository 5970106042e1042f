// One write transaction: the writes of a drain, over all groups, and slices of the work that dropped groups
// and long trims leave behind. Begun and ended on one thread; aborts unless committed.
#pragma once

#include "env.h"
#include "groups.h"
#include "record.h"
#include "space.h"

#include <optional>
#include <unordered_map>
#include <vector>

namespace chronik::storage_lmdb {

class Transaction {
 public:
  // What it does to the space of the file, roughly.
  struct Effect {
    uint64_t written = 0;  // bytes of records
    uint64_t freed = 0;    // bytes of records and of pages that are copied on write
  };

  Transaction(Env& env, GroupTable& groups) : env_(env), groups_(groups) {}
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  Status begin();
  // Applies all steps of a write. INVALID_ARGUMENT: nothing was applied, the transaction goes on; any other
  // error ends it.
  Status apply(const OwnedWrite& write);
  // Removes up to n entries or keys of groups that have some to remove.
  Status purge(uint64_t n);
  // Changes something that does not matter, so that the commit is one.
  Status touch();
  // Tells how many pages are live now; before commit().
  Status count(Space& space) const;
  // Durable when it returns OK, and visible.
  Status commit();

  bool is_empty() const { return working_.empty(); }
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
  Status trim(Group& group, uint64_t index);
  Status put(const Group& group, const chr_storage_step& step);
  Status remove_key(const Group& group, chr_str key);
  Status write_group(Group& group);
  Status finish_purge(Working& working);

  // Removes entries with an index in [from, to), at most n; *n is lowered by their number.
  Status remove_entries(const Group& group, uint64_t from, uint64_t to, uint64_t* n);
  Status remove_keys(const Group& group, uint64_t* n);
  // The entry at or after an index, or the last one below it; nullopt in *found: none.
  Status entry_from(const Group& group, uint64_t index, std::optional<RecordHead>* found);
  Status entry_below(const Group& group, uint64_t index, std::optional<RecordHead>* found);
  Status check(int rc, const char* doing) const;

  Env& env_;
  GroupTable& groups_;
  MDB_txn* txn_ = nullptr;
  std::unordered_map<uint64_t, Working> working_;
  Effect effect_;
};

}  // namespace chronik::storage_lmdb
