// The section of groups in parts: the bytes of one turn as of when the save was begun, whatever is applied between
// parts; a load that is cut or dropped changes nothing.
#include "kafka-proto/group/section.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace chronik::kafka::testing {
namespace {

using Buffer = std::vector<uint8_t>;
using group::Record;

// Of every kind, with and without a value, over few groups.
Record random_record(std::mt19937_64& random) {
  const auto up_to = [&random](int n) { return static_cast<int32_t>(random() % static_cast<uint64_t>(n)); };
  const std::string id = "g" + std::to_string(up_to(12));
  const std::string member = "m" + std::to_string(up_to(3));
  const bool gone = up_to(3) == 0;
  const std::vector<group::TopicPartitions> partitions = {
      {.topic = {{1, 2, 3}}, .partitions = {up_to(9)}, .assignment_epochs = {1}}};
  switch (up_to(14)) {
    case 0: {
      group::ClassicGroupRecord record{id, group::ClassicGroupRecord::Value{.generation = up_to(9)}};
      if (up_to(2) == 0) record.value->members.emplace_back().member_id = member;
      if (gone) record.value.reset();
      return record;
    }
    case 1:
      return gone ? group::GroupEpochRecord{id, std::nullopt} : group::GroupEpochRecord{id, {{up_to(9), 4}}};
    case 2:
      return gone ? group::MemberRecord{id, member, std::nullopt}
                  : group::MemberRecord{id, member, group::MemberRecord::Value{}};
    case 3:
      return gone ? group::TargetEpochRecord{id, std::nullopt}
                  : group::TargetEpochRecord{id, {{up_to(9), 5}}};
    case 4:
      return gone ? group::TargetMemberRecord{id, member, std::nullopt}
                  : group::TargetMemberRecord{id, member, partitions};
    case 5:
      return gone ? group::CurrentMemberRecord{id, member, std::nullopt}
                  : group::CurrentMemberRecord{
                        id, member,
                        group::CurrentMemberRecord::Value{
                            .epoch = 1, .assigned = partitions, .pending_revocation = {}}};
    case 6:
      return gone ? group::RegexRecord{id, "r", std::nullopt}
                  : group::RegexRecord{id, "r", group::RegexRecord::Value{{"t"}, 1, 2}};
    default: {
      group::OffsetCommitRecord record{id, "t" + std::to_string(up_to(3)), up_to(5),
                                       group::OffsetCommitRecord::Value{up_to(1000), 2, "m", 9, -1, {}}};
      if (gone) record.value.reset();
      return record;
    }
  }
}

Buffer saved(const group::GroupTable& table) {
  Buffer section;
  save_groups(table, section);
  return section;
}

class GroupSectionTest : public ::testing::Test {
 protected:
  void commit(const std::string& id, int32_t partition) {
    table_.apply(group::OffsetCommitRecord{id, "orders", partition,
                                           group::OffsetCommitRecord::Value{5, 2, "m", 9, -1, {}}});
  }
  std::unique_ptr<GroupSectionLoad> begin_load() {
    return std::make_unique<GroupSectionLoad>(&table_, [this](std::unique_ptr<group::GroupTable> left) {
      dropped_.push_back(left->groups().size());
    });
  }
  Status load(const Buffer& section, size_t part) {
    const auto load = begin_load();
    for (size_t at = 0; at < section.size(); at += part)
      CHRONIK_CHECK(load->load_part(Bytes(section).subspan(at, std::min(part, section.size() - at))));
    return load->finish();
  }

  group::GroupTable table_;
  std::mt19937_64 random_{5};
  std::vector<size_t> dropped_;  // groups of each table that was
};

TEST_F(GroupSectionTest, PartsAreThoseOfOneTurnWhateverIsAppliedBetweenThem) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    group::GroupTable table;
    for (int i = 0; i < 150; ++i) table.apply(random_record(random));
    const Buffer at_once = saved(table);
    GroupSectionSave save(table);
    Buffer in_parts;
    for (bool more = true; more;) {
      for (auto n = random() % 4; n > 0; --n) table.apply(random_record(random));
      more = save.save_part(1 + random() % 400, in_parts);
    }
    ASSERT_TRUE(in_parts == at_once);
  }
}

// What a turn has to do: entries by their bytes, whether of many groups or of one.
TEST_F(GroupSectionTest, APartIsNoLargerThanAskedForButForItsLastRecord) {
  for (int i = 0; i < 2'000; ++i) commit("group-" + std::to_string(i), 0);
  for (int i = 0; i < 2'000; ++i) commit("large", i);
  const Buffer all = saved(table_);
  const size_t record = all.size() / 4'000 + 20;
  GroupSectionSave save(table_);
  size_t parts = 0, written = 0;
  for (bool more = true; more; ++parts) {
    Buffer part;
    more = save.save_part(10'000, part);
    EXPECT_LE(part.size(), 10'000 + record);
    for (int i = 0; i < 20; ++i) commit("group-" + std::to_string(random_() % 2'000), 0);
    written += part.size();
  }
  EXPECT_EQ(written, all.size());
  EXPECT_GE(parts, all.size() / (10'000 + record));
}

TEST_F(GroupSectionTest, IsLoadedFromPartsThatAreCutAnywhere) {
  std::mt19937_64 random(3);
  group::GroupTable from;
  for (int i = 0; i < 150; ++i) from.apply(random_record(random));
  const Buffer section = saved(from);
  for (const size_t part : {1, 3, 100, 1 << 20}) {
    ASSERT_TRUE(load(section, part));
    EXPECT_TRUE(saved(table_) == section);
  }
  EXPECT_EQ(dropped_.front(), 0u);
  EXPECT_EQ(dropped_.back(), table_.groups().size());
}

TEST_F(GroupSectionTest, ALoadThatIsCutOrDroppedChangesNothing) {
  for (int i = 10; i < 30; ++i) commit("g" + std::to_string(i), 0);  // records of one size
  const Buffer section = saved(table_);
  commit("another", 0);
  const Buffer before = saved(table_);
  for (size_t n = 1; n < section.size(); ++n) {
    const Buffer cut(section.begin(), section.begin() + static_cast<ptrdiff_t>(n));
    const auto loading = begin_load();
    ASSERT_TRUE(loading->load_part(cut));
    ASSERT_TRUE(saved(table_) == before);
    const bool between_records = (n - sizeof(int16_t)) % ((section.size() - sizeof(int16_t)) / 20) == 0;
    if (section.size() == n || between_records) continue;
    const Status status = loading->finish();
    ASSERT_FALSE(status) << n;
    EXPECT_EQ(status.error().code, Code::kCorrupt);
    ASSERT_TRUE(saved(table_) == before);
  }
  EXPECT_EQ(dropped_.size(), section.size() - 1);
}

TEST_F(GroupSectionTest, DamageIsFoundInWhateverPart) {
  commit("g", 0);
  const Buffer good = saved(table_);
  Buffer section = good;
  section[1] = 2;
  const Status newer = load(section, 1);
  ASSERT_FALSE(newer);
  EXPECT_EQ(newer.error().message, "a snapshot of groups has format 2, this node reads up to 1; upgrade it");
  section = good;
  section[7] = 99;  // the kind of its first key
  for (const size_t part : {1, 5, 1000}) EXPECT_FALSE(load(section, part));
  EXPECT_TRUE(saved(table_) == good);
}

}  // namespace
}  // namespace chronik::kafka::testing
