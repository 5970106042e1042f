// What happened, as one hash over every event: two runs of a seed must agree on it.
#pragma once

#include "sim/base/digest.h"

#include <cstdint>
#include <string_view>

namespace chronik::sim {

enum class Kind : uint8_t {
  kPost = 1,
  kTimer,
  kJob,
  kDone,
  kFrame,
  kLink,
  kAccept,
  kBytes,
  kDrained,
  kClosed,
  kBoot,
  kCrash,
  kStop,
  kLog,
  kFault,
  kClient,
  kWork,
  kDisk
};
std::string_view name_of(Kind kind);

class Trace {
 public:
  // Node 0 is the harness. Times are virtual nanoseconds.
  void note(uint64_t now, uint32_t node, Kind kind, uint64_t what) {
    hash_ = fold(hash_ ^ now, (what ^ 0xa0761d6478bd642full) +
                                  (static_cast<uint64_t>(node) << 8 | static_cast<uint64_t>(kind)));
    ++events_;
    if (printing_) print(now, node, kind, what);
  }
  void print_to_stderr(bool on) { printing_ = on; }
  bool printing() const { return printing_; }
  uint64_t hash() const { return hash_; }
  uint64_t events() const { return events_; }

 private:
  void print(uint64_t now, uint32_t node, Kind kind, uint64_t what) const;

  uint64_t hash_ = 0x243f6a8885a308d3ull;
  uint64_t events_ = 0;
  bool printing_ = false;
};

}  // namespace chronik::sim
