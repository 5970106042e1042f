// Draws the schedule of a run from its seed: which faults it has, how dense, where and when. The draw knows
// nothing of what the cluster does, so that a schedule can be replayed in part.
#pragma once

#include "sim/scenario/schedule.h"

#include <chronik/result.hpp>

#include <string>
#include <string_view>

namespace chronik::sim {

// What can be asked for on the command line.
enum FaultKind : uint32_t {
  kFaultCrash = 1,      // kill -9 of one node, of several, or of all; they start again
  kFaultPower = 2,      // power loss, likewise: unsynced writes go
  kFaultPartition = 4,  // two-way, one-way, isolation, halves, bridges, rings, flapping links
  kFaultReset = 8,      // connections break and come back, once or in storms
  kFaultLoss = 16,      // frames vanish
  kFaultDuplicate = 32,
  kFaultReorder = 64,  // within a lane
  kFaultDelay = 128,   // slow links
  kFaultPause = 256,   // a node stands still
  kFaultSlowDisk = 512,
  kFaultClient = 1024,    // clients lose a node or their connections
  kFaultStop = 2048,      // clean stop and start
  kFaultClock = 4096,     // clocks that run fast or slow, or jump
  kFaultDiskFull = 8192,  // a disk takes nothing more for a while
  kFaultStallDisk = 1u << 14,
  kFaultSyncError = 1u << 15,
  kFaultFlip = 1u << 16,     // a bit of a minority of the disks
  kFaultMembers = 1u << 17,  // groups get other members
  kFaultLostDisk =
      1u << 18,  // a node loses its disk, and a new one takes its place; where there are four or more
  // Drawn apart from the others, so that these did not change when they came.
  kFaultWriteError = 1u << 19,
  kFaultShortWrite = 1u << 20,
  kFaultPowerAtSync = 1u << 21,
  kFaultWriteBack = 1u << 22,
};
constexpr uint32_t kAllFaults = (1u << 23) - 1;
constexpr uint32_t kFileFaults = kFaultWriteError | kFaultShortWrite | kFaultPowerAtSync | kFaultWriteBack;
// Links promise to keep the order within a lane.
constexpr uint32_t kDefaultFaults = kAllFaults & ~kFaultReorder;

// "crash,power", "default", "all", "none".
Result<uint32_t> parse_faults(std::string_view text);
std::string faults_text(uint32_t kinds);

struct Plan {
  Schedule schedule;
  uint32_t kinds = 0;  // of those asked for, what this run has
};
Plan draw_plan(uint64_t seed, uint32_t nodes, uint64_t duration_ns, uint32_t kinds);

}  // namespace chronik::sim
