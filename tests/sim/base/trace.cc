#include "sim/base/trace.h"

#include <fmt/format.h>

namespace chronik::sim {

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::kPost:
      return "post";
    case Kind::kTimer:
      return "timer";
    case Kind::kJob:
      return "job";
    case Kind::kDone:
      return "done";
    case Kind::kFrame:
      return "frame";
    case Kind::kLink:
      return "link";
    case Kind::kAccept:
      return "accept";
    case Kind::kBytes:
      return "bytes";
    case Kind::kDrained:
      return "drained";
    case Kind::kClosed:
      return "closed";
    case Kind::kBoot:
      return "boot";
    case Kind::kCrash:
      return "crash";
    case Kind::kStop:
      return "stop";
    case Kind::kLog:
      return "log";
    case Kind::kFault:
      return "fault";
    case Kind::kClient:
      return "client";
    case Kind::kWork:
      return "work";
    case Kind::kDisk:
      return "disk";
  }
  return "?";
}

void Trace::print(uint64_t now, uint32_t node, Kind kind, uint64_t what) const {
  fmt::print(stderr, "{:>14}.{:03} node={} {} {:016x} -> {:016x}\n", now / 1000, now % 1000, node,
             name_of(kind), what, hash_);
}

}  // namespace chronik::sim
