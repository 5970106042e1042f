// What a write comes to: entries that it appends and removes again are left out, and of all truncations and
// trims of the old log one each remains.
#pragma once

#include <chronik/storage_write.hpp>

#include <optional>
#include <vector>

namespace chronik::storage_log {

struct NetWrite {
  std::optional<uint64_t> truncate;  // of what was there before the write, all from this index on goes
  std::optional<uint64_t> trim;      // and all below this one
  std::vector<chr_entry> kept;       // appended; what they point to is the write's
  std::vector<const chr_storage_step*> keys;
  bool drops = false;

  uint64_t kept_bytes() const {
    uint64_t bytes = 0;
    for (const chr_entry& entry : kept) bytes += entry.header.bytes;
    return bytes;
  }
};

NetWrite fold(const OwnedWrite& write);

}  // namespace chronik::storage_log
