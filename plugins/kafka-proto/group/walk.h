// A walk over the groups of a partition that this node leads, for those who list them: some in each turn of the shard.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "kafka-proto/group/shard.h"

namespace chronik::kafka {

// False: that is enough, the rest is not visited.
using GroupVisit =
    std::function<bool(const GroupShard& groups, const std::string& id, const group::Group& group)>;

// On the shard of the partition: visits in the order of their ids, `from` or what follows it first, the first ones within
// the call; then done(true), or done(false) where this node does not lead, or does not any more. Those that come and go
// meanwhile are visited or not. Of several partitions one after the other (one_by_one): a turn has time for one slice.
void walk_groups(const Host& host, const std::shared_ptr<Partition>& partition, std::string from,
                 GroupVisit visit, std::function<void(bool)> done);

}  // namespace chronik::kafka
