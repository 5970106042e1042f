// What every group of an instance shares: the host, storage, links, settings, watchers.
#pragma once

#include "raft/core/types.h"
#include "raft/group/heartbeats.h"
#include "raft/group/throttle.h"
#include "raft/log/store.h"

#include <chronik/consensus.h>
#include <chronik/link.h>
#include <chronik/host.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

namespace chronik::raft {

struct Settings {
  Nanos election_timeout = 0;
  Nanos heartbeat_interval = 0;
  uint64_t max_append_bytes = 0;
  uint64_t max_inflight_bytes = 0;
  uint64_t max_uncommitted_bytes = 0;  // of one group
  uint64_t max_unwritten_bytes = 0;    // of all groups of the node
  uint64_t tail_cache_bytes = 0;       // of all groups of one shard
  uint64_t snapshot_bytes = 0;         // of log between two snapshots
  Nanos leader_balance = 0;            // 0: leadership stays where it is
  Nanos trim_hold = 0;
};

// Watchers: who is told about roles. Any thread; a callback never runs after remove() returned.
class Watchers {
 public:
  void add(chr_role_fn fn, void* context);
  void remove(chr_role_fn fn, void* context);
  void tell_all(const chr_group_id& id, const chr_role& role, bool usable) const;
  // Tells one watcher alone, if it is there.
  void tell_one(chr_role_fn fn, void* context, const chr_group_id& id, const chr_role& role,
                bool usable) const;

 private:
  struct Watcher {
    chr_role_fn fn;
    void* context;
    std::mutex running;
    bool active = true;
  };
  static void call(Watcher* watcher, const chr_group_id& id, const chr_role& role, bool usable);

  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Watcher>> watchers_;
};

struct Metrics {
  uint64_t elections = 0;
  uint64_t leader_transfers = 0;
  uint64_t lower_term = 0;
  uint64_t decode_errors = 0;
  uint64_t snapshots_sent = 0;
  uint64_t snapshots_installed = 0;
  uint64_t proposals_refused = 0;
  uint64_t groups = 0;
  uint64_t leaders = 0;
  uint64_t write_seconds = 0;
};

struct Services {
  Host host;
  const chr_exec_v1* exec = nullptr;
  Store store;
  const chr_link_v1* link = nullptr;  // absent where there are no peers
  uint32_t channel = 0;
  NodeId self = kNobody;
  uint64_t seed = 0;
  Settings settings;
  Metrics metrics;
  Watchers watchers;
  Heartbeats heartbeats;
  Throttle throttle;
  std::atomic<uint64_t> unwritten{0};  // what all groups hold that is not on this node's disk yet
};

}  // namespace chronik::raft
