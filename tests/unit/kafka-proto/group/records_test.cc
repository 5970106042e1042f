// Records of groups, there and back, and those that this build does not know.
#include "kafka-proto/group/records.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace chronik::kafka {
namespace {

using group::Record;

std::string text(Bytes bytes) { return {bytes.begin(), bytes.end()}; }
Bytes bytes(const std::string& text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

struct Encoded {
  std::string key;
  std::optional<std::string> value;
};

Encoded encode(const Record& record) {
  RecordList list;
  add_record(record, list);
  EXPECT_EQ(list.size(), 1u);
  Encoded out;
  list.each([&](Bytes key, const std::optional<Bytes>& value) {
    out.key = text(key);
    if (value.has_value()) out.value = text(*value);
  });
  return out;
}

Result<std::optional<Record>> decode(const Encoded& encoded) {
  return read_record(bytes(encoded.key),
                     encoded.value.has_value() ? std::optional(bytes(*encoded.value)) : std::nullopt);
}

constexpr chr_uuid kTopic = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};

// One of each kind, with all that it can say.
std::vector<Record> all_kinds() {
  using namespace group;
  const std::vector<TopicPartitions> topics = {{kTopic, {0, 7}, {}}, {{}, {}, {}}};
  const std::vector<TopicPartitions> with_epochs = {{kTopic, {0, 7}, {3, 4}}};
  MemberRecord::Value member;
  member.instance_id = "i";
  member.rack_id = "r";
  member.client_id = "c";
  member.client_host = "/h";
  member.topic_names = {"a", "b"};
  member.topic_regex = "a.*";
  member.rebalance_timeout_ms = 5;
  member.assignor = "range";
  member.classic = {6, {{"range", std::string("\0m", 2)}}};
  return {
      OffsetCommitRecord{"g", "orders", 3, OffsetCommitRecord::Value{5, 2, "meta", 100, -1, kTopic}},
      OffsetCommitRecord{"g", "orders", 3, OffsetCommitRecord::Value{5, 2, "", 100, -1, {}}},
      OffsetCommitRecord{"g", "orders", 3, OffsetCommitRecord::Value{5, -1, "", 100, 200, {}}},
      ClassicGroupRecord{"g",
                         ClassicGroupRecord::Value{"consumer",
                                                   7,
                                                   "range",
                                                   "m1",
                                                   9,
                                                   {{"m1", "i", "c", "/h", 1, 2, std::string("\0s", 2), "a"},
                                                    {"m2", std::nullopt, "", "", 3, 4, "", ""}}}},
      ClassicGroupRecord{"g", ClassicGroupRecord::Value{"", 0, std::nullopt, std::nullopt, -1, {}}},
      GroupEpochRecord{"g", GroupEpochRecord::Value{4, 1234567}},
      MemberRecord{"g", "m", member},
      MemberRecord{"g", "m", MemberRecord::Value{}},
      TargetEpochRecord{"g", TargetEpochRecord::Value{4, 99}},
      TargetMemberRecord{"g", "m", topics},
      CurrentMemberRecord{
          "g", "m", CurrentMemberRecord::Value{4, 3, MemberState::kUnrevokedPartitions, with_epochs, topics}},
      RegexRecord{"g", "a.*", RegexRecord::Value{{"a1", "a2"}, 8, 9}},
  };
}

// The same bytes again, which is all that replicas compare.
TEST(RecordsTest, EachKindComesBack) {
  for (const Record& record : all_kinds()) {
    const Encoded encoded = encode(record);
    ASSERT_TRUE(encoded.value.has_value());
    const auto decoded = decode(encoded);
    ASSERT_TRUE(decoded && decoded->has_value()) << record.index();
    EXPECT_EQ((*decoded)->index(), record.index());
    const Encoded again = encode(**decoded);
    EXPECT_EQ(again.key, encoded.key) << record.index();
    EXPECT_EQ(again.value, encoded.value) << record.index();
  }
}

TEST(RecordsTest, WithoutAValueItsKeyIsGone) {
  for (Record record : all_kinds()) {
    std::visit([](auto& each) { each.value.reset(); }, record);
    const Encoded encoded = encode(record);
    EXPECT_FALSE(encoded.value.has_value());
    const auto decoded = decode(encoded);
    ASSERT_TRUE(decoded && decoded->has_value()) << record.index();
    std::visit([](const auto& each) { EXPECT_FALSE(each.value.has_value()); }, **decoded);
    EXPECT_EQ(encode(**decoded).key, encoded.key);
  }
}

// As Apache Kafka 4.3.1 wrote it.
TEST(RecordsTest, ACommittedOffsetHasTheBytesOfKafka) {
  const chr_uuid topic = {
      {0xda, 0xe9, 0x3c, 0xc7, 0x1a, 0x95, 0x43, 0xfd, 0xa0, 0xf7, 0x42, 0xaf, 0xd5, 0x2e, 0x61, 0x65}};
  const Encoded encoded = encode(group::OffsetCommitRecord{
      "g1", "orders", 0, group::OffsetCommitRecord::Value{5, 3, "m", 0x01a22521e197, -1, topic}});
  EXPECT_EQ(encoded.key, std::string("\0\1\0\2g1\0\6orders\0\0\0\0", 18));
  EXPECT_EQ(*encoded.value,
            std::string("\0\4\0\0\0\0\0\0\0\5\0\0\0\3\2m\0\0\1\xa2\x25\x21\xe1\x97\1\0\x10", 27) +
                std::string(reinterpret_cast<const char*>(topic.b), sizeof topic.b));
}

TEST(RecordsTest, AnOffsetOfAnOldBrokerIsRead) {
  const auto decoded = decode({std::string("\0\0\0\1g\0\1t\0\0\0\2", 12),
                               std::string("\0\0\0\0\0\0\0\0\0\7\0\1m\0\0\0\0\0\0\0\11", 21)});
  ASSERT_TRUE(decoded && decoded->has_value());
  const auto& commit = std::get<group::OffsetCommitRecord>(**decoded);
  EXPECT_EQ(commit.topic, "t");
  EXPECT_EQ(commit.partition, 2);
  EXPECT_EQ(commit.value->offset, 7);
  EXPECT_EQ(commit.value->commit_timestamp_ms, 9);
}

TEST(RecordsTest, WhatAHashStandsForSinceIsLeftOut) {
  const auto decoded = decode({std::string("\0\4\0\1g", 5), std::string("\0\0\1\0", 4)});
  ASSERT_TRUE(decoded);
  EXPECT_FALSE(decoded->has_value());
}

TEST(RecordsTest, WhatIsNewerIsRefusedByName) {
  const auto share = decode({std::string("\0\13\0\1g", 5), std::nullopt});
  ASSERT_FALSE(share);
  EXPECT_EQ(share.error().code, Code::kUnsupported);
  EXPECT_EQ(share.error().message,
            "a record of a share group has the type 11, which this node does not know; upgrade it");
  const auto version = decode({std::string("\0\1\0\1g\0\1t\0\0\0\2", 12), std::string("\0\5\0\0", 4)});
  ASSERT_FALSE(version);
  EXPECT_EQ(version.error().code, Code::kUnsupported);
  EXPECT_EQ(version.error().message,
            "a record has a OffsetCommitValue of version 5, this node reads up to 4; upgrade it");
}

TEST(RecordsTest, WhatIsCutOffIsDamaged) {
  for (const Record& record : all_kinds()) {
    const Encoded encoded = encode(record);
    for (size_t n = 0; n < encoded.key.size(); ++n)
      EXPECT_FALSE(decode({encoded.key.substr(0, n), encoded.value})) << record.index() << " " << n;
    for (size_t n = 0; n < encoded.value->size(); ++n)
      EXPECT_FALSE(decode({encoded.key, encoded.value->substr(0, n)})) << record.index() << " " << n;
  }
}

}  // namespace
}  // namespace chronik::kafka
