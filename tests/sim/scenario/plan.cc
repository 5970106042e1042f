#include "sim/scenario/plan.h"

#include "sim/base/rng.h"

#include <fmt/format.h>

#include <algorithm>

namespace chronik::sim {
namespace {

constexpr uint64_t kMs = 1'000, kS = 1'000'000;  // in us

struct Named {
  std::string_view name;
  uint32_t kind;
};
constexpr Named kNames[] = {{"crash", kFaultCrash},
                            {"power", kFaultPower},
                            {"partition", kFaultPartition},
                            {"reset", kFaultReset},
                            {"loss", kFaultLoss},
                            {"duplicate", kFaultDuplicate},
                            {"reorder", kFaultReorder},
                            {"delay", kFaultDelay},
                            {"pause", kFaultPause},
                            {"slow-disk", kFaultSlowDisk},
                            {"client", kFaultClient},
                            {"stop", kFaultStop},
                            {"clock", kFaultClock},
                            {"disk-full", kFaultDiskFull},
                            {"stall-disk", kFaultStallDisk},
                            {"sync-error", kFaultSyncError},
                            {"flip", kFaultFlip},
                            {"members", kFaultMembers},
                            {"lost-disk", kFaultLostDisk},
                            {"write-error", kFaultWriteError},
                            {"short-write", kFaultShortWrite},
                            {"power-at-sync", kFaultPowerAtSync},
                            {"write-back", kFaultWriteBack}};

// Drawn apart from the others.
constexpr uint32_t kMembership = kFaultMembers | kFaultLostDisk;
constexpr uint32_t kApart = kMembership | kFileFaults;
constexpr uint32_t kHappenAtTimes =
    kAllFaults & ~(kFaultLoss | kFaultDuplicate | kFaultReorder | kFaultDelay | kApart);

class Planner {
 public:
  Planner(uint64_t seed, uint32_t nodes, uint64_t duration_us, uint32_t kinds)
      : rng_(Rng::stream(seed, "faults")),
        members_rng_(Rng::stream(seed, "members")),
        files_rng_(Rng::stream(seed, "files")),
        nodes_(nodes),
        duration_us_(duration_us) {
    for (const Named& named : kNames) {
      if ((named.kind & kApart) != 0) continue;
      const double chance = named.kind == kFaultFlip ? 0.25 : 0.7;
      if ((kinds & named.kind) != 0 && rng_.chance(chance)) plan_.kinds |= named.kind;
    }
    if (plan_.kinds == 0) plan_.kinds = kinds & ~kApart;
    mean_us_ = rng_.between(500 * kMs, 8 * kS);
    // A fault that loses what was durable must leave every group a majority of whole
    // disks; the smallest have three.
    damaged_ = any_node();
    damage_left_ = nodes >= 3;
    choose_membership(kinds);
    for (const uint32_t kind : {kFaultWriteError, kFaultShortWrite, kFaultPowerAtSync, kFaultWriteBack}) {
      if ((kinds & kind) != 0 && files_rng_.chance(0.6)) plan_.kinds |= kind;
    }
  }

  Plan draw() {
    lasting();
    for (now_ = rng_.around(mean_us_); now_ < duration_us_; now_ += rng_.around(mean_us_) + 1) step();
    membership();
    files();
    std::stable_sort(plan_.schedule.begin(), plan_.schedule.end(),
                     [](const Fault& a, const Fault& b) { return a.at_us < b.at_us; });
    return std::move(plan_);
  }

 private:
  bool has(uint32_t kind) const { return (plan_.kinds & kind) != 0; }
  uint32_t any_node() { return static_cast<uint32_t>(rng_.between(1, nodes_)); }
  uint32_t another_node(uint32_t than) {
    return (than - 1 + static_cast<uint32_t>(rng_.between(1, nodes_ - 1))) % nodes_ + 1;
  }
  void add(FaultType type, uint32_t node, uint32_t peer, uint64_t lasts, uint64_t amount) {
    plan_.schedule.push_back({now_, type, node, peer, lasts, static_cast<int64_t>(amount)});
  }

  uint64_t some_time();
  void lasting();
  void step();
  void crash(FaultType type);
  void partition();
  void block_by_shape(uint64_t shape, uint32_t id, uint64_t lasts);
  void block(uint32_t a, uint32_t b, uint64_t lasts);
  void resets();
  void clients();
  void clocks();
  void flip();
  void choose_membership(uint32_t kinds);
  void membership();
  void change_members();
  void files();

  Rng rng_, members_rng_, files_rng_;
  const uint32_t nodes_;
  const uint64_t duration_us_;
  uint64_t mean_us_ = 0;
  uint64_t now_ = 0;
  uint32_t damaged_ = 0;
  bool damage_left_ = false;
  Plan plan_;
};

// From "at once" to "long after every timeout".
uint64_t Planner::some_time() {
  if (rng_.chance(0.03)) return rng_.between(12 * kS, 60 * kS);
  switch (rng_.below(4)) {
    case 0:
      return rng_.between(0, kMs);
    case 1:
      return rng_.between(kMs, 100 * kMs);
    case 2:
      return rng_.between(100 * kMs, 3 * kS);
    default:
      return rng_.between(kS, 12 * kS);
  }
}

// What a run has from its start to the end of its faults.
void Planner::lasting() {
  const auto millionths = [this](double most) { return static_cast<uint64_t>(rng_.unit() * most * 1e6); };
  if (has(kFaultLoss)) add(FaultType::kLoss, 0, 0, 0, millionths(0.1));
  if (has(kFaultDuplicate)) add(FaultType::kDuplicate, 0, 0, 0, millionths(0.1));
  if (has(kFaultReorder)) add(FaultType::kReorder, 0, 0, 0, millionths(0.05));
  if (has(kFaultDelay)) add(FaultType::kDelay, 0, 0, 0, rng_.between(100, 20 * kMs));
  add(FaultType::kSplit, 0, 0, 0, millionths(0.3));
  for (uint32_t id = 1; id <= nodes_; ++id) {
    add(FaultType::kSyncCost, id, 0, 0, rng_.between(50, 5 * kMs));
    if (!has(kFaultClock)) continue;
    const uint64_t drift = rng_.chance(0.2) ? 200'000 : 50'000;
    add(FaultType::kClockRate, id, 0, 0, 1'000'000 - drift + rng_.below(2 * drift));
    add(FaultType::kWallClock, id, 0, 0, rng_.below(20'000) - 10'000);
  }
}

void Planner::step() {
  const uint32_t possible = plan_.kinds & kHappenAtTimes;
  if (possible == 0) return;
  uint32_t kind = 0;
  while ((kind & possible) == 0) kind = 1u << rng_.below(17);
  switch (kind) {
    case kFaultCrash:
      return crash(FaultType::kCrash);
    case kFaultPower:
      return crash(FaultType::kPower);
    case kFaultPartition:
      return partition();
    case kFaultReset:
      return resets();
    case kFaultPause:
      return add(FaultType::kPause, any_node(), 0, some_time(), 0);
    case kFaultSlowDisk:
      return add(FaultType::kSlowDisk, any_node(), 0, some_time(), some_time());
    case kFaultClient:
      return clients();
    case kFaultClock:
      return clocks();
    case kFaultDiskFull:
      return add(FaultType::kDiskFull, any_node(), 0, some_time(), rng_.below(4096));
    case kFaultStallDisk: {
      constexpr uint64_t kStalls[] = {5 * kS, 5 * kS, 5 * kS, 60 * kS};
      return add(FaultType::kStallDisk, any_node(), 0,
                 rng_.chance(0.5) ? some_time() : kStalls[rng_.below(4)], 0);
    }
    case kFaultSyncError:
      return add(FaultType::kSyncError, any_node(), 0, some_time(), 0);
    case kFaultFlip:
      return flip();
    default:
      return add(FaultType::kStop, any_node(), 0, some_time(), 0);
  }
}

void Planner::crash(FaultType type) {
  const uint64_t silent = type == FaultType::kPower && rng_.chance(0.5) ? 1 : 0;
  if (rng_.chance(0.15)) {
    const uint64_t period = rng_.between(2 * kMs, 300 * kMs);
    return add(FaultType::kCrashStorm, any_node(), 0, rng_.between(5, 20) * period, period);
  }
  const uint64_t dice = rng_.below(10);
  if (dice < 6) return add(type, any_node(), 0, some_time(), silent);
  // All at once, as when the power of a room goes, or all but one.
  const uint32_t spared = dice < 8 ? 0 : any_node();
  const uint64_t time = some_time();
  for (uint32_t id = 1; id <= nodes_; ++id) {
    const uint64_t down = rng_.chance(0.5) ? time : some_time();
    if (id != spared) add(type, id, 0, down, silent);
  }
}

void Planner::block(uint32_t a, uint32_t b, uint64_t lasts) { add(FaultType::kBlock, a, b, lasts, 0); }

void Planner::partition() {
  if (nodes_ < 2) return;
  if (rng_.chance(0.8)) {  // takes the place of the one before it
    for (Fault& fault : plan_.schedule) {
      if (fault.type != FaultType::kBlock && fault.type != FaultType::kFlap) continue;
      fault.lasts_us = std::min(fault.lasts_us, now_ - fault.at_us);
    }
  }
  add(FaultType::kSilence, 0, 0, rng_.chance(0.5) ? 5 * kS : rng_.between(100 * kMs, 10 * kS), 0);
  block_by_shape(rng_.below(nodes_ > 3 ? 8 : 6), any_node(), some_time());
}

void Planner::block_by_shape(uint64_t shape, uint32_t id, uint64_t lasts) {
  if (shape == 5) {
    const uint64_t period = rng_.between(100 * kMs, 5 * kS);
    return add(FaultType::kFlap, id, another_node(id), std::max(lasts, 4 * period), period);
  }
  for (uint32_t a = 1; a <= nodes_; ++a) {
    for (uint32_t b = 1; b <= nodes_; ++b) {
      if (a == b) continue;
      const uint32_t distance = (a + nodes_ - b) % nodes_;
      const bool half_a = a > nodes_ / 2, half_b = b > nodes_ / 2;
      bool cut = false;
      if (shape == 0) cut = a == id || b == id;                        // alone
      if (shape == 1) cut = b == id;                                   // hears nobody
      if (shape == 2) cut = a == id;                                   // nobody hears it
      if (shape == 3) cut = (a == id || b == id) && rng_.chance(0.5);  // some of its links
      if (shape == 4) cut = half_a != half_b;                          // two halves
      if (shape == 6) cut = a != id && b != id && half_a != half_b;    // two halves that one node sees
      if (shape == 7) cut = distance != 1 && distance != nodes_ - 1;   // everyone sees two neighbours
      if (cut) block(a, b, lasts);
    }
  }
}

void Planner::resets() {
  if (nodes_ < 2) return;
  const uint32_t id = any_node();
  if (rng_.chance(0.7)) return add(FaultType::kReset, id, another_node(id), 0, 0);
  add(FaultType::kResetStorm, id, 0, rng_.between(kS, 10 * kS), rng_.between(20 * kMs, kS));
}

void Planner::clients() {
  if (rng_.chance(0.5)) return add(FaultType::kClientReset, any_node(), 0, 0, 0);
  add(FaultType::kClientCut, any_node(), 0, some_time(), 0);
}

void Planner::clocks() {
  const uint64_t hour = 3'600'000;
  add(FaultType::kWallClock, any_node(), 0, 0, rng_.below(2 * hour) - hour);
}

// The last node is the new one, so it is not among the first members of any group.
void Planner::choose_membership(uint32_t kinds) {
  if ((kinds & kFaultMembers) != 0 && nodes_ > 1 && members_rng_.chance(0.7)) plan_.kinds |= kFaultMembers;
  const bool possible = (kinds & kFaultLostDisk) != 0 && nodes_ > 3 && !has(kFaultFlip);
  if (possible && members_rng_.chance(0.3)) plan_.kinds |= kFaultLostDisk;
}

void Planner::membership() {
  Rng& rng = members_rng_;
  if (has(kFaultLostDisk)) {
    const auto lost = static_cast<uint32_t>(rng.between(1, nodes_ - 1));
    now_ = 0;
    add(FaultType::kSpare, nodes_, 0, 0, 0);
    now_ = rng.below(duration_us_);
    add(FaultType::kLostDisk, lost, nodes_, rng.between(kMs, 10 * kS), 0);
  }
  if (!has(kFaultMembers)) return;
  const uint64_t mean = rng.between(500 * kMs, 8 * kS);
  for (now_ = rng.around(mean); now_ < duration_us_; now_ += rng.around(mean) + 1) change_members();
}

void Planner::change_members() {
  Rng& rng = members_rng_;
  const bool damage = has(kFaultFlip) || has(kFaultLostDisk);  // a group of three and more survives it
  const uint64_t least = damage ? std::min(nodes_, 3u) : 1;
  const uint64_t size = rng.between(least, std::min(nodes_, 5u));
  uint64_t mask = 0, chosen = 0;
  uint32_t first = 0;
  while (chosen < size) {
    const auto node = static_cast<uint32_t>(rng.between(1, nodes_));
    if ((mask >> node & 1) != 0) continue;
    if (chosen++ == 0) first = node;
    mask |= uint64_t{1} << node;
  }
  add(FaultType::kMembers, first, static_cast<uint32_t>(rng.between(1, nodes_)), 0, mask);
}

void Planner::files() {
  constexpr std::pair<uint32_t, FaultType> kKinds[] = {{kFaultWriteError, FaultType::kWriteError},
                                                       {kFaultShortWrite, FaultType::kShortWrite},
                                                       {kFaultPowerAtSync, FaultType::kPowerAtSync},
                                                       {kFaultWriteBack, FaultType::kWriteBack}};
  Rng& rng = files_rng_;
  for (const auto& [kind, type] : kKinds) {
    const uint64_t mean = rng.between(2 * kS, 20 * kS);
    if (!has(kind)) continue;
    for (now_ = rng.around(mean); now_ < duration_us_; now_ += rng.around(mean) + 1) {
      const auto node = static_cast<uint32_t>(rng.between(1, nodes_));
      const uint64_t amount = type == FaultType::kPowerAtSync ? rng.between(2, 21) : 0;
      add(type, node, 0, rng.between(kMs, 3 * kS), amount);
    }
  }
}

void Planner::flip() {
  if (damage_left_) add(FaultType::kFlip, damaged_, 0, 0, rng_.next() >> 1);
  damage_left_ = false;
}

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

Plan draw_plan(uint64_t seed, uint32_t nodes, uint64_t duration_ns, uint32_t kinds) {
  if (kinds == 0) return {};
  return Planner(seed, nodes, duration_ns / 1'000, kinds).draw();
}

}  // namespace chronik::sim
