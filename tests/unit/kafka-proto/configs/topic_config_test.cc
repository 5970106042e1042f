#include "kafka-proto/configs/topic_config.h"
#include <gtest/gtest.h>

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
  all.deletes = false;
  all.min_compaction_lag_ms = all.max_compaction_lag_ms = 77;
  for (const TopicConfigEntry& entry : topic_config_table())
    ASSERT_TRUE(set_topic_config(entry.name, entry.default_value, all).has_value()) << entry.name;
  EXPECT_EQ(all.compacted, none.compacted);
  EXPECT_EQ(all.deletes, none.deletes);
  EXPECT_EQ(all.min_compaction_lag_ms, none.min_compaction_lag_ms);
  EXPECT_EQ(all.max_compaction_lag_ms, none.max_compaction_lag_ms);
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
    EXPECT_EQ(find_topic_config(entry.name), &entry);
    EXPECT_EQ(shown_config(entry.type, entry.default_value), entry.default_value) << entry.name;
  }
  EXPECT_EQ(table.size(), 33u);  // of Kafka 4.3.1
  EXPECT_EQ(find_topic_config("segment"), nullptr);
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
  EXPECT_EQ(set("Segment.bytes", "1"), "Unknown topic config name: Segment.bytes");
}

TEST(TopicConfig, WhatHasNoEffectIsCheckedAsKafkaDoes) {
  EXPECT_EQ(set("segment.bytes", "1048576"), "ok");
  EXPECT_EQ(set("segment.bytes", "1048575"),
            "Invalid value 1048575 for configuration segment.bytes: Value must be at least 1048576");
  EXPECT_EQ(set("segment.ms", "0").substr(0, 15), "Invalid value 0");
  EXPECT_EQ(set("segment.index.bytes", "4"), "ok");
  EXPECT_EQ(set("flush.messages", "0").substr(0, 15), "Invalid value 0");
  EXPECT_EQ(set("local.retention.ms", "-2"), "ok");
  EXPECT_EQ(set("local.retention.ms", "-3").substr(0, 16), "Invalid value -3");
  for (const char* good : {"0", "1", "0.5", ".5", "+0.25", "1e-3"})
    EXPECT_EQ(set("min.cleanable.dirty.ratio", good), "ok") << good;
  EXPECT_EQ(set("min.cleanable.dirty.ratio", "1.5"),
            "Invalid value 1.5 for configuration min.cleanable.dirty.ratio: Value must be no more than 1");
  EXPECT_EQ(set("min.cleanable.dirty.ratio", "half"),
            "Invalid value half for configuration min.cleanable.dirty.ratio: Not a number of type DOUBLE");
  for (const char* good : {"true", "FALSE", " True "}) EXPECT_EQ(set("preallocate", good), "ok") << good;
  EXPECT_EQ(set("preallocate", "yes"),
            "Invalid value yes for configuration preallocate: Expected value to be either true or false");
  EXPECT_EQ(set("unclean.leader.election.enable", "true"), "ok");
  EXPECT_EQ(set("remote.storage.enable", "false"), "ok");
  EXPECT_EQ(set("remote.storage.enable", "true"),
            "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote "
            "log storage.");
}

TEST(TopicConfig, ThrottledReplicas) {
  const std::string name = "leader.replication.throttled.replicas";
  for (const char* good : {"", "*", "0:1", "0:1,1:2, 17:30", " * ", "0:1,"})
    EXPECT_EQ(set(name, good), "ok") << good;
  for (const char* bad : {"0", ":", "0:", ":1", "a:1", "*,0:1", "0:1;1:2", "-1:2"})
    EXPECT_TRUE(set(name, bad).ends_with(name +
                                         " must be the literal '*' or a list of replicas in the following "
                                         "format: [partitionId]:[brokerId],[partitionId]:[brokerId],..."))
        << bad;
  EXPECT_TRUE(set(name, "*,0:1").starts_with("Invalid value [*, 0:1] for configuration leader."));
  EXPECT_TRUE(set(name, std::string(kMaxConfigBytes + 1, '1')).ends_with("size of 32767 bytes."));
}

TEST(TopicConfig, ThrottledReplicasAreFound) {
  EXPECT_TRUE(ThrottledReplicas::parse("*")->has(7, 9));
  EXPECT_TRUE(ThrottledReplicas::parse(" , ")->empty());
  const ThrottledReplicas some = *ThrottledReplicas::parse("1:2, 0:1,99999999999:1");
  EXPECT_TRUE(some.has(0, 1));
  EXPECT_TRUE(some.has(1, 2));
  EXPECT_FALSE(some.has(1, 1));
  EXPECT_FALSE(some.has(2, 1));
}

TEST(TopicConfig, ValuesThatDoNotGoTogether) {
  TopicConfig config;
  EXPECT_TRUE(check_topic_config(config).has_value());
  config.min_compaction_lag_ms = 6;
  config.max_compaction_lag_ms = 5;
  EXPECT_EQ(check_topic_config(config).error().message,
            "conflict topic config setting min.compaction.lag.ms (6) > max.compaction.lag.ms (5)");
}

TEST(TopicConfig, ValuesAreShownAsKafkaReadsThem) {
  EXPECT_EQ(shown_config(ConfigType::kInt, " +5 "), "5");
  EXPECT_EQ(shown_config(ConfigType::kLong, "-007"), "-7");
  EXPECT_EQ(shown_config(ConfigType::kBoolean, "TRUE"), "true");
  EXPECT_EQ(shown_config(ConfigType::kList, " a , b,c "), "a,b,c");
  EXPECT_EQ(shown_config(ConfigType::kString, " zstd"), "zstd");
  EXPECT_EQ(shown_config(ConfigType::kDouble, "1"), "1.0");
  EXPECT_EQ(shown_config(ConfigType::kDouble, ".50"), "0.5");
  EXPECT_EQ(shown_config(ConfigType::kDouble, "0.00001"), "1.0E-5");
  EXPECT_EQ(shown_config(ConfigType::kDouble, "0.000123"), "1.23E-4");
  EXPECT_EQ(shown_config(ConfigType::kDouble, "0"), "0.0");
}

TEST(TopicConfig, OnlyDeleteCleansUpForNow) {
  EXPECT_EQ(set("cleanup.policy", "delete"), "ok");
  EXPECT_EQ(set("cleanup.policy", " delete , delete"), "ok");
  for (const char* bad : {"compact", "delete,compact", "Delete", "foo", "delete,,delete"})
    EXPECT_NE(set("cleanup.policy", bad), "ok") << bad;
  EXPECT_EQ(set("cleanup.policy", "delete,"), "Configuration 'cleanup.policy' values must not be empty.");
  EXPECT_EQ(set("cleanup.policy", "delete,foo"),
            "Invalid value foo for configuration cleanup.policy: String must be one of: compact, delete");
  EXPECT_EQ(set("cleanup.policy", "delete,compact"),
            "Invalid value delete,compact for configuration cleanup.policy: Compaction is not supported yet; "
            "use delete, or nothing at all");
  TopicConfig config;
  ASSERT_TRUE(set_topic_config("cleanup.policy", "", config).has_value());
  EXPECT_FALSE(config.deletes);
  ASSERT_TRUE(set_topic_config("cleanup.policy", "delete", config).has_value());
  EXPECT_TRUE(config.deletes);
}

TEST(TopicConfig, ResolvesOverDefaults) {
  TopicConfig defaults;
  defaults.retention_ms = 1000;
  defaults.min_insync_replicas = 2;
  const std::array<TopicConfigValue, 3> values = {
      {{"min.insync.replicas", "3"}, {"compression.type", "zstd"}, {"compression.zstd.level", "-7"}}};
  const TopicConfig config = resolve_topic_config(values, defaults);
  EXPECT_EQ(config.retention_ms, 1000);
  EXPECT_EQ(config.min_insync_replicas, 3);
  EXPECT_EQ(config.compression, Compression::kZstd);
  EXPECT_EQ(config.compression_level(), -7);
}

// One that a newer node set costs itself, not what stands beside it: else a log that is
// kept for ever would be trimmed.
TEST(TopicConfig, WhatIsNotKnownIsLeftOut) {
  const std::array<TopicConfigValue, 4> values = {
      {{"foo", "bar"}, {"cleanup.policy", "compact"}, {"retention.ms", "-1"}, {"retention.bytes", "x"}}};
  const TopicConfig config = resolve_topic_config(values);
  EXPECT_EQ(config.retention_ms, -1);
  EXPECT_EQ(config.retention_bytes, -1);
  EXPECT_FALSE(config.deletes);
}

}  // namespace
}  // namespace chronik::kafka
