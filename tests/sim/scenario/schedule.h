// What goes wrong in one run, and when: an explicit list, so that a run can be repeated with less of it.
#pragma once

#include <chronik/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chronik::sim {

// What one line of a schedule does. `peer`, `lasts_us` and `amount` mean what the comment says.
enum class FaultType : uint8_t {
  kCrash,        // kill -9 of a node; it starts again after lasts
  kPower,        // power loss of a node, which starts again after lasts; amount 1: peers are not told at once
  kCrashStorm,   // kill -9 and power loss of a node in turn, every `amount` us
  kStop,         // clean stop, and start again
  kPause,        // the node stands still
  kBlock,        // frames from node to peer vanish
  kFlap,         // frames between node and peer vanish every other `amount` us
  kSilence,      // from now on a blocked link is noticed after lasts
  kReset,        // the connection between node and peer breaks and comes back
  kResetStorm,   // every connection of the node breaks, again and again every `amount` us
  kLoss,         // `amount` of a million frames vanish; this and the next three until the end of the faults
  kDuplicate,    // ... come twice
  kReorder,      // ... overtake those before them in their lane
  kDelay,        // frames take `amount` us on average
  kSplit,        // `amount` of a million pieces of a client connection come in two
  kSyncCost,     // a sync of the node's disk takes `amount` us on average, until the end
  kSlowDisk,     // each sync takes `amount` us more
  kStallDisk,    // nothing that the disk is asked for ends before
  kDiskFull,     // the disk takes `amount` more bytes, then no more
  kSyncError,    // the next sync fails once; the node restarts after lasts, as by a power loss
  kFlip,         // one durable bit flips; `amount` says which
  kClockRate,    // the node's clock runs at `amount` millionths of the true speed, until the end
  kWallClock,    // the node's wall clock jumps to `amount` ms after the true time
  kClientReset,  // connections of clients to the node break
  kClientCut,    // clients and the node do not reach one another
  kMembers,      // group number `peer` is to consist of the nodes whose bits `amount` has, node the preferred
                 // leader
  kSpare,        // the node is not there yet: it starts when it replaces another one, or when the faults end
  kLostDisk,     // the node's disk is lost, and its identity with it; `peer`, a new node, replaces it after
                 // lasts
  kWriteError,   // the next write to a file of the node fails once; the node restarts after lasts, as by kill
                 // -9
  kShortWrite,   // likewise, a part of it is written
  kPowerAtSync,  // power loss of the node at its sync number `amount` / 2 from now: just before that has
                 // ended where amount is even, else just behind; it starts again after lasts
  kWriteBack,  // what no sync has covered is lost for lack of space; the node restarts after lasts, as by a power loss
};

struct Fault {
  uint64_t at_us = 0;
  FaultType type = FaultType::kCrash;
  uint32_t node = 0;
  uint32_t peer = 0;
  uint64_t lasts_us = 0;
  int64_t amount = 0;

  friend bool operator==(const Fault&, const Fault&) = default;
};

// Ascending by time.
using Schedule = std::vector<Fault>;

// "12.500000 block node=1 peer=2 lasts=3.000000"
std::string to_text(const Fault& fault);
// Joined by `separator`; "none" where there is nothing.
std::string to_text(const Schedule& schedule, std::string_view separator);
// Faults separated by ';' or line ends; "none" or empty: no fault. '#' begins a comment.
Result<Schedule> parse_schedule(std::string_view text);

}  // namespace chronik::sim
