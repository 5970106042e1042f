#include "model.hpp"

#include <algorithm>

namespace chronik::conformance {

TestEntry EntryMaker::next(uint64_t bytes, uint32_t records, int64_t max_timestamp) {
  TestEntry entry;
  chr_entry_header& header = entry.header;
  header.index = last_.index + 1;
  header.term = last_.term + (random_() % 16 == 0 ? 1 : 0);
  header.base_offset = last_.base_offset + static_cast<int64_t>(last_.records);
  header.records = records;
  header.kind = records == 0 ? 1 : 16;
  // Timestamps mostly ascend; -2 asks for one of those.
  const int64_t usual =
      1000 + static_cast<int64_t>(header.index) * 10 + static_cast<int64_t>(random_() % 200) - 100;
  header.max_timestamp = records == 0 ? -1 : max_timestamp == -2 ? usual : max_timestamp;
  header.log_max_timestamp = std::max(last_.log_max_timestamp, header.max_timestamp);
  header.bytes = bytes;
  last_ = header;
  entry.payload.resize(bytes);
  for (uint64_t i = 0; i < bytes; i += 8) {
    const uint64_t word = random_();
    entry.payload.replace(i, std::min<uint64_t>(8, bytes - i), reinterpret_cast<const char*>(&word),
                          std::min<uint64_t>(8, bytes - i));
  }
  return entry;
}

void ModelGroup::apply(const TestWrite& write) {
  for (const TestStep& step : write.steps) {
    switch (step.type) {
      case CHR_STORAGE_TRUNCATE:
        entries.erase(entries.lower_bound(step.index), entries.end());
        break;
      case CHR_STORAGE_APPEND:
        for (const TestEntry& entry : step.entries) entries[entry.header.index] = entry;
        break;
      case CHR_STORAGE_TRIM:
        entries.erase(entries.begin(), entries.lower_bound(step.index));
        break;
      case CHR_STORAGE_PUT:
        keys[step.key] = step.value;
        break;
      case CHR_STORAGE_DELETE:
        keys.erase(step.key);
        break;
      default:
        entries.clear();
        keys.clear();
        break;
    }
  }
}

std::optional<chr_entry_header> ModelGroup::find(int32_t by, int64_t value) const {
  std::optional<chr_entry_header> best;
  for (const auto& [index, entry] : entries) {
    const chr_entry_header& header = entry.header;
    if (header.records == 0) continue;
    if (by == CHR_FIND_OFFSET && header.base_offset + static_cast<int64_t>(header.records) > value)
      return header;
    if (by == CHR_FIND_TIMESTAMP && header.max_timestamp >= value) return header;
    if (by != CHR_FIND_MAX_TIMESTAMP || header.max_timestamp < 0) continue;
    if (!best || header.max_timestamp > best->max_timestamp) best = header;
  }
  return best;
}

uint64_t ModelGroup::bytes() const {
  uint64_t sum = 0;
  for (const auto& [index, entry] : entries) sum += entry.payload.size();
  return sum;
}

std::string ModelGroup::digest() const {
  std::string text;
  for (const auto& [index, entry] : entries) {
    text.append(reinterpret_cast<const char*>(&entry.header), sizeof entry.header);
    text += std::to_string(std::hash<std::string>()(entry.payload)) + "\n";
  }
  for (const auto& [key, value] : keys)
    text += key + "=" + std::to_string(value.size()) + ":" + std::to_string(std::hash<std::string>()(value)) +
            "\n";
  return text;
}

}  // namespace chronik::conformance
