// Purge: removes from the file what was dropped or trimmed, slice by slice, as far as somebody needs it, and
// only what was read beforehand (look_ahead.h). The drain's alone.
//
//   wanted         | entered by, at the start of a round               | is removed
//   nothing        | the free pages last for the next commits          | nothing
//   pages          | the supply or the file is short of them           | as much as the next commits need
//   of some groups | writes are held back that come below what is gone | whole slices, of these groups
//   all            | the store is full                                 | whole slices, of any group
#pragma once

#include "storage-lmdb/store_parts.h"
#include "storage-lmdb/transaction.h"
#include "storage-lmdb/write_queue.h"

#include <optional>

namespace chronik::storage_lmdb {

class Purge {
 public:
  explicit Purge(StoreParts& parts) : parts_(parts) {}

  // A round of the drain begins; `held`: the groups of which writes are held back.
  void begin_round(bool store_is_full, std::set<uint64_t> held);
  // Within the round, writes of these groups were held back.
  void hurry(std::set<uint64_t> held);
  bool is_wanted() const { return is_wanted_; }
  // There is no space even for that.
  bool is_refused() const { return is_refused_; }
  // Whether writes are held back until something is removed.
  bool holds_writes() const { return !in_the_way_.empty(); }
  // Of which groups the batch has entries that come below what is still to be removed: these would be taken
  // for gone. None where nothing can be removed: Transaction sees to those.
  std::set<uint64_t> find_blocked(const WriteQueue::Batch& batch) const;

  // What was read since the last call. What was read long ago may have left memory, and is read again.
  void add_warm(WarmBelow news, uint64_t now_ns);
  // The next group of which more is to be read, where any is; has_to_wait(group): it is passed over.
  template <class HasToWait>
  std::optional<uint64_t> next_to_read(HasToWait&& has_to_wait) const {
    if (!is_wanted_ && !warm_.empty()) return std::nullopt;
    for (const uint64_t id : groups_now())
      if (!warm_.contains(id) && !has_to_wait(id)) return id;
    return std::nullopt;
  }
  // The index below which the group's entries are gone.
  uint64_t end_of_gone(uint64_t group) const;
  // Whether anything is in memory that is to be removed now.
  bool can_remove() const;

  // Removes a slice in a transaction of its own; false: nothing could be removed.
  bool remove_slice();
  // The same, for the next transaction to use what becomes free.
  bool remove_for_now();
  // Removes a slice in a transaction that writes, where one is wanted. `spoiler`: the group
  // that an error is about, 0: none.
  Status remove_beside_writes(Transaction& transaction, uint64_t* spoiler);
  // The group is damaged: what is gone of it stays in the file.
  void give_up(uint64_t group, const Error& error);

  // Before a batch writes these: sees to pages in rows, where the free ones do not suffice.
  void make_rows(const Supply::Rows& rows);
  // Such a batch was written.
  void count_commit() { ++commits_since_rows_; }

 private:
  bool comes_below(const OwnedWrite& write) const;
  // Of which groups what is gone is to be removed, where any is.
  const std::set<uint64_t>& groups_now() const;
  bool finds_pages_short();
  Slice slice(Slice most) const;
  Status remove_in(Transaction& transaction, Slice most, uint64_t* spoiler);
  Status remove_alone(uint64_t* spoiler);

  StoreParts& parts_;
  bool is_wanted_ = false;
  bool needs_all_ = false;
  bool is_refused_ = false;
  std::set<uint64_t> in_the_way_;
  WarmBelow warm_;           // what is in memory
  uint64_t warm_at_ns_ = 0;  // when the newest of that was read
  uint64_t turn_ = 0;        // the group that was purged last
  uint64_t commits_since_rows_ = UINT32_MAX;
};

}  // namespace chronik::storage_lmdb
