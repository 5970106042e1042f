// A checkpoint: all groups as they were at a place of the journal, from which a start goes on. One file,
// `checkpoint-<n>`, with its content twice, so that one damaged place does not cost the store.
#pragma once

#include "storage-log/groups.h"
#include "storage-log/journal/journal.h"

#include <chronik/files.hpp>

#include <span>

namespace chronik::storage_log {

constexpr uint32_t kCheckpointFormat = 3;

struct CheckpointHead {
  ReplayStart replay;
  uint64_t next_group = 1;
  bool is_clean = false;        // nothing follows in the journal
  bool has_lost_names = false;  // GroupTable::has_lost_names()
  // The files of the journal: frames are in these only. None: it is of format 1, and does not say; format 2 does not say
  // how large they are.
  std::optional<std::vector<JournalFile>> journals;
};

// What a checkpoint file holds, once.
struct CheckpointContent {
  uint32_t format = 0;
  std::string bytes;
};

// The content, piece by piece: the head, then each group, in any order and each as of a frame of its own.
void save_head(const CheckpointHead& head, uint32_t format, std::string* out);
void save_group(const Group& group, std::string* out);
// CORRUPT: it is none.
Status load_head(ByteReader& in, uint32_t format, CheckpointHead* out);
Status load_group(ByteReader& in, GroupTable& groups);

// The number of a checkpoint, if it is the name of one; of one that was not completed, too.
struct CheckpointName {
  uint64_t number = 0;
  bool is_complete = false;
};
std::optional<CheckpointName> checkpoint_name(std::string_view name);

// [blocking], one at a time.
class Checkpoints {
 public:
  explicit Checkpoints(Files files) : files_(files) {}

  // The content of the newest one; nullopt: there is none. UNSUPPORTED: of another format. CORRUPT: both copies are
  // damaged.
  Result<std::optional<CheckpointContent>> load(const std::vector<CheckpointName>& names);
  // What load() found, each copy by itself.
  struct Copies {
    std::string file;  // empty: there is none
    uint64_t bytes = 0;
    bool first_is_whole = false;
    bool second_is_whole = false;
  };
  Result<Copies> copies() const;
  // Durable when it returns; the one before goes.
  Status write(std::string_view content);
  // The last write() came as far as the name: what it wrote may count at the next start, even where it failed.
  bool may_count() const { return may_count_; }
  // In place of the one that was loaded, in its format and of its size, without any more room. One of the two copies is whole at any
  // time.
  Status overwrite(const CheckpointContent& content);
  uint64_t file_bytes() const { return file_bytes_.load(std::memory_order_relaxed); }

 private:
  Status make_file(const std::string& name, std::span<const chr_slice> content) const;
  Status remove_old();

  Files files_;
  uint64_t newest_ = 0;
  bool first_is_whole_ = false;  // of the copies that were loaded
  bool may_count_ = false;
  std::vector<std::string> old_;
  std::atomic<uint64_t> file_bytes_{0};
};

}  // namespace chronik::storage_log
