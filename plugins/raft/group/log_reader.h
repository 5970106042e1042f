// Reads of the log by Kafka offset: from memory where the tail has it, from storage otherwise.
#pragma once

#include "raft/group/context.h"
#include "raft/log/store.h"

#include <memory>
#include <vector>

namespace chronik::raft {

class LogRepair;
class LogTrim;
class RoleReport;

// Where readers that come back will go on: an index for an offset, to be asked for without a search.
class ColdHints {
 public:
  static constexpr size_t kMaxHints = 16;

  void remember(int64_t offset, Index index);
  Index find(int64_t offset) const;  // 0: not known
  void clear() { hints_.clear(); }

 private:
  struct Hint {
    int64_t offset;
    Index index;
  };
  std::vector<Hint> hints_;
  size_t next_ = 0;
};

// The functions are those of chr_consensus_v1; their rules stand there.
class LogReader {
 public:
  struct Siblings {
    LogRepair& repair;
    const LogTrim& trim;
    const RoleReport& role;
  };
  LogReader(GroupContext* group, const Siblings& siblings) : group_(*group), siblings_(siblings) {}

  chr_status read(const chr_group_read* args, chr_entries* out, uint64_t token, chr_error* error);
  chr_status find(int32_t by, int64_t value, chr_entry_header* out, uint64_t token, chr_error* error);
  chr_status epoch_end(uint64_t term, uint64_t* found_term, int64_t* end_offset);
  chr_status bounds(chr_group_bounds* out);
  // The log has other entries from now on.
  void forget_hints() { hints_.clear(); }

 private:
  struct HeaderScan;

  bool read_memory(const chr_group_read& args, int64_t bound, chr_entries* out);
  chr_storage_read stored_range(const chr_group_read& args, Index from) const;
  void read_storage(const chr_group_read& args, Index from, bool certain, chr_entries* out, uint64_t token);
  void read_headers(const std::shared_ptr<HeaderScan>& scan, Index from);
  void headers_read(const std::shared_ptr<HeaderScan>& scan, Result<StoredEntries> headers);
  void locate_and_read(const chr_group_read& args, chr_entries* out, uint64_t token);
  void storage_read(const chr_group_read& args, bool certain, chr_entries* out, uint64_t token,
                    Result<StoredEntries> read);
  void found(int32_t by, int64_t value, bool again, chr_entry_header* out, uint64_t token,
             Result<chr_entry_header> header);

  GroupContext& group_;
  const Siblings siblings_;
  ColdHints hints_;
};

}  // namespace chronik::raft
