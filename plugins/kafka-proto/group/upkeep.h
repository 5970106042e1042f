// GroupUpkeep: what a shard forgets of its groups where it leads, by passes over all of them: offsets whose retention is
// over, every now and then, and those of topics that were deleted. Of a topic that was deleted while this node did not
// lead nobody tells: two passes that do not find it in the catalog do.
#pragma once

#include <memory>
#include <string>

#include "kafka-proto/cluster/services.h"
#include "kafka-proto/configs/group_config.h"
#include "kafka-proto/group/deleted_topics.h"
#include "kafka-proto/group/pass.h"
#include "kafka-proto/group/topic_feed.h"

namespace chronik::kafka {

class GroupShard;

// From begin_leading() to end_leading(). All outlive it.
class GroupUpkeep {
 public:
  GroupUpkeep(GroupShard* groups, TimerWheel& timers, const GroupConfig& config, const TopicFeed& topics,
              Services& services);
  GroupUpkeep(const GroupUpkeep&) = delete;
  GroupUpkeep& operator=(const GroupUpkeep&) = delete;

  // What was committed of them goes.
  void forget_topics(const DeletedTopics& topics);

 private:
  void expire_offsets(const std::string& id, GroupPass::Done done);
  void forget_unknown();
  void begin_forgetting();
  void forget_deleted(const std::string& id, const group::Group& group, GroupPass::Done done);

  GroupShard& groups_;
  const GroupConfig& config_;
  const TopicFeed& topics_;
  Services& services_;
  GroupPass expiry_;
  // Topics with offsets that the catalog did not know in this pass so far, and in the one before.
  DeletedTopics unknown_, unknown_before_;
  GroupPass forgetting_;
  std::shared_ptr<const DeletedTopics> deleted_;  // that this pass forgets
  DeletedTopics next_deleted_;                    // that the next one does
  const std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace chronik::kafka
