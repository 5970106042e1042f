// GroupRules: the rules of consumer groups: the broker's, and of groups that are set to something of their own (GROUP
// configs) theirs. Read from the catalog on shard 0, in parts, and shown to each shard.
#pragma once

#include <chronik/draft/records.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kafka-proto/cluster/catalog.h"
#include "kafka-proto/configs/group_config.h"
#include "kafka-proto/group/core/consumer_context.h"

namespace chronik::kafka {

group::ConsumerGroupRules consumer_group_rules(const GroupConfig& config);

class GroupRules {
 public:
  explicit GroupRules(const GroupConfig& config)
      : broker_(config.consumer), rules_(consumer_group_rules(config)) {}

  const group::ConsumerGroupRules& of(std::string_view group) const {
    const auto found = own_.find(group);
    return found == own_.end() ? rules_ : found->second;
  }
  void set(std::string_view group, std::string_view config, std::string_view value);
  // The groups that have others than before.
  std::vector<std::string> changed_since(const GroupRules& before) const;

 private:
  ConsumerGroupConfig broker_;
  group::ConsumerGroupRules rules_;
  std::map<std::string, group::ConsumerGroupRules, std::less<>> own_;
};

// The rules that count on one shard, and whom to tell of which groups they changed. On its shard.
class RulesFeed {
 public:
  using Rules = std::shared_ptr<const GroupRules>;
  using Changed = std::function<void(const std::vector<std::string>& groups)>;

  explicit RulesFeed(Rules rules) : rules_(std::move(rules)) {}

  const group::ConsumerGroupRules& of(std::string_view group) const { return rules_->of(group); }
  void show(Rules rules, const std::vector<std::string>& changed);
  // changed() from the next ones on.
  void follow(const void* who, Changed changed) { followers_[who] = std::move(changed); }
  void unfollow(const void* who) { followers_.erase(who); }

 private:
  Rules rules_;
  std::map<const void*, Changed> followers_;
};

class GroupRulesReader {
 public:
  GroupRulesReader(Services& services, const GroupConfig& config);
  GroupRulesReader(const GroupRulesReader&) = delete;
  GroupRulesReader& operator=(const GroupRulesReader&) = delete;

  RulesFeed& feed(uint32_t shard) { return feeds_[shard]; }
  // Shard 0. Between the two it follows the catalog.
  void start();
  void stop();

 private:
  struct Reading;

  static void changed(void* self);
  void read();
  void read_part(const std::shared_ptr<Reading>& reading);
  void show(const RulesFeed::Rules& rules);

  Services& services_;
  const GroupConfig& config_;
  RulesFeed::Rules shown_;
  std::vector<RulesFeed> feeds_;      // by shard
  std::shared_ptr<Reading> reading_;  // null: none is under way
  bool again_ = false;                // what it reads has changed meanwhile
};

}  // namespace chronik::kafka
