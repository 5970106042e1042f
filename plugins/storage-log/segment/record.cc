#include "storage-log/segment/record.h"

#include <chronik/crc32c.hpp>

#include <cstddef>
#include <cstring>

namespace chronik::storage_log {
namespace {

uint32_t head_crc(const RecordHead& head, uint64_t group, const Place& place) {
  const uint64_t where[] = {group, place.segment, place.at};
  constexpr size_t kFrom = offsetof(RecordHead, payload_crc);
  return crc32c::extend(crc32c::extend(0, where, sizeof where),
                        reinterpret_cast<const uint8_t*>(&head) + kFrom, sizeof head - kFrom);
}

}  // namespace

RecordHead make_head(uint64_t group, const PlacedEntry& entry) {
  RecordHead head{0, entry.payload_crc, entry.totals, entry.entry.header};
  head.head_crc = head_crc(head, group, entry.place);
  return head;
}

bool parse_head(const uint8_t* p, uint64_t group, const Place& place, RecordHead* out) {
  std::memcpy(out, p, sizeof *out);
  return out->head_crc == head_crc(*out, group, place) && out->header.index != 0;
}

bool payload_is_whole(const RecordHead& head, const uint8_t* payload) {
  return crc32c::extend(0, payload, head.header.bytes) == head.payload_crc;
}

LogEnd end_at(const chr_entry_header& header, const Totals& totals, const Place& place) {
  LogEnd end;
  end.last = header.index;
  end.totals = totals;
  end.next = {place.segment, place.at + record_bytes(header.bytes)};
  end.next_offset = next_offset(header);
  end.log_max_timestamp = header.log_max_timestamp;
  return end;
}

Error damaged_entry(uint64_t group, uint64_t index) {
  return Error{Code::kCorrupt, "entry " + std::to_string(index) + " of group " + std::to_string(group) +
                                   " is damaged on disk"};
}

}  // namespace chronik::storage_log
