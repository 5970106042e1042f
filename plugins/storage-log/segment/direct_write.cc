#include "storage-log/segment/direct_write.h"

namespace chronik::storage_log {
namespace {

constexpr uint8_t kZeros[8] = {};
constexpr size_t kEntriesOfOne = CHR_FILE_MAX_SLICES / 3;

std::unique_ptr<DirectWrite> plan(uint64_t group, std::span<const PlacedEntry> entries) {
  auto write = std::make_unique<DirectWrite>();
  write->segment = {group, entries.front().place.segment};
  write->at = write->end = entries.front().place.at;
  write->heads.reserve(entries.size());
  for (const PlacedEntry& entry : entries) {
    const uint64_t size = sizeof(RecordHead) + entry.entry.header.bytes;
    const uint64_t padded = record_bytes(entry.entry.header.bytes);
    write->heads.push_back(make_head(group, entry));
    write->slices.push_back(
        {reinterpret_cast<const uint8_t*>(&write->heads.back()), sizeof(RecordHead), nullptr});
    if (size != sizeof(RecordHead)) write->slices.push_back(entry.entry.payload);
    if (padded != size) write->slices.push_back({kZeros, padded - size, nullptr});
    write->end += padded;
  }
  return write;
}

}  // namespace

std::vector<std::unique_ptr<DirectWrite>> plan_direct_writes(uint64_t group,
                                                             std::span<const PlacedEntry> entries) {
  std::vector<std::unique_ptr<DirectWrite>> writes;
  for (size_t from = 0; from < entries.size();) {
    if (!entries[from].in_segment) {
      ++from;
      continue;
    }
    size_t to = from + 1;
    while (to < entries.size() && to - from < kEntriesOfOne && entries[to].in_segment &&
           entries[to].place.segment == entries[from].place.segment)
      ++to;
    writes.push_back(plan(group, entries.subspan(from, to - from)));
    from = to;
  }
  return writes;
}

}  // namespace chronik::storage_log
