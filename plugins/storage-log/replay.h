// What the folder of a store holds, brought in order in memory: the checkpoint says how the groups were, and the frames of the
// journal behind it are applied. Nothing of the folder changes. It is the first half of a start (recovery.h), and all that a look
// into a stopped store needs (stopped_store.h).
#pragma once

#include "storage-log/journal/journal_scan.h"
#include "storage-log/store_parts.h"

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

// [blocking] Once, before anything else is done with a store. What it finds is kept, also where it fails.
class Replay {
 public:
  struct Folder {
    std::vector<CheckpointName> checkpoints;
    std::vector<uint32_t> journals;
    std::vector<std::pair<uint64_t, std::string>> values;  // with their groups
    std::string data;                                      // a file that only a store with content has
    std::string foreign;                                   // a file that is none of ours
  };
  // Each may be empty.
  struct Events {
    std::function<void(const std::string& message, const Group& group)> damaged;
    std::function<void(uint64_t sequence)> mended;
    // Much of the journal is in memory by now: some of it should be moved to the segments.
    std::function<Status()> kept_much;
  };

  explicit Replay(StoreParts& parts, Events events = {}) : parts_(parts), events_(std::move(events)) {}

  // The folder, and the groups as of its checkpoint. UNSUPPORTED, CORRUPT, IO.
  Status load();
  // Then the frames behind it.
  Status apply_journal();

  const Folder& folder() const { return folder_; }
  const CheckpointHead& head() const { return head_; }
  // The checkpoint's format, and its content without the head.
  const CheckpointContent& saved_groups() const { return saved_groups_; }
  const JournalTail& tail() const { return tail_; }
  const ReplayFindings& findings() const { return findings_; }

 private:
  Status list_folder();
  Status load_checkpoint();
  Status find_missing_journals();
  Status apply_frame(uint64_t sequence, const chr_slice& payload);
  void apply(const std::shared_ptr<Group>& group, ReadChange& change, uint64_t sequence, chr_buf* lease);
  void check_payloads(const Group& group, ReadChange& change, uint64_t sequence);
  void lose(uint64_t sequence, const std::vector<uint64_t>& groups);
  void damage(Group& group, const std::string& why);
  void tell(const std::string& message, const Group& group) const;

  StoreParts& parts_;
  Events events_;
  Folder folder_;
  CheckpointHead head_;
  CheckpointContent saved_groups_;
  JournalTail tail_;
  ReplayFindings findings_;
  uint64_t kept_bytes_ = 0;  // in memory, at most, since kept_much()
};

}  // namespace chronik::storage_log
