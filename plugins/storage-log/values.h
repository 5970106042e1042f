// Values of keys that are too large for memory: a file each.
#pragma once

#include "storage-log/keys.h"

#include <chronik/files.hpp>

#include <mutex>

namespace chronik::storage_log {

class Values {
 public:
  Values(Host host, Files files) : host_(host), files_(files) {}

  // [blocking] Durable, with its name, when it returns.
  Status write(uint64_t group, uint64_t number, const chr_slice& value);
  // [blocking] The caller owns the lease. NOT_FOUND: the file is gone. CORRUPT: it is not what was written.
  Result<chr_slice> read(uint64_t group, uint64_t number, const StoredValue& value);

  // [any] The file is of no use any more.
  void remove(uint64_t group, uint64_t number);
  bool has_removals() const;
  // [blocking]
  Status remove_some();

 private:
  Host host_;
  Files files_;
  std::mutex opening_;  // a file is opened once at a time
  mutable std::mutex mutex_;
  std::vector<std::string> to_remove_;
};

}  // namespace chronik::storage_log
