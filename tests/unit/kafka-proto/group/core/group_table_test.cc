#include "kafka-proto/group/core/group_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace chronik::kafka::group {
namespace {

OffsetCommitRecord committed(const std::string& group, const std::string& topic, int32_t partition,
                             int64_t offset) {
  OffsetCommitRecord record{group, topic, partition, OffsetCommitRecord::Value{}};
  record.value->offset = offset;
  return record;
}

ClassicGroupRecord classic(const std::string& group, int32_t generation) {
  return {group, ClassicGroupRecord::Value{.protocol_type = "consumer", .generation = generation}};
}

TEST(GroupTable, AGroupIsThereWhileItHasAnything) {
  GroupTable table;
  table.apply(committed("g", "t", 0, 5));
  EXPECT_EQ(table.find("g")->kind(), GroupKind::kSimple);
  table.apply(classic("g", 3));
  EXPECT_EQ(table.find("g")->kind(), GroupKind::kClassic);
  table.apply(OffsetCommitRecord{"g", "t", 0, std::nullopt});
  ASSERT_NE(table.find("g"), nullptr);
  EXPECT_EQ(table.find("g")->classic->generation, 3);
  table.apply(ClassicGroupRecord{"g", std::nullopt});
  EXPECT_EQ(table.find("g"), nullptr);
}

TEST(GroupTable, TombstonesOfWhatWasNeverThereMakeNothing) {
  GroupTable table;
  const std::vector<Record> tombstones = {
      OffsetCommitRecord{"g", "t", 0, std::nullopt}, ClassicGroupRecord{"g", std::nullopt},
      GroupEpochRecord{"g", std::nullopt},           MemberRecord{"g", "m", std::nullopt},
      TargetEpochRecord{"g", std::nullopt},          TargetMemberRecord{"g", "m", std::nullopt},
      CurrentMemberRecord{"g", "m", std::nullopt},   RegexRecord{"g", "r", std::nullopt}};
  for (const Record& record : tombstones) table.apply(record);
  EXPECT_TRUE(table.groups().empty());
  // Nor do they where the group has something else.
  table.apply(committed("g", "t", 1, 5));
  for (const Record& record : tombstones) table.apply(record);
  EXPECT_EQ(table.find("g")->kind(), GroupKind::kSimple);
  EXPECT_EQ(table.find("g")->offsets.find("t", 1)->offset, 5);
}

TEST(GroupTable, AGroupChangesItsKind) {
  GroupTable table;
  table.apply(committed("g", "t", 0, 5));
  table.apply(classic("g", 3));
  table.apply(ClassicGroupRecord{"g", std::nullopt});
  table.apply(MemberRecord{"g", "m", MemberRecord::Value{}});
  table.apply(GroupEpochRecord{"g", GroupEpochRecord::Value{4, 0}});
  table.apply(TargetMemberRecord{
      "g", "m", std::vector<TopicPartitions>{{.topic = {}, .partitions = {0}, .assignment_epochs = {}}}});
  table.apply(TargetEpochRecord{"g", TargetEpochRecord::Value{4, 0}});
  table.apply(CurrentMemberRecord{
      "g", "m", CurrentMemberRecord::Value{.epoch = 4, .assigned = {}, .pending_revocation = {}}});
  const Group* group = table.find("g");
  EXPECT_EQ(group->kind(), GroupKind::kConsumer);
  EXPECT_EQ(group->classic, nullptr);
  EXPECT_EQ(group->consumer->epoch(), 4);
  EXPECT_EQ(group->consumer->members().at("m").current.epoch, 4);
  EXPECT_EQ(group->consumer->members().at("m").target.size(), 1u);

  table.apply(CurrentMemberRecord{"g", "m", std::nullopt});
  table.apply(TargetMemberRecord{"g", "m", std::nullopt});
  EXPECT_TRUE(group->consumer->members().at("m").target.empty());
  table.apply(MemberRecord{"g", "m", std::nullopt});
  table.apply(TargetEpochRecord{"g", std::nullopt});
  table.apply(GroupEpochRecord{"g", std::nullopt});
  table.apply(classic("g", 5));
  EXPECT_EQ(group->kind(), GroupKind::kClassic);
  EXPECT_EQ(group->consumer, nullptr);
  EXPECT_EQ(group->offsets.find("t", 0)->offset, 5);
}

// All that a snapshot says, as text.
std::vector<std::string> described(const GroupTable& table) {
  std::vector<std::string> lines;
  table.each_record([&](const Record& record) {
    std::visit([&](const auto& one) { lines.push_back(std::to_string(record.index()) + " " + one.group); },
               record);
    if (const auto* offset = std::get_if<OffsetCommitRecord>(&record))
      lines.back() +=
          offset->topic + std::to_string(offset->partition) + "=" + std::to_string(offset->value->offset);
    if (const auto* group = std::get_if<ClassicGroupRecord>(&record))
      lines.back() += std::to_string(group->value->generation);
    if (const auto* member = std::get_if<CurrentMemberRecord>(&record))
      lines.back() += member->member_id + std::to_string(member->value->epoch);
  });
  return lines;
}

GroupTable random_table(std::mt19937_64& random) {
  GroupTable table;
  for (int i = 0; i < 300; ++i) {
    const std::string id = "g" + std::to_string(random() % 40);
    switch (random() % 5) {
      case 0:
        table.apply(classic(id, static_cast<int32_t>(random() % 9)));
        break;
      case 1:
        table.apply(ClassicGroupRecord{id, std::nullopt});
        break;
      case 2:
        table.apply(GroupEpochRecord{id, GroupEpochRecord::Value{1, 2}});
        table.apply(MemberRecord{id, "m", MemberRecord::Value{}});
        table.apply(CurrentMemberRecord{
            id, "m", CurrentMemberRecord::Value{.epoch = 1, .assigned = {}, .pending_revocation = {}}});
        break;
      default:
        table.apply(committed(id, "t", static_cast<int32_t>(random() % 9), i));
    }
  }
  return table;
}

TEST(GroupTable, ASnapshotMakesAnEqualTable) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 20; ++round) {
    const GroupTable table = random_table(random);
    GroupTable whole;
    table.each_record([&](const Record& record) { whole.apply(record); });
    EXPECT_EQ(described(whole), described(table));

    GroupTable in_parts;
    size_t turns = 0;
    std::optional<std::string> from = "";
    while (from) {
      size_t records = 0;
      from = table.each_record(*from, 10, [&](const Record& record) {
        in_parts.apply(record);
        ++records;
      });
      EXPECT_LE(records, 10u + 20u);  // groups whole
      ++turns;
    }
    EXPECT_GT(turns, 3u);
    EXPECT_EQ(described(in_parts), described(table));
  }
}

}  // namespace
}  // namespace chronik::kafka::group
