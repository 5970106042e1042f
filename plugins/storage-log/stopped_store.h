// A store whose node does not run, to be read. It is brought in order in memory as a start would do it (replay.h), so what is
// shown is what a start would serve; memory holds what the journal has and the segments have not. Nothing of the folder changes.
#pragma once

#include "storage-log/replay.h"

#include <chronik/storage_admin_plugin.hpp>

namespace chronik::storage_log {

// [blocking], one thread at a time.
class StoppedStore {
 public:
  // read() was called. NOT_FOUND: the folder has no store in it.
  static Result<std::unique_ptr<StoppedStore>> open(const Host& host);
  static Result<std::unique_ptr<StoppedStore>> make(const Host& host);

  // Once. NOT_FOUND as above. What replay() found is there also where it fails.
  Status read();

  StoreParts& parts() { return parts_; }
  const Replay& replay() const { return replay_; }
  // By id. The three of them until fn says false: then CANCELLED.
  Status groups(const StorageGroupFn& fn) const;
  // Those after `after`. NOT_FOUND: no such group; CORRUPT names the key.
  Status keys(uint64_t group, std::string_view after, const StorageKeyFn& fn);
  // From an index on. CORRUPT names the entry.
  Status entries(uint64_t group, uint64_t from, const StorageEntryFn& fn);

 private:
  StoppedStore(const Host& host, const Files& files)
      : parts_(host, files, StoreOptions::of(host)), replay_(parts_) {}
  Result<std::shared_ptr<Group>> find(uint64_t id) const;
  // The value of a key, and the lease on it where it has one.
  Result<std::pair<chr_slice, Lease>> value(const Group& group, const StoredValue& stored);

  StoreParts parts_;
  Replay replay_;
};

}  // namespace chronik::storage_log
