// The invariants of a replicated log, checked as events happen. It knows what every node's disk durably holds
// and what every node said, and compares.
#pragma once

#include "sim/base/world.h"
#include "sim/check/log_model.h"

#include <chronik/consensus.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace chronik::sim {

// One group on one node.
struct Replica {
  LogModel durable;                // completed writes
  LogModel issued;                 // and those on their way
  std::deque<WriteModel> pending;  // the ones on their way, in order
  bool refused = false;            // an append was, for want of space, and none was taken since
  uint64_t damaged_at = 0;         // its disk was damaged at this entry; 0: at none
  // Of this incarnation of the process:
  uint64_t commit = 0;
  int64_t high_watermark = -1;
  uint64_t applied = 0;     // 0: nothing yet
  uint64_t leads_term = 0;  // 0: it does not lead
  bool open = false;
};

// One group, over all nodes.
struct GroupTruth {
  explicit GroupTruth(uint32_t nodes) : replicas(nodes + 1) {}
  std::string name;
  // Configurations: those that are committed, ascending, the one that the group was created with at 0; and
  // all that a log ever held, by (index, term).
  std::vector<std::pair<uint64_t, Voters>> configs;
  std::map<std::pair<uint64_t, uint64_t>, Voters> known_configs;
  std::vector<EntryMeta> committed;                          // by index - 1
  std::map<uint64_t, uint32_t> leaders;                      // by term
  std::vector<std::pair<uint64_t, uint64_t>> first_seen;     // (term, digest) by index - 1
  std::map<std::pair<uint64_t, uint64_t>, uint64_t> others;  // digest by (index, term)
  std::vector<Replica> replicas;                             // by node
  bool goes = false;  // its topic is being deleted: logs are dropped, and nobody has to lead
  uint64_t acknowledged = 0;
  uint64_t led = 0;  // when a state machine was told last that it leads

  uint64_t commit_index() const { return committed.size(); }
  const EntryMeta* committed_at(uint64_t index) const {
    return index >= 1 && index <= committed.size() ? &committed[index - 1] : nullptr;
  }
  // Those that decide since the last committed change.
  const Voters& voters() const { return configs.empty() ? kNobody : configs.back().second; }
  // fn(index, voters) for each configuration behind the last committed one that this log holds, ascending.
  template <class F>
  void for_each_uncommitted(const LogModel& log, F&& fn) const {
    const uint64_t from = configs.empty() ? 0 : configs.back().first;
    for (auto at = known_configs.lower_bound({from + 1, 0}); at != known_configs.end(); ++at) {
      const EntryMeta* const entry = log.find(at->first.first);
      if (entry != nullptr && entry->term == at->first.second) fn(at->first.first, at->second);
    }
  }
  // Those by which a node decides that leads now: the last ones in its log.
  Voters voters_of(uint32_t node) const;
  static const Voters kNobody;
  // The committed entry that holds this Kafka offset; nullptr: none. *index is its index.
  const EntryMeta* holder_of(int64_t offset, uint64_t* index) const;
};

class Checker {
 public:
  explicit Checker(World& world) : world_(world) {}

  GroupTruth& group(std::string_view name);
  const std::map<std::string, std::unique_ptr<GroupTruth>, std::less<>>& groups() const { return groups_; }

  // ---- storage, told by StorageWatch ----
  void write_issued(uint32_t node, GroupTruth& group, WriteModel write);
  // The disk of a node is damaged where this entry lies.
  void note_damage(uint32_t node, const std::string& group, uint64_t index);
  void write_done(uint32_t node, GroupTruth& group, uint64_t tag, chr_status status);
  // What the store of a node that starts holds; key: the digest of a value, 0 where there is none.
  struct Found {
    std::vector<EntryMeta> entries;
    uint64_t first = 1, end = 1;  // by what the store says of the log; one past the last entry
    bool damaged = false;         // then not all of those entries could be read
    std::map<std::string, uint64_t> keys;
  };
  // was_full: its disk refused something since the last start.
  void recovered(uint32_t node, GroupTruth& group, const Found& found, bool was_full);
  void node_gone(uint32_t node);
  // Its disk is new: nothing is expected of it.
  void node_wiped(uint32_t node);

  // ---- consensus, told by ConsensusWatch ----
  void opened(uint32_t node, GroupTruth& group, const std::vector<uint32_t>& voters);
  void closed(uint32_t node, GroupTruth& group);
  void leads(uint32_t node, GroupTruth& group, uint64_t term);
  void usable(GroupTruth& group) { group.led = world_.now(); }
  void follows(uint32_t node, GroupTruth& group) { group.replicas[node].leads_term = 0; }
  void committed(uint32_t node, GroupTruth& group, uint64_t index, int64_t offset);
  void applied(uint32_t node, GroupTruth& group, const chr_entry* entries, uint32_t n);
  void acknowledged(uint32_t node, GroupTruth& group, const chr_placed& placed, uint32_t until);
  // A linearizable read that began when `floor` was committed may be served.
  void readable(uint32_t node, GroupTruth& group, uint64_t floor);
  // A change to these, asked for when `known` configurations were committed, is said to be done.
  void members_changed(uint32_t node, GroupTruth& group, const std::vector<uint32_t>& target, size_t known);
  // A leader says where the entries of `found`, the largest term of its log up to the one asked for, end.
  void epoch_ends(uint32_t node, GroupTruth& group, uint64_t found, int64_t end);
  void was_read(uint32_t node, GroupTruth& group, const chr_entry& entry, int32_t bound);

  uint64_t checks() const { return checks_; }
  uint64_t elections() const;

 private:
  // Everything up to index is said to be committed: a majority must hold it durably.
  bool establish(uint32_t node, GroupTruth& group, uint64_t index);
  // The entry of that index that a quorum has on disk; nullptr: none.
  const EntryMeta* durable_at(const GroupTruth& group, uint64_t index) const;
  bool note_config(GroupTruth& group, uint64_t index, const EntryMeta& entry);
  bool may_follow(uint32_t node, GroupTruth& group, uint64_t index, const EntryMeta& entry);
  void check_matching(uint32_t node, GroupTruth& group, uint64_t index, const EntryMeta& entry);
  void check_truncation(uint32_t node, GroupTruth& group, const WriteModel& write, uint64_t from);
  void forget_unseen(uint32_t node, GroupTruth& group, uint64_t index, uint64_t term);
  void check_drop(uint32_t node, const GroupTruth& group);
  void forget_gone(GroupTruth& group);
  bool same(const LogModel& expected, const Found& found) const;
  bool explains(const LogModel& completed, const std::deque<WriteModel>& pending, bool was_full,
                const Found& found, LogModel* explained) const;

  World& world_;
  std::map<std::string, std::unique_ptr<GroupTruth>, std::less<>> groups_;
  uint64_t checks_ = 0;
};

}  // namespace chronik::sim
