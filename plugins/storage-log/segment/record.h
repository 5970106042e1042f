// The record of an entry in a segment: a head, the payload, zeros up to a multiple of 8.
#pragma once

#include "storage-log/segment/place.h"

#include <chronik/result.hpp>

#include <bit>

namespace chronik::storage_log {

static_assert(std::endian::native == std::endian::little, "records are written as they lie in memory");

struct RecordHead {
  // CRC32C of group, segment, position, and all of the head behind this field: what lies elsewhere, or in a file that had another
  // use, is no record here.
  uint32_t head_crc;
  uint32_t payload_crc;
  Totals totals;  // with this entry
  chr_entry_header header;
};
static_assert(sizeof(RecordHead) == 88);

// What a record with so many bytes of payload takes.
constexpr uint64_t record_bytes(uint64_t payload) {
  return (sizeof(RecordHead) + payload + 7) & ~uint64_t{7};
}

RecordHead make_head(uint64_t group, const PlacedEntry& entry);
// The head at p, of sizeof(RecordHead) readable bytes. False: it is none, or not of this place.
bool parse_head(const uint8_t* p, uint64_t group, const Place& place, RecordHead* out);
bool payload_is_whole(const RecordHead& head, const uint8_t* payload);
// The Kafka offset behind it. What is damaged may wrap.
inline int64_t next_offset(const chr_entry_header& header) {
  return static_cast<int64_t>(static_cast<uint64_t>(header.base_offset) + header.records);
}
// The end of the log with this entry as its last.
LogEnd end_at(const chr_entry_header& header, const Totals& totals, const Place& place);

Error damaged_entry(uint64_t group, uint64_t index);

}  // namespace chronik::storage_log
