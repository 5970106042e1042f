// Upkeep: how far the leader of a partition is with what goes through all its groups. That is done in parts, each a turn of
// the shard, since there may be a hundred thousand groups.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "kafka-proto/coordinator/timers.h"
#include "kafka-proto/group/deleted_topics.h"

namespace chronik::kafka {

struct Upkeep {
  Upkeep(TimerWheel& timers, Timer::Fire run_pass, Timer::Fire run_deletions, void* shard)
      : pass{Timer(timers, run_pass, shard), {}}, deletion{Timer(timers, run_deletions, shard), {}} {}

  struct Walk {
    Timer timer;
    std::string from;  // the group that is next
  };
  Walk pass;  // offsets expire
  // Topics with offsets that the catalog did not know in this pass so far, and in the one before. A topic that was deleted
  // while this node did not lead is told of by nobody.
  DeletedTopics unknown, unknown_before;
  Walk deletion;                                               // offsets go whose topics were deleted
  std::deque<std::shared_ptr<const DeletedTopics>> deletions;  // one walk each
};

}  // namespace chronik::kafka
