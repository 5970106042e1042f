// Replica: this node's member of a partition's Raft group: its life, who leads, what is committed, and the
// calls of consensus. On the shard of the group, but for shard().
//
//   state    | left with                                          | group is | roles are
//   kNew     | open(): kOpening; begin_close(): as from kOpen     | none     | not told
//   kOpening | consensus is done: kOpen; a close waits for that   | there    | told
//   kOpen    | begin_close(): kClosing where the log stays,       | there, or none where it could not be
//            | or else kClosed                                    | opened
//   kClosing | consensus has closed the group: kClosed            | none     | heard: clients are told who leads
//   kClosed  | for good                                           | none     | not heard
//
// It leads only in kOpening and kOpen. Where there is no group it answers as one that does not lead.
#pragma once

#include <chronik/consensus.h>
#include <chronik/result.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "kafka-proto/partition/context.h"
#include "kafka-proto/partition/info.h"
#include "kafka-proto/wire/error_code.h"

namespace chronik::kafka {

// What a client must know to ask elsewhere (KIP-951).
struct LeaderHint {
  int32_t id = -1;
  int32_t epoch = -1;
  bool moves = false;  // none is known, and one will be in a moment
};

class Replica {
 public:
  // What becomes of the log of a partition that is closed: it stays; it goes as far as consensus sees no need
  // for it, since the partition moved to other nodes; it goes, since the topic was deleted.
  enum class Log : uint8_t { kStays, kLeft, kDeleted };

  Replica(const PartitionContext& context, const PartitionInfo& info);
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  const PartitionContext& context() const { return context_; }
  const PartitionInfo& info() const { return info_; }
  uint32_t shard() const { return shard_; }
  // Keeps alive what the replica is part of; null before open().
  std::shared_ptr<void> owner() const { return owner_.lock(); }

  // ---- life ----
  // done(status) once the log is recovered. Once in the life of a Replica.
  void open(const chr_state_machine_v1& machine, void* machine_context, const std::shared_ptr<void>& owner,
            const std::function<void(const Status&)>& done);
  // False: the group is opening, and again() runs once it is open.
  bool begin_close(Log log, std::function<void()> again);
  // After begin_close(): closed() once no callback can come any more.
  void close_group(Log log, const std::function<void()>& closed);
  // After close_group().
  void delete_log(const std::function<void()>& done);
  bool is_open() const { return group_ != nullptr; }
  // Closed without ever having been opened.
  bool never_opened() const { return never_opened_; }

  // ---- what consensus tells ----
  struct RoleChange {
    bool heard = false;  // else nothing has changed
    bool lost = false;   // it led before: no more, or in another term
    bool led = false;    // it leads now: anew, or in another term
    bool operator==(const RoleChange&) const = default;
  };
  RoleChange change_role(const chr_role& role);
  void set_commit_index(uint64_t index) { commit_index_ = index; }
  // Whether clients can read more than before.
  bool raise_high_watermark(int64_t offset);

  // ---- who leads ----
  bool leads() const { return leader_; }
  uint64_t term() const { return term_; }
  // Since when this node leads; 0: never.
  uint64_t leading_since_ns() const { return leading_since_ns_; }
  int32_t known_leader() const { return known_leader_; }
  bool knows_leader() const { return known_leader_ >= 0; }
  // Whether it will be known in a moment where to append; closed is closed.
  bool leadership_moves() const;
  // Whether consensus will still tell who leads.
  bool hears_of_leaders() const { return life_ == Life::kOpen; }
  // NONE, or why this replica does not answer for clients now. current_epoch -1: not checked.
  ErrorCode check_leader(int32_t current_epoch) const;
  LeaderHint leader_hint() const;

  // ---- the log ----
  int64_t high_watermark() const { return high_watermark_; }
  uint64_t commit_index() const { return commit_index_; }
  chr_group_bounds bounds() const;
  // Whether consensus told; members is an array of the caller's.
  bool status(chr_group_status* out) const;
  // OffsetForLeaderEpoch: the epoch and where it ends; -1 and -1 where it is not known.
  std::pair<int32_t, int64_t> epoch_end(int32_t epoch) const;

  // ---- calls; done(code, message) once, in the call or later. Only while is_open() ----
  using Done = std::function<void(chr_status, std::string_view)>;
  // As Kafka's leader in this term. OK and PENDING: it has its place; else done() will not run.
  template <class OnDone>
  chr_status propose(const chr_proposal& item, uint32_t until, chr_placed* placed, chr_error* error,
                     OnDone&& done);
  // A command that nobody waits for.
  void propose_command(chr_slice payload);
  template <class OnRead>
  void read(const chr_group_read& args, chr_entries* out, const OnRead& done);
  void find(int32_t by, int64_t value, chr_entry_header* out, const Done& done);
  // As propose(): done() runs only where this is PENDING.
  chr_status trim(int64_t offset, const std::function<void(chr_status)>& done);
  void transfer(int32_t to, const Done& done);
  void change_members(const std::vector<int32_t>& voters, const Done& done);
  // OK: this node led when it was asked. Also where the group is gone.
  void confirm_leadership(const Done& done);
  void throttle(const std::vector<chr_throttled>& items);

  static constexpr uint64_t kMomentNs = 250'000'000;  // in which an election or a transfer ends

 private:
  enum class Life : uint8_t { kNew, kOpening, kOpen, kClosing, kClosed };

  // Consensus is asked, and what it is asked for keeps its owner alive.
  template <class Call, class OnDone>
  void ask(Call&& call, const OnDone& done);
  void opened(chr_status code);
  void set_known_leader(int32_t leader);

  const PartitionContext& context_;
  const PartitionInfo& info_;
  const uint32_t shard_;
  std::weak_ptr<void> owner_;
  Life life_ = Life::kNew;
  bool never_opened_ = false;
  std::function<void()> close_later_;  // begin_close() came while the group was opening
  chr_group* group_ = nullptr;         // null unless open or opening
  bool leader_ = false;
  uint64_t term_ = 0;
  int32_t known_leader_ = -1;
  uint64_t leaderless_since_ns_ = 0;
  uint64_t leading_since_ns_ = 0;
  int64_t high_watermark_ = 0;
  uint64_t commit_index_ = 0;
};

template <class OnDone>
chr_status Replica::propose(const chr_proposal& item, uint32_t until, chr_placed* placed, chr_error* error,
                            OnDone&& done) {
  return context_.host.async(
      [&](uint64_t token) {
        return context_.consensus->propose(group_, term_, &item, 1, until, placed, token, error);
      },
      [owner = owner(), done = std::forward<OnDone>(done)](const chr_done& d) mutable { done(d.code); });
}

template <class Call, class OnDone>
void Replica::ask(Call&& call, const OnDone& done) {
  chr_error error = make_abi_error();
  const chr_status status =
      context_.host.async([&](uint64_t token) { return call(token, &error); },
                          [owner = owner(), done](const chr_done& d) { done(d.code, from_abi(d.message)); });
  if (status != CHR_PENDING) done(status, error.message);
}

template <class OnRead>
void Replica::read(const chr_group_read& args, chr_entries* out, const OnRead& done) {
  ask([&](uint64_t token,
          chr_error*) { return context_.consensus->read(group_, &args, out, token, nullptr); },
      done);
}

}  // namespace chronik::kafka
