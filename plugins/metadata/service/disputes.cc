// Two leaders in one term: what Service says of them. Raft excludes it, so the log of a node was lost or
// copied, or a node has a bug. It costs the partition its leader until the next election, and operators are
// told until then.
#include <fmt/format.h>

#include <set>

#include "metadata/service/service.h"

namespace chronik::metadata {
namespace {

constexpr size_t kMostNamed = 3;

}  // namespace

std::string Service::name_of(const Uuid& topic, int32_t partition) const {
  const Topic* known = replica_.catalog().find(topic);
  return fmt::format("{}/{}", known == nullptr ? to_text(topic) : known->name, partition);
}

// This node leads __meta, and lets no such thing into its log.
void Service::refused(const Dispute& dispute) {
  const Assignment& what = dispute.second;
  host_.error(fmt::format(
      "CRITICAL: Node {0} says that it leads {1} in term {2}, in which node {3} does; that was refused. The "
      "Raft log "
      "of node {0} was lost or copied, or that of node {3}: find out which, stop it and restore it",
      what.leader, name_of(what.topic, what.partition), what.term, dispute.first));
}

void Service::tell_disputes(const Outcome& outcome) {
  for (const Dispute& dispute : outcome.disputes) {
    const Assignment& what = dispute.second;
    host_.error(
        fmt::format("CRITICAL: {} has two leaders in term {}: node {} and node {}; it has none until the "
                    "next election. The "
                    "Raft log of one of them was lost or copied: find out which, stop it and restore it",
                    name_of(what.topic, what.partition), what.term, dispute.first, what.leader));
  }
}

// Empty, or which partitions it is about.
std::string Service::disputes() const {
  std::set<std::pair<Uuid, int32_t>> all = replica_.catalog().topics().disputed();
  for (const GroupKey& key : reconciler_.disputed()) all.emplace(key.topic, key.partition);
  if (all.empty()) return {};
  std::string names;
  size_t n = 0;
  for (const auto& [topic, partition] : all) {
    if (n++ == kMostNamed) break;
    names += (names.empty() ? "" : ", ") + name_of(topic, partition);
  }
  if (all.size() > kMostNamed) names += fmt::format(" and {} more", all.size() - kMostNamed);
  return "two nodes said that they lead in one term: " + names +
         "; the Raft log of a node was lost or copied";
}

// Each minute, for as long as it stays so.
void Service::tell_disputes_again() {
  if (std::exchange(said_disputes_, !said_disputes_)) return;
  if (const std::string what = disputes(); !what.empty()) host_.error("CRITICAL: " + what);
}

}  // namespace chronik::metadata
