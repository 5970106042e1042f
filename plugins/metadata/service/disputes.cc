#include "metadata/service/disputes.h"

#include <fmt/format.h>

#include <set>
#include <utility>

namespace chronik::metadata {
namespace {

constexpr size_t kMaxNamed = 3;

}  // namespace

std::string Disputes::name_of(const Uuid& topic, int32_t partition) const {
  const Topic* known = replica_->catalog().find(topic);
  return fmt::format("{}/{}", known == nullptr ? to_text(topic) : known->name, partition);
}

void Disputes::report_refused(const Dispute& dispute) const {
  const Assignment& what = dispute.second;
  host_.error(fmt::format(
      "CRITICAL: Node {0} says that it leads {1} in term {2}, in which node {3} does; that was refused. The "
      "Raft log of node {0} was lost or copied, or that of node {3}: find out which, stop it and restore it",
      what.leader, name_of(what.topic, what.partition), what.term, dispute.first));
}

void Disputes::report_found(const Outcome& outcome) const {
  for (const Dispute& dispute : outcome.disputes) {
    const Assignment& what = dispute.second;
    host_.error(fmt::format(
        "CRITICAL: {} has two leaders in term {}: node {} and node {}; it has none until the next "
        "election. The Raft log of one of them was lost or copied: find out which, stop it and "
        "restore it",
        name_of(what.topic, what.partition), what.term, dispute.first, what.leader));
  }
}

std::string Disputes::summary() const {
  std::set<std::pair<Uuid, int32_t>> all = replica_->catalog().topics().disputed();
  for (const GroupKey& key : reconciler_->disputed()) all.emplace(key.topic, key.partition);
  if (all.empty()) return {};
  std::string names;
  size_t n = 0;
  for (const auto& [topic, partition] : all) {
    if (n++ == kMaxNamed) break;
    names += (names.empty() ? "" : ", ") + name_of(topic, partition);
  }
  if (all.size() > kMaxNamed) names += fmt::format(" and {} more", all.size() - kMaxNamed);
  return "two nodes said that they lead in one term: " + names +
         "; the Raft log of a node was lost or copied";
}

void Disputes::report_again() {
  if (std::exchange(said_, !said_)) return;
  if (const std::string what = summary(); !what.empty()) host_.error("CRITICAL: " + what);
}

}  // namespace chronik::metadata
