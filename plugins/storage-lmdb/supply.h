// How much of what is gone the next commits need removed.
//
// Entries that were trimmed or dropped lie in the file as they were written, in rows of pages, until they are
// removed; only then LMDB has their pages. It uses first what it had free for longest, so small commits,
// eight pages each, go through all that is free within seconds and leave live pages in between; and whoever
// needs a row then makes it search its whole list, at each commit anew. So no more is removed than the next
// commits need: the list stays short, and what they get lies in rows. docs/decisions/0011 has the
// measurement. The drain's alone.
#pragma once

#include "storage-lmdb/free_pages.h"

namespace chronik::storage_lmdb {

class Supply {
 public:
  explicit Supply(uint64_t page_size) : page_size_(page_size) {}

  // What a commit writes into rows of pages, and the longest of these.
  struct Rows {
    uint64_t pages = 0;
    uint64_t longest = 0;

    void add(uint64_t value_bytes, uint64_t page_size);
  };
  // A commit is about to write these; it wrote them.
  void expect(const Rows& rows);
  void took(const Rows& rows);
  // So much was taken behind all others: fewer rows are of use than was thought, and more are to be had.
  void fell_short(uint64_t bytes);
  // Entries with so many pages of their own were removed.
  void removed(uint64_t pages) { in_rows_ += pages; }
  // What is free now, and how much of it a lease keeps from being used.
  void looked(const FreePages& free, uint64_t leased_bytes);

  // Whether the rows last for these, and for the next commits, as far as is known without looking.
  bool has(const Rows& rows) const { return rows.pages <= in_rows_; }
  bool is_short();
  // Whether it is time to look again: a few commits change little.
  bool may_look() const { return commits_since_look_ >= kLookEvery; }
  // How much to remove at once.
  uint64_t portion() const;
  // What the next commits may take, in bytes.
  uint64_t demand() const { return pages_per_commit_ * page_size_; }

 private:
  static constexpr uint64_t kLookEvery = 8;

  uint64_t page_size_;
  uint64_t commits_since_look_ = kLookEvery;
  uint64_t pages_per_commit_ = 0;  // of the last few, those with most
  uint64_t longest_ = 1;           // row of the last commits
  uint64_t in_rows_ = 0;           // free pages
  uint64_t spare_ = 0;             // more of them than the next commits seem to need
  bool filling_ = false;
};

}  // namespace chronik::storage_lmdb
