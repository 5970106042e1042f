// The parts of an open store without the store around them: no queue, no threads, nothing that runs by itself.
// In a folder of its own, on a fake host.
#pragma once

#include "storage-lmdb/batch_writer.h"
#include "storage-lmdb/recovery.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chronik/testing/fake_host.hpp>
#include <cstdlib>
#include <filesystem>

namespace chronik::storage_lmdb {

class PartsFixture : public ::testing::Test {
 protected:
  using Batch = WriteQueue::Batch;
  using Codes = std::vector<chr_status>;
  static constexpr uint64_t kMiB = 1 << 20;

  void SetUp() override {
    directory_ = (std::filesystem::temp_directory_path() / "chronik-parts-XXXXXX").string();
    ASSERT_NE(mkdtemp(directory_.data()), nullptr);
    open();
  }
  void TearDown() override {
    close();
    std::filesystem::remove_all(directory_);
  }
  // What recovery says.
  Status open() {
    const Space::Options space{1 << 30, max_size_, 0};
    auto env = Env::open({directory_, space.limit(), 64, space.slack()}).value();
    const Host api(host_.core());
    groups_ = std::make_unique<GroupTable>();
    failure_ = std::make_unique<StorageFailure>(api);
    parts_.reset(new StoreParts{
        api, env, std::make_shared<Generations>(env, Generations::Options{1'000'000, 0}), *groups_, *failure_,
        Space(api, env, space), Supply(env->page_size()), StoreMetrics(api)});
    fullness_ = std::make_unique<Fullness>(api, parts_->space);
    purge_ = std::make_unique<Purge>(*parts_);
    mover_ = std::make_unique<RowMover>(*parts_);
    writer_ = std::make_unique<BatchWriter>(*parts_, *purge_, *mover_, *fullness_);
    return Recovery(api, *env, parts_->generations->transactions(), parts_->space, *groups_).run();
  }
  void close() {
    writer_.reset();
    mover_.reset();
    purge_.reset();
    fullness_.reset();
    parts_.reset();
    groups_.reset();
  }
  uint64_t group(std::string_view name) { return groups_->open(name).value(); }
  LogState log(uint64_t group) {
    LogState log;
    EXPECT_TRUE(groups_->log_state(group, &log));
    return log;
  }

  static OwnedWrite append(uint64_t group, uint64_t index, uint64_t bytes = 100, uint32_t n = 1) {
    const std::vector<uint8_t> payload(bytes, static_cast<uint8_t>(group));
    std::vector<chr_entry> entries(n);
    for (uint32_t i = 0; i < n; ++i) {
      entries[i].header.index = index + i;
      entries[i].header.records = 1;
      entries[i].header.bytes = bytes;
      entries[i].payload = {payload.data(), bytes, nullptr};
    }
    chr_storage_step step{};
    step.type = CHR_STORAGE_APPEND;
    step.n = n;
    step.entries = entries.data();
    return OwnedWrite(chr_storage_write{group, 0, &step, 1});
  }
  static OwnedWrite remove(uint64_t group, uint32_t type, uint64_t index = 0) {
    chr_storage_step step{};
    step.type = type;
    step.index = index;
    return OwnedWrite(chr_storage_write{group, 0, &step, 1});
  }
  template <class... Writes>
  static Batch batch_of(Writes... writes) {
    Batch batch;
    (batch.push_back(std::move(writes)), ...);
    return batch;
  }
  // In one batch; what became of each.
  template <class... Writes>
  Codes write(Writes... writes) {
    Codes codes;
    for (const auto& verdict : writer_->write_batch(batch_of(std::move(writes)...)))
      codes.push_back(verdict.code);
    return codes;
  }
  // Of the lane that the group lies in.
  uint64_t entries_in_file(uint64_t group) {
    const auto snapshot = Snapshot::begin(parts_->generations->transactions());
    MDB_stat stat{};
    mdb_stat(snapshot->txn(), parts_->env->lane(group), &stat);
    return stat.ms_entries;
  }

  testing::FakeHost host_;
  std::string directory_;
  uint64_t max_size_ = 0;
  std::unique_ptr<GroupTable> groups_;
  std::unique_ptr<StorageFailure> failure_;
  std::unique_ptr<StoreParts> parts_;
  std::unique_ptr<Fullness> fullness_;
  std::unique_ptr<Purge> purge_;
  std::unique_ptr<RowMover> mover_;
  std::unique_ptr<BatchWriter> writer_;
};

}  // namespace chronik::storage_lmdb
