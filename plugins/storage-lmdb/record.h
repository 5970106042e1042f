// The records of the store: keys and values as they lie in LMDB.
// docs/internals/store-format.md describes them.
#pragma once

#include <chronik/storage.h>
#include <chronik/result.hpp>

#include <lmdb.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>
#include <string_view>

namespace chronik::storage_lmdb {

static_assert(std::endian::native == std::endian::little, "records are written as they lie in memory");

// (group, index), big endian, so that LMDB's order is ours. Also begins the key of a
// small key: (group) + bytes.
class LogKey {
 public:
  LogKey(uint64_t group, uint64_t index) {
    store(group, bytes_);
    store(index, bytes_ + 8);
  }
  MDB_val val() { return {sizeof bytes_, bytes_}; }
  MDB_val group_val() { return {8, bytes_}; }
  const uint8_t* bytes() const { return bytes_; }

  // Whether a row's key is one: that of a damaged page may be anything.
  static bool fits(MDB_val key) { return key.mv_size == sizeof bytes_; }
  static uint64_t load(const void* p) {
    uint64_t value = 0;
    std::memcpy(&value, p, sizeof value);
    return __builtin_bswap64(value);
  }

 private:
  static void store(uint64_t value, uint8_t* p) {
    value = __builtin_bswap64(value);
    std::memcpy(p, &value, sizeof value);
  }
  uint8_t bytes_[16];
};

// What stands before the payload of an entry. The totals count this entry too, from some start
// that bounds() takes off again: so the size of a log is known from its first and last entry,
// however it was trimmed or truncated.
struct RecordHead {
  uint32_t head_crc;     // CRC32C of the key and all of the head behind this field
  uint32_t payload_crc;  // CRC32C of the payload
  uint64_t total_entries;
  uint64_t total_bytes;
  chr_entry_header header;
};
static_assert(sizeof(RecordHead) == 88);

uint32_t head_crc(const RecordHead& head, const LogKey& key);
// Copies a payload and computes its CRC on the way, while the bytes are in the cache.
uint32_t copy_with_crc(uint8_t* to, const uint8_t* from, uint64_t n);

// An entry as it lies in a page. CORRUPT where the head does not fit its key or its size.
struct RecordView {
  RecordHead head;
  const uint8_t* payload;
};
Result<RecordView> parse_record(MDB_val key, MDB_val value);
// The same for a record that readable() counted.
Result<RecordView> parse_readable(MDB_val key, MDB_val value);
// Brings n bytes of the map into memory. False: the disk cannot give them (the access would end the process),
// or the file ends before them.
bool is_readable(const void* at, uint64_t n);

// A record that was found, of which nothing was touched yet.
struct StoredRecord {
  MDB_val key;
  MDB_val value;

  uint64_t index() const { return LogKey::load(static_cast<const uint8_t*>(key.mv_data) + 8); }
  uint64_t payload_bytes() const { return value.mv_size - std::min(value.mv_size, sizeof(RecordHead)); }
};
// Brings records into memory, or their heads alone, with one call of the system for those that lie side by
// side. How many from the first one on can be read.
size_t readable(std::span<const StoredRecord> records, bool heads_only);
bool payload_is_whole(const RecordView& record);

// A group, under its id: its name, and what of it still lies in the file but is gone.
struct GroupHead {
  uint32_t crc;  // CRC32C of the rest and the name
  uint32_t dropped;
  uint64_t start;  // entries below are gone
};
struct GroupRecord {
  GroupHead head;
  std::string_view name;
};
std::string encode_group(std::string_view name, bool dropped, uint64_t start);
Result<GroupRecord> parse_group(MDB_val value);

// The value of a small key: a CRC32C before the bytes.
std::string encode_value(std::string_view bytes);
Result<std::string_view> parse_value(MDB_val value);

}  // namespace chronik::storage_lmdb
