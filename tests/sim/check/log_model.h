// What a log should hold: entries without their payloads, and the writes that change it.
#pragma once

#include "sim/base/digest.h"
#include "sim/check/voters.h"

#include <chronik/storage.h>

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <vector>

namespace chronik::sim {

struct EntryMeta {
  uint64_t term = 0;
  uint64_t digest = 0;  // of kind, records, offset and payload
  int64_t base_offset = 0;
  uint32_t records = 0;
  uint32_t kind = 0;

  static EntryMeta of(const chr_entry& entry) {
    const chr_entry_header& h = entry.header;
    const uint64_t head =
        fold(h.kind ^ static_cast<uint64_t>(h.base_offset), h.records + 0x9e3779b97f4a7c15ull);
    return {h.term, sim::digest(entry.payload.p, entry.payload.n, head), h.base_offset, h.records, h.kind};
  }
  int64_t end_offset() const { return base_offset + records; }
  friend bool operator==(const EntryMeta&, const EntryMeta&) = default;
};

// One write of one group, as the storage was asked for it.
struct WriteModel {
  struct Step {
    uint32_t type = 0;
    uint64_t index = 0;
    std::vector<EntryMeta> entries;
    std::vector<std::pair<uint64_t, Voters>> configs;  // that entries bring, by index
    std::string key;
    uint64_t value = 0;  // digest
  };
  uint64_t tag = 0;
  std::vector<Step> steps;

  bool appends(uint64_t index, uint64_t term) const {
    return std::any_of(steps.begin(), steps.end(), [&](const Step& s) {
      return index - s.index < s.entries.size() && s.entries[index - s.index].term == term;
    });
  }
  bool writes(uint64_t index) const {
    return std::any_of(steps.begin(), steps.end(),
                       [&](const Step& s) { return index - s.index < s.entries.size(); });
  }
  bool appends() const {
    return std::any_of(steps.begin(), steps.end(),
                       [](const Step& s) { return s.type == CHR_STORAGE_APPEND; });
  }
};

class LogModel {
 public:
  uint64_t first() const { return first_; }
  uint64_t end() const { return first_ + entries_.size(); }  // one past the last
  bool empty() const { return entries_.empty(); }
  const EntryMeta* find(uint64_t index) const {
    return index >= first_ && index < end() ? &entries_[index - first_] : nullptr;
  }
  const std::map<std::string, uint64_t>& keys() const { return keys_; }
  bool dropped() const { return dropped_; }

  // False: the entries do not continue the log.
  bool apply(const WriteModel& write) {
    for (const WriteModel::Step& step : write.steps) {
      if (!apply(step)) return false;
    }
    return true;
  }

 private:
  bool apply(const WriteModel::Step& step) {
    dropped_ = false;
    switch (step.type) {
      case CHR_STORAGE_TRUNCATE:
        while (!entries_.empty() && end() > step.index) entries_.pop_back();
        return true;
      case CHR_STORAGE_APPEND:
        if (entries_.empty()) first_ = step.index;
        if (step.index != end()) return false;
        entries_.insert(entries_.end(), step.entries.begin(), step.entries.end());
        return true;
      case CHR_STORAGE_TRIM:
        while (!entries_.empty() && first_ < step.index) {
          entries_.pop_front();
          ++first_;
        }
        return true;
      case CHR_STORAGE_PUT:
        keys_[step.key] = step.value;
        return true;
      case CHR_STORAGE_DELETE:
        keys_.erase(step.key);
        return true;
      default:
        *this = LogModel();
        dropped_ = true;
        return true;
    }
  }

  uint64_t first_ = 1;
  std::deque<EntryMeta> entries_;
  std::map<std::string, uint64_t> keys_;
  bool dropped_ = false;
};

}  // namespace chronik::sim
