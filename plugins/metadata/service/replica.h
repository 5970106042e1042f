// This node's replica of __meta: the catalog as a state machine of consensus, and
// proposals to it. Home shard only.
#pragma once

#include <chronik/draft/learners.h>

#include <chronik/consensus.hpp>
#include <deque>
#include <functional>
#include <optional>
#include <set>

#include "metadata/catalog/catalog.h"
#include "metadata/wire/frame.h"

namespace chronik::metadata {

class Replica {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // One command was applied. Nothing of it is published yet.
    virtual void command_applied(const Command& command, const Outcome& outcome) = 0;
    // A snapshot took the place of the catalog. These topics were deleted by commands that nobody here saw.
    virtual void catalog_replaced(const std::vector<Uuid>& deleted) = 0;
    // The catalog changed, by commands or by a snapshot: publish it.
    virtual void catalog_changed() = 0;
    virtual void role_changed() = 0;
  };
  using Done = std::function<void(const Status&)>;

  // How long the log gets before its leader trims it to a snapshot.
  struct LogLimits {
    uint64_t entries = 10'000;
    uint64_t bytes = 20u << 20;
  };

  // The services of the consensus plugin; it may have no learners.
  struct Services {
    Consensus consensus;
    const chr_learners_v1* learners = nullptr;
    void* learners_instance = nullptr;
  };

  Replica(Host host, Owner* owner, const Services& services, LogLimits limits);
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  // Opens __meta with the configured nodes as voters.
  void open(const Done& done);
  // Closes __meta; while it is still opening, once that has ended.
  void close(const Done& done);
  // The voters that this node knows, the preferred leader first.
  std::vector<int32_t> voters() const;
  // On the leader: those that have not had all of the log for a while.
  std::set<int32_t> lagging_learners() const;
  // On the leader: makes these nodes the voters.
  void change_members(const std::vector<int32_t>& voters, const Done& done);
  // On the leader, where has_learners(): those that follow without a vote, voters that may become such too.
  Status set_learners(const std::vector<int32_t>& nodes);
  bool has_learners() const { return services_.learners != nullptr; }
  bool is_open() const { return open_; }

  Catalog& catalog() { return catalog_; }
  const Catalog& catalog() const { return catalog_; }
  // The leader as this node knows it, -1: none; this node only once it can propose.
  int32_t leader() const { return role_.leader; }
  uint64_t term() const { return role_.term; }
  bool leads() const { return open_ && role_.role == CHR_ROLE_LEADER; }
  uint64_t applied_index() const { return applied_index_; }
  // The digest of the catalog right after an entry; nothing for entries that were not
  // applied one by one lately.
  std::optional<uint64_t> digest_at(uint64_t index) const;

  // On the leader: who takes part, and how far they are.
  Status describe(QuorumReplyFrame* out) const;

  // Proposes on the leader. An error: not proposed, and done is dropped. Otherwise done tells whether it was
  // committed; where not, the outcome may be unknown.
  Status propose(const Command& command, Done done);

  // The callbacks of chr_state_machine_v1.
  chr_status apply(const chr_entry* entries, uint32_t n, uint64_t token);
  void role(const chr_role* role);
  void committed(uint64_t, int64_t) {}
  void truncated(uint64_t, int64_t) {}
  void trimmed(int64_t) {}
  chr_status save(const chr_sink* sink);
  chr_status load(const chr_slice* pieces, uint32_t n, chr_error* error);

 private:
  static constexpr uint64_t kFollowsNs = 10'000'000'000;

  std::vector<chr_member> members() const;
  Status apply_one(const chr_entry& entry);
  bool log_is_long() const;
  void maybe_trim();

  const Host host_;
  Owner* const owner_;
  const Services services_;
  const LogLimits limits_;
  Group group_;
  bool opening_ = false;
  Done early_close_;  // of a close that came while it was opening
  bool open_ = false;
  Catalog catalog_;
  chr_role role_{};
  uint64_t applied_index_ = 0;
  std::deque<std::pair<uint64_t, uint64_t>> digests_;  // (index, digest) of the last entries
  uint64_t entries_ = 0;  // applied since the last snapshot, or since the log was trimmed
  uint64_t pause_ = 0;    // so many before the log is trimmed for its bytes again
  bool trimming_ = false;
  const uint64_t assignments_metric_, changes_metric_, fenced_metric_;
};

}  // namespace chronik::metadata
