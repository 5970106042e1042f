// One atomic write of a group on its way to storage: its steps, and what they point to.
#pragma once

#include "core/raft_log.h"
#include "core/types.h"
#include "wire/stored.h"

#include <chronik/draft/storage.h>
#include <chronik/result.hpp>

#include <forward_list>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace chronik::raft {

// Move-only: the steps point into it. Payloads and values of slices with a lease are borrowed until storage
// took them.
class Write {
 public:
  explicit Write(uint64_t group) : group_(group) {}
  Write(Write&&) = default;
  Write& operator=(Write&&) = default;

  void truncate(Index from) { add(CHR_STORAGE_TRUNCATE)->index = from; }
  void trim(Index first) { add(CHR_STORAGE_TRIM)->index = first; }
  void drop() { add(CHR_STORAGE_DROP); }
  // Once per write.
  void append(const std::vector<Entry>& entries);
  void put(std::string_view key, std::string value);
  void put(std::string_view key, const chr_slice& value);
  void remove(std::string_view key);

  uint64_t group() const { return group_; }
  const std::vector<chr_storage_step>& steps() const { return steps_; }

 private:
  chr_storage_step* add(uint32_t type);
  chr_str keep(std::string text);

  uint64_t group_;
  std::vector<chr_storage_step> steps_;
  std::vector<chr_entry> entries_;
  std::forward_list<std::string> texts_;
};

// What of the term boundaries is on disk; they are written with the batch that changes them.
class TermsOnDisk {
 public:
  TermsOnDisk() = default;
  explicit TermsOnDisk(const RaftLog& log) : terms_(log.terms().size()), last_(log.last_term()) {}
  bool changed(const RaftLog& log) const { return log.last_term() != last_ || log.terms().size() != terms_; }

 private:
  size_t terms_ = 0;
  Term last_ = 0;
};

// The write of a batch of the core.
Write write_of(uint64_t group, const StorageBatch& batch, const RaftLog& log, int64_t log_start,
               TermsOnDisk* terms);

}  // namespace chronik::raft
