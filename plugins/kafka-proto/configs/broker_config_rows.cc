#include "kafka-proto/configs/broker_config_rows.h"

#include <chronik/draft/config_origin.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "kafka-proto/configs/dynamic_configs.h"
#include "kafka-proto/configs/topic_config.h"

namespace chronik::kafka {
namespace {

using Row = BrokerConfigRow;

constexpr std::array<std::string_view, 3> kRetention = {"log.retention.ms", "log.retention.minutes",
                                                        "log.retention.hours"};
constexpr std::array<std::string_view, 2> kRoll = {"log.roll.ms", "log.roll.hours"};
constexpr std::array<std::string_view, 2> kJitter = {"log.roll.jitter.ms", "log.roll.jitter.hours"};
constexpr std::array<std::string_view, 2> kFlush = {"log.flush.interval.ms",
                                                    "log.flush.scheduler.interval.ms"};

// The defaults of what a topic config comes from in another unit, which has none itself.
constexpr std::array kUnits = {
    Row{"log.flush.scheduler.interval.ms", ConfigType::kLong, "9223372036854775807", {}, "As flush.ms."},
    Row{"log.retention.hours", ConfigType::kInt, "168", {}, "As retention.ms, in hours."},
    Row{"log.retention.minutes", ConfigType::kInt, {}, {}, "As retention.ms, in minutes."},
    Row{"log.roll.hours", ConfigType::kInt, "168", {}, "As segment.ms, in hours."},
    Row{"log.roll.jitter.hours", ConfigType::kInt, "0", {}, "As segment.jitter.ms, in hours."},
};

// As Kafka, which shows them where they are set.
constexpr std::array kRates = {
    Row{kFollowerRate,
        ConfigType::kLong,
        {},
        {},
        "Bytes a second that throttled replicas on this node get.",
        true},
    Row{kLeaderRate, ConfigType::kLong, {}, {}, "Bytes a second that throttled replicas here send.", true},
};

class Rows {
 public:
  Rows(const ConfigSources& sources, Texts& texts)
      : host_(sources.services.host),
        texts_(texts),
        origin_(host_.find<chr_config_origin_v1>(CHR_CONFIG_ORIGIN_ID)) {}

  void always(std::string_view name, ConfigType type, std::string value, std::string_view doc) {
    rows_.push_back({name, type, std::nullopt, texts_.keep(std::move(value)), doc});
  }
  void fixed(std::string_view name, ConfigType type, std::string_view value, std::string_view doc) {
    rows_.push_back({name, type, value, std::nullopt, doc});
  }
  // What a key of [kafka] says; `usual` is its default.
  void of_key(std::string_view key, std::string_view name, ConfigType type, std::string_view usual,
              std::string value, std::string_view doc) {
    const std::string_view kept = texts_.keep(std::move(value));
    if (is_given(key)) {
      rows_.push_back({name, type, usual, kept, doc});
    } else {
      rows_.push_back({name, type, kept, std::nullopt, doc});
    }
  }
  void add(const Row& row) { rows_.push_back(row); }
  std::vector<Row> sorted() {
    std::ranges::sort(rows_, {}, &Row::name);
    return std::move(rows_);
  }

 private:
  bool is_given(std::string_view key) const {
    return origin_ != nullptr && origin_->is_given(host_.self(), to_abi(key)) != 0;
  }

  const Host& host_;
  Texts& texts_;
  const chr_config_origin_v1* origin_;
  std::vector<Row> rows_;
};

std::string listeners(const Host& host) {
  std::string out;
  std::string_view text;
  for (uint32_t i = 0; host.config_string_at("listen", i, &text); ++i)
    out += fmt::format("{}PLAINTEXT://{}", i == 0 ? "" : ",", text);
  return out;
}

std::string advertised(const ConfigSources& sources) {
  const std::shared_ptr<const Address> address = sources.advertised.load();
  if (address == nullptr) return {};
  const bool is_v6 = address->host.find(':') != std::string::npos;
  return fmt::format("PLAINTEXT://{}{}{}:{}", is_v6 ? "[" : "", address->host, is_v6 ? "]" : "",
                     address->port);
}

void add_node(const ConfigSources& sources, Rows& rows) {
  const chr_node_info& node = sources.services.host.node();
  rows.always("broker.id", ConfigType::kInt, std::to_string(node.id), "The id of this node (node_id).");
  rows.always("node.id", ConfigType::kInt, std::to_string(node.id), "The id of this node (node_id).");
  constexpr std::string_view kRack = "Where this node stands (rack); replicas are spread over racks.";
  if (node.rack.n != 0) {
    rows.always("broker.rack", ConfigType::kString, std::string(from_abi(node.rack)), kRack);
  } else {
    rows.add({"broker.rack", ConfigType::kString, std::nullopt, std::nullopt, kRack});
  }
  rows.fixed("delete.topic.enable", ConfigType::kBoolean, "true", "Topics can be deleted.");
  rows.fixed("controlled.shutdown.enable", ConfigType::kBoolean, "true",
             "A node that stops hands over what it leads.");
  rows.fixed("authorizer.class.name", ConfigType::kString, "", "There is no authorizer: everybody may.");
}

void add_keys(const ConfigSources& sources, Rows& rows) {
  const BrokerConfig& config = sources.config;
  rows.of_key("listen", "listeners", ConfigType::kList, "PLAINTEXT://127.0.0.1:9092",
              listeners(sources.services.host), "Where clients connect (kafka.listen).");
  rows.of_key("advertise", "advertised.listeners", ConfigType::kList, "PLAINTEXT://127.0.0.1:9092",
              advertised(sources), "What clients are told (kafka.advertise; default: the first listener).");
  rows.of_key("auto_create_topics", "auto.create.topics.enable", ConfigType::kBoolean, "true",
              config.auto_create_topics ? "true" : "false",
              "Whether asking for the metadata of an unknown topic creates it (kafka.auto_create_topics).");
  rows.of_key("default_partitions", "num.partitions", ConfigType::kInt, "1",
              std::to_string(config.default_partitions),
              "Partitions of a topic that is created without a number (kafka.default_partitions).");
  rows.of_key("default_replication_factor", "default.replication.factor", ConfigType::kInt, "3",
              std::to_string(default_replicas(sources.services, config, Catalog(sources.services))),
              "Replicas of a topic that is created without a number (kafka.default_replication_factor).");
  rows.of_key("max_request_size", "socket.request.max.bytes", ConfigType::kInt, "104857600",
              std::to_string(config.max_request_bytes),
              "The largest request that is accepted (kafka.max_request_size).");
  rows.of_key("queued_max_request_bytes", "queued.max.request.bytes", ConfigType::kLong, "67108864",
              std::to_string(config.queued_max_request_bytes),
              "What large requests take over all connections until they are answered "
              "(kafka.queued_max_request_bytes).");
  rows.of_key("fetch_max_bytes", "fetch.max.bytes", ConfigType::kInt, "8388608",
              std::to_string(config.fetch_max_bytes),
              "The most that one Fetch answers (kafka.fetch_max_bytes).");
  rows.of_key("max_fetch_sessions", "max.incremental.fetch.session.cache.slots", ConfigType::kInt, "1000",
              std::to_string(config.max_fetch_sessions),
              "How many fetch sessions are remembered (kafka.max_fetch_sessions).");
  rows.of_key("producer_id_expiration", "producer.id.expiration.ms", ConfigType::kInt, "86400000",
              std::to_string(config.producer_id_expiration_ms),
              "How long an idle idempotent producer is remembered (kafka.producer_id_expiration).");
  rows.of_key("replica_lag_time_max", "replica.lag.time.max.ms", ConfigType::kLong, "30000",
              std::to_string(config.replica_lag_time_max_ns / 1'000'000),
              "A replica that is behind for longer is not in sync (kafka.replica_lag_time_max).");
}

void add_offsets(const GroupConfig& groups, Rows& rows) {
  rows.of_key("offsets_topic_partitions", "offsets.topic.num.partitions", ConfigType::kInt, "50",
              std::to_string(groups.offsets_topic_partitions),
              "Partitions of __consumer_offsets (kafka.offsets_topic_partitions).");
  rows.of_key("offsets_topic_replication_factor", "offsets.topic.replication.factor", ConfigType::kShort, "3",
              std::to_string(groups.offsets_topic_replication_factor),
              "Replicas of __consumer_offsets, or as many as there are nodes "
              "(kafka.offsets_topic_replication_factor).");
  rows.of_key("offsets_topic_segment_bytes", "offsets.topic.segment.bytes", ConfigType::kInt, "104857600",
              std::to_string(groups.offsets_topic_segment_bytes),
              "Size at which the log of a partition of `__consumer_offsets` is trimmed to its snapshot "
              "(kafka.offsets_topic_segment_bytes).");
  rows.of_key("offsets_retention", "offsets.retention.minutes", ConfigType::kInt, "10080",
              std::to_string(groups.offsets_retention_ms / 60'000),
              "How long offsets are kept of a group without members, or of a topic that it left "
              "(kafka.offsets_retention).");
  rows.of_key("offsets_retention_check_interval", "offsets.retention.check.interval.ms", ConfigType::kLong,
              "600000", std::to_string(groups.offsets_retention_check_interval_ms),
              "How often offsets are looked for that are to go (kafka.offsets_retention_check_interval).");
  rows.of_key("offset_metadata_max_bytes", "offset.metadata.max.bytes", ConfigType::kInt, "4096",
              std::to_string(groups.offset_metadata_max_bytes),
              "The most that a client may keep with an offset (kafka.offset_metadata_max_bytes).");
}

void add_classic_groups(const ClassicGroupConfig& classic, Rows& rows) {
  rows.of_key(
      "group_min_session_timeout", "group.min.session.timeout.ms", ConfigType::kInt, "6000",
      std::to_string(classic.min_session_timeout_ms),
      "The shortest session timeout of a member of a classic group (kafka.group_min_session_timeout).");
  rows.of_key(
      "group_max_session_timeout", "group.max.session.timeout.ms", ConfigType::kInt, "1800000",
      std::to_string(classic.max_session_timeout_ms),
      "The longest session timeout of a member of a classic group (kafka.group_max_session_timeout).");
  rows.of_key(
      "group_initial_rebalance_delay", "group.initial.rebalance.delay.ms", ConfigType::kInt, "3000",
      std::to_string(classic.initial_rebalance_delay_ms),
      "How long an empty classic group waits for more members (kafka.group_initial_rebalance_delay).");
  rows.of_key("group_max_size", "group.max.size", ConfigType::kInt, "2147483647",
              std::to_string(classic.max_size), "Members of a classic group (kafka.group_max_size).");
}

void add_consumer_groups(const ConsumerGroupConfig& consumer, Rows& rows) {
  const auto add = [&](std::string_view key, std::string_view name, std::string_view usual, int32_t value,
                       std::string_view doc) {
    rows.of_key(key, name, ConfigType::kInt, usual, std::to_string(value), doc);
  };
  add("group_consumer_session_timeout", "group.consumer.session.timeout.ms", "45000",
      consumer.session_timeout_ms,
      "How long a member of a consumer group may be silent (kafka.group_consumer_session_timeout).");
  add("group_consumer_min_session_timeout", "group.consumer.min.session.timeout.ms", "45000",
      consumer.min_session_timeout_ms,
      "The shortest session timeout of a consumer group (kafka.group_consumer_min_session_timeout).");
  add("group_consumer_max_session_timeout", "group.consumer.max.session.timeout.ms", "60000",
      consumer.max_session_timeout_ms,
      "The longest session timeout of a consumer group (kafka.group_consumer_max_session_timeout).");
  add("group_consumer_heartbeat_interval", "group.consumer.heartbeat.interval.ms", "5000",
      consumer.heartbeat_interval_ms,
      "How often members of a consumer group send a heartbeat (kafka.group_consumer_heartbeat_interval).");
  add("group_consumer_min_heartbeat_interval", "group.consumer.min.heartbeat.interval.ms", "5000",
      consumer.min_heartbeat_interval_ms,
      "The shortest heartbeat interval of a consumer group (kafka.group_consumer_min_heartbeat_interval).");
  add("group_consumer_max_heartbeat_interval", "group.consumer.max.heartbeat.interval.ms", "15000",
      consumer.max_heartbeat_interval_ms,
      "The longest heartbeat interval of a consumer group (kafka.group_consumer_max_heartbeat_interval).");
  add("group_consumer_assignment_interval", "group.consumer.assignment.interval.ms", "1000",
      consumer.assignment_interval_ms,
      "How long a consumer group keeps a target assignment at least "
      "(kafka.group_consumer_assignment_interval).");
  add("group_consumer_min_assignment_interval", "group.consumer.min.assignment.interval.ms", "0",
      consumer.min_assignment_interval_ms,
      "The shortest assignment interval of a consumer group (kafka.group_consumer_min_assignment_interval).");
  add("group_consumer_max_assignment_interval", "group.consumer.max.assignment.interval.ms", "15000",
      consumer.max_assignment_interval_ms,
      "The longest assignment interval of a consumer group (kafka.group_consumer_max_assignment_interval).");
  add("group_consumer_regex_refresh_interval", "group.consumer.regex.refresh.interval.ms", "600000",
      consumer.regex_refresh_interval_ms,
      "How often regular expressions that consumer groups subscribe by are resolved again at the latest "
      "(kafka.group_consumer_regex_refresh_interval).");
  add("group_consumer_max_size", "group.consumer.max.size", "2147483647", consumer.max_size,
      "Members of a consumer group (kafka.group_consumer_max_size).");
  rows.of_key("group_consumer_assignors", "group.consumer.assignors", ConfigType::kList, "uniform,range",
              fmt::format("{}", fmt::join(consumer.assignors, ",")),
              "The assignors of consumer groups, the default first (kafka.group_consumer_assignors).");
  rows.of_key("group_consumer_migration_policy", "group.consumer.migration.policy", ConfigType::kString,
              "bidirectional", std::string(to_text(consumer.migration)),
              "Which groups may change their kind while they have members "
              "(kafka.group_consumer_migration_policy).");
}

}  // namespace

std::vector<BrokerConfigRow> broker_config_rows(const ConfigSources& sources, Texts& texts) {
  Rows rows(sources, texts);
  add_node(sources, rows);
  add_keys(sources, rows);
  add_offsets(sources.config.groups, rows);
  add_classic_groups(sources.config.groups.classic, rows);
  add_consumer_groups(sources.config.groups.consumer, rows);
  for (const Row& row : kUnits) rows.add(row);
  for (const Row& row : kRates) rows.add(row);
  for (const TopicConfigEntry& entry : topic_config_table()) {
    if (entry.broker_synonym.empty()) continue;
    const bool in_other_units = broker_config_chain(entry.broker_synonym).size() > 1;
    rows.add({entry.broker_synonym, entry.type,
              in_other_units ? std::nullopt : std::optional(entry.default_value), std::nullopt, entry.doc});
  }
  return rows.sorted();
}

std::span<const std::string_view> broker_config_chain(const std::string_view& name) {
  if (std::ranges::find(kRetention, name) != kRetention.end()) return kRetention;
  if (std::ranges::find(kRoll, name) != kRoll.end()) return kRoll;
  if (std::ranges::find(kJitter, name) != kJitter.end()) return kJitter;
  if (name == kFlush.front()) return kFlush;
  return {&name, 1};
}

}  // namespace chronik::kafka
