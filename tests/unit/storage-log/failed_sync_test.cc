// A sync of a segment that fails, for whoever asked for it: the store ends the node.
#include "storage-log/store.h"

#include <gtest/gtest.h>
#include <chronik/testing/fake_files.hpp>

#include <optional>

namespace chronik::storage_log {
namespace {

constexpr int kOpenFiles = 16;

class FailedSync : public ::testing::Test {
 protected:
  using Kind = testing::FakeFiles::Kind;

  FailedSync() {
    fake_.config_int("max_size", -1);
    fake_.config_int("journal_file_bytes", 1 << 20);
    fake_.config_int("journal_files", 2);
    fake_.config_int("segment_bytes", 1 << 20);
    fake_.config_int("direct_bytes", 65536);
    fake_.config_int("queue_bytes", 1 << 20);
    fake_.config_int("open_files", kOpenFiles);
    store_.emplace(Host(fake_.core()));
    chr_done started{};
    EXPECT_TRUE(store_->start(fake_.begin(&started)));
    fake_.run();
    EXPECT_EQ(started.code, CHR_OK);
    // One file more than may be open, each with something that is not synced; the first one is closed.
    for (int i = 0; i <= kOpenFiles; ++i) {
      EXPECT_EQ(store_->open_group(to_abi("g" + std::to_string(i)), &groups_.emplace_back(), nullptr),
                CHR_OK);
      append(groups_.back(), 1);
      append(groups_.back(), 3);
      EXPECT_EQ(done_.code, CHR_OK);
      fake_.advance(std::chrono::milliseconds(60));
    }
    files_.fault = [](const testing::FakeFiles::Call& call) {
      return call.kind == Kind::kSync && call.name.ends_with(".segment") ? CHR_E_IO : CHR_OK;
    };
  }
  void append(uint64_t group, uint64_t index) {
    static constexpr uint8_t kPayload[900] = {7};
    chr_entry entry{};
    entry.header.index = index;
    entry.header.records = 1;
    entry.header.base_offset = static_cast<int64_t>(index);
    entry.header.bytes = sizeof kPayload;
    entry.payload = {kPayload, sizeof kPayload, nullptr};
    chr_storage_step step{};
    step.type = CHR_STORAGE_APPEND;
    step.entries = &entry;
    step.n = 1;
    write(group, step);
  }
  void write(uint64_t group, const chr_storage_step& step) {
    done_.code = CHR_PENDING;
    const chr_storage_write write{group, fake_.begin(&done_), &step, 1};
    fake_.on_shard(0, [&] { ASSERT_EQ(store_->write(&write, 1, nullptr), CHR_PENDING); });
    fake_.run();
  }
  void expect_ended() {
    ASSERT_EQ(fake_.fatals().size(), 1u);
    EXPECT_NE(fake_.fatals()[0].find(".segment failed"), std::string::npos) << fake_.fatals()[0];
    chr_done stopped{};
    stopped.code = CHR_PENDING;
    store_->stop(fake_.begin(&stopped));
    fake_.run();
    EXPECT_EQ(stopped.code, CHR_OK);
    fake_.expect_idle();
  }

  testing::FakeHost fake_;
  testing::FakeFiles files_{fake_, {.is_cold = true}};
  std::optional<Store> store_;
  std::vector<uint64_t> groups_;
  chr_done done_{};
};

TEST_F(FailedSync, OfARead) {
  chr_storage_read args{};
  args.group = groups_[0];
  args.from = 1;
  args.max_bytes = 1 << 20;
  chr_entries out{};
  EXPECT_EQ(store_->read(&args, &out, fake_.begin(&done_), nullptr), CHR_PENDING);
  fake_.run();
  EXPECT_EQ(done_.code, CHR_E_IO);
  ASSERT_NO_FATAL_FAILURE(expect_ended());
}

// The cut lies between two entries in a file that is not open.
TEST_F(FailedSync, OfATruncationIsNoDamageOfItsGroup) {
  chr_storage_step step{};
  step.type = CHR_STORAGE_TRUNCATE;
  step.index = 2;
  write(groups_[0], step);
  EXPECT_EQ(done_.code, CHR_E_IO);
  ASSERT_NO_FATAL_FAILURE(expect_ended());
}

}  // namespace
}  // namespace chronik::storage_log
