#include <gtest/gtest.h>
#include <records/topic_config.h>

#include <algorithm>
#include <string>

namespace chronik::kafka {
namespace {

std::string set(std::string_view name, std::string_view value) {
  TopicConfig config;
  const Status status = set_topic_config(name, value, config);
  return status ? "ok" : status.error().message;
}

TEST(TopicConfig, DefaultsOfTableAndStructAgree) {
  const TopicConfig none;
  TopicConfig all;
  all.retention_ms = all.retention_bytes = all.timestamp_before_max_ms = all.timestamp_after_max_ms = 77;
  all.max_message_bytes = all.min_insync_replicas = all.gzip_level = all.lz4_level = all.zstd_level = 77;
  all.compression = Compression::kLz4;
  all.timestamp_type = TimestampType::kLogAppendTime;
  all.compacted = true;
  for (const TopicConfigEntry& entry : topic_config_table())
    ASSERT_TRUE(set_topic_config(entry.name, entry.default_value, all).has_value()) << entry.name;
  EXPECT_EQ(all.compacted, none.compacted);
  EXPECT_EQ(all.retention_ms, none.retention_ms);
  EXPECT_EQ(all.retention_bytes, none.retention_bytes);
  EXPECT_EQ(all.max_message_bytes, none.max_message_bytes);
  EXPECT_EQ(all.compression, none.compression);
  EXPECT_EQ(all.gzip_level, none.gzip_level);
  EXPECT_EQ(all.lz4_level, none.lz4_level);
  EXPECT_EQ(all.zstd_level, none.zstd_level);
  EXPECT_EQ(all.timestamp_type, none.timestamp_type);
  EXPECT_EQ(all.timestamp_before_max_ms, none.timestamp_before_max_ms);
  EXPECT_EQ(all.timestamp_after_max_ms, none.timestamp_after_max_ms);
  EXPECT_EQ(all.min_insync_replicas, none.min_insync_replicas);
}

TEST(TopicConfig, TableIsSortedAndDocumented) {
  const auto table = topic_config_table();
  EXPECT_TRUE(std::is_sorted(table.begin(), table.end(),
                             [](const auto& a, const auto& b) { return a.name < b.name; }));
  for (const TopicConfigEntry& entry : table) {
    EXPECT_FALSE(entry.doc.empty());
    EXPECT_FALSE(entry.broker_synonym.empty());
    EXPECT_EQ(find_topic_config(entry.name), &entry);
  }
  EXPECT_EQ(find_topic_config("segment.bytes"), nullptr);
}

TEST(TopicConfig, NumbersAreReadAsKafkaReadsThem) {
  EXPECT_EQ(set("retention.ms", "-1"), "ok");
  EXPECT_EQ(set("retention.ms", " 5 "), "ok");
  EXPECT_EQ(set("retention.ms", "+5"), "ok");
  EXPECT_EQ(set("retention.bytes", "-5"), "ok");
  EXPECT_EQ(set("max.message.bytes", "0"), "ok");
  EXPECT_EQ(set("retention.ms", "-2"),
            "Invalid value -2 for configuration retention.ms: Value must be at least -1");
  for (const char* bad : {"abc", "5.0", "", "+-5", "+", "0x10", "9223372036854775808", "5 5"})
    EXPECT_EQ(set("retention.ms", bad), "Invalid value " + std::string(bad) +
                                            " for configuration retention.ms: Not a number of type LONG");
  EXPECT_EQ(set("max.message.bytes", "2147483648"),
            "Invalid value 2147483648 for configuration max.message.bytes: Not a number of type INT");
  EXPECT_EQ(set("max.message.bytes", "-1"),
            "Invalid value -1 for configuration max.message.bytes: Value must be at least 0");
  EXPECT_EQ(set("message.timestamp.before.max.ms", "-1"),
            "Invalid value -1 for configuration message.timestamp.before.max.ms: Value must be at least 0");
  EXPECT_EQ(set("min.insync.replicas", "0"),
            "Invalid value 0 for configuration min.insync.replicas: Value must be at least 1");
  EXPECT_EQ(set("compression.lz4.level", "18"),
            "Invalid value 18 for configuration compression.lz4.level: Value must be no more than 17");
  EXPECT_EQ(set("compression.gzip.level", "0"),
            "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or "
            "equal to -1");
  EXPECT_EQ(set("compression.gzip.level", "-1"), "ok");
  EXPECT_EQ(set("compression.zstd.level", "23"),
            "Invalid value 23 for configuration compression.zstd.level: Value must be no more than 22");
}

TEST(TopicConfig, NamesAreCaseSensitive) {
  EXPECT_EQ(set("compression.type", " zstd"), "ok");
  EXPECT_EQ(set("compression.type", "GZIP"),
            "Invalid value GZIP for configuration compression.type: String must be one of: uncompressed, "
            "zstd, lz4, "
            "snappy, gzip, producer");
  EXPECT_EQ(set("compression.type", "none").substr(0, 18), "Invalid value none");
  EXPECT_EQ(set("message.timestamp.type", "LogAppendTime"), "ok");
  EXPECT_EQ(
      set("message.timestamp.type", "createtime"),
      "Invalid value createtime for configuration message.timestamp.type: String must be one of: CreateTime, "
      "LogAppendTime");
  EXPECT_EQ(set("segment.bytes", "1"), "Unknown topic config name: segment.bytes");
}

TEST(TopicConfig, OnlyDeleteCleansUpForNow) {
  EXPECT_EQ(set("cleanup.policy", "delete"), "ok");
  EXPECT_EQ(set("cleanup.policy", " delete , delete"), "ok");
  for (const char* bad : {"compact", "delete,compact", "Delete", "", "foo", "delete,,delete"})
    EXPECT_NE(set("cleanup.policy", bad), "ok") << bad;
}

TEST(TopicConfig, ResolvesOverDefaults) {
  TopicConfig defaults;
  defaults.retention_ms = 1000;
  defaults.min_insync_replicas = 2;
  const std::array<TopicConfigValue, 3> values = {
      {{"min.insync.replicas", "3"}, {"compression.type", "zstd"}, {"compression.zstd.level", "-7"}}};
  const TopicConfig config = resolve_topic_config(values, defaults).value();
  EXPECT_EQ(config.retention_ms, 1000);
  EXPECT_EQ(config.min_insync_replicas, 3);
  EXPECT_EQ(config.compression, Compression::kZstd);
  EXPECT_EQ(config.compression_level(), -7);
  const std::array<TopicConfigValue, 1> unknown = {{{"foo", "bar"}}};
  EXPECT_EQ(resolve_topic_config(unknown).error().message, "Unknown topic config name: foo");
}

}  // namespace
}  // namespace chronik::kafka
