// What of the store makes rows of free pages where those that are free lie scattered: slice by slice, in the
// drain, and only where a batch was to be refused.
#include "storage-lmdb/store.h"

#include <algorithm>

namespace chronik::storage_lmdb {
namespace {

constexpr uint64_t kMaxPages = 1024;   // of a slice
constexpr uint64_t kCommitsAhead = 4;  // for which rows are made, where that is one slice
constexpr uint64_t kPathPages = 64;    // that a slice takes beside what it moves
constexpr uint64_t kMaxSlices = 4;     // in vain, and twice those that suffice for the rows
constexpr uint64_t kPauseNs = 1'000'000'000;

}  // namespace

bool Store::may_move(const Supply::Rows& rows) {
  const uint64_t now = host_.now_ns();
  if (scattered_.slices >= kMaxSlices + 2 * (rows.pages / kMaxPages)) {
    if (now - scattered_.moved_ns < kPauseNs) return false;
    scattered_.slices = 0;
    scattered_.spoken_for = 1;
  }
  ++scattered_.slices;
  scattered_.moved_ns = now;
  return true;
}

void Store::found_rows(const Supply::Rows& rows) {
  if (rows.longest < scattered_.wanted.longest) return;
  scattered_.wanted = {};
  scattered_.goes_on = false;
  scattered_.slices = 0;
}

Result<Moves> Store::find_moves(const Supply::Rows& rows) {
  CHRONIK_TRY(const FreePages free, FreePages::read(generations_->transactions()));
  supply_->looked(free, generations_->pressure(host_.now_ns()).waiting_bytes);
  const uint64_t usable = free.freed_before(generations_->oldest());
  const uint64_t wanted = (rows.pages + rows.longest - 1) / rows.longest;
  MoveLimits limits{};
  limits.length = rows.longest;
  limits.end = std::min(space_->row_end(), env_->used_end()) / env_->page_size();
  limits.largest = rows.longest / 2;
  for (const uint64_t windows : {kCommitsAhead * wanted, wanted}) {
    limits.windows = windows;
    limits.most_pages = std::min(kMaxPages, windows * rows.longest);
    // Each copy may take a shared page along.
    limits.spoken_for = scattered_.spoken_for * (2 * limits.most_pages + kPathPages);
    if (limits.spoken_for > usable) continue;
    Moves moves;
    CHRONIK_TRY(moves, storage_lmdb::find_moves(*env_, generations_->transactions(), groups_, free, limits));
    if (moves.windows.size() >= wanted || !moves.is_whole) return moves;
  }
  return Moves{};
}

bool Store::make_rows_by_moving(const Supply::Rows& rows) {
  scattered_.goes_on = false;
  if (rows.longest < 2 || !may_move(rows)) return false;
  scattered_.wanted = rows;
  const Result<Moves> moves = contain([&] { return find_moves(rows); });
  if (!moves) return false;
  if (moves->movables.empty()) {
    if (!moves->windows.empty()) scattered_.shortest = UINT64_MAX;
    return false;
  }
  scattered_.shortest = std::min(scattered_.shortest, rows.longest);
  const Status status = contain([&] { return move(*moves); });
  if (status) return scattered_.goes_on = true;
  if (status.error().code == Code::kNoSpace) {
    scattered_.spoken_for *= 4;
  } else if (status.error().code != Code::kCorrupt) {  // whoever reads or removes what is damaged tells
    fail_store(status.error());
  }
  return false;
}

Status Store::move(const Moves& moves) {
  Transaction transaction(host_, *env_, groups_);
  CHRONIK_CHECK(transaction.begin());
  const uint64_t end = env_->used_end() / env_->page_size();
  for (const Movable& what : moves.movables) {
    CHRONIK_TRY(const PageRow to, transaction.move(what));
    if (to.pages != 0 && (to.first >= end || moves.meets_window(to)))
      return fail(Code::kNoSpace, "no free pages elsewhere for an entry that is in the way");
  }
  CHRONIK_CHECK(transaction.commit(*space_));
  generations_->freed(transaction.effect().freed, space_->live_bytes(), host_.now_ns());
  host_.add(metrics_.moved, static_cast<double>(moves.pages * env_->page_size()));
  if (moves.is_whole) supply_->removed(moves.windows.size() * moves.length);
  note_sizes();
  return {};
}

}  // namespace chronik::storage_lmdb
