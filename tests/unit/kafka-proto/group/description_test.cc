// What is told of groups of each kind, as they are recorded.
#include "kafka-proto/group/description.h"

#include <gtest/gtest.h>

#include <utility>

namespace chronik::kafka {
namespace {

using group::GroupKind;
using group::GroupTable;
using Partitions = std::vector<int32_t>;

chr_uuid topic_id(uint8_t n) {
  chr_uuid id{};
  id.b[0] = n;
  return id;
}

// Version 0, one topic, one partition, no user data.
std::string embedded_assignment(const std::string& topic, char partition) {
  return std::string("\0\0\0\0\0\1\0", 7) + static_cast<char>(topic.size()) + topic +
         std::string("\0\0\0\1\0\0\0", 7) + partition + std::string("\xff\xff\xff\xff", 4);
}

class DescriptionTest : public ::testing::Test {
 protected:
  GroupDescription told(const std::string& id) const {
    return describe(id, *table.find(id), nullptr, [](const chr_uuid& topic) {
      return topic.b[0] == 1 ? std::string("orders") : std::string();
    });
  }
  GroupTable table;
};

TEST_F(DescriptionTest, OfASimpleGroup) {
  table.apply(
      group::OffsetCommitRecord{"g", "orders", 0, group::OffsetCommitRecord::Value{4, -1, "", 9, -1, {}}});
  const GroupDescription description = told("g");
  EXPECT_EQ(name_of(description.summary.kind), "simple");
  EXPECT_EQ(description.summary.state, "Empty");
  EXPECT_EQ(description.summary.protocol_type, "");
  EXPECT_TRUE(description.members.empty());
}

TEST_F(DescriptionTest, OfAClassicGroup) {
  group::ClassicGroupRecord record{"g", group::ClassicGroupRecord::Value{}};
  record.value->protocol_type = "consumer";
  record.value->generation = 7;
  record.value->protocol = "range";
  record.value->leader = "m1";
  record.value->members.push_back(
      {"m1", "i1", "client", "/10.0.0.1", 1, 1, "", embedded_assignment("orders", 2)});
  record.value->members.push_back({"m2", std::nullopt, "client", "/10.0.0.2", 1, 1, "", "\x7f"});
  table.apply(record);
  const GroupDescription description = told("g");
  EXPECT_EQ(description.summary.kind, GroupKind::kClassic);
  EXPECT_EQ(description.summary.state, "Stable");
  EXPECT_EQ(description.summary.members, 2u);
  EXPECT_EQ(description.generation, 7);
  EXPECT_EQ(description.protocol, "range");
  ASSERT_EQ(description.members.size(), 2u);
  EXPECT_EQ(description.members[0].instance_id, "i1");
  EXPECT_EQ(description.members[0].client_host, "/10.0.0.1");
  ASSERT_EQ(description.members[0].partitions.size(), 1u);
  EXPECT_EQ(description.members[0].partitions[0].topic, "orders");
  EXPECT_EQ(description.members[0].partitions[0].partitions, (Partitions{2}));
  EXPECT_TRUE(description.members[1].partitions.empty());  // it cannot be read
}

// Its bytes are its own.
TEST_F(DescriptionTest, OfAClassicGroupOfAnotherType) {
  group::ClassicGroupRecord record{"g", group::ClassicGroupRecord::Value{}};
  record.value->protocol_type = "connect";
  record.value->protocol = "sessioned";
  record.value->members.push_back({"m1", std::nullopt, "c", "h", 1, 1, "", embedded_assignment("orders", 2)});
  table.apply(record);
  const GroupDescription description = told("g");
  EXPECT_EQ(description.summary.protocol_type, "connect");
  EXPECT_TRUE(description.members.at(0).partitions.empty());
}

TEST_F(DescriptionTest, OfAConsumerGroup) {
  table.apply(group::GroupEpochRecord{"g", group::GroupEpochRecord::Value{3, 0}});
  group::MemberRecord::Value member;
  member.client_id = "client";
  member.topic_names = {"orders"};
  table.apply(group::MemberRecord{"g", "m1", member});
  table.apply(group::TargetEpochRecord{"g", group::TargetEpochRecord::Value{3, 0}});
  group::CurrentMemberRecord::Value current;
  current.epoch = 3;
  current.assigned.push_back({topic_id(1), {0, 2}, {}});
  current.assigned.push_back({topic_id(2), {5}, {}});  // of a topic that is gone
  table.apply(group::CurrentMemberRecord{"g", "m1", current});
  const GroupDescription description = told("g");
  EXPECT_EQ(name_of(description.summary.kind), "consumer");
  EXPECT_EQ(description.summary.state, "Stable");
  EXPECT_EQ(description.summary.members, 1u);
  EXPECT_EQ(description.generation, 3);
  ASSERT_EQ(description.members.at(0).partitions.size(), 1u);
  EXPECT_EQ(description.members[0].partitions[0].partitions, (Partitions{0, 2}));
}

}  // namespace
}  // namespace chronik::kafka
