// The state of a group's state machine on its way out and in: in one call by the table of chronik.consensus/1, or
// in pieces by a stream that its owner attached (chronik.state_machine_stream/1), one in a turn of the shard.
//
//   StateSave | begin_save() is called at once, between two applies  -> saving, or ends: it failed
//   saving    | a step: the next piece                               -> saving, or ends: all is there, or it failed
//   StateLoad | begin_load() is called at once                       -> loading, or ends: it failed
//   loading   | a step: the next piece, finish_load() after the last -> loading, or ends: it is loaded, or it failed
//   both      | a step, and nobody wants it any more                 -> ends: it was dropped
//
// Entries are applied during a save: the state machine keeps what the save is of. None are during a load: whoever
// loads sees to that. The end is told once; without a stream before run() returns.
#pragma once

#include "raft/group/context.h"
#include "raft/log/snapshot_sink.h"

#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace chronik::raft {

// Of one turn. State machines encode and decode small records at 25 MB/s and more, so that it takes 10 ms at
// most: half of what a turn may.
inline constexpr uint64_t kStatePieceBytes = 256u << 10;

enum class StateEnd : uint8_t { kDone, kFailed, kDropped };

// Asked before each step. False: the group is closed or stopped, or something else is to happen first.
using IsStateWanted = std::function<bool()>;

// Lives until its end was told.
class StateSave : public std::enable_shared_from_this<StateSave> {
 public:
  // What was saved, if all was.
  using Done = std::function<void(StateEnd, SnapshotSink)>;
  // The group outlives it.
  static void run(GroupContext* group, IsStateWanted is_wanted, Done done);

 private:
  StateSave(GroupContext* group, IsStateWanted is_wanted, Done done)
      : group_(*group), is_wanted_(std::move(is_wanted)), done_(std::move(done)), sink_(group->host()) {}
  bool begin();
  void add_step();
  void save_piece();
  void finish(StateEnd end);

  GroupContext& group_;
  const IsStateWanted is_wanted_;
  const Done done_;
  SnapshotSink sink_;
  void* handle_ = nullptr;  // of the stream
};

// Likewise.
class StateLoad : public std::enable_shared_from_this<StateLoad> {
 public:
  using Done = std::function<void(StateEnd, const Error&)>;
  // owner keeps the pieces.
  static void run(GroupContext* group, std::vector<chr_slice> pieces, std::shared_ptr<const void> owner,
                  IsStateWanted is_wanted, Done done);

 private:
  StateLoad(GroupContext* group, std::vector<chr_slice> pieces, std::shared_ptr<const void> owner,
            IsStateWanted is_wanted, Done done)
      : group_(*group),
        pieces_(std::move(pieces)),
        owner_(std::move(owner)),
        is_wanted_(std::move(is_wanted)),
        done_(std::move(done)) {}
  void load_at_once();
  void begin();
  void add_step();
  void load_piece();
  void finish(StateEnd end, const Error& error = {});

  GroupContext& group_;
  const std::vector<chr_slice> pieces_;
  const std::shared_ptr<const void> owner_;
  const IsStateWanted is_wanted_;
  const Done done_;
  size_t piece_ = 0;     // the next one
  uint64_t offset_ = 0;  // what of it was loaded
  void* handle_ = nullptr;
};

}  // namespace chronik::raft
