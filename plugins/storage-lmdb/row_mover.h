// Makes rows of free pages where those that are free lie scattered: moves what lies between them (movable.h),
// slice by slice, where a batch was to be refused although there is room. The drain's alone.
//
//   state   | entered by                                                    | between drains
//   at rest | nothing more can be moved for the batch, or it was written    | nothing
//   at work | a slice was moved for a batch: there may be more              | the next slice is moved
//
// After slices in vain it pauses for a second.
#pragma once

#include "storage-lmdb/movable.h"
#include "storage-lmdb/store_parts.h"

namespace chronik::storage_lmdb {

class RowMover {
 public:
  explicit RowMover(StoreParts& parts) : parts_(parts) {}

  // Moves a slice, so that there are such rows; false: nothing was moved.
  bool make_rows(const Supply::Rows& rows);
  // Whether the last slice left more to move; the next slice for the same batch.
  bool is_at_work() const { return is_at_work_; }
  bool go_on() { return make_rows(wanted_); }
  // Whether such rows were looked for in vain lately, and are not known to be there.
  bool are_wanting(const Supply::Rows& rows) const;
  // A batch with these was written after all.
  void found_rows(const Supply::Rows& rows);

 private:
  bool may_move(const Supply::Rows& rows);
  Result<Moves> find_slice(const Supply::Rows& rows);
  Status move_rows(const Moves& moves);

  StoreParts& parts_;
  uint64_t shortest_ = UINT64_MAX;  // row that was looked for in vain; such are made before they are needed
  Supply::Rows wanted_;             // by the last batch that did not find them
  bool is_at_work_ = false;
  uint64_t slices_ = 0;      // moved for such batches since one of them was written
  uint64_t moved_ns_ = 0;    // when that was
  uint64_t spoken_for_ = 1;  // times the free pages that are thought to be taken first
};

}  // namespace chronik::storage_lmdb
