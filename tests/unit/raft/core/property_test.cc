// Random runs of 3 and 5 cores over a network that loses, doubles and reorders, with crashes that
// lose what was not yet on disk, storages without room, and changes of members. After every step:
// election safety, log matching, leader completeness, durability and immutability of what is
// committed. Planted bugs must be caught.
#include "unit/raft/core/harness.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

namespace chronik::raft::test {
namespace {

enum class Bug {
  kNone,
  kVoteNotPersisted,
  kAcknowledgedBeforeSync,
  kMembersForgotten,
  kSnapshotWithoutMembers,
  kSnapshotOfAnotherTerm
};

struct Known {  // what an (index, term) must look like everywhere
  Term previous_term;
  int64_t offset;
  std::string text;
  bool operator==(const Known&) const = default;
};

Config small_limits(uint64_t seed) {
  Config config = usual_config();
  config.seed = seed;
  config.max_append_bytes = 40;
  config.max_inflight_messages = 4;
  config.max_uncommitted_bytes = 2000;
  config.tail_entries = 6;
  config.trim_hold = seed % 2 * 500 * kMillisecond;
  config.commit_delay = seed % 3 * 10 * kMillisecond;
  return config;
}

class Run {
 public:
  Run(uint32_t nodes, uint64_t seed, Bug bug, uint32_t voters)
      : bug_(bug), random_(seed), cluster_(nodes, small_limits(seed), voters), checked_(nodes + 1, 0) {
    // Every run has its own mix of faults.
    cluster_.piece_bytes = 512;
    cluster_.wrong_base_term = bug == Bug::kSnapshotOfAnotherTerm;
    loss_ = pick(4) == 0 ? 0 : pick(20);
    doubling_ = pick(3) == 0 ? 0 : pick(20);
    crash_ = pick(3) == 0 ? 0 : pick(12);
    trims_ = pick(3) == 0 ? 0 : pick(10);
    full_ = pick(3) == 0 ? 2 + pick(30) : 0;
    changes_ = voters < nodes || pick(3) == 0 ? 1 + pick(10) : 0;
  }

  // Empty, or what went wrong.
  std::string chaos(int steps) {
    for (int i = 0; i < steps && violation_.empty(); ++i) {
      const NodeId id = static_cast<NodeId>(1 + pick(cluster_.size()));
      act(id);
      settle_outputs();
    }
    return violation_;
  }

  // Everybody is up and every message arrives: one leader, equal logs, new entries commit.
  std::string heal() {
    for (NodeId id = 1; id <= cluster_.size(); ++id)
      if (!cluster_.node(id).raft) cluster_.boot(id);
    for (NodeId id = 1; id <= cluster_.size(); ++id) cluster_.node(id).room = Room::kAll;
    for (int round = 0; round < 600 && violation_.empty(); ++round) {
      for (NodeId id = 1; id <= cluster_.size(); ++id) tick(id, 50);
      for (int hop = 0; hop < 6; ++hop) {
        for (NodeId id = 1; id <= cluster_.size(); ++id) {
          while (cluster_.write_one(id)) settle_outputs();
          while (!cluster_.node(id).reads.empty()) cluster_.serve_read(id);
          while (!cluster_.node(id).snapshot_reads.empty()) serve_snapshot(id);
        }
        settle_outputs();
        for (size_t n = cluster_.network().size(); n > 0; --n) {
          deliver(0, false);
          settle_outputs();
        }
      }
      if (round == 500) propose_on_leader();
    }
    return violation_.empty() ? converged() : violation_;
  }

  uint64_t refused() const { return refused_; }
  size_t committed() const { return committed_.size(); }
  uint64_t changes() const { return changes_begun_; }
  uint64_t snapshots() const { return snapshots_; }

 private:
  uint64_t pick(uint64_t n) { return random_() % n; }
  void fail(std::string what) {
    if (violation_.empty()) violation_ = std::move(what);
  }

  void act(NodeId id) {
    SimNode& n = cluster_.node(id);
    if (!n.raft) {
      if (pick(8) == 0) cluster_.boot(id);
      return;
    }
    const uint64_t what = pick(100);
    if (what < 45) return deliver(pick(std::max<size_t>(cluster_.network().size(), 1)), true);
    if (what < 60) return write(id);
    if (what < 77) return tick(id, pick(40) == 0 ? 2000 : pick(120));
    if (what < 86) return propose(id);
    if (what < 89 && !n.reads.empty()) return cluster_.serve_read(id);
    if (what < 89 && !n.snapshot_reads.empty()) return serve_snapshot(id);
    const NodeId other = static_cast<NodeId>(1 + pick(cluster_.size()));
    if (what < 90) return n.raft->link_lost(n.now, other);
    if (what < 91) return n.raft->link_up(n.now, other);
    if (what < 92 && n.raft->role() == Role::kLeader) {
      (void)n.raft->transfer(n.now, other);
      return;
    }
    if (what < 95) return change_members(id);
    if (what < 97) return trim(id);
    if (pick(12) < crash_) crash(id);
  }

  void change_members(NodeId id) {
    SimNode& n = cluster_.node(id);
    if (n.raft->role() != Role::kLeader || pick(10) >= changes_) return;
    std::vector<NodeId> target;
    for (NodeId node = 1; node <= cluster_.size(); ++node)
      if (pick(3) != 0)
        target.insert(target.begin() + static_cast<std::ptrdiff_t>(pick(target.size() + 1)), node);
    if (n.raft->change_members(n.now, target)) ++changes_begun_;
    std::vector<NodeId> learners;
    for (NodeId node = 1; node <= cluster_.size(); ++node)
      if (node != id && pick(2) != 0) learners.push_back(node);
    (void)n.raft->set_learners(n.now, learners);
  }

  // The leader says how far the log may go; each replica does as it likes, within that.
  void trim(NodeId id) {
    SimNode& n = cluster_.node(id);
    if (n.raft->role() == Role::kLeader && pick(10) < trims_)
      trim_to_ = std::max(trim_to_, n.raft->trim_limit(n.now) + 1);
    const RaftLog& log = n.raft->log();
    const Index most = std::min({trim_to_, log.applied(), log.stable()});
    if (n.install || most <= log.first_index()) return;
    if (pick(2) == 0) cluster_.save(id);
    cluster_.trim(id, log.first_index() + 1 + pick(most - log.first_index()));
  }

  void serve_snapshot(NodeId id) {
    if (bug_ == Bug::kSnapshotWithoutMembers)
      cluster_.node(id).disk.saved.config = {0, 0, {{1, 2, 3}, {}, {}}};
    cluster_.serve_snapshot(id);
  }

  void crash(NodeId id) {
    SimNode& n = cluster_.node(id);
    const Disk before = n.disk;
    cluster_.crash(id, pick(n.writing.size() + 1));
    if (bug_ == Bug::kVoteNotPersisted) n.disk.hard_state.vote = kNobody;
    n.disk.forget_configs = bug_ == Bug::kMembersForgotten;
  }

  void write(NodeId id) {
    SimNode& n = cluster_.node(id);
    if (bug_ == Bug::kAcknowledgedBeforeSync && !n.writing.empty()) {
      n.raft->storage_done(n.now, n.writing.back().ticket);  // says so, while only the first one is written
      n.disk.write(n.writing.front());
      n.writing.pop_front();
      return;
    }
    if (refuses(n)) {
      ++refused_;
      n.room = Room::kControl;
      return cluster_.refuse(id);
    }
    if (pick(12) == 0) n.room = Room::kAll;
    cluster_.write_one(id);
  }

  // A storage that is full refuses records, and at times what is to pass on its reserve.
  bool refuses(const SimNode& n) {
    if (full_ == 0 || n.writing.empty()) return false;
    const bool data = std::ranges::any_of(n.writing.front().entries,
                                          [](const Entry& entry) { return entry.header.records != 0; });
    return pick(100) < (data ? full_ : full_ / 8);
  }

  void tick(NodeId id, uint64_t ms) { cluster_.tick(id, ms * kMillisecond); }

  void propose(NodeId id) {
    std::vector<Proposal> items(1 + pick(3));
    for (Proposal& item : items) {
      item.records = static_cast<uint32_t>(1 + pick(5));
      item.payload = cluster_.payload(fmt::format("e{}", ++proposed_));
    }
    (void)cluster_.propose(id, 0, items);
  }

  void propose_on_leader() {
    for (NodeId id = 1; id <= cluster_.size(); ++id) propose(id);
    last_proposed_ = fmt::format("e{}", proposed_);
  }

  void deliver(size_t at, bool faulty) {
    std::deque<Message>& network = cluster_.network();
    if (at >= network.size()) return;
    if (faulty && pick(2) == 0) at = 0;  // mostly in order
    const Message message = network[at];
    const bool doubled = faulty && pick(100) < doubling_;
    if (!doubled) network.erase(network.begin() + static_cast<std::ptrdiff_t>(at));
    SimNode& n = cluster_.node(message.to);
    if (!n.raft || (faulty && pick(100) < loss_)) return;
    n.raft->step(n.now, message);
  }

  void settle_outputs() {
    for (NodeId id = 1; id <= cluster_.size(); ++id) {
      SimNode& n = cluster_.node(id);
      if (!n.raft) {
        checked_[id] = 0;
        continue;
      }
      check_leader(id);
      for (const Event& event : cluster_.take(id).events)
        snapshots_ += event.kind == EventKind::kSnapshotSent;
      check_log(id);
      decided_by_[id] = n.raft->membership();
    }
  }

  // Election safety, and leader completeness at the moment of the election.
  void check_leader(NodeId id) {
    const Raft& raft = *cluster_.node(id).raft;
    if (raft.role() != Role::kLeader) return;
    const auto [leader, first] = leaders_.emplace(raft.term(), id);
    if (leader->second != id) fail(fmt::format("{} and {} lead term {}", id, leader->second, raft.term()));
    if (!first) return;
    for (const auto& [index, term] : committed_)
      if (index >= raft.log().first_index() && raft.log().term(index) != std::optional<Term>(term))
        return fail(fmt::format("leader {} of term {} lacks committed {}/{}", id, raft.term(), index, term));
  }

  void check_log(NodeId id) {
    const SimNode& n = cluster_.node(id);
    const RaftLog& log = n.raft->log();
    int64_t offset = -1;
    for (const Entry& entry : log.tail()) {
      const EntryHeader& header = entry.header;
      if (offset >= 0 && header.base_offset != offset) fail(fmt::format("offsets of {} have a gap", id));
      offset = header.end_offset();
      if (!entry.in_memory()) continue;
      // A sole voter leads before its vote is on disk. Nobody sees an entry of such a term until both are.
      if (n.raft->membership().sole_voter(id) && header.index > log.stable()) continue;
      const std::optional<Term> previous = log.term(header.index - 1);
      if (!previous) continue;
      const Known seen{*previous, header.base_offset, text_of(entry)};
      const auto [known, first] = entries_.emplace(std::pair(header.index, header.term), seen);
      if (known->second != seen) fail(fmt::format("two entries are {}/{}", header.index, header.term));
    }
    // What a snapshot skipped was checked where it was committed.
    checked_[id] = std::max(checked_[id], log.first_index() - 1);
    for (Index index = checked_[id] + 1; index <= log.committed(); ++index) check_committed(id, index);
    checked_[id] = log.committed();
    for (; !n.applied.empty() && applied_.size() < n.applied.size();)
      applied_.push_back(n.applied[applied_.size()]);
    if (!n.applied.empty() && n.applied.back() != applied_[n.applied.size() - 1])
      fail(fmt::format("{} applied something else", id));
  }

  void check_committed(NodeId id, Index index) {
    const std::optional<Term> term = cluster_.node(id).raft->log().term(index);
    const auto [known, first] = committed_.emplace(index, term.value_or(0));
    if (known->second != term) return fail(fmt::format("{} commits another entry at {}", id, index));
    if (!first) return;
    // The first who says so is the leader. It decided by the configuration that was in force before this
    // step, at the end of which it may have begun the next one.
    const Membership& members = decided_by_[id];
    const VoteOutcome held = members.tally([&](NodeId other) {
      const auto& entries = cluster_.node(other).disk.entries;
      const auto entry = entries.find(index);
      if (cluster_.node(other).disk.first_index > index) return 1;  // it was committed there, and trimmed
      return entry != entries.end() && entry->second.header.term == *term ? 1 : -1;
    });
    if (held != VoteOutcome::kWon)
      fail(fmt::format("{}/{} is committed, but not on the disks of a majority of {}", index, *term,
                       describe(members)));
  }

  std::string converged() {
    std::vector<NodeId> leaders;
    for (NodeId id = 1; id <= cluster_.size(); ++id)
      if (cluster_.node(id).raft->role() == Role::kLeader) leaders.push_back(id);
    if (leaders.size() != 1) return fmt::format("{} leaders after everything healed", leaders.size());
    const SimNode& leader = cluster_.node(leaders[0]);
    const Membership& members = leader.raft->membership();
    if (members.joint()) return "a change of members did not end";
    for (NodeId id : members.voters) {
      if (cluster_.node(id).applied != leader.applied)
        return fmt::format("{} and {} applied different things", id, leaders[0]);
      if (cluster_.node(id).raft->membership().voters != members.voters)
        return fmt::format("{} and {} know different members", id, leaders[0]);
    }
    const auto& applied = leader.applied;
    const auto last = std::find_if(applied.begin(), applied.end(), [&](const Applied& a) {
      return a.text[0] == 'e' && std::stoull(a.text.substr(1)) + 20 > proposed_;
    });
    return last == applied.end() ? "nothing commits after everything healed" : "";
  }

  const Bug bug_;
  std::mt19937_64 random_;
  Harness cluster_;
  uint64_t loss_ = 0;
  uint64_t doubling_ = 0;
  uint64_t crash_ = 0;
  uint64_t changes_ = 0;
  uint64_t changes_begun_ = 0;
  uint64_t trims_ = 0;
  uint64_t full_ = 0;
  uint64_t refused_ = 0;
  Index trim_to_ = 0;
  uint64_t snapshots_ = 0;
  uint64_t proposed_ = 0;
  std::string last_proposed_;
  std::string violation_;
  std::map<Term, NodeId> leaders_;
  std::map<Index, Term> committed_;
  std::map<std::pair<Index, Term>, Known> entries_;
  std::vector<Index> checked_;
  std::map<NodeId, Membership> decided_by_;
  std::vector<Applied> applied_;
};

uint64_t first_seed() {
  const char* seed = std::getenv("CHRONIK_SEED");
  return seed == nullptr ? 1 : std::strtoull(seed, nullptr, 10);
}

uint64_t seeds(uint64_t otherwise) { return std::getenv("CHRONIK_SEED") == nullptr ? otherwise : 1; }

void expect_safe(uint32_t nodes, uint32_t voters, uint64_t runs) {
  size_t committed = 0;
  uint64_t changes = 0;
  uint64_t snapshots = 0;
  uint64_t refused = 0;
  for (uint64_t seed = first_seed(); seed < first_seed() + seeds(runs); ++seed) {
    Run run(nodes, seed, Bug::kNone, voters);
    ASSERT_EQ(run.chaos(4000), "") << nodes << " nodes, replay with CHRONIK_SEED=" << seed;
    ASSERT_EQ(run.heal(), "") << nodes << " nodes, replay with CHRONIK_SEED=" << seed;
    committed += run.committed();
    changes += run.changes();
    snapshots += run.snapshots();
    refused += run.refused();
  }
  EXPECT_GT(committed, 20 * seeds(runs)) << "hardly anything was committed: the runs prove little";
  EXPECT_GT(snapshots, seeds(runs) / 10);
  EXPECT_GT(refused, seeds(runs) / 10);
  std::printf(
      "%u nodes: %zu entries committed, %llu changes of members, %llu snapshots in seeds %llu..%llu\n", nodes,
      committed, static_cast<unsigned long long>(changes), static_cast<unsigned long long>(snapshots),
      static_cast<unsigned long long>(first_seed()),
      static_cast<unsigned long long>(first_seed() + seeds(runs) - 1));
}

TEST(CoreProperty, ThreeNodesStaySafe) { expect_safe(3, 3, 150); }
TEST(CoreProperty, FiveNodesStaySafe) { expect_safe(5, 5, 60); }
TEST(CoreProperty, NodesThatJoinAndLeaveStaySafe) { expect_safe(5, 3, 150); }

uint64_t seeds_until_caught(uint32_t nodes, Bug bug, uint64_t limit) {
  for (uint64_t seed = 1; seed <= limit; ++seed)
    if (Run run(nodes, seed, bug, nodes); !run.chaos(4000).empty() || !run.heal().empty()) return seed;
  return 0;
}

TEST(CoreProperty, CatchesMembersThatARestartForgets) {
  EXPECT_NE(seeds_until_caught(5, Bug::kMembersForgotten, 1000), 0u);
}
TEST(CoreProperty, CatchesSnapshotsWithoutTheMembers) {
  EXPECT_NE(seeds_until_caught(5, Bug::kSnapshotWithoutMembers, 200), 0u);
}
TEST(CoreProperty, CatchesSnapshotsOfAnotherTerm) {
  EXPECT_NE(seeds_until_caught(3, Bug::kSnapshotOfAnotherTerm, 200), 0u);
}
TEST(CoreProperty, CatchesVotesThatAreNotPersisted) {
  EXPECT_NE(seeds_until_caught(3, Bug::kVoteNotPersisted, 8000), 0u);
}
TEST(CoreProperty, CatchesAcknowledgementsBeforeTheSync) {
  EXPECT_NE(seeds_until_caught(3, Bug::kAcknowledgedBeforeSync, 1000), 0u);
}

}  // namespace
}  // namespace chronik::raft::test
