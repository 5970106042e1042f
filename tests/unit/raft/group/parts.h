// The parts of a group over the memory storage, without the group: its life is the test's.
#pragma once

#include "raft/group/append_budget.h"
#include "raft/group/applier.h"
#include "raft/group/hand_over.h"
#include "raft/group/log_reader.h"
#include "raft/group/log_repair.h"
#include "raft/group/log_trim.h"
#include "raft/group/member_changes.h"
#include "raft/group/peer_claims.h"
#include "raft/group/proposals.h"
#include "raft/group/role_report.h"
#include "raft/group/snapshot_installer.h"
#include "raft/group/snapshots.h"
#include "raft/group/storage_writes.h"
#include "storage-memory/store.h"

#include <gtest/gtest.h>

#include <chronik/testing/fake_host.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace chronik::raft::test {

// What the state machine was told, and how it answers.
struct Machine {
  std::vector<std::string> told;
  bool hold_applies = false;
  bool fail_applies = false;
  bool fail_saves = false;
  uint64_t held_token = 0;
  // Where it saves in pieces: of one byte each, as many as there are here.
  std::function<void()> on_save_piece;
  int save_pieces = 5;
  int open_saves = 0;
};

// A storage that can be full: then nothing is written.
class FullStore : public storage_memory::Store {
 public:
  explicit FullStore(const Host& host) : storage_memory::Store(host), host_(host) {}
  chr_status write(const chr_storage_write* writes, uint32_t n, chr_error* error) {
    if (const auto then = std::exchange(on_write, nullptr)) then();
    if (!full) return storage_memory::Store::write(writes, n, error);
    for (uint32_t i = 0; i < n; ++i) host_.complete(writes[i].token, CHR_E_NO_SPACE, "full");
    return CHR_PENDING;
  }
  bool full = false;
  std::function<void()> on_write;  // of the next one

 private:
  const Host host_;
};

class Owner final : public GroupContext {
 public:
  using GroupContext::GroupContext;
  void mark() override { ++marks; }
  void stop_with(const Error& error) override {
    state = GroupState::kFailed;
    failure = error;
  }
  void restore_again(Result<Recovered>) override {
    ++restored;
    state = GroupState::kOpen;
  }
  int marks = 0;
  int restored = 0;
};

// An open group of these voters, of which this node is the first.
class Parts : public ::testing::Test {
 protected:
  // in_pieces: how the state machine saves.
  explicit Parts(const std::vector<int32_t>& voters = {1}, bool in_pieces = false);
  ~Parts() override;

  // A turn as a group has it, and what follows from it.
  void turn();
  void lead();
  // Proposes so many records as one batch; what it ended with, CHR_PENDING where it has not.
  chr_status propose(uint32_t records);
  // Runs a call to its end.
  chr_status wait(const std::function<chr_status(uint64_t token, chr_error* error)>& call);
  std::vector<std::string> told() { return std::exchange(machine_.told, {}); }

  testing::FakeHost host_{1, 1, 1, testing::FakeHost::Link::kRecorded};
  Machine machine_;
  std::unique_ptr<FullStore> memory_;
  Services services_;
  std::unique_ptr<Shard> shard_;
  std::shared_ptr<Owner> group_;
  Ready ready_;

  struct All {
    explicit All(Owner* group) : group_(group) {}
    Owner* const group_;
    AppendBudget budget{group_};
    PeerClaims claims{group_};
    HandOver hand_over{group_, &claims};
    MemberChanges members{group_};
    Applier applier{group_, {repair, trim, role, installer, snapshots}};
    RoleReport role{group_, applier};
    Snapshots snapshots{group_, {applier, trim, installer, writes}};
    SnapshotInstaller installer{group_, {applier, reader, repair, trim, role, snapshots, writes}};
    LogTrim trim{group_, {applier, installer, snapshots, writes}};
    LogRepair repair{group_, {applier, trim, installer, snapshots, writes}};
    StorageWrites writes{group_, {repair, trim, proposals, installer, snapshots}};
    LogReader reader{group_, {repair, trim, role}};
    Proposals proposals{group_, {applier, budget, role, trim, writes}};
  };
  std::unique_ptr<All> parts_;
};

}  // namespace chronik::raft::test
