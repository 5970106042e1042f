// The SDK's FakeMetadata keeps to the contract of chronik.metadata/1, as a caller sees it.
#include <chronik/testing/fake_metadata.hpp>
#include <chronik/testing/fake_records.hpp>

#include <gtest/gtest.h>

namespace chronik::testing {
namespace {

class FakeMetadataTest : public ::testing::Test {
 protected:
  FakeMetadataTest() { table_ = Host(host_.core()).acquire<chr_metadata_v1>(CHR_METADATA_ID, &self_); }
  chr_status create(const char* name, int32_t partitions, chr_change_result* result) {
    const chr_new_topic item{to_abi(name), partitions, 1, nullptr, nullptr, 0, 0};
    chr_done done{};
    done.code = CHR_E_FAILED;
    host_.on_shard(0, [&] {
      EXPECT_EQ(table_->create_topics(self_, &item, 1, 0, 1'000, result, host_.begin(&done), nullptr),
                CHR_PENDING);
    });
    host_.run();
    return done.code;
  }

  FakeHost host_;
  FakeMetadata fake_{&host_};
  const chr_metadata_v1* table_ = nullptr;
  void* self_ = nullptr;
};

TEST_F(FakeMetadataTest, ImagesStayAsTheyWereAndLeadersAreThoseOfNow) {
  chr_change_result result{};
  ASSERT_EQ(create("orders", 3, &result), CHR_OK);
  ASSERT_EQ(result.code, CHR_OK);
  EXPECT_EQ(result.n_partitions, 3u);
  chr_catalog* before = table_->catalog(self_);
  chr_topic topic{};
  ASSERT_EQ(table_->topic_by_name(self_, before, to_abi("orders"), &topic), CHR_OK);
  fake_.set_leader("orders", 1, 2, 9);
  chr_partition partition{};
  ASSERT_EQ(table_->partition(self_, before, topic.handle, 1, &partition), CHR_OK);
  EXPECT_EQ(partition.leader, 2);
  EXPECT_EQ(partition.term, 9u);
  fake_.remove_topic("orders");
  EXPECT_EQ(table_->n_topics(self_, before), 1u);
  EXPECT_EQ(fake_.open_images(), 1u);
  table_->release(self_, before);
  EXPECT_EQ(fake_.open_images(), 0u);
  EXPECT_FALSE(fake_.has_topic("orders"));
}

TEST_F(FakeMetadataTest, AnswersAndHoldsChanges) {
  chr_change_result result{};
  fake_.answer_changes(CHR_E_UNAVAILABLE);
  EXPECT_EQ(create("orders", 1, &result), CHR_E_UNAVAILABLE);
  EXPECT_FALSE(fake_.has_topic("orders"));
  fake_.answer_changes(CHR_OK);
  fake_.hold_changes(true);
  const chr_new_topic item{to_abi("orders"), 1, 1, nullptr, nullptr, 0, 0};
  chr_done done{};
  done.code = CHR_E_FAILED;
  host_.on_shard(
      0, [&] { table_->create_topics(self_, &item, 1, 0, 1'000, &result, host_.begin(&done), nullptr); });
  host_.run();
  EXPECT_FALSE(fake_.has_topic("orders"));
  fake_.hold_changes(false);
  host_.run();
  EXPECT_EQ(done.code, CHR_OK);
  EXPECT_EQ(create("orders", 1, &result), CHR_OK);
  EXPECT_EQ(result.code, CHR_E_EXISTS);
}

TEST_F(FakeMetadataTest, WatchersAreToldOnceForManyChanges) {
  int told = 0;
  const chr_catalog_fn fn = [](void* context) { ++*static_cast<int*>(context); };
  host_.on_shard(0, [&] { table_->watch(self_, fn, &told); });
  host_.run();
  EXPECT_EQ(told, 1);
  for (int i = 0; i < 10; ++i) fake_.add_topic("t" + std::to_string(i));
  host_.run();
  EXPECT_EQ(told, 2);
  fake_.add_topic("last");
  table_->unwatch(self_, fn, &told);
  host_.run();
  EXPECT_EQ(told, 2);
}

class FakeRecordsTest : public ::testing::Test {
 protected:
  FakeRecordsTest() { table_ = Host(host_.core()).acquire<chr_records_v1>(CHR_RECORDS_ID, &self_); }
  chr_status change(const chr_record_change& item) {
    chr_change_result result{};
    chr_done done{};
    done.code = CHR_E_FAILED;
    host_.on_shard(0, [&] {
      EXPECT_EQ(table_->change(self_, &item, 1, 1'000, &result, host_.begin(&done), nullptr), CHR_PENDING);
    });
    host_.run();
    return done.code == CHR_OK ? result.code : done.code;
  }
  static chr_record_change item(std::string_view key, std::string_view value, uint64_t expected = 0,
                                uint32_t flags = 0) {
    return {to_abi("space"), to_abi(key), to_abi(value), expected, flags, 0};
  }

  FakeHost host_;
  FakeMetadata metadata_{&host_};
  FakeRecords fake_{&host_, &metadata_};
  const chr_records_v1* table_ = nullptr;
  void* self_ = nullptr;
};

TEST_F(FakeRecordsTest, VersionsImagesAndOrder) {
  EXPECT_EQ(change(item("b", "1", 0, CHR_RECORD_EXPECTED)), CHR_OK);
  EXPECT_EQ(change(item("b", "2", 0, CHR_RECORD_EXPECTED)), CHR_E_CONFLICT);
  fake_.put("space", "a", "0");
  fake_.put("other", "a", "9");
  void* of_metadata = nullptr;
  const auto* metadata = Host(host_.core()).acquire<chr_metadata_v1>(CHR_METADATA_ID, &of_metadata);
  chr_catalog* image = metadata->catalog(of_metadata);
  chr_record record{};
  ASSERT_EQ(table_->seek(self_, image, to_abi("space"), to_abi(""), &record), CHR_OK);
  EXPECT_EQ(from_abi(record.key), "a");
  ASSERT_EQ(table_->seek(self_, image, to_abi("space"), to_abi("aa"), &record), CHR_OK);
  EXPECT_EQ(from_abi(record.key), "b");
  EXPECT_EQ(change(item("b", "3", record.version, CHR_RECORD_EXPECTED)), CHR_OK);
  EXPECT_EQ(from_abi(record.value), "1");  // the image stays as it was
  EXPECT_EQ(table_->seek(self_, image, to_abi("space"), to_abi("c"), &record), CHR_E_NOT_FOUND);
  metadata->release(of_metadata, image);
  EXPECT_EQ(fake_.get("space", "b"), "3");
  EXPECT_EQ(change(item("b", "", 0, CHR_RECORD_REMOVE)), CHR_OK);
  EXPECT_EQ(change(item("b", "", 0, CHR_RECORD_REMOVE)), CHR_E_NOT_FOUND);
  EXPECT_FALSE(fake_.get("space", "b").has_value());
  metadata_.answer_changes(CHR_E_UNAVAILABLE);
  EXPECT_EQ(change(item("b", "4")), CHR_E_UNAVAILABLE);
}

TEST_F(FakeRecordsTest, WatchersOfASpaceAndBarriers) {
  int told = 0;
  const chr_catalog_fn fn = [](void* context) { ++*static_cast<int*>(context); };
  host_.on_shard(0, [&] { table_->watch(self_, to_abi("space"), fn, &told); });
  host_.run();
  EXPECT_EQ(told, 1);
  fake_.put("other", "a", "1");
  host_.run();
  EXPECT_EQ(told, 1);
  fake_.put("space", "a", "1");
  fake_.remove("space", "a");
  host_.run();
  EXPECT_EQ(told, 2);
  table_->unwatch(self_, fn, &told);
  fake_.put("space", "a", "2");
  chr_change_result result{};
  chr_done done{};
  done.code = CHR_E_FAILED;
  host_.on_shard(0, [&] { table_->barrier(self_, 1'000, &result, host_.begin(&done), nullptr); });
  host_.run();
  EXPECT_EQ(told, 2);
  EXPECT_EQ(done.code, CHR_OK);
}

}  // namespace
}  // namespace chronik::testing
