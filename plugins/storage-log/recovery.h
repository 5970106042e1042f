// A start: what the folder holds becomes groups again, and is durable before anybody is shown it.
//
// The checkpoint says how the groups were; the frames of the journal behind it are applied; then all is moved to the
// segments and synced, and a new checkpoint begins a new generation of frames, so that nothing of the old ones can
// come back. Where the disk has no room for that, the journal goes on behind its last frame, as if the store had not ended.
#pragma once

#include "storage-log/upkeep.h"

#include "storage-log/journal/journal_scan.h"

namespace chronik::storage_log {

// [blocking] Once, before anything else is done with a store.
class Recovery {
 public:
  Recovery(StoreParts& parts, Upkeep& upkeep) : parts_(parts), upkeep_(upkeep) {}

  // UNSUPPORTED, CORRUPT, IO, NO_SPACE (there is no room even for a first journal): nothing was changed that would be missed.
  Status run();

 private:
  struct Folder {
    std::vector<CheckpointName> checkpoints;
    std::vector<uint32_t> journals;
    std::vector<std::string> values;
    std::string data;     // a file that only a store with content has
    std::string foreign;  // a file that is none of ours
  };

  Result<Folder> look() const;
  Result<CheckpointHead> load(const Folder& folder);
  Status replay(const CheckpointHead& head);
  Status apply_frame(uint64_t sequence, const chr_slice& payload);
  void check_payloads(const Group& group, ReadChange& change) const;
  void lose(uint64_t sequence, const std::vector<uint64_t>& groups);
  void damage(Group& group, const std::string& why);
  void check_segments();
  Status remove_strangers(const Folder& folder);

  StoreParts& parts_;
  Upkeep& upkeep_;
  // What is durable by a new checkpoint, or by the old one and what the journal holds.
  Status begin(const CheckpointHead& old);
  Status begin_without_room(const CheckpointHead& old, const CheckpointHead& next);

  std::string content_;  // of the checkpoint that was found
  JournalTail tail_;
  uint64_t kept_bytes_ = 0;  // in memory, at most, since the last move
};

}  // namespace chronik::storage_log
