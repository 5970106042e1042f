// A store whose node does not run, to be read. It is brought in order in memory as a start would do it (recovery.h), so what is
// shown is what a start would serve; memory holds what the journal has and the segments have not. Nothing of the folder changes.
#pragma once

#include "storage-log/recovery.h"

namespace chronik::storage_log {

// [blocking], one thread at a time.
class StoppedStore {
 public:
  using KeyFn = std::function<bool(std::string_view key, const chr_slice& value)>;
  using EntryFn = std::function<bool(const chr_entry& entry)>;

  static Result<std::unique_ptr<StoppedStore>> make(Host host);

  // Once. NOT_FOUND: the folder has no store in it. What recovery() found is there also where it fails.
  Status read();

  StoreParts& parts() { return parts_; }
  const Recovery& recovery() const { return recovery_; }
  Result<std::shared_ptr<Group>> group(uint64_t id) const;
  // fn for what comes after `after`, until it says false: then CANCELLED. CORRUPT names the key.
  Status keys(const Group& group, std::string_view after, const KeyFn& fn);
  // From an index on; the same. CORRUPT names the entry.
  Status entries(const Group& group, uint64_t from, const EntryFn& fn);

 private:
  StoppedStore(const Host& host, const Files& files)
      : parts_(host, files, StoreOptions::of(host)), recovery_(parts_) {}
  // The value of a key, and the lease on it where it has one.
  Result<std::pair<chr_slice, Lease>> value(const Group& group, const StoredValue& stored);

  StoreParts parts_;
  Recovery recovery_;
};

Status stopped_by_caller();

}  // namespace chronik::storage_log
