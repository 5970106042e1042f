#include "topic_config.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace chronik::kafka {

namespace {

using Entry = TopicConfigEntry;

// What Java's String.trim() removes.
std::string_view trim(std::string_view text) {
  while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ') text.remove_prefix(1);
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
  return text;
}

std::unexpected<Error> invalid(const Entry& entry, std::string_view value, std::string_view why) {
  return fail(Code::kInvalidArgument,
              fmt::format("Invalid value {} for configuration {}: {}", value, entry.name, why));
}

template <class T>
Result<T> parse_number(const Entry& entry, std::string_view value) {
  std::string_view digits = value;
  if (digits.size() > 1 && digits[0] == '+' && digits[1] != '-') digits.remove_prefix(1);
  T number{};
  const char* begin = digits.data();
  const char* end = begin + digits.size();
  const auto [stop, error] = std::from_chars(begin, end, number);
  if (error != std::errc() || stop != end)
    return invalid(entry, value, fmt::format("Not a number of type {}", sizeof(T) == 8 ? "LONG" : "INT"));
  return number;
}

template <auto kMember, int64_t kMin, int64_t kMax = std::numeric_limits<int64_t>::max()>
Status set_number(const Entry& entry, std::string_view value, TopicConfig& config) {
  using T = std::remove_reference_t<decltype(config.*kMember)>;
  CHRONIK_TRY(const T number, parse_number<T>(entry, value));
  if (number < kMin) return invalid(entry, value, fmt::format("Value must be at least {}", kMin));
  if (number > kMax) return invalid(entry, value, fmt::format("Value must be no more than {}", kMax));
  config.*kMember = number;
  return {};
}

Status set_gzip_level(const Entry& entry, std::string_view value, TopicConfig& config) {
  CHRONIK_TRY(const int level, parse_number<int>(entry, value));
  if (level != -1 && (level < 1 || level > 9))
    return invalid(entry, value, "Value must be between 1 and 9 or equal to -1");
  config.gzip_level = level;
  return {};
}

Status set_compression(const Entry& entry, std::string_view value, TopicConfig& config) {
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
  return invalid(entry, value, "String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer");
}

Status set_timestamp_type(const Entry& entry, std::string_view value, TopicConfig& config) {
  if (value == "CreateTime")
    config.timestamp_type = TimestampType::kCreateTime;
  else if (value == "LogAppendTime")
    config.timestamp_type = TimestampType::kLogAppendTime;
  else
    return invalid(entry, value, "String must be one of: CreateTime, LogAppendTime");
  return {};
}

Status set_cleanup_policy(const Entry& entry, std::string_view value, TopicConfig& config) {
  if (value.empty())
    return invalid(entry, value, "Logs that nothing cleans up are not supported; use delete");
  for (std::string_view rest = value; !rest.empty();) {
    const size_t comma = rest.find(',');
    const std::string_view policy = trim(rest.substr(0, comma));
    if (policy == "compact") return invalid(entry, value, "Compaction is not supported yet; use delete");
    if (policy != "delete") return invalid(entry, value, "String must be one of: delete");
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  config.compacted = false;
  return {};
}

constexpr std::array kTable = {
    Entry{"cleanup.policy", ConfigType::kList, "delete", "log.cleanup.policy",
          "How old records go: delete removes whole batches by time and size.", set_cleanup_policy},
    Entry{"compression.gzip.level", ConfigType::kInt, "-1", "compression.gzip.level",
          "Level for compression.type=gzip, 1 (fast) to 9 (small), or -1 for the default of zlib.",
          set_gzip_level},
    Entry{"compression.lz4.level", ConfigType::kInt, "9", "compression.lz4.level",
          "Level for compression.type=lz4, 1 to 17; 9 is the fast compressor, as in Kafka.",
          set_number<&TopicConfig::lz4_level, 1, 17>},
    Entry{"compression.type", ConfigType::kString, "producer", "compression.type",
          "Codec in which batches are stored; a leader compresses anew what arrives in another. producer: as "
          "it came.",
          set_compression},
    Entry{"compression.zstd.level", ConfigType::kInt, "3", "compression.zstd.level",
          "Level for compression.type=zstd, -131072 (fast) to 22 (small).",
          set_number<&TopicConfig::zstd_level, -131072, 22>},
    Entry{"max.message.bytes", ConfigType::kInt, "1048588", "message.max.bytes",
          "Largest record batch that is accepted, in bytes, as it is stored.",
          set_number<&TopicConfig::max_message_bytes, 0>},
    Entry{"message.timestamp.after.max.ms", ConfigType::kLong, "3600000",
          "log.message.timestamp.after.max.ms",
          "How far a record's timestamp may lie after the clock of the leader (CreateTime only).",
          set_number<&TopicConfig::timestamp_after_max_ms, 0>},
    Entry{"message.timestamp.before.max.ms", ConfigType::kLong, "9223372036854775807",
          "log.message.timestamp.before.max.ms",
          "How far a record's timestamp may lie before the clock of the leader (CreateTime only).",
          set_number<&TopicConfig::timestamp_before_max_ms, 0>},
    Entry{"message.timestamp.type", ConfigType::kString, "CreateTime", "log.message.timestamp.type",
          "CreateTime keeps the timestamps of the producer, LogAppendTime sets the time of arrival.",
          set_timestamp_type},
    Entry{"min.insync.replicas", ConfigType::kInt, "1", "min.insync.replicas",
          "How many replicas must hold a record durably before acks=all is acknowledged; never below a "
          "majority.",
          set_number<&TopicConfig::min_insync_replicas, 1>},
    Entry{"retention.bytes", ConfigType::kLong, "-1", "log.retention.bytes",
          "Size beyond which the oldest batches of a partition are removed; negative: no limit.",
          set_number<&TopicConfig::retention_bytes, std::numeric_limits<int64_t>::min()>},
    Entry{"retention.ms", ConfigType::kLong, "604800000", "log.retention.ms",
          "Age beyond which batches are removed; -1: no limit.", set_number<&TopicConfig::retention_ms, -1>},
};

}  // namespace

CompressionLevel TopicConfig::compression_level() const {
  if (compression == Compression::kGzip) return gzip_level;
  if (compression == Compression::kLz4) return lz4_level;
  if (compression == Compression::kZstd) return zstd_level;
  return std::nullopt;
}

std::span<const Entry> topic_config_table() { return kTable; }

const Entry* find_topic_config(std::string_view name) {
  for (const Entry& entry : kTable)
    if (entry.name == name) return &entry;
  return nullptr;
}

Status set_topic_config(std::string_view name, std::string_view value, TopicConfig& config) {
  const Entry* entry = find_topic_config(name);
  if (entry == nullptr)
    return fail(Code::kInvalidArgument, fmt::format("Unknown topic config name: {}", name));
  return entry->set(*entry, trim(value), config);
}

Result<TopicConfig> resolve_topic_config(std::span<const TopicConfigValue> values, TopicConfig defaults) {
  for (const TopicConfigValue& value : values)
    CHRONIK_CHECK(set_topic_config(value.name, value.value, defaults));
  return defaults;
}

}  // namespace chronik::kafka
