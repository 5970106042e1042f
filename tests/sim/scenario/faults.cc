#include "sim/scenario/faults.h"

#include <chronik/host.h>
#include <fmt/format.h>

namespace chronik::sim {
namespace {

struct Named {
  std::string_view name;
  uint32_t kind;
};
constexpr Named kNames[] = {
    {"crash", kFaultCrash},        {"power", kFaultPower},       {"partition", kFaultPartition},
    {"reset", kFaultReset},        {"loss", kFaultLoss},         {"duplicate", kFaultDuplicate},
    {"reorder", kFaultReorder},    {"delay", kFaultDelay},       {"pause", kFaultPause},
    {"slow-disk", kFaultSlowDisk}, {"client", kFaultClient},     {"stop", kFaultStop},
    {"clock", kFaultClock},        {"disk-full", kFaultDiskFull}};

}  // namespace

Result<uint32_t> parse_faults(std::string_view text) {
  uint32_t kinds = 0;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view word = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    uint32_t kind = word == "default" ? kDefaultFaults : word == "all" ? kAllFaults : 0;
    for (const Named& named : kNames) {
      if (named.name == word) kind = named.kind;
    }
    if (kind == 0 && word != "none") {
      std::string known;
      for (const Named& named : kNames) known.append(named.name).append(", ");
      return fail(Code::kInvalidArgument,
                  fmt::format("unknown fault \"{}\"; known: {}default, all, none", word, known));
    }
    kinds |= kind;
  }
  return kinds;
}

std::string faults_text(uint32_t kinds) {
  std::string text;
  for (const Named& named : kNames) {
    if ((kinds & named.kind) != 0) text.append(text.empty() ? "" : ",").append(named.name);
  }
  return text.empty() ? "none" : text;
}

Faults::Faults(Cluster& cluster, uint32_t kinds)
    : cluster_(cluster), world_(cluster.world()), rng_(world_.stream("faults")) {
  for (const Named& named : kNames) {
    if ((kinds & named.kind) != 0 && rng_.chance(0.7)) enabled_ |= named.kind;
  }
  if (enabled_ == 0) enabled_ = kinds;
  mean_ns_ = rng_.between(500 * kMillisecond, 8 * kSecond);
}

uint64_t Faults::some_time() {
  switch (rng_.below(4)) {
    case 0:
      return rng_.between(0, kMillisecond);
    case 1:
      return rng_.between(kMillisecond, 100 * kMillisecond);
    case 2:
      return rng_.between(100 * kMillisecond, 3 * kSecond);
    default:
      return rng_.between(kSecond, 12 * kSecond);
  }
}

void Faults::note(std::string_view what) {
  ++injected_;
  world_.log(kHarness, "faults", CHR_LOG_INFO, what, {});
}

void Faults::begin() {
  LinkFaults& links = cluster_.links().faults;
  if (enabled_ & kFaultLoss) links.loss = rng_.unit() * 0.1;
  if (enabled_ & kFaultDuplicate) links.duplicate = rng_.unit() * 0.1;
  if (enabled_ & kFaultReorder) links.reorder = rng_.unit() * 0.05;
  if (enabled_ & kFaultDelay) links.delay_ns = rng_.between(100 * kMicrosecond, 20 * kMillisecond);
  cluster_.net().faults.split = rng_.unit() * 0.3;
  for (uint32_t id = 1; id <= cluster_.size(); ++id) {
    Node& node = cluster_.node(id);
    node.medium().costs.sync_ns = rng_.between(50 * kMicrosecond, 5 * kMillisecond);
    if (enabled_ & kFaultClock) {
      node.clock_rate = 0.95 + rng_.unit() * 0.1;
      node.wall_skew_ms = static_cast<int64_t>(rng_.below(20'000)) - 10'000;
    }
  }
  constexpr uint32_t kEvents = kFaultCrash | kFaultPower | kFaultPartition | kFaultReset | kFaultPause |
                               kFaultSlowDisk | kFaultClient | kFaultStop | kFaultDiskFull;
  if ((enabled_ & kEvents) == 0) return;
  world_.loop.call(world_.now() + rng_.around(mean_ns_), [this] { step(); });
}

void Faults::step() {
  if (over_) return;
  world_.loop.call(world_.now() + rng_.around(mean_ns_) + 1, [this] { step(); });
  uint32_t kind = 0;
  while ((kind & enabled_) == 0 || kind == kFaultLoss || kind == kFaultDuplicate || kind == kFaultReorder ||
         kind == kFaultDelay || kind == kFaultClock) {
    kind = 1u << rng_.below(14);
  }
  world_.trace.note(world_.now(), kHarness, Kind::kFault, kind);
  const uint32_t id = any_node();
  Node& node = cluster_.node(id);
  switch (kind) {
    case kFaultCrash:
      return crash(false);
    case kFaultPower:
      return crash(true);
    case kFaultPartition:
      return partition();
    case kFaultReset: {
      const uint32_t other = any_node();
      if (other == id) return;
      note(fmt::format("reset link {} {}", id, other));
      return cluster_.links().reset(id, other);
    }
    case kFaultPause: {
      const uint64_t time = some_time();
      note(fmt::format("pause node {} for {} us", id, time / 1000));
      return world_.loop.pause(id, world_.now() + time);
    }
    case kFaultSlowDisk: {
      node.medium().slow_until = world_.now() + some_time();
      node.medium().slow_ns = some_time();
      return note(
          fmt::format("slow disk on node {}: each sync takes {} us more", id, node.medium().slow_ns / 1000));
    }
    case kFaultClient:
      if (rng_.chance(0.5)) {
        note(fmt::format("reset clients of node {}", id));
        return cluster_.net().reset_connections(id);
      }
      note(fmt::format("clients lose node {}", id));
      cluster_.net().cut(id, true);
      return world_.loop.call(world_.now() + some_time(), [this, id] { cluster_.net().cut(id, false); });
    case kFaultDiskFull:
      node.medium().capacity = node.medium().size() + rng_.below(4096);
      note(fmt::format("disk of node {} is full", id));
      return world_.loop.call(world_.now() + some_time(), [&node] { node.medium().capacity = UINT64_MAX; });
    default:
      if (!node.running()) return;
      note(fmt::format("stop node {}", id));
      node.on_down_once = [this, id] {
        world_.loop.call(world_.now() + some_time(), [this, id] { cluster_.node(id).boot(); });
      };
      return node.stop();
  }
}

void Faults::power_cycle(uint32_t id, bool power, uint64_t down_for) {
  Node& node = cluster_.node(id);
  if (node.state() == Node::State::kDown) return;
  note(fmt::format("{} node {} for {} us", power ? "power loss of" : "kill", id, down_for / 1000));
  node.crash(power);
  world_.loop.call(world_.now() + down_for, [this, id] { cluster_.node(id).boot(); });
}

void Faults::crash(bool power) {
  cluster_.links().silent_death = power && rng_.chance(0.5);
  const uint64_t dice = rng_.below(10);
  if (dice < 6) {
    power_cycle(any_node(), power, some_time());
  } else if (dice < 8) {  // all at once, as when the power of a room goes
    const uint64_t time = some_time();
    for (uint32_t id = 1; id <= cluster_.size(); ++id)
      power_cycle(id, power, rng_.chance(0.5) ? time : some_time());
  } else {
    const uint32_t spared = any_node();
    for (uint32_t id = 1; id <= cluster_.size(); ++id) {
      if (id != spared) power_cycle(id, power, some_time());
    }
  }
  cluster_.links().silent_death = false;
}

void Faults::partition() {
  Links& links = cluster_.links();
  links.heal();
  links.faults.silence_ns = rng_.chance(0.5) ? 5 * kSecond : rng_.between(100 * kMillisecond, 10 * kSecond);
  const uint32_t id = any_node();
  const uint64_t shape = rng_.below(4);
  for (uint32_t other = 1; other <= cluster_.size(); ++other) {
    if (other == id) continue;
    if (shape == 3 && rng_.chance(0.5)) continue;  // some links only
    if (shape != 1) links.block(id, other, true);  // 1: it hears nobody
    if (shape != 2) links.block(other, id, true);  // 2: nobody hears it
  }
  const uint64_t time = some_time();
  note(fmt::format("partition around node {} shape {} for {} us", id, shape, time / 1000));
  world_.loop.call(world_.now() + time, [this, epoch = ++epoch_] {
    if (epoch == epoch_) cluster_.links().heal();
  });
}

void Faults::end() {
  over_ = true;
  ++epoch_;
  Links& links = cluster_.links();
  links.heal();
  links.faults.loss = links.faults.duplicate = links.faults.reorder = 0;
  links.faults.delay_ns = kMillisecond;
  cluster_.net().faults.split = 0;
  for (uint32_t id = 1; id <= cluster_.size(); ++id) {
    Node& node = cluster_.node(id);
    node.medium().slow_until = 0;
    node.medium().capacity = UINT64_MAX;
    cluster_.net().cut(id, false);
    if (node.state() == Node::State::kDown) node.boot();
  }
}

}  // namespace chronik::sim
