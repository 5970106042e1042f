// Members of the groups of the log workload: who is to be one, who has the log of a group, and who gives it
// up.
#include "sim/workload/log_workload.h"

#include <chronik/host.hpp>

#include <algorithm>

namespace chronik::sim {
namespace {

constexpr uint64_t kEvery = 200 * kMillisecond;

bool contains(const std::vector<int32_t>& nodes, uint32_t node) {
  return std::ranges::find(nodes, static_cast<int32_t>(node)) != nodes.end();
}

}  // namespace

void LogWorkload::change_members(uint32_t group, std::vector<int32_t> members) {
  goals_[group % options_.groups] = std::move(members);
  if (!std::exchange(members_change_, true)) members_step();
}

void LogWorkload::replace(uint32_t gone, uint32_t by) {
  for (uint32_t g = 0; g < options_.groups; ++g) {
    std::vector<int32_t> goal = goals_[g];
    std::erase(goal, static_cast<int32_t>(gone));
    if (!contains(goal, by)) goal.push_back(static_cast<int32_t>(by));
    change_members(g, std::move(goal));
  }
}

// Nobody that is gone for good can be waited for.
void LogWorkload::wind_down() {
  winding_down_ = true;
  if (!members_change_) return;
  for (uint32_t g = 0; g < options_.groups; ++g) goals_[g] = live_members(g);
}

std::vector<int32_t> LogWorkload::live_members(uint32_t group) {
  std::vector<int32_t> live;
  for (const int32_t node : goals_[group]) {
    if (!cluster_.node(static_cast<uint32_t>(node)).quarantined()) live.push_back(node);
  }
  for (uint32_t id = 1; id <= cluster_.size() && live.size() < options_.replicas; ++id) {
    if (!cluster_.node(id).quarantined() && !contains(live, id)) live.push_back(static_cast<int32_t>(id));
  }
  return live;
}

void LogWorkload::members_step() {
  world().loop.call(world().now() + kEvery / 2 + rng_.below(kEvery), [this] { members_step(); });
  world().trace.note(world().now(), kHarness, Kind::kWork, 1);
  for (uint32_t g = 0; g < options_.groups; ++g) {
    host_members(g);
    pursue(g);
    give_up_others(g);
  }
}

// Whoever is to become a member opens the group and waits for its leader.
void LogWorkload::host_members(uint32_t group) {
  for (const int32_t id : goals_[group]) {
    Node& node = cluster_.node(static_cast<uint32_t>(id));
    Place& place = places_[node.id()][group];
    if (!node.running() || place.hosted) continue;
    const bool leaving = std::ranges::any_of(given_up_[node.id()], [group](const auto& replay) {
      return replay->group == group && replay->handle != nullptr;
    });
    if (leaving) continue;
    place = {true, false};
    open(node, group);
  }
}

// Asked again after every change of leader, until the members are what they are to be.
void LogWorkload::pursue(uint32_t group) {
  const std::vector<int32_t>& goal = goals_[group];
  for (Replay* leader : open_replicas(group, true)) {
    if (leader->pursued == goal) continue;
    leader->pursued = goal;
    const Enter enter(world(), leader->node->at_shard(leader->shard));
    const auto done = [](void* context, const chr_done* result) {
      Replay& replay = replay_of(context);
      if (result->code != CHR_E_CANCELLED) replay.pursued.clear();
      replay.workload->changes_ += result->code == CHR_OK ? 1 : 0;
    };
    const uint64_t token = leader->node->ops().begin(&leader->node->harness(),
                                                     static_cast<int32_t>(leader->shard), done, leader);
    chr_members_change change{sizeof change, static_cast<uint32_t>(goal.size()), goal.data()};
    chr_error error = make_abi_error();
    if (leader->consensus->change_members(leader->handle, &change, token, &error) == CHR_PENDING) continue;
    leader->node->ops().abandon(token);
    leader->pursued.clear();
  }
}

// Whoever is no member any more, and is not to become one again, gives up its log at some time.
void LogWorkload::give_up_others(uint32_t group) {
  const GroupTruth& truth = checker_.group(names_[group]);
  for (Replay* replay : open_replicas(group, false)) {
    const uint32_t id = replay->node->id();
    if (contains(goals_[group], id) || truth.voters().has(id)) continue;
    if (!replay->node->running() || (!winding_down_ && !rng_.chance(0.2))) continue;
    give_up(*replay);
  }
}

void LogWorkload::give_up(Replay& replay) {
  Node& node = *replay.node;
  auto& held = replays_[node.id()][replay.group];
  places_[node.id()][replay.group].hosted = false;
  replay.ready = false;
  given_up_[node.id()].push_back(std::move(held));
  const Enter enter(world(), node.at_shard(replay.shard));
  const auto closed = [](void* context, const chr_done*) { replay_of(context).handle = nullptr; };
  const uint64_t token =
      node.ops().begin(&node.harness(), static_cast<int32_t>(replay.shard), closed, &replay);
  chr_error error = make_abi_error();
  if (replay.consensus->close_group(replay.handle, CHR_CLOSE_LEAVE, token, &error) != CHR_PENDING)
    world().fail("close-group", fmt::format("node {}: {}", node.id(), error.message));
}

// Its members are who they are to be, each that can have it has the group open, and nobody else.
bool LogWorkload::members_settled(uint32_t group) {
  const GroupTruth& truth = checker_.group(names_[group]);
  const Voters& voters = truth.voters();
  if (voters.joint() || !std::ranges::equal(voters.incoming, goals_[group], {}, {},
                                            [](int32_t node) { return static_cast<uint32_t>(node); }))
    return false;
  size_t live = 0;
  for (const int32_t node : goals_[group])
    live += cluster_.node(static_cast<uint32_t>(node)).running() ? 1 : 0;
  const auto open = open_replicas(group, false);
  return open.size() == live && std::ranges::all_of(open, [&](const Replay* replay) {
           return contains(goals_[group], replay->node->id());
         });
}

}  // namespace chronik::sim
