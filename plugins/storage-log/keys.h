// The small keys of a group. Values up to some KiB are in memory, in the journal and in checkpoints; larger ones
// lie in a file each, written before the frame that names them.
#pragma once

#include "storage-log/format/change.h"

#include <map>
#include <string>
#include <vector>

namespace chronik::storage_log {

inline constexpr uint64_t kMaxValueInMemory = 4096;

// `<group>-<number>.value`
std::string value_name(uint64_t group, uint64_t number);
// False: it is no such name.
bool parse_value_name(std::string_view name, uint64_t* group);

struct StoredValue {
  std::string bytes;  // where it is in memory
  uint64_t file = 0;  // its number, else 0
  uint64_t size = 0;
  uint32_t crc = 0;  // of a value in a file
};

// Under the store's mutex.
class Keys {
 public:
  // The files that are of no use any more are added to *gone.
  void apply(const KeyChange& change, std::vector<uint64_t>* gone);
  void clear(std::vector<uint64_t>* gone);
  const StoredValue* find(std::string_view key) const;
  // Bytes of all values.
  uint64_t bytes() const { return bytes_; }
  // Of those in files.
  uint64_t file_bytes() const { return file_bytes_; }
  template <class F>
  void for_each_file(F&& fn) const {
    for (const auto& [key, value] : values_)
      if (value.file != 0) fn(value.file);
  }
  // fn(key, value), in the order of their bytes from behind `after` on, until it is false. False: it was.
  template <class F>
  bool for_each(std::string_view after, F&& fn) const {
    for (auto at = values_.upper_bound(after); at != values_.end(); ++at)
      if (!fn(std::string_view(at->first), at->second)) return false;
    return true;
  }

  // For a checkpoint, as bytes that only load() reads.
  void save(std::string* out) const;
  // CORRUPT: it is none.
  Status load(ByteReader& in);

 private:
  void count(const StoredValue& value, bool more);

  std::map<std::string, StoredValue, std::less<>> values_;
  uint64_t bytes_ = 0;
  uint64_t file_bytes_ = 0;
};

}  // namespace chronik::storage_log
