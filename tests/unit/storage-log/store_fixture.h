// A store over FakeFiles with one group, which ends each call by itself.
#pragma once

#include "storage-log/store.h"

#include <gtest/gtest.h>
#include <chronik/testing/fake_files.hpp>

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace chronik::storage_log {

class StoreFixture : public ::testing::Test {
 protected:
  explicit StoreFixture(testing::FakeFiles::Options files = {}, int64_t queue_bytes = 1 << 20)
      : files_(fake_, std::move(files)) {
    fake_.config_int("max_size", -1);
    fake_.config_int("journal_file_bytes", 1 << 20);
    fake_.config_int("journal_files", 2);
    fake_.config_int("segment_bytes", 1 << 20);
    fake_.config_int("direct_bytes", 65536);
    fake_.config_int("queue_bytes", queue_bytes);
    fake_.config_int("open_files", 16);
    start();
  }
  // How it ends; the message lives as long as the host.
  chr_done try_start() {
    store_.reset();
    store_.emplace(Host(fake_.core()));
    chr_done started{};
    EXPECT_TRUE(store_->start(fake_.begin(&started)));
    fake_.run();
    return started;
  }
  void start() {
    ASSERT_EQ(try_start().code, CHR_OK);
    EXPECT_EQ(store_->open_group(to_abi("g"), &group_, nullptr), CHR_OK);
  }
  void restart() {
    stop();
    start();
  }
  void put(std::string_view value, chr_done* done) {
    done->code = CHR_PENDING;
    chr_storage_step step{};
    step.type = CHR_STORAGE_PUT;
    step.key = to_abi("k");
    step.value = {reinterpret_cast<const uint8_t*>(value.data()), value.size(), nullptr};
    write(step, done);
  }
  // n entries in one write.
  void append(uint64_t index, chr_done* done, uint32_t bytes = 900, uint32_t n = 1) {
    static constexpr uint8_t kPayload[900] = {7};
    std::vector<chr_entry> entries(n);
    for (chr_entry& entry : entries) {
      entry.header.index = index++;
      entry.header.records = 1;
      entry.header.base_offset = static_cast<int64_t>(entry.header.index);
      entry.header.bytes = bytes;
      entry.payload = {kPayload, bytes, nullptr};
    }
    chr_storage_step step{};
    step.type = CHR_STORAGE_APPEND;
    step.entries = entries.data();
    step.n = n;
    write(step, done);
  }
  void trim(uint64_t index, chr_done* done) {
    chr_storage_step step{};
    step.type = CHR_STORAGE_TRIM;
    step.index = index;
    write(step, done);
  }
  void write(const chr_storage_step& step, chr_done* done) { write(std::span(&step, 1), done); }
  void write(std::span<const chr_storage_step> steps, chr_done* done) {
    done->code = CHR_PENDING;
    const chr_storage_write write{group_, fake_.begin(done), steps.data(),
                                  static_cast<uint32_t>(steps.size())};
    fake_.on_shard(0, [&] { ASSERT_EQ(store_->write(&write, 1, nullptr), CHR_PENDING); });
    fake_.run();
  }
  std::string value() {
    chr_slice out{};
    const chr_status status = store_->get(group_, to_abi("k"), &out, 1, nullptr);
    if (status != CHR_OK) return "?";
    const Lease lease = Lease::adopt(out.lease);
    return {reinterpret_cast<const char*>(out.p), out.n};
  }
  std::pair<uint64_t, uint64_t> bounds() {
    chr_storage_bounds bounds{};
    EXPECT_EQ(store_->bounds(group_, &bounds), CHR_OK);
    return {bounds.first_index, bounds.last_index};
  }
  // Of the files whose names end so.
  size_t count_files(std::string_view ending) const {
    size_t n = 0;
    for (const auto& entry : std::filesystem::directory_iterator(files_.directory()))
      n += entry.path().filename().string().ends_with(ending) ? 1 : 0;
    return n;
  }
  void stop() {
    chr_done stopped{};
    stopped.code = CHR_PENDING;
    store_->stop(fake_.begin(&stopped));
    fake_.run();
    EXPECT_EQ(stopped.code, CHR_OK);
    fake_.expect_idle();
  }

  testing::FakeHost fake_;
  testing::FakeFiles files_;
  std::optional<Store> store_;
  uint64_t group_ = 0;
};

}  // namespace chronik::storage_log
