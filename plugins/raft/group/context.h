// What the parts of one open group share: who the group is, its core, its state machine, and its life.
//
// States of a group, and what moves it from one to the next:
//
//   kRecovering   Recovery reads what is on disk   -> kOpen    it is there
//                                                  -> kClosed  it cannot be read, or close() came meanwhile
//   kOpen         takes inputs, has turns          -> kMending a part of the log is left out (LogRepair)
//                                                  -> kFailed  stop_with(): storage or state machine failed
//                                                  -> kClosed  close(), once nothing is on its way any more
//   kMending      Recovery reads the log again     -> kOpen    in either case; a failure stops it then
//   kFailed       answers with what went wrong     -> kClosed  close()
//   kClosed       the shard knows it no more
//
// `raft` is there in all states but kRecovering, and where it could not be read.
#pragma once

#include "raft/core/raft.h"
#include "raft/group/attached_streams.h"
#include "raft/group/services.h"
#include "raft/group/shard.h"
#include "raft/log/recovery.h"

#include <chronik/consensus.h>
#include <chronik/invariant.hpp>

#include <memory>
#include <optional>
#include <string>

namespace chronik::raft {

enum class GroupState : uint8_t { kRecovering, kOpen, kMending, kFailed, kClosed };

// Lives on one shard, as long as its group or an operation in flight holds it.
class GroupContext : public std::enable_shared_from_this<GroupContext> {
 public:
  GroupContext(Shard* of, const chr_group_options& options, const chr_state_machine_v1& with, void* context,
               std::optional<StateStream> streamed = std::nullopt);
  virtual ~GroupContext() = default;
  GroupContext(const GroupContext&) = delete;
  GroupContext& operator=(const GroupContext&) = delete;

  bool is_open() const { return state == GroupState::kOpen; }
  bool leads() const { return raft->role() == Role::kLeader; }
  Nanos now() const { return shard->now(); }
  const Host& host() const { return services.host; }
  const Settings& settings() const { return services.settings; }
  // For callbacks: the group and its parts stay until these have run.
  std::shared_ptr<const void> alive() const { return shared_from_this(); }
  // A turn is due: something may have to be done.
  virtual void mark() = 0;
  // From now on the group answers with this error.
  virtual void stop_with(const Error& error) = 0;
  // Goes from kMending to kOpen with another log, at once or later: what was on its way is over.
  virtual void restore_again(Result<Recovered> found) = 0;

  Services& services;
  Shard* const shard;
  const std::string name;
  const uint64_t hash;
  const std::string label;
  const chr_group_id id;
  const chr_state_machine_v1 machine;
  void* const machine_context;
  const std::optional<StateStream> stream;  // where snapshots are to be saved and loaded in pieces
  const Membership initial;                 // what the owner says that the group was created with
  uint64_t storage_group = 0;
  GroupState state = GroupState::kRecovering;
  Error failure;  // of kFailed
  bool closing = false;
  std::unique_ptr<Raft> raft;
};

}  // namespace chronik::raft
