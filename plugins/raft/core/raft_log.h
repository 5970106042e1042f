// The log of one group as far as the core needs it: all term boundaries, and a window of entries at its end.
#pragma once

#include "raft/core/membership.h"

#include <deque>
#include <optional>
#include <span>
#include <vector>

namespace chronik::raft {

// Where a term begins in the log. Kept for the whole log, so that log matching and "where does epoch e end"
// need no storage read. A log changes its term rarely.
struct TermStart {
  Term term = 0;
  Index first_index = 0;
  int64_t base_offset = 0;
};

// What was found in storage at start. Everything after `commit` must be among the entries; their payload may
// be missing, their size not.
struct StoredLog {
  Index first_index = 1;             // the log starts here; lower indexes are trimmed
  Index commit = 0;                  // known to be committed, or first_index - 1
  Index applied = 0;                 // what the state machine has, from its snapshot
  std::vector<TermStart> terms;      // ascending; covers first_index - 1 if that is not 0
  std::vector<ConfigEntry> configs;  // ascending; empty: nothing but what the group was created with
  // State just before `entries`: the last index there, one past its last record, the
  // largest timestamp so far.
  Index before_index = 0;
  int64_t before_end_offset = 0;
  int64_t before_max_timestamp = kNoTimestamp;
  std::vector<Entry> entries;
  LogEnd left{};  // what this node held when it gave its log, or the end of it, up
  // What storage holds from here on is damaged, and no part of this log; 0: nothing is. It goes when a leader
  // brings something in its place.
  Index lost_from = 0;
};

// Kafka's answer to OffsetForLeaderEpoch.
struct TermEnd {
  Term term = 0;  // largest term in the log that is not above the one asked for; 0: none
  int64_t end_offset = -1;
};

// Not thread-safe; owned by one Raft. Indexes inside the window are contiguous, except where a compacted part
// of the log was received from a leader.
class RaftLog {
 public:
  explicit RaftLog(StoredLog stored);

  Index first_index() const { return first_index_; }
  Index last_index() const { return tail_.empty() ? before_index_ : tail_.back().header.index; }
  Term last_term() const { return terms_.empty() ? 0 : terms_.back().term; }
  int64_t end_offset() const { return tail_.empty() ? before_end_offset_ : tail_.back().header.end_offset(); }
  int64_t max_timestamp() const {
    return tail_.empty() ? before_max_timestamp_ : tail_.back().header.log_max_timestamp;
  }

  Index committed() const { return committed_; }
  Index applied() const { return applied_; }
  // What the state machine had when the log was made; ahead of the log where a snapshot of another node is.
  Index loaded() const { return loaded_; }
  Index stable() const { return stable_; }
  int64_t committed_offset() const { return committed_offset_; }
  // The offset after the entry at `index`, where memory holds that.
  std::optional<int64_t> end_offset_at(Index index) const;

  // The term of the entry at `index`; nothing if it was trimmed or does not exist yet. Index 0 has term 0.
  std::optional<Term> term(Index index) const;
  // Where that term begins; likewise.
  std::optional<TermStart> term_start(Index index) const;
  bool matches(Index index, Term of) const { return term(index) == std::optional<Term>(of); }
  // The largest index not above `index` whose term is not above `limit`: where two logs may agree.
  Index last_index_with_term_at_most(Index index, Term limit) const;
  const std::vector<TermStart>& terms() const { return terms_; }
  TermEnd term_end(Term term) const;

  // Adds an entry at the end; its header is complete.
  void append(Entry entry);
  // Drops `from` and everything after it. Never touches what is committed.
  void truncate(Index from);

  // Entries of [from, to] as long as they are in memory and fit into max_bytes and max_entries; at least one
  // if the first is there.
  void slice(Index from, Index to, uint64_t max_bytes, uint32_t max_entries, std::vector<Entry>* out) const;
  // The first index from `from` on whose payload is in memory, or one past the last index.
  Index first_in_memory(Index from) const;
  // The entry at `index`, if it is in the window.
  const Entry* find(Index index) const;
  // Entry of the window that holds `offset`, or nullptr.
  const Entry* find_offset(int64_t offset) const;
  const std::deque<Entry>& tail() const { return tail_; }
  // Calls fn(entry) for the entries of the window from index on, until it returns false.
  template <class F>
  void visit(Index from, F&& fn) const {
    for (size_t at = position(from); at < tail_.size() && fn(tail_[at]); ++at) {
    }
  }
  // The first index of the window; smaller ones are in storage only.
  Index window_start() const { return before_index_ + 1; }

  void commit_to(Index index);
  void applied_to(Index index);
  void stable_to(Index index);
  // The log now starts at `first`. Call only for what is applied and durable.
  void trim(Index first);
  // Drops entries from the front of the window until it is within the limits; only what
  // is applied and durable goes.
  void evict(uint64_t max_bytes, uint32_t max_entries);
  // Payload of the entries in (after, to].
  uint64_t bytes_between(Index after, Index to) const;
  // What the entries with a payload take in memory that are not durable yet.
  uint64_t unstable_bytes() const { return unstable_bytes_; }

 private:
  size_t position(Index index) const;  // of the first entry in tail_ that is not below index
  void pop_front();

  Index first_index_;
  Index committed_;
  Index applied_;
  Index loaded_;
  Index stable_;
  int64_t committed_offset_ = 0;
  std::vector<TermStart> terms_;
  std::deque<Entry> tail_;
  uint64_t tail_bytes_ = 0;
  uint64_t unstable_bytes_ = 0;
  Index before_index_;
  int64_t before_end_offset_;
  int64_t before_max_timestamp_;
};

}  // namespace chronik::raft
