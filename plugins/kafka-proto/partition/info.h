// PartitionInfo: what a partition is called, and what the catalog says of it. Any shard.
#pragma once

#include <chronik/abi.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kafka-proto/configs/topic_config.h"
#include "kafka-proto/partition/members.h"

namespace chronik::kafka {

struct PartitionId {
  chr_uuid topic;
  int32_t index;
  std::string topic_name;
};

class PartitionInfo {
 public:
  PartitionInfo(PartitionId id, PartitionMembers members, std::shared_ptr<const TopicConfig> config);

  const PartitionId& id() const { return id_; }
  const std::string& group_name() const { return group_name_; }
  // Nothing: no partition's group is named so.
  static std::optional<chr_uuid> topic_of_group(std::string_view group);
  // As logs call it, such as "orders/3".
  const std::string& label() const { return label_; }

  // The configs of the topic as of the last change.
  std::shared_ptr<const TopicConfig> config() const { return config_.load(); }
  void set_config(std::shared_ptr<const TopicConfig> config) { config_.store(std::move(config)); }
  std::shared_ptr<const PartitionMembers> members() const { return members_.load(); }
  void set_members(PartitionMembers members) {
    members_.store(std::make_shared<const PartitionMembers>(std::move(members)));
  }

 private:
  const PartitionId id_;
  const std::string group_name_;
  const std::string label_;
  std::atomic<std::shared_ptr<const TopicConfig>> config_;
  std::atomic<std::shared_ptr<const PartitionMembers>> members_;
};

}  // namespace chronik::kafka
