// Members of the groups of the log workload: who is to be one, who has the log of a
// group, and who gives it up.
#include "sim/workload/log_workload.h"

#include <chronik/host.hpp>

#include <algorithm>
#include <memory>
#include <utility>

namespace chronik::sim {
namespace {

constexpr uint64_t kEvery = 200 * kMillisecond;

bool contains(const std::vector<int32_t>& nodes, uint32_t node) {
  return std::ranges::find(nodes, static_cast<int32_t>(node)) != nodes.end();
}

}  // namespace

bool LogWorkload::Goal::names(uint32_t node) const {
  return contains(replicas, node) || contains(target, node) || contains(others, node);
}

void LogWorkload::Goal::retarget(std::vector<int32_t> next) {
  moving = true;
  for (const int32_t node : std::exchange(target, std::move(next))) {
    if (!contains(others, static_cast<uint32_t>(node))) others.push_back(node);
  }
  std::erase_if(others, [this](int32_t node) {
    return contains(replicas, static_cast<uint32_t>(node)) || contains(target, static_cast<uint32_t>(node));
  });
}

void LogWorkload::change_members(uint32_t group, std::vector<int32_t> members) {
  goals_[group % options_.groups].retarget(std::move(members));
  if (!std::exchange(members_change_, true)) members_step();
}

void LogWorkload::replace(uint32_t gone, uint32_t by) {
  for (uint32_t g = 0; g < options_.groups; ++g) {
    std::vector<int32_t> goal = goals_[g].target;
    std::erase(goal, static_cast<int32_t>(gone));
    if (!contains(goal, by)) goal.push_back(static_cast<int32_t>(by));
    change_members(g, std::move(goal));
  }
}

// Nobody that is gone for good can be waited for.
void LogWorkload::wind_down() {
  winding_down_ = true;
  if (!members_change_) return;
  for (uint32_t g = 0; g < options_.groups; ++g) goals_[g].retarget(live_members(g));
}

std::vector<int32_t> LogWorkload::live_members(uint32_t group) {
  std::vector<int32_t> live;
  for (const int32_t node : goals_[group].target) {
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
  for (uint32_t id = 1; id <= cluster_.size(); ++id) {
    Node& node = cluster_.node(id);
    Place& place = places_[id][group];
    if (!goals_[group].names(id) || !node.running() || place.hosted) continue;
    const bool leaving = std::ranges::any_of(given_up_[id], [group](const auto& replay) {
      return replay->group == group && replay->handle != nullptr;
    });
    if (leaving) continue;
    place = {true, false};
    open(node, group);
  }
}

// Asked again after every change of leader, until the members are what they are to be.
void LogWorkload::pursue(uint32_t group) {
  const Goal& goal = goals_[group];
  if (!goal.moving) return;
  for (Replay* leader : open_replicas(group, true)) {
    if (leader->pursued == goal.target) continue;
    leader->pursued = goal.target;
    const chr_members_change change{sizeof change, static_cast<uint32_t>(goal.target.size()),
                                    goal.target.data()};
    chr_status status = pursue_by(*leader, [&](uint64_t token, chr_error* error) {
      return leader->consensus->change_members(leader->handle, &change, token, error);
    });
    // They were that already, unless this leader has a successor and does not know it.
    if (status == CHR_OK) {
      status = pursue_by(*leader, [&](uint64_t token, chr_error* error) {
        return leader->consensus->barrier(leader->handle, token, error);
      });
    }
    if (status != CHR_PENDING) leader->pursued.clear();
  }
}

// What the leader pursues is reached once the token that call(token, error) gets ends with OK.
template <class Call>
chr_status LogWorkload::pursue_by(Replay& leader, Call&& call) {
  struct Pursuit {
    Replay* leader;
    std::vector<int32_t> target;
  };
  auto pursuit = std::make_unique<Pursuit>(Pursuit{&leader, leader.pursued});
  const auto done = [](void* context, const chr_done* result) {
    const std::unique_ptr<Pursuit> ended(static_cast<Pursuit*>(context));
    Replay& replay = *ended->leader;
    if (replay.pursued == ended->target) replay.pursued.clear();
    if (result->code == CHR_OK) replay.workload->reached(replay.group, ended->target);
  };
  Node& node = *leader.node;
  const uint64_t token =
      node.ops().begin(&node.harness(), static_cast<int32_t>(leader.shard), done, pursuit.get());
  const Enter enter(world(), node.at_shard(leader.shard));
  chr_error error = make_abi_error();
  const chr_status status = call(token, &error);
  status == CHR_PENDING ? void(pursuit.release()) : void(node.ops().abandon(token));
  return status;
}

void LogWorkload::reached(uint32_t group, const std::vector<int32_t>& target) {
  ++changes_;
  Goal& goal = goals_[group];
  if (goal.target != target) return;
  goal.replicas = target;
  goal.others.clear();
  goal.moving = false;
}

// Whoever is no member any more, and is not to become one again, gives up its log at some time.
void LogWorkload::give_up_others(uint32_t group) {
  for (Replay* replay : open_replicas(group, false)) {
    if (goals_[group].names(replay->node->id()) || !replay->node->running()) continue;
    if (winding_down_ || rng_.chance(0.2)) give_up(*replay);
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
  const std::vector<int32_t>& target = goals_[group].target;
  if (voters.joint() || !std::ranges::equal(voters.incoming, target, {}, {},
                                            [](int32_t node) { return static_cast<uint32_t>(node); }))
    return false;
  size_t live = 0;
  for (const int32_t node : target) live += cluster_.node(static_cast<uint32_t>(node)).running() ? 1 : 0;
  const auto open = open_replicas(group, false);
  return open.size() == live && std::ranges::all_of(open, [&](const Replay* replay) {
           return contains(target, replay->node->id());
         });
}

}  // namespace chronik::sim
