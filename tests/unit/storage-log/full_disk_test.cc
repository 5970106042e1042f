// A disk that has no room for a frame, though its place was written before: the store waits for it, and then
// goes on or ends the node.
#include "storage-log/store.h"

#include <gtest/gtest.h>
#include <chronik/testing/fake_files.hpp>

namespace chronik::storage_log {
namespace {

class FullDisk : public ::testing::Test {
 protected:
  FullDisk() {
    fake_.config_int("max_size", -1);
    fake_.config_int("journal_file_bytes", 1 << 20);
    fake_.config_int("journal_files", 2);
    fake_.config_int("segment_bytes", 1 << 20);
    fake_.config_int("direct_bytes", 65536);
    fake_.config_int("queue_bytes", 1 << 20);
    fake_.config_int("open_files", 16);
    chr_done started{};
    EXPECT_TRUE(store_.start(fake_.begin(&started)));
    fake_.run();
    EXPECT_EQ(started.code, CHR_OK);
    EXPECT_EQ(store_.open_group(to_abi("g"), &group_, nullptr), CHR_OK);
  }
  void put(std::string_view value, chr_done* done) {
    done->code = CHR_PENDING;
    chr_storage_step step{};
    step.type = CHR_STORAGE_PUT;
    step.key = to_abi("k");
    step.value = {reinterpret_cast<const uint8_t*>(value.data()), value.size(), nullptr};
    const chr_storage_write write{group_, fake_.begin(done), &step, 1};
    fake_.on_shard(0, [&] { ASSERT_EQ(store_.write(&write, 1, nullptr), CHR_PENDING); });
    fake_.run();
  }
  void fill_disk() {
    files_.fault = [](const testing::FakeFiles::Call& call) {
      const bool hits = call.kind == testing::FakeFiles::Kind::kWrite && call.name.starts_with("journal");
      return hits ? CHR_E_NO_SPACE : CHR_OK;
    };
  }
  void stop() {
    chr_done stopped{};
    stopped.code = CHR_PENDING;
    store_.stop(fake_.begin(&stopped));
    fake_.run();
    EXPECT_EQ(stopped.code, CHR_OK);
    fake_.expect_idle();
  }

  testing::FakeHost fake_;
  testing::FakeFiles files_{fake_};
  Store store_{Host(fake_.core())};
  uint64_t group_ = 0;
};

TEST_F(FullDisk, AFrameThatFindsNoRoomIsWrittenLater) {
  chr_done first{};
  chr_done second{};
  put("1", &first);
  EXPECT_EQ(first.code, CHR_OK);
  fill_disk();
  put("2", &first);
  put("3", &second);
  fake_.advance(std::chrono::seconds(1));
  EXPECT_EQ(first.code, CHR_PENDING);
  EXPECT_TRUE(fake_.logged("no room to write to the journal"));
  files_.fault = nullptr;
  fake_.advance(std::chrono::seconds(1));
  EXPECT_EQ(first.code, CHR_OK);
  EXPECT_EQ(second.code, CHR_OK);
  EXPECT_TRUE(fake_.fatals().empty());
  stop();
}

TEST_F(FullDisk, AFrameThatNeverFindsRoomEndsTheNode) {
  chr_done done{};
  fill_disk();
  put("1", &done);
  fake_.advance(std::chrono::seconds(40));
  EXPECT_EQ(done.code, CHR_E_IO);
  EXPECT_EQ(fake_.fatals().size(), 1u);
  stop();
}

TEST_F(FullDisk, AStopDoesNotWaitForRoom) {
  chr_done done{};
  fill_disk();
  put("1", &done);
  stop();
  EXPECT_EQ(done.code, CHR_E_IO);
}

}  // namespace
}  // namespace chronik::storage_log
