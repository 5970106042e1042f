#include "sim/scenario/faults.h"

#include <chronik/host.h>
#include <fmt/format.h>

#include <algorithm>

namespace chronik::sim {
namespace {

double share(int64_t millionths) { return static_cast<double>(millionths) / 1e6; }
uint64_t ns(int64_t us) { return static_cast<uint64_t>(us) * kMicrosecond; }

}  // namespace

Faults::Faults(Cluster& cluster, Schedule schedule)
    : cluster_(cluster),
      world_(cluster.world()),
      schedule_(std::move(schedule)),
      blocked_until_((cluster.size() + 1) * (cluster.size() + 1), 0) {}

void Faults::begin() {
  for (const Fault& fault : schedule_) {
    if (fault.node > cluster_.size() || fault.peer > cluster_.size()) continue;  // of a larger cluster
    if (fault.at_us == 0) {
      inject(fault);
    } else {
      world_.loop.call(fault.at_us * kMicrosecond, [this, &fault] {
        if (!over_) inject(fault);
      });
    }
  }
}

void Faults::inject(const Fault& fault) {
  world_.trace.note(world_.now(), kHarness, Kind::kFault, static_cast<uint64_t>(fault.type));
  if (fault.at_us != 0) ++injected_;
  world_.log(kHarness, "faults", CHR_LOG_INFO, to_text(fault), {});
  if (fault.node == 0) return inject_network(fault);
  Node& node = cluster_.node(fault.node);
  switch (fault.type) {
    case FaultType::kCrash:
    case FaultType::kPower:
      return go_down(fault);
    case FaultType::kCrashStorm:
      return crash_storm(fault, world_.now() + fault.lasts_us * kMicrosecond, true);
    case FaultType::kStop:
      return stop(fault);
    case FaultType::kPause:
      return world_.loop.pause(fault.node, world_.now() + fault.lasts_us * kMicrosecond);
    case FaultType::kClockRate:
      node.clock_rate = share(fault.amount);
      return;
    case FaultType::kWallClock:
      node.wall_skew_ms = fault.amount;
      return;
    case FaultType::kClientReset:
      return cluster_.net().reset_connections(fault.node);
    case FaultType::kClientCut:
      cluster_.net().cut(fault.node, true);
      return later(fault.lasts_us * kMicrosecond, [this, &fault] { cluster_.net().cut(fault.node, false); });
    case FaultType::kBlock:
    case FaultType::kFlap:
    case FaultType::kReset:
    case FaultType::kResetStorm:
      return inject_network(fault);
    case FaultType::kMembers:
      return change_members(fault);
    case FaultType::kLostDisk:
      return lose_disk(fault);
    default:
      return inject_disk(fault);
  }
}

void Faults::inject_network(const Fault& fault) {
  LinkFaults& links = cluster_.links().faults;
  const uint64_t until = world_.now() + fault.lasts_us * kMicrosecond;
  switch (fault.type) {
    case FaultType::kLoss:
      links.loss = share(fault.amount);
      return;
    case FaultType::kDuplicate:
      links.duplicate = share(fault.amount);
      return;
    case FaultType::kReorder:
      links.reorder = share(fault.amount);
      return;
    case FaultType::kDelay:
      links.delay_ns = ns(fault.amount);
      return;
    case FaultType::kSplit:
      cluster_.net().faults.split = share(fault.amount);
      return;
    case FaultType::kSilence:
      links.silence_ns = fault.lasts_us * kMicrosecond;
      return;
    case FaultType::kBlock:
      return fault.peer == 0 ? void() : block(fault);
    case FaultType::kFlap:
      return fault.peer == 0 || fault.amount <= 0 ? void() : flap(fault, until, true);
    case FaultType::kReset:
      return fault.peer == 0 ? void() : cluster_.links().reset(fault.node, fault.peer);
    case FaultType::kResetStorm:
      return fault.node == 0 || fault.amount <= 0 ? void() : reset_storm(fault, until);
    default:
      return;
  }
}

void Faults::inject_disk(const Fault& fault) {
  Disk& disk = cluster_.node(fault.node).disk();
  const uint64_t lasts = fault.lasts_us * kMicrosecond;
  switch (fault.type) {
    case FaultType::kSyncCost:
      disk.costs.sync_ns = ns(fault.amount);
      return;
    case FaultType::kSlowDisk:
      disk.slow_until = world_.now() + lasts;
      disk.slow_ns = ns(fault.amount);
      return;
    case FaultType::kStallDisk:
      disk.stalled_until = std::max(disk.stalled_until, world_.now() + lasts);
      return;
    case FaultType::kDiskFull:
      disk.capacity = disk.used() + static_cast<uint64_t>(fault.amount);
      return later(lasts, [&disk] { disk.capacity = UINT64_MAX; });
    case FaultType::kSyncError:
      disk.fail_next_sync = true;
      return restart_if_failed(fault);
    case FaultType::kWriteError:
      disk.fail_next_write = true;
      return restart_if_failed(fault);
    case FaultType::kShortWrite:
      disk.short_next_write = true;
      return restart_if_failed(fault);
    case FaultType::kWriteBack:
      disk.fail_write_back(world_.now());
      return restart_if_failed(fault);
    case FaultType::kPowerAtSync:
      return power_at_sync(fault);
    case FaultType::kFlip:
      return flip(fault);
    default:
      return;
  }
}

void Faults::boot_after(uint32_t id, uint64_t delay_ns) {
  world_.loop.call(world_.now() + delay_ns, [this, id] { cluster_.node(id).boot(); });
}

void Faults::go_down(const Fault& fault) {
  Node& node = cluster_.node(fault.node);
  if (node.state() == Node::State::kDown) return;
  cluster_.links().silent_death = fault.amount != 0;
  node.crash(fault.type == FaultType::kPower);
  cluster_.links().silent_death = false;
  boot_after(fault.node, fault.lasts_us * kMicrosecond);
}

void Faults::crash_storm(const Fault& fault, uint64_t until, bool power) {
  Node& node = cluster_.node(fault.node);
  if (node.state() != Node::State::kDown) {
    node.crash(power);
    boot_after(fault.node, ns(fault.amount) / 8);
  }
  if (fault.amount <= 0 || world_.now() >= until) return;
  later(ns(fault.amount), [this, &fault, until, power] { crash_storm(fault, until, !power); });
}

void Faults::stop(const Fault& fault) {
  Node& node = cluster_.node(fault.node);
  if (!node.running()) return;
  node.on_down_once = [this, &fault] { boot_after(fault.node, fault.lasts_us * kMicrosecond); };
  node.stop();
}

// Blocks of one direction may overlap: the longest one counts.
void Faults::block(const Fault& fault) {
  const uint64_t lasts = fault.lasts_us * kMicrosecond;
  uint64_t& until = blocked_until(fault.node, fault.peer);
  until = std::max(until, world_.now() + lasts);
  cluster_.links().block(fault.node, fault.peer, true);
  later(lasts, [this, &fault] {
    if (world_.now() >= blocked_until(fault.node, fault.peer))
      cluster_.links().block(fault.node, fault.peer, false);
  });
}

void Faults::flap(const Fault& fault, uint64_t until, bool blocked) {
  blocked = blocked && world_.now() < until;
  for (const auto& [from, to] : {std::pair(fault.node, fault.peer), std::pair(fault.peer, fault.node)}) {
    if (world_.now() >= blocked_until(from, to)) cluster_.links().block(from, to, blocked);
  }
  if (world_.now() >= until) return;
  later(ns(fault.amount), [this, &fault, until, blocked] { flap(fault, until, !blocked); });
}

void Faults::reset_storm(const Fault& fault, uint64_t until) {
  for (uint32_t peer = 1; peer <= cluster_.size(); ++peer) {
    if (peer != fault.node) cluster_.links().reset(fault.node, peer);
  }
  if (world_.now() >= until) return;
  later(ns(fault.amount), [this, &fault, until] { reset_storm(fault, until); });
}

// What the disk did not take is gone; the replica must not go on as if it were there.
void Faults::restart_if_failed(const Fault& fault) {
  Node& node = cluster_.node(fault.node);
  later(fault.lasts_us * kMicrosecond, [this, &node] {
    Disk& disk = node.disk();
    disk.fail_next_sync = disk.fail_next_write = disk.short_next_write = false;
    if (!disk.failed() || node.state() == Node::State::kDown) return;
    node.crash(disk.sync_failed());
    boot_after(node.id(), kSecond);
  });
}

void Faults::power_at_sync(const Fault& fault) {
  Node& node = cluster_.node(fault.node);
  node.disk().syncs_until_call = static_cast<uint64_t>(fault.amount) / 2;
  node.disk().on_sync = [this, &fault, &node, boot = node.boots()](uint64_t ends) {
    world_.loop.call(fault.amount % 2 == 0 ? ends - 1 : ends, [this, &fault, &node, boot] {
      if (node.boots() != boot || node.state() == Node::State::kDown) return;
      node.crash(true);
      boot_after(node.id(), fault.lasts_us * kMicrosecond);
    });
  };
}

// A record in a file is seen to be damaged by a process that opens it anew.
void Faults::flip(const Fault& fault) {
  Node& node = cluster_.node(fault.node);
  const auto which = static_cast<uint64_t>(fault.amount);
  if (node.interposed_files() == nullptr) return void(node.host_files().flip(world_.now(), which));
  if (node.state() == Node::State::kDown || !on_damage || !on_damage(node, which)) return;
  node.crash(false);
  boot_after(node.id(), kSecond);
}

std::vector<uint32_t> Faults::spares() const {
  std::vector<uint32_t> nodes;
  for (const Fault& fault : schedule_) {
    if (fault.type == FaultType::kSpare) nodes.push_back(fault.node);
  }
  return nodes;
}

void Faults::change_members(const Fault& fault) {
  std::vector<int32_t> members = {static_cast<int32_t>(fault.node)};
  for (uint32_t id = 1; id <= cluster_.size(); ++id) {
    if (id != fault.node && (fault.amount >> id & 1) != 0) members.push_back(static_cast<int32_t>(id));
  }
  if (fault.peer != 0 && on_members) on_members(fault.peer - 1, std::move(members));
}

void Faults::lose_disk(const Fault& fault) {
  cluster_.node(fault.node).retire();
  if (fault.peer == 0) return;
  replace_after(fault, fault.lasts_us * kMicrosecond);
}

// A new node is not set up on a disk that is full or fails.
void Faults::replace_after(const Fault& fault, uint64_t delay_ns) {
  world_.loop.call(world_.now() + delay_ns, [this, &fault] {
    const Disk& disk = cluster_.node(fault.peer).disk();
    if (disk.capacity != UINT64_MAX || disk.fail_next_sync) return replace_after(fault, kSecond);
    cluster_.node(fault.peer).boot();
    if (on_replaced) on_replaced(fault.node, fault.peer);
  });
}

void Faults::end() {
  over_ = true;
  Links& links = cluster_.links();
  links.heal();
  links.faults.loss = links.faults.duplicate = links.faults.reorder = 0;
  links.faults.delay_ns = kMillisecond;
  cluster_.net().faults.split = 0;
  for (uint32_t id = 1; id <= cluster_.size(); ++id) {
    Node& node = cluster_.node(id);
    node.disk().slow_until = node.disk().stalled_until = 0;
    node.disk().capacity = UINT64_MAX;
    node.disk().fail_next_sync = node.disk().fail_next_write = node.disk().short_next_write = false;
    node.disk().syncs_until_call = 0;
    cluster_.net().cut(id, false);
    if (node.disk().failed()) node.crash(node.disk().sync_failed());
    if (node.state() == Node::State::kDown) node.boot();
  }
}

}  // namespace chronik::sim
