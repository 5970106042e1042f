// What is damaged in a store whose node does not run: both copies of the checkpoint, each frame of the journal that a start would
// apply, each key with its value, each record and index of each log. Changes nothing.
//
// Damage is what a start would not serve. What a start does without, such as one of two copies, is a note. [blocking], for one check.
#pragma once

#include "storage-log/stopped_store.h"

namespace chronik::storage_log {

class Checker {
 public:
  // NOT_FOUND; CORRUPT, UNSUPPORTED: a start would refuse the folder; CANCELLED: report said false.
  static Status check(const Host& host, const StorageReportFn& report, chr_storage_check* seen);

 private:
  using Finding = StorageFinding;

  // A store that is not read yet.
  Checker(StoppedStore& store, const StorageReportFn& report, chr_storage_check& seen)
      : store_(store), report_(report, &seen), seen_(seen) {}
  Status run();
  Status count_bytes();
  Status tell_root(const Error& error);
  Status check_checkpoint();
  Status check_journal();
  Status check_frames(JournalScan scan);
  Status tell_lost();
  Status check_group(const Group& group);
  Status check_key(const Group& group, std::string_view key, const StoredValue& stored);
  Status check_log(const Group& group);
  // What no group lists: a start removes it.
  Status check_unlisted_files();
  bool is_unlisted(std::string_view name) const;

  // "journal-2 at 8192"; where no header of it is left: "commit 17".
  std::string place_of(uint64_t sequence) const;
  std::string folder() const;
  Finding of_group(uint64_t id) const;
  Status note(std::string place, std::string what);
  Status tell(const Finding& finding) { return report_.tell(finding); }
  Status note_read(uint64_t bytes) { return report_.note_read(bytes); }

  StoppedStore& store_;
  StorageCheckReport report_;
  chr_storage_check& seen_;
  std::string checkpoint_;        // its file
  std::set<std::string> values_;  // files of keys
};

}  // namespace chronik::storage_log
