#include "sim/check/checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace chronik::sim {

const EntryMeta* GroupTruth::holder_of(int64_t offset, uint64_t* index) const {
  const auto at =
      std::upper_bound(committed.begin(), committed.end(), offset,
                       [](int64_t wanted, const EntryMeta& e) { return wanted < e.end_offset(); });
  if (at == committed.end()) return nullptr;
  *index = static_cast<uint64_t>(at - committed.begin()) + 1;
  return &*at;
}

const Voters GroupTruth::kNobody;

Voters GroupTruth::voters_of(uint32_t node) const {
  Voters last = voters();
  for_each_uncommitted(replicas[node].issued, [&](uint64_t, const Voters& next) { last = next; });
  return last;
}

GroupTruth& Checker::group(std::string_view name) {
  auto at = groups_.find(name);
  if (at == groups_.end()) {
    at = groups_.emplace(std::string(name), std::make_unique<GroupTruth>(world_.options.nodes)).first;
    at->second->name = name;
  }
  return *at->second;
}

uint64_t Checker::elections() const {
  uint64_t n = 0;
  for (const auto& [name, group] : groups_) n += group->leaders.size();
  return n;
}

void Checker::opened(uint32_t node, GroupTruth& group, const std::vector<uint32_t>& voters) {
  if (group.configs.empty() && !voters.empty()) group.configs.push_back({0, Voters{voters, {}}});
  Replica& replica = group.replicas[node];
  replica.commit = 0;
  replica.high_watermark = -1;
  replica.applied = 0;
  replica.leads_term = 0;
  replica.open = true;
}

void Checker::closed(uint32_t node, GroupTruth& group) {
  group.replicas[node].open = false;
  group.replicas[node].leads_term = 0;
}

void Checker::leads(uint32_t node, GroupTruth& group, uint64_t term) {
  ++checks_;
  const auto [at, added] = group.leaders.try_emplace(term, node);
  if (!added && at->second != node) {
    return world_.fail("election-safety", fmt::format("{}: nodes {} and {} both lead in term {}", group.name,
                                                      at->second, node, term));
  }
  Replica& replica = group.replicas[node];
  if (replica.leads_term == term) return;
  replica.leads_term = term;
  // It may not know yet that it has no vote any more: the newest configurations count that it does not know
  // to be committed, and the one before them.
  bool votes = false;
  for (auto config = group.configs.rbegin(); config != group.configs.rend(); ++config) {
    votes |= config->second.has(node);
    if (config->first <= replica.commit) break;
  }
  group.for_each_uncommitted(replica.issued,
                             [&](uint64_t, const Voters& voters) { votes |= voters.has(node); });
  if (!votes) {
    return world_.fail("leader-not-voter", fmt::format("{}: node {} leads in term {} without being a voter",
                                                       group.name, node, term));
  }
  uint64_t last = group.commit_index();
  while (last > 0 && group.committed_at(last)->term > term) --last;  // the votes were given before
  if (last == 0 || last < replica.issued.first()) return;
  const EntryMeta* const entry = replica.issued.find(last);
  if (entry == nullptr || !(*entry == *group.committed_at(last))) {
    world_.fail(
        "leader-completeness",
        fmt::format("{}: node {} leads in term {} without the entry {} of term {}, which is committed",
                    group.name, node, term, last, group.committed_at(last)->term));
  }
}

// A leader goes by the last configuration in its log. Where that is the one at this index, or both old and
// new voters decide by it, the entry needs majorities of both; behind a committed one that is joint, those
// that stay are enough: the leader may have left it since.
const EntryMeta* Checker::durable_at(const GroupTruth& group, uint64_t index) const {
  const Voters staying{group.voters().incoming, {}};
  for (const Replica& holder : group.replicas) {
    const EntryMeta* const entry = holder.durable.find(index);
    if (entry == nullptr) continue;
    const auto own = entry->kind == CHR_ENTRY_CONFIG ? group.known_configs.find({index, entry->term})
                                                     : group.known_configs.end();
    const Voters& voters = own == group.known_configs.end() ? staying : own->second;
    const auto has = [&](uint32_t node) {
      const EntryMeta* const other = group.replicas[node].durable.find(index);
      return other != nullptr && other->term == entry->term;
    };
    if (voters.agree(has)) return entry;
  }
  return nullptr;
}

// One change at a time, and never from some voters to others without both for a while.
bool Checker::note_config(GroupTruth& group, uint64_t index, const EntryMeta& entry) {
  if (entry.kind != CHR_ENTRY_CONFIG) return true;
  const auto known = group.known_configs.find({index, entry.term});
  if (known == group.known_configs.end() || known->second.empty() ||
      !group.voters().may_become(known->second)) {
    world_.fail("configuration",
                fmt::format("{}: the voters that index {} brings do not follow from those before", group.name,
                            index));
    return false;
  }
  group.configs.emplace_back(index, known->second);
  return true;
}

bool Checker::may_follow(uint32_t node, GroupTruth& group, uint64_t index, const EntryMeta& entry) {
  const uint64_t leads = group.replicas[node].leads_term;
  if (!group.committed.empty()) {
    const EntryMeta& before = group.committed.back();
    if (entry.base_offset != before.end_offset()) {
      world_.fail("offset-gap", fmt::format("{}: index {} has offset {}, but {} comes next", group.name,
                                            index, entry.base_offset, before.end_offset()));
      return false;
    }
    if (entry.term < before.term) {
      world_.fail("epoch-order", fmt::format("{}: index {} of term {} is committed behind one of term {}",
                                             group.name, index, entry.term, before.term));
      return false;
    }
  }
  if (leads != 0 && entry.term > leads) {
    world_.fail("epoch-order", fmt::format("{}: node {}, leader of term {}, commits index {} of term {}",
                                           group.name, node, leads, index, entry.term));
    return false;
  }
  return true;
}

bool Checker::establish(uint32_t node, GroupTruth& group, uint64_t index) {
  if (index <= group.commit_index()) return true;
  for (uint64_t next = group.commit_index() + 1; next <= index; ++next) {
    ++checks_;
    const EntryMeta* const chosen = durable_at(group, next);
    if (chosen == nullptr) {
      std::string disks;
      for (uint32_t id = 1; id < group.replicas.size(); ++id)
        disks += fmt::format("{}{} to {}", id == 1 ? "" : ", ", id, group.replicas[id].durable.end() - 1);
      const Voters now = group.voters_of(node);
      world_.fail(
          "commit-not-durable",
          fmt::format(
              "{}: node {} says that {} is committed, but no majority of the voters ({}) has it on disk; "
              "by its log they are now ({}){}; disks: {}",
              group.name, node, next, fmt::join(group.voters().incoming, " "), fmt::join(now.incoming, " "),
              now.joint() ? fmt::format(" and ({})", fmt::join(now.outgoing, " ")) : "", disks));
      return false;
    }
    if (!may_follow(node, group, next, *chosen)) return false;
    if (!note_config(group, next, *chosen)) return false;
    group.committed.push_back(*chosen);
  }
  const uint64_t leads = group.replicas[node].leads_term;
  const bool counts =
      !group.voters_of(node).only(node);  // alone it has a majority for whatever its disk holds
  if (counts && leads != 0 && group.committed.back().term != leads) {
    world_.fail("commit-by-count",
                fmt::format("{}: node {}, leader of term {}, commits up to index {}, which is of term {}",
                            group.name, node, leads, index, group.committed.back().term));
    return false;
  }
  return true;
}

void Checker::committed(uint32_t node, GroupTruth& group, uint64_t index, int64_t offset) {
  Replica& replica = group.replicas[node];
  if (!establish(node, group, index)) return;
  ++checks_;
  if (index < replica.commit || offset < replica.high_watermark) {
    return world_.fail("high-watermark",
                       fmt::format("{}: node {} goes back from index {} (offset {}) to {} ({})", group.name,
                                   node, replica.commit, replica.high_watermark, index, offset));
  }
  const EntryMeta* const entry = group.committed_at(index);
  if (entry != nullptr && entry->end_offset() != offset) {
    return world_.fail("high-watermark",
                       fmt::format("{}: node {} says that index {} ends at offset {}, it is {}", group.name,
                                   node, index, offset, entry->end_offset()));
  }
  replica.commit = index;
  replica.high_watermark = offset;
}

void Checker::applied(uint32_t node, GroupTruth& group, const chr_entry* entries, uint32_t n) {
  Replica& replica = group.replicas[node];
  for (uint32_t i = 0; i < n; ++i) {
    ++checks_;
    const uint64_t index = entries[i].header.index;
    const EntryMeta* const truth = group.committed_at(index);
    if (truth == nullptr || index > replica.commit) {
      return world_.fail("apply-uncommitted",
                         fmt::format("{}: node {} applies {}, committed is {} (here {})", group.name, node,
                                     index, group.commit_index(), replica.commit));
    }
    if (!(EntryMeta::of(entries[i]) == *truth)) {
      return world_.fail("state-machine-safety",
                         fmt::format("{}: node {} applies another entry at {} (term {}) than "
                                     "was committed (term {})",
                                     group.name, node, index, entries[i].header.term, truth->term));
    }
    if (index <= replica.applied) {
      return world_.fail("apply-order", fmt::format("{}: node {} applies {} after {}", group.name, node,
                                                    index, replica.applied));
    }
    for (uint64_t skipped = replica.applied + 1; replica.applied != 0 && skipped < index; ++skipped) {
      if (group.committed_at(skipped)->kind < 16) continue;
      return world_.fail("apply-order", fmt::format("{}: node {} leaves out {}", group.name, node, skipped));
    }
    replica.applied = index;
  }
}

void Checker::acknowledged(uint32_t node, GroupTruth& group, const chr_placed& placed, uint32_t until) {
  ++checks_;
  if (until == CHR_UNTIL_DURABLE) {
    const Replica& replica = group.replicas[node];
    const EntryMeta* const entry = replica.durable.find(placed.index);
    if (entry == nullptr || entry->term != placed.term) {
      const EntryMeta* const truth = group.committed_at(placed.index);  // trimmed since, perhaps
      if (truth != nullptr && truth->term == placed.term && placed.index < replica.durable.first()) return;
      world_.fail("ack-not-durable",
                  fmt::format("{}: node {} acknowledges {} of term {} that is not on its disk", group.name,
                              node, placed.index, placed.term));
    }
    return;
  }
  if (!establish(node, group, placed.index)) return;
  const EntryMeta* const truth = group.committed_at(placed.index);
  if (truth->term != placed.term || truth->base_offset != placed.base_offset) {
    return world_.fail(
        "lost-ack", fmt::format("{}: node {} acknowledges {} of term {} at offset {}, but committed is "
                                "one of term {} at {}",
                                group.name, node, placed.index, placed.term, placed.base_offset, truth->term,
                                truth->base_offset));
  }
  ++group.acknowledged;
}

void Checker::readable(uint32_t node, GroupTruth& group, uint64_t floor) {
  ++checks_;
  const Replica& replica = group.replicas[node];
  bool behind = replica.commit < floor;
  for (uint64_t index = replica.applied + 1; replica.applied != 0 && index <= floor && !behind; ++index)
    behind = group.committed_at(index)->kind >= 16;
  if (!behind) return;
  world_.fail(
      "stale-read",
      fmt::format(
          "{}: node {} lets a reader go on that came when {} was committed; here {} is, and {} applied",
          group.name, node, floor, replica.commit, replica.applied));
}

void Checker::members_changed(uint32_t node, GroupTruth& group, const std::vector<uint32_t>& target,
                              size_t known) {
  ++checks_;
  const Voters wanted{target, {}};
  const auto since = group.configs.begin() + static_cast<std::ptrdiff_t>(std::max<size_t>(known, 1) - 1);
  const auto is_wanted = [&](const auto& config) { return config.second == wanted; };
  if (std::any_of(since, group.configs.end(), is_wanted)) return;
  world_.fail("change-not-made",
              fmt::format("{}: node {} says that its members are ({}) now, but those of index {} are ({})",
                          group.name, node, fmt::join(target, " "), group.configs.back().first,
                          fmt::join(group.voters().incoming, " ")));
}

void Checker::epoch_ends(uint32_t node, GroupTruth& group, uint64_t found, int64_t end) {
  const auto next = std::upper_bound(group.committed.begin(), group.committed.end(), found,
                                     [](uint64_t term, const EntryMeta& entry) { return term < entry.term; });
  if (next == group.committed.end() || group.replicas[node].leads_term < next->term) return;
  ++checks_;
  if (next->base_offset != end) {
    world_.fail("epoch-end", fmt::format("{}: node {} says that epoch {} ends at {}, it ends at {}",
                                         group.name, node, found, end, next->base_offset));
  }
}

void Checker::was_read(uint32_t node, GroupTruth& group, const chr_entry& entry, int32_t bound) {
  if (bound != CHR_BOUND_COMMITTED) return;
  ++checks_;
  if (!establish(node, group, entry.header.index)) return;
  const EntryMeta* const truth = group.committed_at(entry.header.index);
  EntryMeta read = EntryMeta::of(entry);
  if (entry.payload.n == 0) read.digest = truth->digest;  // headers only
  if (!(read == *truth)) {
    world_.fail("offset-rebound",
                fmt::format("{}: node {} serves another entry at index {}, offset {}, than was "
                            "committed there",
                            group.name, node, entry.header.index, entry.header.base_offset));
  }
}

}  // namespace chronik::sim
