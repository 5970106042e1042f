#include "sim/workload/offset_tool.h"

#include <algorithm>
#include <utility>

namespace chronik::sim {

OffsetTool::OffsetTool(GroupParts& parts, std::string name, std::vector<std::string> groups,
                       uint64_t pause_ns)
    : parts_(parts),
      name_(std::move(name)),
      groups_(std::move(groups)),
      pause_ns_(pause_ns),
      client_(parts, name_),
      rng_(parts.world().stream("tool " + name_)) {
  for (uint32_t i = 0; i < parts.partitions; ++i) all_.push_back(static_cast<int32_t>(i));
}

void OffsetTool::later() {
  World& world = parts_.world();
  world.loop.call(world.now() + pause_ns_ / 2 + rng_.below(pause_ns_ + 1), [this] {
    step();
    later();
  });
}

void OffsetTool::step() {
  const bool commits = !winding_down_ && rng_.chance(0.5);
  const std::string group = commits ? std::string(kSimpleGroup) : groups_[rng_.below(groups_.size())];
  if (client_.coordinator(group) == 0) return client_.find(group, [] {});
  if (!commits) return look(group);
  const auto partition = static_cast<int32_t>(rng_.below(parts_.partitions));
  commit_offset(parts_, client_, parts_.key(group, partition), parts_.topic, parts_.topic_id, {});
}

void OffsetTool::look(const std::string& group) {
  const bool is_quiet = winding_down_ && parts_.offsets.is_quiet();
  fetch_offsets(parts_, client_, {group, parts_.topic, parts_.topic, parts_.topic_id, all_},
                [this, group, is_quiet](uint32_t node) {
                  if (is_quiet && node != 0 && parts_.leads(group, node)) seen_.insert(group);
                });
}

}  // namespace chronik::sim
