#include "storage-memory/log.h"

#include <algorithm>

namespace chronik::storage_memory {

Log::Entries::const_iterator Log::at_or_after(uint64_t index) const {
  return std::ranges::lower_bound(entries_, index, {}, [](const Entry& entry) { return entry.header.index; });
}

uint64_t Log::last_below(uint64_t limit) const {
  const auto found = at_or_after(limit);
  return found == entries_.begin() ? 0 : std::prev(found)->header.index;
}

void Log::append(Entry entry) {
  bytes_ += entry.header.bytes;
  entries_.push_back(std::move(entry));
}

void Log::truncate(uint64_t index) {
  while (!entries_.empty() && entries_.back().header.index >= index) {
    bytes_ -= entries_.back().header.bytes;
    entries_.pop_back();
  }
}

void Log::trim(uint64_t index) {
  while (!entries_.empty() && entries_.front().header.index < index) {
    bytes_ -= entries_.front().header.bytes;
    entries_.pop_front();
  }
}

std::optional<chr_entry_header> Log::find(int32_t by, int64_t value) const {
  if (by == CHR_FIND_OFFSET) return find_offset(value);
  if (by == CHR_FIND_TIMESTAMP) return find_timestamp(value);
  return find_max_timestamp();
}

std::optional<chr_entry_header> Log::find_offset(int64_t offset) const {
  const auto ends_below = [](const Entry& entry, int64_t value) {
    return entry.header.base_offset + static_cast<int64_t>(entry.header.records) <= value;
  };
  auto found = entries_.begin();
  for (;;) {
    found = std::lower_bound(found, entries_.end(), offset, ends_below);
    if (found == entries_.end()) return std::nullopt;
    if (found->header.records != 0) return found->header;
    offset = found->header.base_offset;  // of the next entry with records: skip those without
  }
}

std::optional<chr_entry_header> Log::find_timestamp(int64_t timestamp) const {
  // The prefix maximum covers trimmed entries too. Above that of the first entry, where it reaches the value
  // is where an entry reaches it; else the entries themselves must be looked at.
  auto found = entries_.begin();
  if (!entries_.empty() && entries_.front().header.log_max_timestamp < timestamp) {
    found = std::ranges::lower_bound(entries_, timestamp, {},
                                     [](const Entry& entry) { return entry.header.log_max_timestamp; });
  }
  found = std::find_if(found, entries_.end(), [timestamp](const Entry& entry) {
    return entry.header.records != 0 && entry.header.max_timestamp >= timestamp;
  });
  if (found == entries_.end()) return std::nullopt;
  return found->header;
}

std::optional<chr_entry_header> Log::find_max_timestamp() const {
  if (entries_.empty()) return std::nullopt;
  const int64_t largest = entries_.back().header.log_max_timestamp;
  if (const auto found = find_timestamp(largest); found && largest >= 0) return found;
  // The largest of all was trimmed away.
  const Entry* best = nullptr;
  for (const Entry& entry : entries_) {
    if (entry.header.records == 0 || entry.header.max_timestamp < 0) continue;
    if (best == nullptr || entry.header.max_timestamp > best->header.max_timestamp) best = &entry;
  }
  if (best == nullptr) return std::nullopt;
  return best->header;
}

}  // namespace chronik::storage_memory
