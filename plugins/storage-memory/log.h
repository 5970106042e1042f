// The entries of one group, in memory, in ascending order of their indexes.
#pragma once

#include <chronik/storage.h>
#include <chronik/host.hpp>

#include <deque>
#include <optional>

namespace chronik::storage_memory {

struct Entry {
  chr_entry_header header;
  const uint8_t* payload;
  Lease lease;  // of the payload; empty where it has no bytes
};

class Log {
 public:
  using Entries = std::deque<Entry>;

  const Entries& entries() const { return entries_; }
  uint64_t bytes() const { return bytes_; }
  uint64_t last_index() const { return entries_.empty() ? 0 : entries_.back().header.index; }
  uint64_t first_index() const { return entries_.empty() ? 0 : entries_.front().header.index; }
  // The largest index below limit, 0: none.
  uint64_t last_below(uint64_t limit) const;
  // The first entry with an index of at least `index`.
  Entries::const_iterator at_or_after(uint64_t index) const;

  // The index must be above last_index().
  void append(Entry entry);
  void truncate(uint64_t index);
  void trim(uint64_t index);

  // The three searches of chr_storage_v1.find; nothing: no such entry.
  std::optional<chr_entry_header> find(int32_t by, int64_t value) const;

 private:
  std::optional<chr_entry_header> find_offset(int64_t offset) const;
  std::optional<chr_entry_header> find_timestamp(int64_t timestamp) const;
  std::optional<chr_entry_header> find_max_timestamp() const;

  Entries entries_;
  uint64_t bytes_ = 0;
};

}  // namespace chronik::storage_memory
