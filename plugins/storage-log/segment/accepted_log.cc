#include "storage-log/segment/accepted_log.h"

#include "storage-log/segment/record.h"

#include <algorithm>

namespace chronik::storage_log {

void AcceptedLog::reset(const View& view) {
  view_ = view;
  pending_.shorten(0);
}

void AcceptedLog::begin_write() {
  undo_ = std::make_unique<Undo>(view_, pending_.size(), std::vector<LogEnd>());
}

void AcceptedLog::end_write(bool keep) {
  const std::unique_ptr<Undo> undo = std::move(undo_);
  if (keep) return;
  view_ = undo->view;
  pending_.shorten(undo->kept);
  for (const LogEnd& end : undo->removed) pending_.push_back(end);
}

void AcceptedLog::append(std::span<const chr_entry> entries, uint64_t segment_bytes,
                         std::vector<PlacedEntry>* out) {
  for (const chr_entry& entry : entries) {
    const uint64_t size = record_bytes(entry.header.bytes);
    if (view_.next.segment == 0 || (view_.next.at != 0 && view_.next.at + size > segment_bytes))
      view_.next = {++view_.last_number, 0};
    PlacedEntry placed;
    placed.entry = entry;
    placed.place = view_.next;
    placed.totals = {view_.end.totals.entries + 1, view_.end.totals.bytes + entry.header.bytes};
    if (view_.first == 0) {
      view_.first = entry.header.index;
      view_.before = view_.end.totals;
    }
    view_.end = end_at(entry.header, placed.totals, placed.place);
    view_.next = view_.end.next;
    pending_.push_back(view_.end);
    out->push_back(placed);
  }
}

void AcceptedLog::truncate(const Boundary& boundary) {
  if (boundary.above == 0) return;
  view_.end = boundary.below;
  view_.next = {};
  if (boundary.below.last == 0) {
    view_.first = 0;
    cut_pending(0);  // also what was trimmed already
  } else {
    const auto pending = pending_.all();
    const auto keep = std::ranges::lower_bound(pending, boundary.index, {}, &LogEnd::last) - pending.begin();
    cut_pending(static_cast<size_t>(keep));
  }
  if (pending_.empty()) view_.durable = boundary.below;
}

void AcceptedLog::trim(const Boundary& boundary) {
  view_.first = boundary.above;
  view_.before = boundary.below.totals;
  if (boundary.above != 0) return;
  view_.end = {};
  view_.end.totals = boundary.below.totals;
  view_.durable = view_.end;
  view_.next = {};
  cut_pending(0);
}

void AcceptedLog::cut_pending(size_t keep) {
  if (undo_ != nullptr && keep < undo_->kept) {
    const auto gone = pending_.all().subspan(keep, undo_->kept - keep);
    undo_->removed.insert(undo_->removed.begin(), gone.begin(), gone.end());
    undo_->kept = keep;
  }
  pending_.shorten(keep);
}

void AcceptedLog::published(const LogEnd& end) {
  if (pending_.empty() || pending_.front().last != end.last || pending_.front().next != end.next) return;
  view_.durable = end;
  pending_.pop_front(1);
}

std::optional<Boundary> AcceptedLog::boundary(uint64_t index) const {
  Boundary boundary;
  boundary.index = index;
  if (index <= view_.first || view_.first == 0) {
    boundary.above = view_.first;
    boundary.below.totals = view_.first == 0 ? view_.end.totals : view_.before;
    return boundary;
  }
  if (index > view_.end.last) {
    boundary.below = view_.end;
    return boundary;
  }
  if (index <= view_.durable.last) return std::nullopt;
  const auto pending = pending_.all();
  const auto above = std::ranges::lower_bound(pending, index, {}, &LogEnd::last);
  boundary.above = above->last;
  boundary.below = above == pending.begin() ? view_.durable : *(above - 1);
  return boundary;
}

}  // namespace chronik::storage_log
