// The keys of Kafka 4.3.1's topics: names, types, defaults and what is valid, as the real one told.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "kafka-proto/configs/topic_config.h"

namespace chronik::kafka {
namespace {

using Entry = TopicConfigEntry;

constexpr int64_t kMinLong = std::numeric_limits<int64_t>::min();
constexpr int64_t kMaxLong = std::numeric_limits<int64_t>::max();

template <class T, int64_t kMin, int64_t kMax>
Result<T> number_within(std::string_view name, std::string_view value) {
  Result<T> number(0);
  if constexpr (sizeof(T) == sizeof(int32_t)) {
    number = parse_config_int(name, value);
  } else {
    number = parse_config_long(name, value);
  }
  if (!number) return number;
  if (*number < kMin) return invalid_config(name, value, fmt::format("Value must be at least {}", kMin));
  if (*number > kMax) return invalid_config(name, value, fmt::format("Value must be no more than {}", kMax));
  return number;
}

template <auto kMember, int64_t kMin, int64_t kMax = kMaxLong>
Status set_number(std::string_view name, std::string_view value, TopicConfig& config) {
  using T = std::remove_reference_t<decltype(config.*kMember)>;
  CHRONIK_TRY(config.*kMember, (number_within<T, kMin, kMax>(name, value)));
  return {};
}

template <class T, int64_t kMin>
Status check_number(std::string_view name, std::string_view value, TopicConfig&) {
  CHRONIK_CHECK((number_within<T, kMin, kMaxLong>(name, value)));
  return {};
}

Status check_boolean(std::string_view name, std::string_view value, TopicConfig&) {
  CHRONIK_CHECK(parse_config_boolean(name, value));
  return {};
}

Status check_ratio(std::string_view name, std::string_view value, TopicConfig&) {
  CHRONIK_TRY(const double ratio, parse_config_double(name, value));
  if (!(ratio >= 0)) return invalid_config(name, value, "Value must be at least 0");
  if (ratio > 1) return invalid_config(name, value, "Value must be no more than 1");
  return {};
}

template <auto kMember>
Status set_replicas(std::string_view name, std::string_view value, TopicConfig& config) {
  std::optional<ThrottledReplicas> replicas = ThrottledReplicas::parse(value);
  if (!replicas.has_value())
    return invalid_config(name, fmt::format("[{}]", fmt::join(config_elements(value), ", ")),
                          fmt::format("{} must be the literal '*' or a list of replicas in the following "
                                      "format: [partitionId]:[brokerId],[partitionId]:[brokerId],...",
                                      name));
  config.*kMember =
      replicas->empty() ? nullptr : std::make_shared<const ThrottledReplicas>(std::move(*replicas));
  return {};
}

Status check_remote_storage(std::string_view name, std::string_view value, TopicConfig&) {
  CHRONIK_TRY(const bool enabled, parse_config_boolean(name, value));
  if (!enabled) return {};
  return fail(Code::kInvalidArgument,
              "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with "
              "remote log storage.");
}

Status set_gzip_level(std::string_view name, std::string_view value, TopicConfig& config) {
  CHRONIK_TRY(const int level, parse_config_int(name, value));
  if (level != -1 && (level < 1 || level > 9))
    return invalid_config(name, value, "Value must be between 1 and 9 or equal to -1");
  config.gzip_level = level;
  return {};
}

Status set_compression(std::string_view name, std::string_view value, TopicConfig& config) {
  struct Name {
    std::string_view name;
    std::optional<Compression> codec;
  };
  constexpr std::array<Name, 6> kNames = {{{"uncompressed", Compression::kNone},
                                           {"zstd", Compression::kZstd},
                                           {"lz4", Compression::kLz4},
                                           {"snappy", Compression::kSnappy},
                                           {"gzip", Compression::kGzip},
                                           {"producer", std::nullopt}}};
  for (const Name& known : kNames) {
    if (known.name != value) continue;
    config.compression = known.codec;
    return {};
  }
  return invalid_config(name, value,
                        "String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer");
}

Status set_timestamp_type(std::string_view name, std::string_view value, TopicConfig& config) {
  if (value == "CreateTime")
    config.timestamp_type = TimestampType::kCreateTime;
  else if (value == "LogAppendTime")
    config.timestamp_type = TimestampType::kLogAppendTime;
  else
    return invalid_config(name, value, "String must be one of: CreateTime, LogAppendTime");
  return {};
}

Status set_cleanup_policy(std::string_view name, std::string_view value, TopicConfig& config) {
  const std::vector<std::string_view> policies = config_elements(value);
  for (const std::string_view policy : policies) {
    if (policy.empty())
      return fail(Code::kInvalidArgument, fmt::format("Configuration '{}' values must not be empty.", name));
    if (policy != "compact" && policy != "delete")
      return invalid_config(name, policy, "String must be one of: compact, delete");
  }
  if (std::ranges::find(policies, "compact") != policies.end())
    return invalid_config(name, value, "Compaction is not supported yet; use delete, or nothing at all");
  config.deletes = !policies.empty();
  config.compacted = false;
  return {};
}

constexpr bool kActs = true;
constexpr bool kStored = false;
constexpr int16_t kSinceFirst = 1;
constexpr int16_t kSinceLevels = 2;

constexpr std::array kTable = {
    Entry{"cleanup.policy", ConfigType::kList, "delete", "log.cleanup.policy", kActs, kSinceFirst,
          "How old records go: delete removes whole batches by time and size; empty: they stay.",
          set_cleanup_policy},
    Entry{"compression.gzip.level", ConfigType::kInt, "-1", "compression.gzip.level", kActs, kSinceFirst,
          "Level for compression.type=gzip, 1 (fast) to 9 (small), or -1 for the default of zlib.",
          set_gzip_level},
    Entry{"compression.lz4.level", ConfigType::kInt, "9", "compression.lz4.level", kActs, kSinceFirst,
          "Level for compression.type=lz4, 1 to 17; 9 is the fast compressor, as in Kafka.",
          set_number<&TopicConfig::lz4_level, 1, 17>},
    Entry{"compression.type", ConfigType::kString, "producer", "compression.type", kActs, kSinceFirst,
          "Codec in which batches are stored; a leader compresses anew what arrives in another. producer: as "
          "it came.",
          set_compression},
    Entry{"compression.zstd.level", ConfigType::kInt, "3", "compression.zstd.level", kActs, kSinceFirst,
          "Level for compression.type=zstd, -131072 (fast) to 22 (small).",
          set_number<&TopicConfig::zstd_level, -131072, 22>},
    Entry{"delete.retention.ms", ConfigType::kLong, "86400000", "log.cleaner.delete.retention.ms", kStored,
          kSinceLevels, "How long compaction keeps tombstones. Nothing compacts yet.",
          check_number<int64_t, 0>},
    Entry{"file.delete.delay.ms", ConfigType::kLong, "60000", "log.segment.delete.delay.ms", kStored,
          kSinceLevels, "How long a file waits to be removed. What is deleted here is free at once.",
          check_number<int64_t, 0>},
    Entry{"flush.messages", ConfigType::kLong, "9223372036854775807", "log.flush.interval.messages", kStored,
          kSinceLevels, "Records between two syncs. Every batch is synced before it is acknowledged.",
          check_number<int64_t, 1>},
    Entry{"flush.ms", ConfigType::kLong, "9223372036854775807", "log.flush.interval.ms", kStored,
          kSinceLevels, "Time between two syncs. Every batch is synced before it is acknowledged.",
          check_number<int64_t, 0>},
    Entry{"follower.replication.throttled.replicas", ConfigType::kList, "", "", kActs, kSinceLevels,
          "Replicas, as partition:node, or *, that get no more than follower.replication.throttled.rate of "
          "their node while they catch up.",
          set_replicas<&TopicConfig::follower_throttled>},
    Entry{"index.interval.bytes", ConfigType::kInt, "4096", "log.index.interval.bytes", kStored, kSinceLevels,
          "Bytes between two entries of an index. The store finds each batch.", check_number<int32_t, 0>},
    Entry{"leader.replication.throttled.replicas", ConfigType::kList, "", "", kActs, kSinceLevels,
          "Replicas, as partition:node, or *, that send others which catch up no more than "
          "leader.replication.throttled.rate of their node while they lead.",
          set_replicas<&TopicConfig::leader_throttled>},
    Entry{"local.retention.bytes", ConfigType::kLong, "-2", "log.local.retention.bytes", kStored,
          kSinceLevels, "Size of what stays local where a log is tiered. No log is.",
          check_number<int64_t, -2>},
    Entry{"local.retention.ms", ConfigType::kLong, "-2", "log.local.retention.ms", kStored, kSinceLevels,
          "Age of what stays local where a log is tiered. No log is.", check_number<int64_t, -2>},
    Entry{"max.compaction.lag.ms", ConfigType::kLong, "9223372036854775807",
          "log.cleaner.max.compaction.lag.ms", kStored, kSinceLevels,
          "Age at which compaction must have seen a record. Nothing compacts yet.",
          set_number<&TopicConfig::max_compaction_lag_ms, 1>},
    Entry{"max.message.bytes", ConfigType::kInt, "1048588", "message.max.bytes", kActs, kSinceFirst,
          "Largest record batch that is accepted, in bytes, as it is stored.",
          set_number<&TopicConfig::max_message_bytes, 0>},
    Entry{"message.timestamp.after.max.ms", ConfigType::kLong, "3600000",
          "log.message.timestamp.after.max.ms", kActs, kSinceFirst,
          "How far a record's timestamp may lie after the clock of the leader (CreateTime only).",
          set_number<&TopicConfig::timestamp_after_max_ms, 0>},
    Entry{"message.timestamp.before.max.ms", ConfigType::kLong, "9223372036854775807",
          "log.message.timestamp.before.max.ms", kActs, kSinceFirst,
          "How far a record's timestamp may lie before the clock of the leader (CreateTime only).",
          set_number<&TopicConfig::timestamp_before_max_ms, 0>},
    Entry{"message.timestamp.type", ConfigType::kString, "CreateTime", "log.message.timestamp.type", kActs,
          kSinceFirst,
          "CreateTime keeps the timestamps of the producer, LogAppendTime sets the time of arrival.",
          set_timestamp_type},
    Entry{"min.cleanable.dirty.ratio", ConfigType::kDouble, "0.5", "log.cleaner.min.cleanable.ratio", kStored,
          kSinceLevels, "Share of a log that is worth compacting. Nothing compacts yet.", check_ratio},
    Entry{"min.compaction.lag.ms", ConfigType::kLong, "0", "log.cleaner.min.compaction.lag.ms", kStored,
          kSinceLevels, "Age before which compaction leaves a record alone. Nothing compacts yet.",
          set_number<&TopicConfig::min_compaction_lag_ms, 0>},
    Entry{"min.insync.replicas", ConfigType::kInt, "1", "min.insync.replicas", kActs, kSinceFirst,
          "How many replicas must hold a record durably before acks=all is acknowledged; never below a "
          "majority.",
          set_number<&TopicConfig::min_insync_replicas, 1>},
    Entry{"preallocate", ConfigType::kBoolean, "false", "log.preallocate", kStored, kSinceLevels,
          "Whether files are made at full size. The store extends its own ahead of need.", check_boolean},
    Entry{"remote.log.copy.disable", ConfigType::kBoolean, "false", "", kStored, kSinceLevels,
          "Whether a tiered log is copied no more. No log is tiered.", check_boolean},
    Entry{"remote.log.delete.on.disable", ConfigType::kBoolean, "false", "", kStored, kSinceLevels,
          "Whether the remote part goes when tiering ends. No log is tiered.", check_boolean},
    Entry{"remote.storage.enable", ConfigType::kBoolean, "false", "", kStored, kSinceLevels,
          "Whether the log is tiered. No log is; true is refused, as by a Kafka without tiered storage.",
          check_remote_storage},
    Entry{"retention.bytes", ConfigType::kLong, "-1", "log.retention.bytes", kActs, kSinceFirst,
          "Size beyond which the oldest batches of a partition are removed; negative: no limit.",
          set_number<&TopicConfig::retention_bytes, kMinLong>},
    Entry{"retention.ms", ConfigType::kLong, "604800000", "log.retention.ms", kActs, kSinceFirst,
          "Age beyond which batches are removed; -1: no limit.", set_number<&TopicConfig::retention_ms, -1>},
    Entry{"segment.bytes", ConfigType::kInt, "1073741824", "log.segment.bytes", kStored, kSinceLevels,
          "Size of a file of a log. The store goes by a size of its own (storage-log: `segment_bytes`), or "
          "keeps all logs in one file; retention acts on batches. The log of a coordinator "
          "(`__consumer_offsets`) is trimmed to its snapshot at this size.",
          set_number<&TopicConfig::segment_bytes, 1048576>},
    Entry{"segment.index.bytes", ConfigType::kInt, "10485760", "log.index.size.max.bytes", kStored,
          kSinceLevels, "Size of an index. The store finds each batch.", check_number<int32_t, 4>},
    Entry{"segment.jitter.ms", ConfigType::kLong, "0", "log.roll.jitter.ms", kStored, kSinceLevels,
          "Spread of segment.ms. No store begins a file because of its age.", check_number<int64_t, 0>},
    Entry{"segment.ms", ConfigType::kLong, "604800000", "log.roll.ms", kStored, kSinceLevels,
          "Age at which a new file begins. No store begins a file because of its age; retention acts on "
          "batches.",
          check_number<int64_t, 1>},
    Entry{"unclean.leader.election.enable", ConfigType::kBoolean, "false", "unclean.leader.election.enable",
          kStored, kSinceLevels,
          "Whether a replica that lacks records may lead. With Raft none may, also where this is true.",
          check_boolean},
};

}  // namespace

std::span<const TopicConfigEntry> topic_config_table() { return kTable; }

}  // namespace chronik::kafka
