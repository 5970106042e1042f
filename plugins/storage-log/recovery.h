// A start: what the folder holds becomes groups again, and is durable before anybody is shown it.
//
// The checkpoint says how the groups were; the frames of the journal behind it are applied; then all is moved to the
// segments and synced, and a new checkpoint begins a new generation of frames, so that nothing of the old ones can
// come back. Where the disk has no room for that, the journal goes on behind its last frame, as if the store had not ended.
//
// The first half, read(), writes nothing: what the journal has and the segments have not stays in memory. It is all that a look
// into a stopped store needs.
#pragma once

#include "storage-log/upkeep.h"

#include "storage-log/journal/journal_scan.h"

#include <map>

namespace chronik::storage_log {

// What a replay met that is not as it was written.
struct ReplayFindings {
  struct Lost {
    uint64_t sequence = 0;
    uint64_t group = 0;     // 0: of whichever groups
    bool is_known = false;  // the group was there
    bool counts = false;    // it does not have what the frame said
  };
  std::vector<Lost> lost;            // frames, by group
  std::vector<std::string> missing;  // files of the journal that the checkpoint names
  std::vector<uint64_t> mended;      // frames with a bit that was turned back
  std::map<std::pair<uint64_t, Place>, uint64_t> damaged_entries;  // by group: the frame with the payload
};

// [blocking] Once, before anything else is done with a store.
class Recovery {
 public:
  struct Folder {
    std::vector<CheckpointName> checkpoints;
    std::vector<uint32_t> journals;
    std::vector<std::pair<uint64_t, std::string>> values;  // with their groups
    std::string data;                                      // a file that only a store with content has
    std::string foreign;                                   // a file that is none of ours
  };

  explicit Recovery(StoreParts& parts) : parts_(parts) {}

  // A start. UNSUPPORTED, CORRUPT, IO, NO_SPACE (there is no room even for a first journal): nothing was changed that would be
  // missed.
  Status run(Upkeep& upkeep);

  // Its first half by itself, in memory. What it finds is not logged, but kept, also where it fails.
  Status read();
  const Folder& folder() const { return folder_; }
  const CheckpointHead& head() const { return head_; }
  const JournalTail& tail() const { return tail_; }
  const ReplayFindings& findings() const { return findings_; }

 private:
  Status look();
  Status load(const Folder& folder);
  Status look_for_journals();
  Status replay(const CheckpointHead& head);
  Status apply_frame(uint64_t sequence, const chr_slice& payload);
  void apply(const std::shared_ptr<Group>& group, ReadChange& change, uint64_t sequence, chr_buf* lease);
  void check_payloads(const Group& group, ReadChange& change, uint64_t sequence);
  void lose(uint64_t sequence, const std::vector<uint64_t>& groups);
  void damage(Group& group, const std::string& why);
  void check_segments();
  Status remove_strangers(const Folder& folder);
  // What is durable by a new checkpoint, or by the old one and what the journal holds.
  Status begin(const CheckpointHead& old, Upkeep& upkeep);
  Status begin_without_room(const CheckpointHead& old, CheckpointHead next);
  void log_error(const std::string& message, const Group& group) const;

  StoreParts& parts_;
  bool is_start_ = false;  // writes as it goes, and logs
  Folder folder_;
  CheckpointHead head_;
  uint32_t format_ = kCheckpointFormat;  // of the checkpoint that was found
  std::string saved_groups_;             // in it
  JournalTail tail_;
  ReplayFindings findings_;
  uint64_t kept_bytes_ = 0;  // in memory, at most, since the last move
};

}  // namespace chronik::storage_log
