// A store in a folder of its own, with a group of 6,000 entries, each in a page of its own.
#pragma once

#include "storage-lmdb/schema.h"
#include "storage-lmdb/store.h"

#include <gtest/gtest.h>

#include <chronik/testing/config_defaults.hpp>
#include <chronik/testing/fake_host.hpp>
#include <cstdlib>
#include <filesystem>

namespace chronik::storage_lmdb {

class PurgeFixture : public ::testing::Test {
 protected:
  static constexpr uint64_t kEntries = 6000;

  void SetUp() override {
    std::string path = (std::filesystem::temp_directory_path() / "chronik-purge-XXXXXX").string();
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    directory_ = path;
    host_.directory(directory_);
    testing::give_config_defaults(host_, kSchema);
    host_.config_int("preallocate", 65536);
    start();
    ASSERT_EQ(store_->open_group(to_abi("large"), &large_, &error_), CHR_OK);
    ASSERT_EQ(store_->open_group(to_abi("other"), &other_, &error_), CHR_OK);
    for (uint64_t first = 1; first <= kEntries; first += 500) append(large_, first, 500);
    host_.run();
  }
  void TearDown() override {
    stop();
    std::filesystem::remove_all(directory_);
  }
  void start() {
    store_ = std::make_unique<Store>(Host(host_.core()));
    chr_done done{};
    host_.on_shard(0, [&] { store_->start(host_.begin(&done)); });
    host_.run();
    ASSERT_EQ(done.code, CHR_OK);
  }
  void stop() {
    if (store_ == nullptr) return;
    chr_done done{};
    done.code = 99;
    host_.on_shard(0, [&] {
      if (store_->stop(host_.begin(&done))) done.code = CHR_OK;
    });
    host_.run();
    EXPECT_EQ(done.code, CHR_OK);
    store_.reset();
  }
  // Writes that complete later; their names come to order_.
  void write(uint64_t group, chr_storage_step step, const std::string& name) {
    host_.on_shard(0, [&] {
      const chr_status status = Host(host_.core())
                                    .async(
                                        [&](uint64_t token) {
                                          const chr_storage_write write{group, token, &step, 1};
                                          return store_->write(&write, 1, &error_);
                                        },
                                        [this, name](const chr_done& done) {
                                          EXPECT_EQ(done.code, CHR_OK)
                                              << name << ": " << from_abi(done.message);
                                          order_.push_back(name);
                                          if (name == "remove" && when_removed_) when_removed_();
                                        });
      ASSERT_EQ(status, CHR_PENDING);
    });
  }
  static constexpr uint64_t kOnePage = 3000;  // in a page of its own
  void append(uint64_t group, uint64_t first, uint32_t n, const std::string& name = "append",
              uint64_t bytes = kOnePage) {
    const std::vector<uint8_t> payload(bytes, 'x');
    std::vector<chr_entry> entries(n);
    for (uint32_t i = 0; i < n; ++i) {
      entries[i].header.index = first + i;
      entries[i].header.records = 1;
      entries[i].header.bytes = payload.size();
      entries[i].payload = {payload.data(), payload.size(), nullptr};
    }
    chr_storage_step step{};
    step.type = CHR_STORAGE_APPEND;
    step.n = n;
    step.entries = entries.data();
    write(group, step, name);
  }
  void remove(uint64_t group, uint32_t type, uint64_t index, const std::string& name = "remove") {
    chr_storage_step step{};
    step.type = type;
    step.index = index;
    write(group, step, name);
  }
  chr_storage_bounds bounds(uint64_t group) {
    chr_storage_bounds bounds{};
    bounds.struct_size = sizeof bounds;
    store_->bounds(group, &bounds);
    return bounds;
  }
  // That the file has seen.
  uint64_t transactions() {
    stop();
    uint64_t last = 0;
    if (const auto env = Env::open({directory_, 1ll << 40, 64})) {
      MDB_envinfo info{};
      mdb_env_info((*env)->raw(), &info);
      last = info.me_last_txnid;
    }
    start();
    return last;
  }
  chr_storage_usage usage() {
    chr_storage_usage usage{};
    usage.struct_size = sizeof usage;
    store_->usage(&usage);
    return usage;
  }
  uint64_t used() { return usage().used_bytes; }
  uint64_t file_bytes() { return usage().file_bytes; }
  // What they needed: now the next ones are taken for small.
  void forget_large_commits() {
    for (uint64_t i = 1; i <= 200; ++i) {
      append(other_, i, 1);
      host_.run();
    }
  }
  // Restarts the store.
  uint64_t entries_in_file(uint64_t group) {
    stop();
    uint64_t n = 0;
    if (const auto env = Env::open({directory_, 1ll << 40, 64})) {
      ReadTransactions transactions(*env);
      const auto snapshot = Snapshot::begin(transactions);
      MDB_stat stat{};
      if (mdb_stat(snapshot->txn(), (*env)->lane(group), &stat) == 0) n = stat.ms_entries;
    }
    start();
    return n;
  }

  testing::FakeHost host_;
  std::string directory_;
  std::unique_ptr<Store> store_;
  chr_error error_ = make_abi_error();
  uint64_t large_ = 0;
  uint64_t other_ = 0;
  std::vector<std::string> order_;
  std::function<void()> when_removed_;  // durable, and not purged yet
};

}  // namespace chronik::storage_lmdb
