// Breaks things at random, and mends them: which faults a run has, and how dense, is drawn from its seed.
#pragma once

#include "sim/host/cluster.h"

#include <chronik/result.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace chronik::sim {

enum FaultKind : uint32_t {
  kFaultCrash = 1,      // kill -9 of one node; it starts again
  kFaultPower = 2,      // power loss of one node, of several, or of all: unsynced writes go
  kFaultPartition = 4,  // two-way, one-way, isolation of one node
  kFaultReset = 8,      // connections break and come back
  kFaultLoss = 16,      // frames vanish
  kFaultDuplicate = 32,
  kFaultReorder = 64,  // within a lane
  kFaultDelay = 128,   // slow links
  kFaultPause = 256,   // a node stands still
  kFaultSlowDisk = 512,
  kFaultClient = 1024,    // clients lose a node or their connections
  kFaultStop = 2048,      // clean stop and start
  kFaultClock = 4096,     // clocks that run fast or slow
  kFaultDiskFull = 8192,  // a disk takes nothing more for a while
};
constexpr uint32_t kAllFaults = 16383;
constexpr uint32_t kDefaultFaults = kAllFaults & ~kFaultReorder & ~kFaultDiskFull;

// "crash,power", "default", "all", "none".
Result<uint32_t> parse_faults(std::string_view text);
std::string faults_text(uint32_t kinds);

class Faults {
 public:
  // Draws which of `kinds` this run has.
  Faults(Cluster& cluster, uint32_t kinds);

  void begin();
  // No more faults; what is broken is mended, what is down starts.
  void end();
  uint64_t injected() const { return injected_; }
  uint32_t enabled() const { return enabled_; }

 private:
  void step();
  void crash(bool power);
  void partition();
  void power_cycle(uint32_t node, bool power, uint64_t down_for);
  void note(std::string_view what);
  uint32_t any_node() { return static_cast<uint32_t>(rng_.between(1, cluster_.size())); }
  // Times from "at once" to "long after every timeout".
  uint64_t some_time();

  Cluster& cluster_;
  World& world_;
  Rng rng_;
  uint32_t enabled_ = 0;
  uint64_t mean_ns_ = 0;
  bool over_ = false;
  uint64_t injected_ = 0;
  uint64_t epoch_ = 0;  // of the network's faults: an older end does not undo a newer fault
};

}  // namespace chronik::sim
