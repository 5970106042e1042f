// The groups of a store, in memory: names, ids and bounds. The drain keeps a working copy of a group's log
// state while its transaction runs; what others see changes when the transaction is durable.
#pragma once

#include <chronik/storage_write.hpp>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace chronik::storage_lmdb {

// First and last entry of a log; all zero where it is empty. The totals are those of the records (record.h).
struct LogState {
  uint64_t first = 0;
  uint64_t last = 0;
  uint64_t entries_before_first = 0;
  uint64_t bytes_before_first = 0;
  uint64_t entries_at_last = 0;
  uint64_t bytes_at_last = 0;

  uint64_t entries() const { return entries_at_last - entries_before_first; }
  uint64_t bytes() const { return bytes_at_last - bytes_before_first; }
};

// What so many entries with so many bytes of payload take in the file, roughly.
uint64_t bytes_in_file(uint64_t entries, uint64_t payload_bytes);

struct Group {
  uint64_t id = 0;
  std::shared_ptr<const std::string> shared_name;  // by all copies: each drain makes some; null: not known
  bool durable = false;                            // its record is in the file
  bool dropped = false;
  uint64_t purge_below = 0;  // entries below are gone but still lie in the file
  uint64_t gone_bytes = 0;   // that these take there, roughly
  LogState log;

  std::string_view name() const { return shared_name == nullptr ? std::string_view() : *shared_name; }
  void set_name(std::string_view name) { shared_name = std::make_shared<const std::string>(name); }
};

class GroupTable {
 public:
  // [any] The id under this name; a new one if there is none. CORRUPT: the name may be that of a group whose
  // record is damaged.
  Result<uint64_t> open(std::string_view name);
  // [any] Copies. NOT_FOUND: no such group; CORRUPT: it was set aside.
  Status log_state(uint64_t id, LogState* out) const;
  // [any] Why a group is not served, or nullptr.
  const std::string* damage(uint64_t id) const;
  // [any] Names and ids of the groups that exist durably, by id.
  std::map<uint64_t, std::string> durable() const;

  // [any] All that may have entries in the file, but for those that were set aside.
  std::vector<uint64_t> ids() const;

  // [any] How many they are.
  size_t count() const;

  // The drain only. A group to work on, or false; publish() makes the outcome visible to all.
  bool checkout(uint64_t id, Group* out) const;
  void publish(const Group& group);
  AppendFence fence(uint64_t id) const {
    const auto found = fences_.find(id);
    return found == fences_.end() ? AppendFence() : found->second;
  }
  void keep_fence(uint64_t id, const AppendFence& fence) {
    if (!fence.is_up()) {
      fences_.erase(id);
    } else {
      fences_[id] = fence;
    }
  }
  uint64_t next_id() const;
  // [any] What takes space in the file although it is gone.
  uint64_t gone_bytes() const { return gone_bytes_.load(std::memory_order_relaxed); }
  // Groups of which something has to be removed from the file.
  const std::set<uint64_t>& to_purge() const { return to_purge_; }
  void purged(const Group& group);
  // What is left of it cannot be removed: not tried again before the next start.
  void give_up_purge(uint64_t id) {
    to_purge_.erase(id);
    given_up_.insert(id);
  }

  // Recovery only.
  void restore(const Group& group);
  // The group is damaged and not served. The name stays taken, so that nobody begins an empty log in place of
  // it; where it is not known, no name is given out that is not known.
  void set_aside(uint64_t id, std::string_view name, std::string damage);
  void restore_next_id(uint64_t next_id) { next_id_ = std::max(next_id_, next_id); }

 private:
  static size_t is_there(const Group& group) { return group.durable && !group.dropped ? 1 : 0; }

  std::map<uint64_t, std::string> damaged_;  // constant once the store is open
  bool nameless_ = false;                    // one of them

  mutable std::mutex mutex_;  // ids_, groups_, next_id_, count_
  std::map<std::string, uint64_t, std::less<>> ids_;
  std::unordered_map<uint64_t, Group> groups_;
  uint64_t next_id_ = 1;
  size_t count_ = 0;
  std::atomic<uint64_t> gone_bytes_{0};
  std::unordered_map<uint64_t, AppendFence> fences_;  // those that are up
  std::set<uint64_t> to_purge_;
  std::set<uint64_t> given_up_;  // none of them is in to_purge_
};

}  // namespace chronik::storage_lmdb
