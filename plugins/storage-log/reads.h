// Reads, searches and gets: answered at once from memory, or on a blocking thread from the disk.
#pragma once

#include "storage-log/store_parts.h"

#include <chronik/blocking_lane.hpp>

namespace chronik::storage_log {

// [any] thread.
class Reads {
 public:
  // Runs something under the store's mutex, on a blocking thread, and then whatever it leads to.
  using RunTurn = std::function<void(std::function<void(Turn&)>)>;

  Reads(StoreParts& parts, RunTurn run_turn);

  chr_status read(const chr_storage_read* args, chr_entries* out, uint64_t token, chr_error* error);
  chr_status find(uint64_t group, int32_t by, int64_t value, chr_entry_header* out, uint64_t token,
                  chr_error* error);
  chr_status get(uint64_t group, chr_str key, chr_slice* out, uint64_t token, chr_error* error);
  chr_status bounds(uint64_t group, chr_storage_bounds* out) const;

  // Under the store's mutex. From here on what the disk would have to answer is refused.
  void stop() { is_stopped_ = true; }
  bool is_idle() const { return running_ == 0; }

 private:
  // Runs fn in a lane; it completes its token.
  template <class F>
  chr_status on_blocking(BlockingLane& lane, F fn, chr_error* error);
  void ended();
  Result<std::shared_ptr<GroupLog>> log_of(uint64_t group) const;
  Result<StoredValue> value_of(uint64_t group, std::string_view key) const;
  Result<chr_slice> read_value(uint64_t group, std::string_view key);

  StoreParts& parts_;
  RunTurn run_turn_;
  std::shared_ptr<BlockingLane> lane_;
  std::shared_ptr<BlockingLane> values_lane_;
  bool is_stopped_ = false;
  uint64_t running_ = 0;
};

}  // namespace chronik::storage_log
