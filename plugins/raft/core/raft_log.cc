#include "raft/core/raft_log.h"

#include "raft/core/invariant.h"

#include <algorithm>

namespace chronik::raft {
namespace {

constexpr uint64_t kEntryOverhead = 160;  // of an entry in memory, beside its payload

uint64_t footprint(const Entry& entry) {
  return entry.payload.size() == 0 ? 0 : entry.payload.size() + kEntryOverhead;
}

}  // namespace

RaftLog::RaftLog(StoredLog stored)
    : first_index_(stored.first_index),
      terms_(std::move(stored.terms)),
      before_index_(stored.before_index),
      before_end_offset_(stored.before_end_offset),
      before_max_timestamp_(stored.before_max_timestamp) {
  for (Entry& entry : stored.entries) {
    RAFT_INVARIANT(entry.header.index > last_index());
    tail_bytes_ += entry.header.bytes;
    tail_.push_back(std::move(entry));
  }
  RAFT_INVARIANT(last_index() + 1 >= first_index_);
  stable_ = last_index();
  committed_ = std::clamp(stored.commit, first_index_ - 1, stable_);
  RAFT_INVARIANT(committed_ >= before_index_);
  const size_t after = position(committed_ + 1);
  committed_offset_ = after > 0 ? tail_[after - 1].header.end_offset() : before_end_offset_;
  applied_ = std::clamp(stored.applied, first_index_ - 1, committed_);
  loaded_ = std::max(stored.applied, applied_);
}

size_t RaftLog::position(Index index) const {
  if (tail_.empty() || index <= tail_.front().header.index) return 0;
  if (index > tail_.back().header.index) return tail_.size();
  const size_t guess = index - tail_.front().header.index;
  if (guess < tail_.size() && tail_[guess].header.index == index) return guess;
  const auto at = std::lower_bound(tail_.begin(), tail_.end(), index,
                                   [](const Entry& entry, Index i) { return entry.header.index < i; });
  return static_cast<size_t>(at - tail_.begin());
}

const Entry* RaftLog::find(Index index) const {
  const size_t at = position(index);
  return at < tail_.size() && tail_[at].header.index == index ? &tail_[at] : nullptr;
}

const Entry* RaftLog::find_offset(int64_t offset) const {
  if (offset < before_end_offset_ || offset >= end_offset()) return nullptr;
  const auto after = std::upper_bound(tail_.begin(), tail_.end(), offset, [](int64_t o, const Entry& entry) {
    return o < entry.header.end_offset();
  });
  return after != tail_.end() && after->header.base_offset <= offset ? &*after : nullptr;
}

std::optional<int64_t> RaftLog::end_offset_at(Index index) const {
  if (index == before_index_) return before_end_offset_;
  const Entry* entry = find(index);
  return entry == nullptr ? std::nullopt : std::optional(entry->header.end_offset());
}

std::optional<TermStart> RaftLog::term_start(Index index) const {
  if (index > last_index() || index + 1 < first_index_) return std::nullopt;
  for (size_t i = terms_.size(); i-- > 0;)
    if (terms_[i].first_index <= index) return terms_[i];
  return index == 0 ? std::optional(TermStart()) : std::nullopt;
}

std::optional<Term> RaftLog::term(Index index) const {
  const std::optional<TermStart> start = term_start(index);
  return start ? std::optional(start->term) : std::nullopt;
}

Index RaftLog::last_index_with_term_at_most(Index index, Term limit) const {
  index = std::min(index, last_index());
  for (size_t i = terms_.size(); i-- > 0;) {
    if (terms_[i].first_index > index) continue;
    if (terms_[i].term <= limit) return index;
    index = terms_[i].first_index - 1;
  }
  return index;
}

TermEnd RaftLog::term_end(Term term) const {
  for (size_t i = terms_.size(); i-- > 0;) {
    if (terms_[i].term > term) continue;
    const bool last = i + 1 == terms_.size();
    return {terms_[i].term, last ? end_offset() : terms_[i + 1].base_offset};
  }
  return {};
}

void RaftLog::append(Entry entry) {
  const EntryHeader& header = entry.header;
  RAFT_INVARIANT(header.index > last_index());
  RAFT_INVARIANT(header.term >= last_term());
  if (terms_.empty() || terms_.back().term != header.term)
    terms_.push_back({header.term, header.index, header.base_offset});
  tail_bytes_ += entry.header.bytes;
  unstable_bytes_ += footprint(entry);
  tail_.push_back(std::move(entry));
}

void RaftLog::truncate(Index from) {
  RAFT_INVARIANT(from > committed_);
  while (!tail_.empty() && tail_.back().header.index >= from) {
    tail_bytes_ -= tail_.back().header.bytes;
    if (tail_.back().header.index > stable_) unstable_bytes_ -= footprint(tail_.back());
    tail_.pop_back();
  }
  while (!terms_.empty() && terms_.back().first_index >= from) terms_.pop_back();
  stable_ = std::min(stable_, from - 1);
}

void RaftLog::slice(Index from, Index to, uint64_t max_bytes, uint32_t max_entries,
                    std::vector<Entry>* out) const {
  if (from < window_start()) return;
  uint64_t bytes = 0;
  visit(from, [&](const Entry& entry) {
    bytes += entry.header.bytes;
    if (entry.header.index > to || !entry.in_memory()) return false;
    if (!out->empty() && (bytes > max_bytes || out->size() >= max_entries)) return false;
    out->push_back(entry);
    return true;
  });
}

Index RaftLog::first_in_memory(Index from) const {
  for (size_t at = position(from); at < tail_.size(); ++at)
    if (tail_[at].in_memory()) return tail_[at].header.index;
  return last_index() + 1;
}

void RaftLog::commit_to(Index index) {
  if (index <= committed_) return;
  RAFT_INVARIANT(index <= last_index());
  committed_ = index;
  const size_t after = position(index + 1);  // the entry at index itself may have been compacted away
  committed_offset_ = after > 0 ? tail_[after - 1].header.end_offset() : before_end_offset_;
}

void RaftLog::applied_to(Index index) {
  RAFT_INVARIANT(index <= committed_);
  applied_ = std::max(applied_, index);
}

void RaftLog::stable_to(Index index) {
  RAFT_INVARIANT(index <= last_index());
  visit(stable_ + 1, [&](const Entry& entry) {
    if (entry.header.index > index) return false;
    unstable_bytes_ -= footprint(entry);
    return true;
  });
  stable_ = std::max(stable_, index);
}

void RaftLog::trim(Index first) {
  if (first <= first_index_) return;
  RAFT_INVARIANT(first <= std::min(applied_, stable_) + 1);
  first_index_ = first;
  while (!tail_.empty() && tail_.front().header.index < first) pop_front();
  // The term of first - 1 stays known: a follower that stands exactly there needs it.
  while (terms_.size() > 1 && terms_[1].first_index < first) terms_.erase(terms_.begin());
}

void RaftLog::evict(uint64_t max_bytes, uint32_t max_entries) {
  const Index limit = std::min(applied_, stable_);
  while ((tail_bytes_ + tail_.size() * kEntryOverhead > max_bytes || tail_.size() > max_entries) &&
         !tail_.empty() && tail_.front().header.index <= limit)
    pop_front();
}

uint64_t RaftLog::bytes_between(Index after, Index to) const {
  uint64_t bytes = 0;
  for (size_t at = position(after + 1); at < tail_.size() && tail_[at].header.index <= to; ++at)
    bytes += tail_[at].header.bytes;
  return bytes;
}

void RaftLog::pop_front() {
  const Entry& entry = tail_.front();
  before_index_ = entry.header.index;
  before_end_offset_ = entry.header.end_offset();
  before_max_timestamp_ = entry.header.log_max_timestamp;
  tail_bytes_ -= entry.header.bytes;
  tail_.pop_front();
}

}  // namespace chronik::raft
