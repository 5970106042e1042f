// A store over FakeFiles with one group, which ends each call by itself.
#pragma once

#include "storage-log/store.h"

#include <gtest/gtest.h>
#include <chronik/crc32c.hpp>
#include <chronik/testing/fake_files.hpp>

#include <cstring>
#include <filesystem>
#include <fstream>
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
    configure(fake_, queue_bytes);
    start();
  }
  static void configure(testing::FakeHost& host, int64_t queue_bytes = 1 << 20) {
    host.config_int("max_size", -1);
    host.config_int("journal_file_bytes", 1 << 20);
    host.config_int("journal_files", 2);
    host.config_int("segment_bytes", 1 << 20);
    host.config_int("direct_bytes", 65536);
    host.config_int("queue_bytes", queue_bytes);
    host.config_int("open_files", 16);
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
  std::string content(const std::string& name) const {
    std::ifstream file(files_.path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void make_file(const std::string& name, const std::string& bytes, uint64_t size) const {
    std::ofstream(files_.path(name), std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    std::filesystem::resize_file(files_.path(name), size);
  }
  // The name of the only checkpoint.
  std::string checkpoint() const {
    for (const auto& entry : std::filesystem::directory_iterator(files_.directory())) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with("checkpoint-")) return name;
    }
    return "";
  }
  // Writes it as earlier versions did: format 1 named no files of the journal, 2 not their sizes.
  void make_checkpoint_older(uint32_t format) const {
    const std::string bytes = content(checkpoint());
    std::string copy = bytes.substr(0, bytes.size() / 2);
    uint32_t journals = 0;
    std::memcpy(&journals, copy.data() + 64, sizeof journals);
    if (format == 1) copy.erase(64, sizeof journals + journals * size_t{16});
    for (uint32_t i = 0; format == 2 && i < journals; ++i) copy.erase(68 + i * size_t{4} + 4, 12);
    const uint32_t no_crc = 0;
    const uint64_t size = copy.size() - 32;
    std::memcpy(copy.data() + 16, &format, sizeof format);
    std::memcpy(copy.data() + 20, &no_crc, sizeof no_crc);
    std::memcpy(copy.data() + 24, &size, sizeof size);
    const uint32_t crc = crc32c::extend(0, copy.data(), copy.size());
    std::memcpy(copy.data() + 20, &crc, sizeof crc);
    make_file(checkpoint(), copy + copy, 2 * copy.size());
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
