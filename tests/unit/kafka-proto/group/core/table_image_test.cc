#include "kafka-proto/group/core/table_image.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace chronik::kafka::group {
namespace {

using Lines = std::vector<std::string>;

class TableImageTest : public ::testing::Test {
 protected:
  void commit(const std::string& group, const std::string& topic, int32_t partition, int64_t offset) {
    OffsetCommitRecord record{group, topic, partition, OffsetCommitRecord::Value{}};
    record.value->offset = offset;
    table_.apply(record);
  }
  void forget(const std::string& group, const std::string& topic, int32_t partition) {
    table_.apply(OffsetCommitRecord{group, topic, partition, std::nullopt});
  }
  void set_generation(const std::string& group, int32_t generation) {
    table_.apply(ClassicGroupRecord{
        group, ClassicGroupRecord::Value{.protocol_type = "consumer", .generation = generation}});
  }
  void set_epochs(const std::string& group, const std::string& member, int32_t epoch) {
    table_.apply(MemberRecord{group, member, MemberRecord::Value{}});
    table_.apply(GroupEpochRecord{group, GroupEpochRecord::Value{epoch, 0}});
    table_.apply(TargetEpochRecord{group, TargetEpochRecord::Value{epoch, 0}});
  }

  static std::string describe(const Record& record) {
    if (const auto* offset = std::get_if<OffsetCommitRecord>(&record))
      return offset->group + "/" + offset->topic + "/" + std::to_string(offset->partition) + "=" +
             std::to_string(offset->value->offset);
    if (const auto* classic = std::get_if<ClassicGroupRecord>(&record))
      return classic->group + " generation " + std::to_string(classic->value->generation);
    if (const auto* epoch = std::get_if<GroupEpochRecord>(&record))
      return epoch->group + " epoch " + std::to_string(epoch->value->epoch);
    return std::visit([](const auto& one) { return one.group; }, record) + " " +
           std::to_string(record.index());
  }
  Lines now() const {
    Lines lines;
    table_.each_record([&](const Record& record) { lines.push_back(describe(record)); });
    return lines;
  }
  // Some items; false: there were no more.
  static bool read(TableImage& image, size_t items, Lines& lines) {
    return image.read([&] { return items-- == 0; },
                      [&](const Record& record) { lines.push_back(describe(record)); });
  }
  static Lines read_all(TableImage& image) {
    Lines lines;
    EXPECT_FALSE(read(image, SIZE_MAX, lines));
    return lines;
  }

  GroupTable table_;
};

TEST_F(TableImageTest, OfAnEmptyTableIsEmpty) {
  TableImage image(table_);
  commit("a", "t", 0, 1);
  EXPECT_TRUE(read_all(image).empty());
}

TEST_F(TableImageTest, GivesTheRecordsInTheirOrderOneItemAtATime) {
  commit("a", "t", 0, 1);
  commit("a", "t", 1, 2);
  commit("a", "u", 0, 3);
  set_generation("b", 7);
  commit("b", "t", 4, 4);
  TableImage image(table_);
  Lines lines;
  size_t reads = 1;
  for (; read(image, 1, lines); ++reads) continue;
  EXPECT_EQ(lines, now());
  EXPECT_EQ(reads, 4u + 2u);  // what each group has beside its offsets, too
}

TEST_F(TableImageTest, KeepsWhatChangesBeforeItIsRead) {
  for (int32_t partition = 0; partition < 4; ++partition) commit("a", "t", partition, 1);
  set_generation("b", 7);
  set_epochs("c", "m", 3);
  const Lines before = now();
  TableImage image(table_);
  Lines lines;
  EXPECT_TRUE(read(image, 3, lines));  // of "a", members and two offsets
  commit("a", "t", 0, 2);              // was read
  EXPECT_EQ(image.kept(), 0u);
  commit("a", "t", 3, 2);
  commit("a", "t", 3, 3);  // again
  EXPECT_EQ(image.kept(), 1u);
  set_generation("b", 8);
  set_epochs("c", "n", 4);
  EXPECT_EQ(image.kept(), 3u);
  EXPECT_FALSE(read(image, SIZE_MAX, lines));
  EXPECT_EQ(lines, before);
  EXPECT_EQ(image.kept(), 0u);
}

TEST_F(TableImageTest, SeesNothingThatComes) {
  commit("b", "t", 1, 1);
  const Lines before = now();
  TableImage image(table_);
  for (const std::string group : {"a", "b", "c"})
    for (const std::string topic : {"s", "t", "u"}) {
      commit(group, topic, 0, 2);
      commit(group, topic, 2, 2);
    }
  set_generation("b", 1);
  set_epochs("d", "m", 1);
  EXPECT_EQ(read_all(image), before);
}

TEST_F(TableImageTest, HasWhatGoes) {
  for (const std::string group : {"a", "b", "c"}) {
    commit(group, "t", 0, 1);
    commit(group, "u", 0, 1);
  }
  set_generation("b", 1);
  const Lines before = now();
  TableImage image(table_);
  Lines lines;
  EXPECT_TRUE(read(image, 2, lines));
  for (const std::string group : {"a", "b", "c"}) {
    forget(group, "t", 0);
    forget(group, "u", 0);
  }
  table_.apply(ClassicGroupRecord{"b", std::nullopt});
  EXPECT_TRUE(table_.groups().empty());
  commit("b", "t", 0, 9);  // comes again
  EXPECT_FALSE(read(image, SIZE_MAX, lines));
  EXPECT_EQ(lines, before);
}

TEST_F(TableImageTest, KeepsNothingOnceItIsReadOrGone) {
  commit("a", "t", 0, 1);
  {
    TableImage image(table_);
    EXPECT_EQ(read_all(image).size(), 1u);
    commit("b", "t", 0, 1);
    EXPECT_EQ(image.kept(), 0u);
  }
  {
    const TableImage dropped(table_);
  }
  commit("a", "t", 0, 2);
  TableImage next(table_);
  EXPECT_EQ(read_all(next), now());
}

}  // namespace
}  // namespace chronik::kafka::group
