#include "host/app/data_dir.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <optional>

namespace chronik::host {
namespace {

namespace fs = std::filesystem;

class DataDirTest : public ::testing::Test {
 protected:
  DataDirTest() {
    std::string name = (fs::temp_directory_path() / "chronik-data-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~DataDirTest() override { fs::remove_all(path_); }

  // The error's message, or empty.
  std::string open(const std::string& data_plugin = "storage-a", int32_t node_id = 1) {
    dir_.reset();
    dir_.emplace();
    const Status status = dir_->open({path_, node_id, data_plugin});
    return status ? "" : status.error().message;
  }
  void keep_something(const std::string& plugin) {
    std::ofstream(*dir_->plugin_directory(plugin) / "data") << "x";
  }

  fs::path path_;
  std::optional<DataDir> dir_;
};

TEST_F(DataDirTest, AClusterIsAdoptedOnceAndForGood) {
  ASSERT_EQ(open(), "");
  EXPECT_TRUE(dir_->new_node());
  ASSERT_TRUE(dir_->adopt_cluster("c-1"));
  EXPECT_TRUE(dir_->adopt_cluster("c-1"));
  EXPECT_EQ(dir_->adopt_cluster("c-2").error().code, Code::kFenced);
  keep_something("storage-a");
  ASSERT_EQ(open(), "");
  EXPECT_FALSE(dir_->new_node());
  EXPECT_EQ(dir_->cluster_id(), "c-1");
  EXPECT_EQ(dir_->adopt_cluster("c-2").error().code, Code::kFenced);
  EXPECT_FALSE(dir_->adopt_cluster("a\"b"));
}

// As when it belongs to another user: here a file stands in its place.
TEST_F(DataDirTest, AFolderThatCannotBeReadIsNotTakenForLost) {
  ASSERT_EQ(open(), "");
  ASSERT_TRUE(dir_->adopt_cluster("c-1"));
  keep_something("storage-a");
  const std::string before = to_text(dir_->incarnation());
  fs::rename(path_ / "storage-a", path_ / "kept");
  std::ofstream(path_ / "storage-a") << "in its place";
  EXPECT_TRUE(open().starts_with("cannot read " + (path_ / "storage-a").string())) << open();
  fs::remove(path_ / "storage-a");
  fs::rename(path_ / "kept", path_ / "storage-a");
  ASSERT_EQ(open(), "");
  EXPECT_FALSE(dir_->lost_data());
  EXPECT_EQ(to_text(dir_->incarnation()), before);
}

TEST_F(DataDirTest, LostDataIsANewIncarnationWithoutACluster) {
  ASSERT_EQ(open(), "");
  ASSERT_TRUE(dir_->adopt_cluster("c-1"));
  const std::string before = to_text(dir_->incarnation());
  ASSERT_EQ(open(), "");
  EXPECT_TRUE(dir_->lost_data());
  EXPECT_TRUE(dir_->new_node());
  EXPECT_NE(to_text(dir_->incarnation()), before);
  EXPECT_TRUE(dir_->adopt_cluster("c-2"));
}

TEST_F(DataDirTest, KeptDataIsTheSameIncarnation) {
  ASSERT_EQ(open(), "");
  keep_something("storage-a");
  const std::string before = to_text(dir_->incarnation());
  ASSERT_EQ(open(), "");
  EXPECT_EQ(to_text(dir_->incarnation()), before);
  EXPECT_FALSE(dir_->lost_data());
}

TEST_F(DataDirTest, AnotherStorageOnItsDataIsRefused) {
  ASSERT_EQ(open("storage-a"), "");
  keep_something("storage-a");
  EXPECT_NE(open("storage-b").find("holds data of storage-a, which storage-b cannot read"),
            std::string::npos);
  EXPECT_EQ(open("storage-a"), "") << "a refusal changes nothing";
  EXPECT_FALSE(dir_->lost_data());
}

TEST_F(DataDirTest, AnotherStorageAfterOneThatKeptNothing) {
  ASSERT_EQ(open("storage-memory"), "");
  EXPECT_EQ(open("storage-a"), "");
  keep_something("storage-a");
  EXPECT_EQ(open("storage-a"), "");
  EXPECT_FALSE(dir_->lost_data());
}

TEST_F(DataDirTest, TheLockIsHeldWhileItIsOpen) {
  ASSERT_EQ(open(), "");
  DataDir second;
  EXPECT_EQ(second.open({path_, 1, "storage-a"}).error().code, Code::kExists);
  dir_.reset();
  DataDir third;
  EXPECT_TRUE(third.open({path_, 1, "storage-a"}));
}

TEST(Uuid, Text) {
  chr_uuid id{};
  for (uint8_t i = 0; i < 16; ++i) id.b[i] = i;
  EXPECT_EQ(to_text(id), "00010203-0405-0607-0809-0a0b0c0d0e0f");
}

}  // namespace
}  // namespace chronik::host
