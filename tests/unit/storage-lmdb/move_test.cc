// storage-lmdb: a full store whose free pages lie between those in use. Large entries need them in a row, so
// what is in the way is moved.
#include "storage-lmdb/page.h"
#include "storage-lmdb/schema.h"
#include "storage-lmdb/store.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chronik/testing/config_defaults.hpp>
#include <chronik/testing/fake_host.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

namespace chronik::storage_lmdb {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kMaxSize = 64 * kMiB;

class Move : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = (std::filesystem::temp_directory_path() / "chronik-move-XXXXXX").string();
    ASSERT_NE(mkdtemp(directory_.data()), nullptr);
    host_.directory(directory_);
    testing::give_config_defaults(host_, kSchema);
    host_.config_int("preallocate", 65536);
    host_.config_int("max_size", kMaxSize);
    start();
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
    chr_done done{};
    host_.on_shard(0, [&] {
      if (store_->stop(host_.begin(&done))) done.code = CHR_OK;
    });
    host_.run();
    store_.reset();
  }
  uint64_t group(const std::string& name) {
    uint64_t id = 0;
    EXPECT_EQ(store_->open_group(to_abi(name), &id, &error_), CHR_OK);
    return id;
  }
  // In one commit; the first status that is not OK.
  chr_status write(const std::vector<std::pair<uint64_t, chr_storage_step>>& writes) {
    std::vector<chr_done> done(writes.size());
    host_.on_shard(0, [&] {
      std::vector<chr_storage_write> calls;
      for (size_t i = 0; i < writes.size(); ++i)
        calls.push_back({writes[i].first, host_.begin(&done[i]), &writes[i].second, 1});
      ASSERT_EQ(store_->write(calls.data(), static_cast<uint32_t>(calls.size()), &error_), CHR_PENDING);
    });
    host_.run();
    for (const chr_done& one : done)
      if (one.code != CHR_OK) return one.code;
    return CHR_OK;
  }
  // The bytes of an entry tell group and index.
  static std::vector<uint8_t> payload(uint64_t group, uint64_t index, uint64_t bytes) {
    std::vector<uint8_t> payload(bytes, static_cast<uint8_t>(group * 31 + index * 7));
    std::memcpy(payload.data(), &index, sizeof index);
    return payload;
  }
  // One entry of each of the groups, in turn, so often.
  chr_status append(const std::vector<uint64_t>& groups, uint64_t bytes, uint32_t times = 1) {
    std::vector<std::vector<uint8_t>> payloads;
    std::vector<chr_entry> entries;
    std::vector<std::pair<uint64_t, chr_storage_step>> writes;
    entries.reserve(times * groups.size());
    for (uint32_t i = 1; i <= times; ++i) {
      for (const uint64_t group : groups) {
        payloads.push_back(payload(group, next_[group] + i, bytes));
        chr_entry& entry = entries.emplace_back();
        entry.header.index = next_[group] + i;
        entry.header.records = 1;
        entry.header.bytes = bytes;
        entry.payload = {payloads.back().data(), bytes, nullptr};
        chr_storage_step step{};
        step.type = CHR_STORAGE_APPEND;
        step.n = 1;
        step.entries = &entry;
        writes.emplace_back(group, step);
      }
    }
    const chr_status status = write(writes);
    if (status == CHR_OK)
      for (const uint64_t group : groups) next_[group] += times;
    return status;
  }
  chr_status remove(uint64_t group, uint32_t type, uint64_t index) {
    chr_storage_step step{};
    step.type = type;
    step.index = index;
    return write({{group, step}});
  }
  // All entries of a group from its first one on are there, as they were written.
  void expect_whole(uint64_t group, uint64_t bytes) {
    chr_storage_bounds bounds{};
    bounds.struct_size = sizeof bounds;
    ASSERT_EQ(store_->bounds(group, &bounds), CHR_OK);
    EXPECT_EQ(bounds.last_index, next_[group]);
    uint64_t index = bounds.first_index;
    while (index <= bounds.last_index) {
      chr_entries found = read(group, index);
      ASSERT_NE(found.n, 0u);
      for (uint32_t i = 0; i < found.n; ++i, ++index) expect_same(found.entries[i], group, index, bytes);
      if (found.lease != nullptr) found.lease->ops->release(found.lease);
    }
    EXPECT_EQ(bounds.entries, bounds.last_index - bounds.first_index + 1);
    EXPECT_EQ(bounds.bytes, bounds.entries * bytes);
  }
  static void expect_same(const chr_entry& entry, uint64_t group, uint64_t index, uint64_t bytes) {
    const std::vector<uint8_t> was = payload(group, index, bytes);
    ASSERT_EQ(entry.header.index, index);
    ASSERT_EQ(entry.payload.n, was.size());
    EXPECT_EQ(std::memcmp(entry.payload.p, was.data(), was.size()), 0) << "entry " << index;
  }
  chr_entries read(uint64_t group, uint64_t from) {
    chr_entries found{};
    found.struct_size = sizeof found;
    chr_storage_read args{};
    args.struct_size = sizeof args;
    args.group = group;
    args.from = from;
    args.to = UINT64_MAX;
    args.max_bytes = 4 << 20;
    chr_done done{};
    host_.on_shard(0,
                   [&] { EXPECT_EQ(store_->read(&args, &found, host_.begin(&done), &error_), CHR_PENDING); });
    host_.run();
    EXPECT_EQ(done.code, CHR_OK);
    return found;
  }
  uint64_t used() {
    chr_storage_usage usage{};
    usage.struct_size = sizeof usage;
    store_->usage(&usage);
    return usage.used_bytes;
  }
  // Full of entries of this size of two groups in turn, and one of the two is gone then.
  void scatter(uint64_t bytes) {
    goes_ = group("goes");
    stays_ = group("stays");
    while (append({goes_, stays_}, bytes, static_cast<uint32_t>(kMiB / 2 / bytes)) == CHR_OK) {
    }
    ASSERT_EQ(remove(goes_, CHR_STORAGE_DROP, 0), CHR_OK);
  }
  uint8_t* map_of_the_store() const {
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);)
      if (line.find(directory_) != std::string::npos && line.find("data.mdb") != std::string::npos)
        return reinterpret_cast<uint8_t*>(std::stoull(line, nullptr, 16));
    return nullptr;
  }
  uint64_t moved() { return static_cast<uint64_t>(host_.metric("chronik_storage_moved_bytes_total")); }
  // How many MiB are taken until so many in a row are refused.
  uint64_t take(uint64_t group, int refusals = 30) {
    uint64_t taken = 0;
    for (int refused = 0; refused < refusals;) {
      if (append({group}, kMiB) == CHR_OK) {
        ++taken;
        refused = 0;
      } else {
        ++refused;
        host_.advance(std::chrono::milliseconds(100));
      }
    }
    return taken;
  }

  testing::FakeHost host_;
  std::string directory_;
  std::unique_ptr<Store> store_;
  chr_error error_ = make_abi_error();
  std::map<uint64_t, uint64_t> next_;
  uint64_t goes_ = 0;
  uint64_t stays_ = 0;
};

class MoveEach : public Move, public ::testing::WithParamInterface<uint64_t> {};

TEST_P(MoveEach, MostOfWhatIsFreeIsOfUseToLargeEntries) {
  scatter(GetParam());
  const uint64_t free = kMaxSize - used();
  EXPECT_GT(free, kMaxSize / 3);
  const uint64_t large = group("large");
  EXPECT_GE(take(large), free / kMiB * 3 / 4);
  EXPECT_LT(moved(), kMaxSize / 2) << "at most what was in the way";
  expect_whole(stays_, GetParam());
  expect_whole(large, kMiB);
  stop();
  start();
  expect_whole(stays_, GetParam());
  expect_whole(large, kMiB);
}

INSTANTIATE_TEST_SUITE_P(Sizes, MoveEach, ::testing::Values(300, 3000, 16000, 60000));

// Some of what is in the way lies on bad sectors: it is not touched, and the store goes on.
TEST_F(Move, WhatCannotBeReadStaysWhereItIs) {
  constexpr uint64_t kPage = 4096;
  constexpr uint32_t kPagesOfOne = 15;
  scatter(60000);
  uint8_t* const map = map_of_the_store();
  ASSERT_NE(map, nullptr);
  std::vector<uint8_t*> bad;
  int seen = 0;
  for (uint64_t page = 0; page + kPagesOfOne < kMaxSize / kPage; ++page) {
    const PageHeader header = PageHeader::load(map + page * kPage);
    if (header.number != page || header.flags != PageHeader::kOwnPages || header.pages != kPagesOfOne)
      continue;
    if (++seen % 20 == 0) bad.push_back(map + (page + kPagesOfOne - 1) * kPage);
    page += kPagesOfOne - 1;
  }
  ASSERT_GT(bad.size(), 5u);
  const int nothing = memfd_create("nothing", MFD_CLOEXEC);  // to touch it raises SIGBUS, as bad sectors do
  for (uint8_t* page : bad) ASSERT_EQ(mmap(page, kPage, PROT_READ, MAP_SHARED | MAP_FIXED, nothing, 0), page);
  const uint64_t large = group("large");
  EXPECT_GT(take(large), 5u) << "there is room between those";
  EXPECT_GT(moved(), kMiB);
  close(nothing);
  stop();
  start();
  expect_whole(stays_, 60000);
  expect_whole(large, kMiB);
}

TEST_F(Move, EndsWhereNothingComesOfIt) {
  scatter(3000);
  const uint64_t large = group("large");
  take(large);
  const uint64_t moved_before = moved();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(append({large}, kMiB), CHR_E_NO_SPACE);
  EXPECT_LE(moved() - moved_before, 8 * kMiB);
  EXPECT_EQ(append({stays_}, 3000), CHR_OK) << "what finds room goes on";
  expect_whole(stays_, 3000);
}

TEST_F(Move, NothingIsMovedWhereTheFileMayGrow) {
  scatter(3000);
  stop();
  host_.config_int("max_size", 2 * kMaxSize);
  start();
  const uint64_t large = group("large");
  for (int i = 0; i < 24; ++i) ASSERT_EQ(append({large}, kMiB), CHR_OK);
  EXPECT_EQ(moved(), 0u);
}

TEST_F(Move, ALeaseKeepsWhatItHolds) {
  scatter(3000);
  const uint64_t large = group("large");
  while (moved() == 0) ASSERT_EQ(append({large}, kMiB), CHR_OK);
  const uint64_t moved_before = moved();
  host_.advance(std::chrono::minutes(10));  // a store that frees much gives copies, not leases
  chr_storage_bounds bounds{};
  bounds.struct_size = sizeof bounds;
  store_->bounds(stays_, &bounds);
  const uint64_t first = bounds.first_index;
  chr_entries held = read(stays_, first);
  ASSERT_NE(held.lease, nullptr);
  EXPECT_LT(take(large), 20u) << "what was moved is not free as long as the lease is held";
  EXPECT_GT(host_.metric("chronik_storage_waiting_bytes"), kMiB);
  EXPECT_GT(moved() - moved_before, kMiB);
  for (uint32_t i = 0; i < held.n; ++i) expect_same(held.entries[i], stays_, first + i, 3000);
  held.lease->ops->release(held.lease);
  EXPECT_GT(take(large), 10u);
  expect_whole(stays_, 3000);
}

TEST_F(Move, ManySmallGroupsAndKeysAreMovedToo) {
  std::vector<uint64_t> groups;
  for (int i = 0; i < 300; ++i) groups.push_back(group("g" + std::to_string(i)));
  while (append(groups, 3000) == CHR_OK) {
    chr_storage_step put{};
    put.type = CHR_STORAGE_PUT;
    put.key = to_abi("vote");
    put.value = {reinterpret_cast<const uint8_t*>("v"), 1, nullptr};
    std::vector<std::pair<uint64_t, chr_storage_step>> puts;
    for (const uint64_t g : groups) puts.emplace_back(g, put);
    ASSERT_EQ(write(puts), CHR_OK);
  }
  for (size_t i = 0; i < groups.size(); i += 2) ASSERT_EQ(remove(groups[i], CHR_STORAGE_DROP, 0), CHR_OK);
  const uint64_t free = kMaxSize - used();
  const uint64_t large = group("large");
  EXPECT_GE(take(large), free / kMiB * 3 / 4);
  for (size_t i = 1; i < groups.size(); i += 2) expect_whole(groups[i], 3000);
}

}  // namespace
}  // namespace chronik::storage_lmdb
