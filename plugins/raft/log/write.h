// One atomic write of a group on its way to storage: its steps, and what they point to.
#pragma once

#include "raft/core/raft.h"
#include "raft/wire/stored.h"

#include <chronik/storage.h>
#include <chronik/result.hpp>

#include <forward_list>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace chronik::raft {

// Move-only: the steps point into it, and the payloads of entries are kept with it, as the log may drop them
// while storage has no room in its queue. Values of slices with a lease are borrowed until storage took them.
class Write {
 public:
  explicit Write(uint64_t group) : group_(group) {}
  Write(Write&&) = default;
  Write& operator=(Write&&) = default;

  void truncate(Index from) { add_step(CHR_STORAGE_TRUNCATE)->index = from; }
  void trim(Index first) { add_step(CHR_STORAGE_TRIM)->index = first; }
  // All entries: as a trim, which storage may carry out slice by slice; a truncation is there at once.
  void clear() { trim(UINT64_MAX); }
  void drop() { add_step(CHR_STORAGE_DROP); }
  // Once per write.
  void append(const std::vector<Entry>& entries);
  void put(std::string_view key, std::string value);
  void put(std::string_view key, const chr_slice& value);
  void remove(std::string_view key);

  uint64_t group() const { return group_; }
  const std::vector<chr_storage_step>& steps() const { return steps_; }
  uint64_t bytes() const { return bytes_; }  // of the entries' payloads
  // A vote, a term and the like: nothing that takes storage any time.
  bool is_small_keys() const;

 private:
  chr_storage_step* add_step(uint32_t type);
  chr_str keep_text(std::string text);

  uint64_t group_;
  std::vector<chr_storage_step> steps_;
  std::vector<chr_entry> entries_;
  std::vector<Payload> payloads_;
  std::forward_list<std::string> texts_;
  uint64_t bytes_ = 0;
};

// What of the term boundaries and configurations is on disk; they are written with
// the batch that changes them.
class MetaOnDisk {
 public:
  MetaOnDisk() = default;
  explicit MetaOnDisk(const Raft& raft)
      : terms_(raft.log().terms().size()),
        last_term_(raft.log().last_term()),
        configs_(raft.configs().size()),
        last_config_(raft.configs().back().index) {}
  bool operator==(const MetaOnDisk&) const = default;

 private:
  size_t terms_ = 0;
  Term last_term_ = 0;
  size_t configs_ = 0;
  Index last_config_ = 0;
};

LogMeta meta_of(const Raft& raft, int64_t log_start, const Base& base);

// The write of a batch of the core.
Write write_of(uint64_t group, const StorageBatch& batch, const Raft& raft, int64_t log_start,
               const Base& base, MetaOnDisk* on_disk);

}  // namespace chronik::raft
