// What is in the way of a large entry: small ones that lie between free pages.
//
// A full store may have free pages enough for an entry but none in a row that is long enough. Then a window
// of so many pages is chosen in which few are in use, and what lies there is written again as it is, and so
// comes to other pages. Nothing is kept beside LMDB's trees to tell whose a page is: an entry's head says its
// index, its checksum the group, a shared page has keys; and what they say counts where the tree leads from
// that key to that page.
#pragma once

#include "storage-lmdb/free_pages.h"
#include "storage-lmdb/groups.h"

#include <string>
#include <vector>

namespace chronik::storage_lmdb {

// An entry or a key, of a group or of none.
struct Movable {
  MDB_dbi database = 0;
  uint64_t group = 0;
  std::string key;
};

struct PageRow {
  uint64_t first = 0;
  uint64_t pages = 0;
};

// Windows of the file, and what is in their way.
struct Moves {
  uint64_t length = 0;            // of each window
  std::vector<uint64_t> windows;  // their first pages, in order
  std::vector<Movable> movables;
  uint64_t pages = 0;    // that these have
  bool is_whole = true;  // false: it is the first of what is to be moved

  bool meets_window(const PageRow& row) const;
};

struct MoveLimits {
  uint64_t length;      // pages in a row that are wanted
  uint64_t windows;     // how many of these
  uint64_t end;         // no window goes beyond this page
  uint64_t spoken_for;  // free pages that LMDB takes first: copies come there, so they are in no window
  uint64_t most_pages;  // to move at once
  uint64_t largest;     // number of pages of an entry that is moved
};

// What to move, where as little as possible is in the way. Windows that are free already are found too. Fewer
// than are wanted, and whole: there are no more.
Result<Moves> find_moves(const Env& env, ReadTransactions& transactions, const GroupTable& groups,
                         const FreePages& free, const MoveLimits& limits);

}  // namespace chronik::storage_lmdb
