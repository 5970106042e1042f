// Acceptance of writes: what each group brought, in its order, until it is in a frame. Whether there is room,
// whether the steps fit the log, and where the entries lie is decided here; what is accepted fails only with
// the whole store.
//
// A write whose payloads are large, or that cuts the log at a place that only the disk knows, keeps its group
// busy until that is done: only then is it added to a frame. Other groups go on.
#pragma once

#include "storage-log/net_write.h"
#include "storage-log/store_parts.h"

namespace chronik::storage_log {

class Lanes {
 public:
  // Runs something under the store's mutex, on this shard, and then whatever it leads to.
  using RunTurn = std::function<void(std::function<void(Turn&)>)>;
  // A disk that failed; under the mutex.
  using Fail = std::function<void(const Error&)>;

  Lanes(StoreParts& parts, RunTurn run_turn, Fail fail)
      : parts_(parts), run_turn_(std::move(run_turn)), fail_(std::move(fail)) {}

  // ---- under the store's mutex ----
  void push(const std::shared_ptr<Group>& group, OwnedWrite write);
  // [shard] All that may be accepted now is.
  void run(Turn& turn);
  // A write of the group that was in a frame is durable.
  void published(const std::shared_ptr<Group>& group);
  // run() has something to do.
  bool has_turns() const { return !listed_.empty(); }
  // No write is in a lane.
  bool is_idle() const { return writes_ == 0; }
  // What a frame has that will not be written is refused, with all that was accepted behind it. Nothing is on its
  // way to the journal.
  void refuse_gathered(Commits::Frame& frame, Turn& turn);
  // After a failure: what has no I/O in flight ends with IO; the rest when its I/O ends.
  void refuse_all(Turn& turn);

 private:
  using GroupPtr = std::shared_ptr<Group>;
  // What is to be done for the first write of a lane.
  struct Plan {
    NetWrite net;
    std::optional<Boundary> truncate, trim;
    bool is_direct = false;
    std::optional<uint64_t> missing;  // the log must be looked at there first
  };
  enum class Next { kGoOn, kWait };

  void list(const GroupPtr& group);
  Next try_first(const GroupPtr& group, Turn& turn);
  Next accept(const GroupPtr& group, Plan& plan, Turn& turn);
  Status make_plan(Group& group, const OwnedWrite& write, Plan* plan);
  Status plan_cuts(Group& group, Plan* plan);
  Result<std::optional<Boundary>> boundary(Group& group, uint64_t index, Plan* plan);
  // The error, where there is no room for it.
  Status check_room(Group& group, const OwnedWrite& write, bool is_direct);
  void plan_keys(Group& group, const Plan& plan, Pending& pending) const;
  Status place(Group& group, const Plan& plan, Pending& pending) const;
  GroupChange change_of(const Group& group, const Pending& pending) const;
  void commit(const GroupPtr& group, const GroupChange& change, uint64_t bytes);
  Pending& pending(Group& group);

  // What waits for the disk.
  Next look_up(const GroupPtr& group, uint64_t index, Turn& turn);
  void start_io(const GroupPtr& group, Turn& turn);
  Status write_files(const Group& group, const std::vector<DirectWrite*>& direct,
                     const std::vector<std::pair<uint64_t, chr_slice>>& values);
  void io_done(GroupPtr group, const Status& status);
  Next finish_io(const GroupPtr& group, Turn& turn);
  void remove_values(const Group& group, std::span<const KeyChange> keys);
  Next refuse_accepted(const GroupPtr& group, Turn& turn);

  Next refuse_in_turn(const GroupPtr& group, const Error& error, Turn& turn);
  Next refuse_for_now(const GroupPtr& group, Error error, Turn& turn);
  Next refuse(const GroupPtr& group, const Error& error, Turn& turn);
  void pop(Group& group);

  StoreParts& parts_;
  RunTurn run_turn_;
  Fail fail_;
  std::vector<GroupPtr> listed_;              // may go on
  std::map<uint64_t, GroupPtr> with_writes_;  // by id
  size_t writes_ = 0;
  bool is_over_ = false;            // refuse_all() was called
  std::unique_ptr<Pending> spare_;  // the memory of the last one
};

}  // namespace chronik::storage_log
