#include "sim/check/liveness_watch.h"

#include <fmt/format.h>

namespace chronik::sim {
namespace {

constexpr uint64_t kEvery = 250 * kMillisecond;
constexpr uint64_t kStepDownWithin = 5;

uint32_t bit(uint32_t node) { return 1u << (node - 1); }

}  // namespace

// A timeout takes up to two T, by a slow clock a fifth longer. On good links hardly a second round is needed;
// where votes get lost, or take long, many may be.
uint64_t LivenessWatch::elect_within() const {
  const LinkFaults& links = cluster_.links().faults;
  const bool good = links.loss == 0 && links.reorder == 0 && links.delay_ns <= t_ / 500;
  return (good ? 6 : 30) * t_;
}

void LivenessWatch::begin() {
  look();
  cluster_.world().loop.call(cluster_.world().now() + kEvery, [this] { begin(); });
}

bool LivenessWatch::fit(Node& node) const {
  const uint64_t now = cluster_.world().now();
  const Disk& disk = node.disk();
  return node.running() && !cluster_.world().loop.paused(node.id()) && disk.slow_until <= now &&
         disk.stalled_until <= now && (node.interposed_files() == nullptr || !disk.damaged()) &&
         disk.capacity == UINT64_MAX && !disk.failed() && !disk.busy(now + t_ / 8);
}

LivenessWatch::Nodes LivenessWatch::reached_by(uint32_t node) const {
  Nodes reached = bit(node);
  for (uint32_t other = 1; other <= cluster_.size(); ++other) {
    const Node::State state = cluster_.node(other).state();
    if (other == node || (state != Node::State::kRunning && state != Node::State::kStopping)) continue;
    if (!cluster_.links().blocked(node, other) && !cluster_.links().blocked(other, node))
      reached |= bit(other);
  }
  return reached;
}

// By whatever configuration a leader of these nodes may go.
bool LivenessWatch::majority(const GroupTruth& group, Nodes nodes) const {
  const auto among = [nodes](uint32_t id) { return (nodes & bit(id)) != 0; };
  bool agree = group.voters().agree(among);
  for (uint32_t id = 1; id <= cluster_.size() && agree; ++id) {
    group.for_each_uncommitted(group.replicas[id].issued,
                               [&](uint64_t, const Voters& voters) { agree = agree && voters.agree(among); });
  }
  return agree;
}

void LivenessWatch::look() {
  const uint64_t now = cluster_.world().now();
  const Nodes all = (1u << cluster_.size()) - 1;
  std::vector<Nodes> reached(cluster_.size() + 1);
  for (uint32_t id = 1; id <= cluster_.size(); ++id)
    reached[id] = fit(cluster_.node(id)) ? reached_by(id) : 0;
  for (Nodes set = 1; set <= all; ++set) {
    bool well = true;
    for (uint32_t id = 1; id <= cluster_.size(); ++id)
      well &= (set & bit(id)) == 0 || (reached[id] & set) == set;
    well ? void(together_.try_emplace(set, now)) : void(together_.erase(set));
  }
  for (const auto& [name, group] : checker_.groups())
    if (!group->goes) look_at(*group);
}

// When the last of these nodes opened the group; never where one has not.
uint64_t LivenessWatch::open_since(const Seen& seen, Nodes nodes) const {
  uint64_t since = 0;
  for (uint32_t id = 1; id <= cluster_.size(); ++id) {
    if ((nodes & bit(id)) == 0) continue;
    const auto open = seen.open.find(id);
    since = open == seen.open.end() ? UINT64_MAX : std::max(since, open->second);
    if (since == UINT64_MAX) break;
  }
  return since;
}

void LivenessWatch::look_at(GroupTruth& group) {
  const uint64_t now = cluster_.world().now();
  Seen& seen = seen_.try_emplace(group.name, Seen{now, {}, {}}).first->second;
  seen.led = std::max(seen.led, group.led);
  for (uint32_t id = 1; id <= cluster_.size(); ++id) {
    chr_group_bounds bounds{};
    Node& node = cluster_.node(id);
    const bool leads =
        consensus_.bounds(node, group.name, &bounds) && bounds.leader == static_cast<int32_t>(id);
    if (leads && bounds.usable != 0) seen.led = now;
    const auto reached = [nodes = reached_by(id)](uint32_t other) { return (nodes & bit(other)) != 0; };
    if (!leads || cluster_.world().loop.paused(id) || group.voters_of(id).agree(reached)) {
      seen.alone.erase(id);
    } else if (now - seen.alone.try_emplace(id, now).first->second > kStepDownWithin * t_) {
      return cluster_.world().fail(
          "check-quorum",
          fmt::format("{}: node {} still leads in term {}, {} s after it lost touch with a majority",
                      group.name, id, bounds.term, (now - seen.alone[id]) / kSecond));
    }
  }
  for (uint32_t id = 1; id <= cluster_.size(); ++id)
    group.replicas[id].open ? void(seen.open.try_emplace(id, now)) : void(seen.open.erase(id));
  for (const auto& [set, since] : together_) {
    const uint64_t begin = std::max({since, seen.led, open_since(seen, set)});
    if (begin > now || now - begin <= elect_within() || !majority(group, set)) continue;
    return cluster_.world().fail(
        "no-leader",
        fmt::format("{}: no usable leader for {} s, although a majority (nodes {:b}) is fit and connected",
                    group.name, (now - begin) / kSecond, set));
  }
}

}  // namespace chronik::sim
