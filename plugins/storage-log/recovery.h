// A start: what the folder holds becomes groups again, and is durable before anybody is shown it.
//
// A replay (replay.h) brings the groups in order; then all is moved to the segments and synced, and a new checkpoint begins a new
// generation of frames, so that nothing of the old ones can come back. Where the disk has no room for that, the journal goes on
// behind its last frame, as if the store had not ended.
#pragma once

#include "storage-log/replay.h"
#include "storage-log/upkeep.h"

namespace chronik::storage_log {

// [blocking] Once, before anything else is done with a store.
class Recovery {
 public:
  explicit Recovery(StoreParts& parts);
  Recovery(const Recovery&) = delete;
  Recovery& operator=(const Recovery&) = delete;

  // UNSUPPORTED, CORRUPT, IO, NO_SPACE (there is no room even for a first journal): nothing was changed that would be missed.
  Status run(Upkeep& upkeep);

 private:
  Status refuse_missing_journals() const;
  Status sync_journal() const;
  Status move();
  void log_mended(uint64_t sequence) const;
  void log_error(const std::string& message, const Group& group) const;
  // What is durable by a new checkpoint, or by the old one and what the journal holds.
  Status begin(Upkeep& upkeep);
  Status begin_without_room(CheckpointHead next);
  void check_segments();
  Status remove_unlisted_files();

  StoreParts& parts_;
  Replay replay_;
};

}  // namespace chronik::storage_log
