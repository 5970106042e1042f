#include "kafka-proto/group/group_rules.h"

#include <array>
#include <optional>
#include <utility>

#include "kafka-proto/configs/dynamic_group_configs.h"

namespace chronik::kafka {
namespace {

constexpr size_t kMaxRecordsAtOnce = 1000;  // in a turn of the shard

struct Field {
  std::string_view config;
  int32_t group::ConsumerGroupRules::* value;
};
constexpr std::array kFields = {
    Field{"consumer.assignment.interval.ms", &group::ConsumerGroupRules::assignment_interval_ms},
    Field{"consumer.heartbeat.interval.ms", &group::ConsumerGroupRules::heartbeat_interval_ms},
    Field{"consumer.session.timeout.ms", &group::ConsumerGroupRules::session_timeout_ms},
};

}  // namespace

group::ConsumerGroupRules consumer_group_rules(const GroupConfig& config) {
  const GroupMigration migration = config.consumer.migration;
  group::ConsumerGroupRules out;
  out.session_timeout_ms = config.consumer.session_timeout_ms;
  out.heartbeat_interval_ms = config.consumer.heartbeat_interval_ms;
  out.assignment_interval_ms = config.consumer.assignment_interval_ms;
  out.regex_refresh_interval_ms = config.consumer.regex_refresh_interval_ms;
  out.max_size = config.consumer.max_size;
  out.classic_max_size = config.classic.max_size;
  out.assignors = config.consumer.assignors;
  out.may_upgrade = migration == GroupMigration::kUpgrade || migration == GroupMigration::kBidirectional;
  out.may_downgrade = migration == GroupMigration::kDowngrade || migration == GroupMigration::kBidirectional;
  return out;
}

void GroupRules::set(std::string_view group, std::string_view config, std::string_view value) {
  const std::optional<int32_t> number = effective_group_config(config, value, broker_);
  if (!number.has_value()) return;
  for (const Field& field : kFields)
    if (field.config == config)
      own_.try_emplace(std::string(group), rules_).first->second.*field.value = *number;
}

std::vector<std::string> GroupRules::changed_since(const GroupRules& before) const {
  std::vector<std::string> out;
  for (const auto& [group, rules] : own_)
    if (!(rules == before.of(group))) out.push_back(group);
  for (const auto& [group, rules] : before.own_)
    if (!own_.contains(group)) out.push_back(group);
  return out;
}

// Those who are told may come and go meanwhile.
void RulesFeed::show(Rules rules, const std::vector<std::string>& changed) {
  rules_ = std::move(rules);
  std::vector<const void*> told;
  for (const auto& [who, fn] : followers_) told.push_back(who);
  for (const void* who : told)
    if (const auto found = followers_.find(who); found != followers_.end()) Changed(found->second)(changed);
}

// ---- from the catalog ----

struct GroupRulesReader::Reading {
  Reading(Services& services, const GroupConfig& config)
      : count(services), catalog(services), rules(std::make_shared<GroupRules>(config)) {}
  CallCount count;  // a stop waits for it
  const Catalog catalog;
  std::shared_ptr<GroupRules> rules;
  std::string from;  // the key that is next
};

GroupRulesReader::GroupRulesReader(Services& services, const GroupConfig& config)
    : services_(services),
      config_(config),
      shown_(std::make_shared<const GroupRules>(config)),
      feeds_(services.host.shard_count(), RulesFeed(shown_)) {}

void GroupRulesReader::start() {
  if (const auto& records = services_.records; records.table != nullptr)
    records.table->watch(records.self, to_abi(kGroupConfigSpace), changed, this);
}

void GroupRulesReader::stop() {
  reading_ = nullptr;
  if (const auto& records = services_.records; records.table != nullptr)
    records.table->unwatch(records.self, changed, this);
}

void GroupRulesReader::changed(void* self) {
  auto& reader = *static_cast<GroupRulesReader*>(self);
  reader.again_ = reader.reading_ != nullptr;
  if (!reader.again_) reader.read();
}

void GroupRulesReader::read() {
  reading_ = std::make_shared<Reading>(services_, config_);
  read_part(reading_);
}

void GroupRulesReader::read_part(const std::shared_ptr<Reading>& reading) {
  if (reading != reading_) return;  // it was stopped
  const auto records = reading->catalog.records_from(kGroupConfigSpace, reading->from, kMaxRecordsAtOnce);
  for (const auto& [key, value] : records) {
    const size_t slash = key.find('/');
    if (slash != std::string_view::npos)
      reading->rules->set(key.substr(slash + 1), key.substr(0, slash), value);
  }
  if (records.size() == kMaxRecordsAtOnce) {
    reading->from = std::string(records.back().first) + '\0';
    return services_.host.post(0, [this, reading] { read_part(reading); });
  }
  show(std::exchange(reading_, nullptr)->rules);
  if (std::exchange(again_, false)) read();
}

void GroupRulesReader::show(const RulesFeed::Rules& rules) {
  const auto changed = std::make_shared<const std::vector<std::string>>(rules->changed_since(*shown_));
  shown_ = rules;
  if (changed->empty()) return;
  for (uint32_t shard = 0; shard < feeds_.size(); ++shard)
    services_.host.post(shard, [this, shard, rules, changed] { feeds_[shard].show(rules, *changed); });
}

}  // namespace chronik::kafka
