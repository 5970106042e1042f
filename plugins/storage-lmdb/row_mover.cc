#include "storage-lmdb/row_mover.h"

#include "storage-lmdb/transaction.h"

#include <algorithm>

namespace chronik::storage_lmdb {
namespace {

constexpr uint64_t kMaxPages = 1024;   // of a slice
constexpr uint64_t kCommitsAhead = 4;  // for which rows are made, where that is one slice
constexpr uint64_t kPathPages = 64;    // that a slice takes beside what it moves
constexpr uint64_t kMaxSlices = 4;     // in vain, and twice those that suffice for the rows
constexpr uint64_t kPauseNs = 1'000'000'000;

}  // namespace

bool RowMover::are_wanting(const Supply::Rows& rows) const {
  return rows.longest >= shortest_ && !parts_.supply.has(rows) &&
         !parts_.space.has_row_at_end(rows.pages * parts_.env->page_size());
}

bool RowMover::may_move(const Supply::Rows& rows) {
  const uint64_t now = parts_.host.now_ns();
  if (slices_ >= kMaxSlices + 2 * (rows.pages / kMaxPages)) {
    if (now - moved_ns_ < kPauseNs) return false;
    slices_ = 0;
    spoken_for_ = 1;
  }
  ++slices_;
  moved_ns_ = now;
  return true;
}

void RowMover::found_rows(const Supply::Rows& rows) {
  if (rows.longest < wanted_.longest) return;
  wanted_ = {};
  is_at_work_ = false;
  slices_ = 0;
}

Result<Moves> RowMover::find_slice(const Supply::Rows& rows) {
  Generations& generations = *parts_.generations;
  const uint64_t page_size = parts_.env->page_size();
  CHRONIK_TRY(const FreePages free, FreePages::read(generations.transactions()));
  parts_.supply.looked(free, generations.pressure(parts_.host.now_ns()).waiting_bytes);
  const uint64_t usable = free.freed_before(generations.oldest());
  const uint64_t wanted = (rows.pages + rows.longest - 1) / rows.longest;
  MoveLimits limits{};
  limits.length = rows.longest;
  limits.end = std::min(parts_.space.row_end(), parts_.env->used_end()) / page_size;
  limits.largest = rows.longest / 2;
  for (const uint64_t windows : {kCommitsAhead * wanted, wanted}) {
    limits.windows = windows;
    limits.most_pages = std::min(kMaxPages, windows * rows.longest);
    // Each copy may take a shared page along.
    limits.spoken_for = spoken_for_ * (2 * limits.most_pages + kPathPages);
    if (limits.spoken_for > usable) continue;
    Moves moves;
    CHRONIK_TRY(moves, find_moves(*parts_.env, generations.transactions(), parts_.groups, free, limits));
    if (moves.windows.size() >= wanted || !moves.is_whole) return moves;
  }
  return Moves{};
}

bool RowMover::make_rows(const Supply::Rows& rows) {
  is_at_work_ = false;
  if (rows.longest < 2 || !may_move(rows)) return false;
  wanted_ = rows;
  const Result<Moves> moves = contain([&] { return find_slice(rows); });
  if (!moves) return false;
  if (moves->movables.empty()) {
    if (!moves->windows.empty()) shortest_ = UINT64_MAX;
    return false;
  }
  shortest_ = std::min(shortest_, rows.longest);
  const Status status = contain([&] { return move_rows(*moves); });
  if (status) return is_at_work_ = true;
  if (status.error().code == Code::kNoSpace) {
    spoken_for_ *= 4;
  } else if (status.error().code != Code::kCorrupt) {  // whoever reads or removes what is damaged tells
    parts_.failure.fail(status.error());
  }
  return false;
}

Status RowMover::move_rows(const Moves& moves) {
  Transaction transaction(parts_.host, *parts_.env, parts_.groups);
  CHRONIK_CHECK(transaction.begin());
  const uint64_t page_size = parts_.env->page_size();
  const uint64_t end = parts_.env->used_end() / page_size;
  for (const Movable& what : moves.movables) {
    CHRONIK_TRY(const PageRow to, transaction.move_row(what));
    if (to.pages != 0 && (to.first >= end || moves.meets_window(to)))
      return fail(Code::kNoSpace, "no free pages elsewhere for an entry that is in the way");
  }
  CHRONIK_CHECK(transaction.commit(parts_.space));
  parts_.generations->freed(transaction.effect().freed, parts_.space.live_bytes(), parts_.host.now_ns());
  parts_.metrics.note_moved(moves.pages * page_size);
  if (moves.is_whole) parts_.supply.removed(moves.windows.size() * moves.length);
  parts_.note_sizes();
  return {};
}

}  // namespace chronik::storage_lmdb
