// The rules of consumer groups: the broker's, and those of groups that are set to something of their own.
#include "kafka-proto/group/group_rules.h"

#include <gtest/gtest.h>

#include <utility>

#include "kafka-proto/configs/dynamic_group_configs.h"

namespace chronik::kafka::testing {
namespace {

GroupConfig some_config() {
  GroupConfig config;
  config.consumer.session_timeout_ms = 50'000;
  config.consumer.heartbeat_interval_ms = 7'000;
  config.consumer.assignment_interval_ms = 2'000;
  config.consumer.regex_refresh_interval_ms = 20'000;
  config.consumer.max_size = 3;
  config.consumer.assignors = {"mine"};
  config.consumer.migration = GroupMigration::kUpgrade;
  config.classic.max_size = 4;
  return config;
}

TEST(GroupRules, AreWhatTheBrokerSays) {
  const group::ConsumerGroupRules expected = {.session_timeout_ms = 50'000,
                                              .heartbeat_interval_ms = 7'000,
                                              .assignment_interval_ms = 2'000,
                                              .regex_refresh_interval_ms = 20'000,
                                              .max_size = 3,
                                              .classic_max_size = 4,
                                              .assignors = {"mine"},
                                              .may_upgrade = true,
                                              .may_downgrade = false};
  EXPECT_EQ(GroupRules(some_config()).of("g"), expected);
}

TEST(GroupRules, EachConfigOfAGroupActsOnItAlone) {
  for (const GroupConfigEntry& entry : group_config_table()) {
    GroupRules rules(some_config());
    rules.set("g", entry.name, std::to_string(some_config().consumer.*entry.max));
    EXPECT_FALSE(rules.of("g") == rules.of("other")) << entry.name;
    EXPECT_EQ(rules.of("other"), GroupRules(some_config()).of("g")) << entry.name;
  }
}

TEST(GroupRules, AreWithinTheBoundsOfTheBroker) {
  GroupRules rules(some_config());
  rules.set("low", "consumer.session.timeout.ms", "1");
  rules.set("high", "consumer.session.timeout.ms", " 2147483647 ");
  rules.set("none", "consumer.session.timeout.ms", "many");
  rules.set("none", "consumer.of.a.newer.build", "50000");
  EXPECT_EQ(rules.of("low").session_timeout_ms, 45'000);
  EXPECT_EQ(rules.of("high").session_timeout_ms, 60'000);
  EXPECT_EQ(rules.of("none"), rules.of("g"));
}

TEST(GroupRules, NamesTheGroupsThatHaveOthersThanBefore) {
  GroupRules before(some_config()), after(some_config());
  before.set("gone", "consumer.session.timeout.ms", "60000");
  for (GroupRules* each : {&before, &after}) each->set("same", "consumer.session.timeout.ms", "60000");
  before.set("other", "consumer.session.timeout.ms", "60000");
  after.set("other", "consumer.session.timeout.ms", "59000");
  after.set("new", "consumer.session.timeout.ms", "60000");
  EXPECT_EQ(after.changed_since(before), (std::vector<std::string>{"new", "other", "gone"}));
}

}  // namespace
}  // namespace chronik::kafka::testing
