#include "kafka-proto/group/core/group_table.h"

#include <gtest/gtest.h>

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

TEST(GroupTable, KnowsItsGroupsThatHaveMembers) {
  GroupTable table;
  const auto with_members = [&table] {
    return std::vector<std::string>(table.with_members().begin(), table.with_members().end());
  };
  table.apply(committed("a", "t", 0, 5));
  table.apply(classic("b", 3));  // an empty one
  EXPECT_TRUE(table.with_members().empty());
  ClassicGroupRecord joined = classic("b", 4);
  joined.value->members.emplace_back().member_id = "m";
  table.apply(joined);
  table.apply(MemberRecord{"a", "m", MemberRecord::Value{}});
  EXPECT_EQ(with_members(), (std::vector<std::string>{"a", "b"}));
  GroupTable other;
  other.swap_groups(table);
  EXPECT_TRUE(table.with_members().empty());
  table.swap_groups(other);
  table.apply(classic("b", 5));
  table.apply(MemberRecord{"a", "m", std::nullopt});
  table.apply(GroupEpochRecord{"a", std::nullopt});
  EXPECT_TRUE(table.with_members().empty());
}

// Groups count with their offsets; one that has more comes alone.
TEST(GroupTable, HasSlicesThatTakeNoTurnLong) {
  GroupTable table;
  EXPECT_EQ(table.slice_end(table.groups().begin()), table.groups().end());
  for (int i = 100; i < 400; ++i)
    for (int partition = 0; partition < 9; ++partition)
      table.apply(committed("g" + std::to_string(i), "t", partition, 5));
  for (int partition = 0; partition < 2'500; ++partition) table.apply(committed("h", "t", partition, 5));
  table.apply(committed("i", "t", 0, 5));
  std::vector<std::string> ends;
  for (auto at = table.groups().begin(); at != table.groups().end();) {
    at = table.slice_end(at);
    ends.push_back(at == table.groups().end() ? "" : at->first);
  }
  EXPECT_EQ(ends, (std::vector<std::string>{"g300", "h", "i", ""}));
  const auto items = [&table] {
    size_t n = table.groups().size();
    for (const auto& [id, group] : table.groups()) n += group.offsets.size();
    return n;
  };
  size_t slices = 0;
  for (size_t before = items(); before > 0 && slices < 10; before = items(), ++slices) {
    table.drop_slice();
    EXPECT_LE(before - items(), GroupTable::kMaxSlice);
  }
  EXPECT_EQ(slices, 3u);  // of 5,503
  EXPECT_TRUE(table.groups().empty());
  table.drop_slice();
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

void fill(GroupTable& table, std::mt19937_64& random) {
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
}

TEST(GroupTable, ASnapshotMakesAnEqualTable) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 20; ++round) {
    GroupTable table;
    fill(table, random);
    GroupTable whole;
    table.each_record([&](const Record& record) { whole.apply(record); });
    EXPECT_EQ(described(whole), described(table));
  }
}

}  // namespace
}  // namespace chronik::kafka::group
