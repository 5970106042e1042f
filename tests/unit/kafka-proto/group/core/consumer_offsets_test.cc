// What time and tools may do to the offsets of a group of the consumer protocol.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "kafka-proto/group/core/group_table.h"
#include "kafka-proto/group/core/offset_rules.h"

namespace chronik::kafka::group {
namespace {

constexpr int64_t kRetentionMs = 1'000;

class ConsumerOffsets : public ::testing::Test {
 protected:
  ConsumerOffsets() {
    table.apply(GroupEpochRecord{"g", {{2, 0}}});
    MemberRecord::Value info;
    info.topic_names = {"orders"};
    table.apply(MemberRecord{"g", "m", info});
    for (const std::string topic : {"orders", "old"}) commit(topic, 5'000);
  }
  void commit(const std::string& topic, int64_t at_ms) {
    OffsetCommitRecord::Value value;
    value.offset = 7;
    value.commit_timestamp_ms = at_ms;
    table.apply(OffsetCommitRecord{"g", topic, 0, value});
  }
  // Topics of the tombstones; "+" where the group goes, too.
  std::string expire(int64_t wall_ms) {
    std::vector<Record> records;
    expire_consumer("g", *table.find("g"), kRetentionMs, wall_ms, records);
    std::string out;
    bool is_over = false;
    for (const Record& record : records) {
      if (const auto* offset = std::get_if<OffsetCommitRecord>(&record)) out += offset->topic + " ";
      is_over = is_over || std::holds_alternative<GroupEpochRecord>(record);
      table.apply(record);
    }
    return is_over ? out + "+" : out;
  }
  void leave() { table.apply(MemberRecord{"g", "m", std::nullopt}); }

  GroupTable table;
};

TEST_F(ConsumerOffsets, ThoseOfSubscribedTopicsStay) {
  EXPECT_EQ(expire(5'999), "");
  EXPECT_EQ(expire(6'000), "old ");
  EXPECT_EQ(expire(1'000'000), "");
  EXPECT_NE(table.find("g"), nullptr);
}

TEST_F(ConsumerOffsets, AGroupWithoutMembersGoesWithItsLastOffset) {
  leave();
  commit("old", 8'000);
  EXPECT_EQ(expire(7'000), "orders ");
  EXPECT_EQ(expire(9'000), "old +");
  EXPECT_EQ(table.find("g"), nullptr);
}

TEST_F(ConsumerOffsets, ToolsMayDeleteWhatNobodySubscribesTo) {
  const Group& group = *table.find("g");
  EXPECT_EQ(check_offset_delete(&group, nullptr), ErrorCode::kNone);
  EXPECT_EQ(check_topic_offset_delete(group, nullptr, "orders"), ErrorCode::kGroupSubscribedToTopic);
  EXPECT_EQ(check_topic_offset_delete(group, nullptr, "old"), ErrorCode::kNone);
  std::vector<Record> records;
  EXPECT_EQ(delete_consumer("g", group, records), ErrorCode::kNonEmptyGroup);
  EXPECT_TRUE(records.empty());
}

// One more than a write takes says that there are more: the group itself goes with the last of them.
TEST(OffsetRules, AddNoMoreThanATurnHasTimeFor) {
  constexpr size_t kMore = kMaxRecordsAtOnce + 1;
  GroupTable table;
  table.apply(ClassicGroupRecord{"classic", ClassicGroupRecord::Value{.protocol_type = "consumer"}});
  table.apply(GroupEpochRecord{"consumer", {{2, 0}}});
  for (const std::string group : {"classic", "consumer"})
    for (int partition = 0; partition < 5'000; ++partition)
      table.apply(OffsetCommitRecord{group, "t", partition, OffsetCommitRecord::Value{7, 2, "m", 9, -1, {}}});
  const Group& classic = *table.find("classic");
  const Group& consumer = *table.find("consumer");
  const std::vector<std::function<void(std::vector<Record>&)>> rules = {
      [&](auto& to) { EXPECT_EQ(delete_classic("classic", &classic, nullptr, to), ErrorCode::kNone); },
      [&](auto& to) { EXPECT_EQ(delete_consumer("consumer", consumer, to), ErrorCode::kNone); },
      [&](auto& to) { expire_classic("classic", classic, nullptr, kRetentionMs, 1'000'000'000, to); },
      [&](auto& to) { expire_consumer("consumer", consumer, kRetentionMs, 1'000'000'000, to); },
      [&](auto& to) { delete_topic_offsets("classic", classic.offsets, "t", {}, to); }};
  for (const auto& add : rules) {
    std::vector<Record> records;
    add(records);
    EXPECT_EQ(records.size(), kMore);
    EXPECT_TRUE(std::ranges::all_of(
        records, [](const Record& each) { return std::holds_alternative<OffsetCommitRecord>(each); }));
  }
}

}  // namespace
}  // namespace chronik::kafka::group
