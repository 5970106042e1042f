// GroupUpkeep: what a shard forgets of its groups where it leads, by passes over all of them: offsets whose retention is
// over, every now and then, and those of topics that were deleted.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kafka-proto/configs/group_config.h"
#include "kafka-proto/group/pass.h"

namespace chronik::kafka {

class GroupShard;

// From begin_leading() to end_leading(). All outlive it.
class GroupUpkeep {
 public:
  GroupUpkeep(GroupShard* groups, TimerWheel& timers, const GroupConfig& config);
  GroupUpkeep(const GroupUpkeep&) = delete;
  GroupUpkeep& operator=(const GroupUpkeep&) = delete;

  void forget_topic(const std::string& topic, const chr_uuid& id);

 private:
  using Topics = std::map<std::string, std::vector<chr_uuid>, std::less<>>;

  void expire_offsets(const std::string& id, GroupPass::Done done);
  void begin_forgetting();
  void forget_topics(const std::string& id, const group::Group& group, GroupPass::Done done);

  GroupShard& groups_;
  const GroupConfig& config_;
  GroupPass expiry_;
  GroupPass forgetting_;
  std::shared_ptr<const Topics> topics_;  // that this pass forgets
  Topics next_topics_;                    // that the next one does
};

}  // namespace chronik::kafka
