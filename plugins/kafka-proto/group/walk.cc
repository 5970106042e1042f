#include "kafka-proto/group/walk.h"

#include <utility>

namespace chronik::kafka {
namespace {

struct Walk {
  const Host host;
  const std::shared_ptr<Partition> partition;
  std::string from;  // the next one
  const GroupVisit visit;
  const std::function<void(bool)> done;
};

void go_on(const std::shared_ptr<Walk>& walk) {
  auto* const groups = static_cast<GroupShard*>(walk->partition->observers().find(GroupShard::kSection));
  if (groups == nullptr || !groups->leads()) return walk->done(false);
  const group::GroupTable::Map& all = groups->table().groups();
  const auto first = all.lower_bound(walk->from);
  const auto end = groups->table().slice_end(first);
  for (auto each = first; each != end; ++each)
    if (!walk->visit(*groups, each->first, each->second)) return walk->done(true);
  if (end == all.end()) return walk->done(true);
  walk->from = end->first;
  walk->host.post(walk->partition->shard(), [walk] { go_on(walk); });
}

}  // namespace

void walk_groups(const Host& host, const std::shared_ptr<Partition>& partition, std::string from,
                 GroupVisit visit, std::function<void(bool)> done) {
  go_on(std::make_shared<Walk>(host, partition, std::move(from), std::move(visit), std::move(done)));
}

}  // namespace chronik::kafka
