// Brings a group back from storage: vote, log, snapshot of the state machine.
#pragma once

#include "raft/core/raft_log.h"
#include "raft/log/load_turns.h"
#include "raft/log/store.h"
#include "raft/wire/stored.h"

#include <functional>
#include <memory>
#include <vector>

namespace chronik::raft {

struct Recovered {
  HardState hard_state;
  StoredLog log;
  int64_t log_start = 0;
  // Of the first entry on disk, which may begin below that.
  int64_t first_offset = 0, first_end = 0;
  Base base;
  SnapshotMeta snapshot;  // index 0: there is none
  std::vector<StoredValue> pieces;
  LoadTurns::Turn turn;  // where there are pieces: nobody else reads theirs as long as it is held
};

// Runs by itself until it has called done once, on the shard on which it was started.
class Recovery : public std::enable_shared_from_this<Recovery> {
 public:
  using Done = std::function<void(Result<Recovered>)>;

  // A part of the log that is to be fetched from others: from an index on, where the log ended before that.
  struct Lost {
    Index from = 0;  // 0: nothing is
    LogEnd end{};
  };

  // Who waits to load what else was found; is_wanted is asked meanwhile: false ends it with CANCELLED.
  struct Loads {
    LoadTurns& turns;
    LoadTurns::IsWanted is_wanted;
  };

  // initial: what the group was created with, where the log knows no other configuration.
  static void run(const Store& store, const Loads& loads, uint64_t group, NodeId self,
                  const Membership& initial, Lost lost, Done done);

 private:
  Recovery(const Store& store, const Loads& loads, uint64_t group, NodeId self, const Membership& initial,
           Lost lost, Done done)
      : store_(store),
        loads_(loads),
        group_(group),
        self_(self),
        initial_(initial),
        lost_(lost),
        done_(std::move(done)) {}

  template <class T>
  using Then = std::function<void(Result<T>)>;

  // One read at a time, of entries or of a key; one that storage refuses as OVERLOADED is tried again for half a minute.
  void read(const chr_storage_read& args, Then<StoredEntries> then);
  void get(const std::string& key, Then<StoredValue> then);
  bool is_refused_for_now(const Error& error);
  void try_later(std::function<void()> again);
  void read_vote();
  void read_meta();
  void read_snapshot();
  void wait_to_load();
  void read_piece(uint32_t piece);
  void read_first();
  void leave_out_lost();
  void met_damage(Index from, const Error& error);
  void read_headers();
  bool sole_voter() const;
  void build_empty_log();
  void read_page(Index from);
  Status add_header(const EntryHeader& header);
  void keep_configs(Index before);
  void find_config(const EntryHeader& header);
  void read_configs();
  Status check() const;
  void finish_recovery(const Status& status);

  const Store store_;
  const Loads loads_;
  const uint64_t group_;
  const NodeId self_;
  const Membership initial_;
  const Lost lost_;
  Done done_;
  Recovered found_;
  LogMeta meta_;
  Index commit_ = 0;
  Index last_header_ = 0;  // the newest that was read; 0: none
  std::vector<Index> unread_configs_;
  std::function<void()> next_try_;  // of a read that was refused
  uint32_t refusals_ = 0;
  chr_storage_bounds bounds_{};
};

}  // namespace chronik::raft
