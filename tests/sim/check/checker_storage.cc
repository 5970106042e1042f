// What stores hold and what they completed: the storage half of Checker.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sim/check/checker.h"

namespace chronik::sim {

// Log matching: one index and one term name one entry, on whatever node.
void Checker::check_matching(uint32_t node, GroupTruth& group, uint64_t index, const EntryMeta& entry) {
  ++checks_;
  if (group.first_seen.size() < index) group.first_seen.resize(index);
  auto& [term, digest] = group.first_seen[index - 1];
  if (term == 0) {
    term = entry.term;
    digest = entry.digest;
    return;
  }
  const uint64_t known =
      term == entry.term ? digest : group.others.try_emplace({index, entry.term}, entry.digest).first->second;
  if (known != entry.digest) {
    world_.fail("log-matching",
                fmt::format("{}: node {} writes another entry at index {} of term {} than was seen "
                            "before",
                            group.name, node, index, entry.term));
  }
}

// What is committed is never removed from a log that holds it.
void Checker::check_truncation(uint32_t node, GroupTruth& group, const WriteModel& write, uint64_t from) {
  if (from == 1 && !group.voters().has(node)) return;  // it leaves, and gives its log up
  const uint64_t damaged = group.replicas[node].damaged_at;
  if (damaged != 0 && from == damaged) return;  // what is damaged comes from others, piece by piece
  const LogModel& log = group.replicas[node].issued;
  for (uint64_t index = std::max(from, log.first()); index < log.end(); ++index) {
    const EntryMeta* const committed = group.committed_at(index);
    if (committed == nullptr) return;
    if (*log.find(index) == *committed && !write.appends(index, committed->term)) {
      return world_.fail("committed-immutable",
                         fmt::format("{}: node {} truncates from {} on, but {} is committed", group.name,
                                     node, from, index));
    }
  }
}

void Checker::note_damage(uint32_t node, const std::string& group, uint64_t index) {
  this->group(group).replicas[node].damaged_at = index;
}

// Who has a vote keeps what the vote rests on.
void Checker::check_drop(uint32_t node, const GroupTruth& group) {
  if (group.goes || !group.voters().has(node)) return;
  world_.fail("member-dropped",
              fmt::format("{}: node {} deletes its log while it is a voter", group.name, node));
}

// Whoever opens it again, since its catalog is behind, begins anew.
void Checker::forget_gone(GroupTruth& group) {
  group.committed.clear();
  group.leaders.clear();
  group.first_seen.clear();
  group.others.clear();
  for (Replica& replica : group.replicas) replica.commit = replica.applied = replica.leads_term = 0;
}

void Checker::write_issued(uint32_t node, GroupTruth& group, WriteModel write) {
  Replica& replica = group.replicas[node];
  for (const WriteModel::Step& step : write.steps) {
    if (step.type == CHR_STORAGE_TRUNCATE) check_truncation(node, group, write, step.index);
    for (size_t i = 0; i < step.entries.size(); ++i)
      check_matching(node, group, step.index + i, step.entries[i]);
    for (const auto& [index, voters] : step.configs)
      group.known_configs.try_emplace({index, step.entries[index - step.index].term}, voters);
    if (step.type == CHR_STORAGE_DROP) check_drop(node, group);
    if (step.type == CHR_STORAGE_DROP && group.goes) forget_gone(group);
  }
  // What waited behind a full queue comes behind what was refused: a store refuses it too (write_done).
  if (!replica.issued.apply(write) && !replica.refused) {
    uint64_t index = 0;
    for (const WriteModel::Step& step : write.steps) {
      if (step.type == CHR_STORAGE_APPEND) index = step.index;
    }
    world_.fail("append-order",
                fmt::format("{}: node {} appends {} where {} comes next ({} on its way, durable up to {})",
                            group.name, node, index, replica.issued.end(), replica.pending.size(),
                            replica.durable.end()));
  }
  replica.pending.push_back(std::move(write));
}

// A leader without peers may give the place to another entry: nobody has seen this one, which its storage
// refused, or lost in a crash together with the vote of that term.
void Checker::forget_unseen(uint32_t node, GroupTruth& group, uint64_t index, uint64_t term) {
  const auto leader = group.leaders.find(term);
  if (leader == group.leaders.end() || leader->second != node || !group.voters_of(node).only(node)) return;
  for (const Replica& other : group.replicas) {
    const EntryMeta* const entry = &other == &group.replicas[node] ? nullptr : other.issued.find(index);
    if (entry != nullptr && entry->term == term) return;
  }
  if (group.first_seen[index - 1].first == term) group.first_seen[index - 1] = {};
  group.others.erase({index, term});
}

void Checker::write_done(uint32_t node, GroupTruth& group, uint64_t tag, chr_status status) {
  Replica& replica = group.replicas[node];
  const auto at = std::find_if(replica.pending.begin(), replica.pending.end(),
                               [tag](const WriteModel& write) { return write.tag == tag; });
  if (at == replica.pending.end()) return;
  if (status == CHR_OK) {
    if (at != replica.pending.begin()) {
      return world_.fail(
          "write-order",
          fmt::format("{}: node {}: a write completed before an earlier one of its group", group.name, node));
    }
    if (!replica.durable.apply(*at)) {
      return world_.fail(
          "append-hole",
          fmt::format("{}: the store of node {} took an append behind one that it had refused: "
                      "its log ends at {}",
                      group.name, node, replica.durable.end()));
    }
    if (at->appends()) replica.refused = false;
    if (at->writes(replica.damaged_at)) replica.damaged_at = 0;
    replica.pending.pop_front();
    return;
  }
  if (status == CHR_E_IO) return;  // it may be on the disk all the same: the next start shows
  replica.refused = replica.refused || (status == CHR_E_NO_SPACE && at->appends());
  for (const WriteModel::Step& step : at->steps) {
    for (size_t i = 0; i < step.entries.size(); ++i)
      forget_unseen(node, group, step.index + i, step.entries[i].term);
  }
  replica.pending.erase(at);
  replica.issued = replica.durable;
  for (const WriteModel& write : replica.pending) replica.issued.apply(write);
}

bool Checker::same(const LogModel& expected, const Found& found) const {
  const uint64_t entries = found.damaged ? found.end - found.first : found.entries.size();
  if (expected.end() - expected.first() != entries) return false;
  if (!found.entries.empty() && expected.first() != found.first) return false;
  for (size_t i = 0; i < found.entries.size(); ++i) {
    if (!(*expected.find(found.first + i) == found.entries[i])) return false;
  }
  for (const auto& [key, value] : found.keys) {
    const auto at = expected.keys().find(key);
    if ((at == expected.keys().end() ? 0 : at->second) != value) return false;
  }
  return true;
}

// A store keeps what it completed, and of what was on its way a prefix, each write whole or not at all. One
// that was full refused appends from some point on, and may have taken other writes behind them.
bool Checker::explains(const LogModel& completed, const std::deque<WriteModel>& pending, bool was_full,
                       const Found& found, LogModel* explained) const {
  *explained = completed;
  if (same(*explained, found)) return true;
  for (const WriteModel& write : pending) {
    explained->apply(write);
    if (same(*explained, found)) return true;
  }
  const LogModel everything = *explained;
  for (size_t taken = 0; was_full && taken < pending.size(); ++taken) {
    *explained = completed;
    for (size_t i = 0; i < pending.size(); ++i) {
      if (i >= taken && pending[i].appends()) continue;
      explained->apply(pending[i]);
      if (i >= taken && same(*explained, found)) return true;
    }
  }
  *explained = everything;
  return false;
}

void Checker::recovered(uint32_t node, GroupTruth& group, const Found& found, bool was_full) {
  ++checks_;
  Replica& replica = group.replicas[node];
  LogModel explained;
  if (!explains(replica.durable, replica.pending, was_full, found, &explained)) {
    world_.fail(
        "storage-durability",
        fmt::format(
            "{}: after its restart the store of node {} holds {} entries from {} on, which is neither "
            "what it had completed ([{}, {})) nor that and a part of what was on its way (up to [{}, {}))",
            group.name, node, found.entries.size(), found.first, replica.durable.first(),
            replica.durable.end(), explained.first(), explained.end()));
  }
  for (const WriteModel& write : replica.pending) {
    for (const WriteModel::Step& step : write.steps) {
      for (size_t i = 0; i < step.entries.size(); ++i) {
        const EntryMeta* const kept = explained.find(step.index + i);
        if (kept == nullptr || !(*kept == step.entries[i]))
          forget_unseen(node, group, step.index + i, step.entries[i].term);
      }
    }
  }
  replica.durable = std::move(explained);
  replica.refused = false;
  replica.pending.clear();
  replica.issued = replica.durable;
}

void Checker::node_gone(uint32_t node) {
  for (const auto& [name, group] : groups_) {
    Replica& replica = group->replicas[node];
    replica.commit = 0;
    replica.high_watermark = -1;
    replica.applied = 0;
    replica.leads_term = 0;
    replica.open = false;
  }
}

void Checker::node_wiped(uint32_t node) {
  for (const auto& [name, group] : groups_) group->replicas[node] = Replica();
}

}  // namespace chronik::sim
