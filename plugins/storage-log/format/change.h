// What one write did to its group, as a frame holds it: the net effect, in the order in which it is applied.
// docs/internals/store-format.md has the bytes.
#pragma once

#include "storage-log/segment/bytes.h"
#include "storage-log/segment/place.h"

#include <chronik/result.hpp>

#include <optional>
#include <span>
#include <vector>

namespace chronik::storage_log {

// A key that is set or deleted. A value lies here, or in a file of its own with this number.
struct KeyChange {
  std::string_view key;
  bool is_deleted = false;
  uint64_t file = 0;  // 0: the value is here
  uint64_t value_bytes = 0;
  uint32_t value_crc = 0;  // of a value in a file
  std::string_view value;
};

struct GroupChange {
  uint64_t group = 0;
  bool creates = false;  // the group exists from here on, under this name
  std::string_view name;
  bool drops = false;
  std::optional<Boundary> truncate;
  std::optional<Boundary> trim;
  std::span<const PlacedEntry> entries;  // appended; payload.p is null where it lies in a segment
  std::span<const KeyChange> keys;
};

// Bytes that write_change() needs.
uint64_t change_bytes(const GroupChange& change);
// Payloads are copied to p; payload_crc of those that are not in their segment is computed on the way, whatever
// it is in the change.
void write_change(const GroupChange& change, uint8_t* p);

// A change as it was read. Everything points into the bytes.
struct ReadChange {
  GroupChange change;
  std::vector<PlacedEntry> entries;  // payloads without a lease
  std::vector<KeyChange> keys;
};
// Takes a change off the front of *in. CORRUPT: there is none.
Status read_change(std::string_view* in, ReadChange* out);

// Whether these bytes are a row of changes, with each payload that lies here as its checksum says.
bool are_whole_changes(std::string_view bytes);
// Whether nothing but payloads of entries is damaged in a row of changes whose checksum is off by so much: then it is off by
// what these payloads are off their own checksums, and all else may be used.
bool only_payloads_are_damaged(std::string_view bytes, uint32_t crc_change);

}  // namespace chronik::storage_log
