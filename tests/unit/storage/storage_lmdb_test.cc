// storage-lmdb: format checks, work left over by a crash, generations of leases, the size limit.
#include "file_recorder.hpp"
#include "lease.h"
#include "record.h"
#include "subject.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace {
std::atomic<int> advices{0};
}

// In place of the one of the C library, also for the plugin.
extern "C" int madvise(void* at, size_t n, int advice) noexcept {
  ++advices;
  return static_cast<int>(syscall(SYS_madvise, at, n, advice));
}

namespace chronik::conformance {
namespace {

using storage_lmdb::Env;
using storage_lmdb::Generation;
using storage_lmdb::Generations;

class LmdbStore : public ::testing::Test {
 protected:
  void SetUp() override {
    Subject::get() = {STORAGE_LMDB, Subject::Durability::kFiles, {{"preallocate", 65536}}, {}, false};
  }
  std::string file() const { return disk_.directory() + "/data.mdb"; }
  // Changes the store behind the plugin's back.
  void edit(const char* database, std::string key, std::string value) {
    MDB_env* env = nullptr;
    MDB_txn* txn = nullptr;
    MDB_dbi dbi = 0;
    ASSERT_EQ(mdb_env_create(&env), 0);
    mdb_env_set_maxdbs(env, 200);
    ASSERT_EQ(mdb_env_open(env, disk_.directory().c_str(), 0, 0640), 0);
    ASSERT_EQ(mdb_txn_begin(env, nullptr, 0, &txn), 0);
    ASSERT_EQ(mdb_dbi_open(txn, database, MDB_CREATE, &dbi), 0);
    MDB_val k{key.size(), key.data()};
    MDB_val v{value.size(), value.data()};
    ASSERT_EQ(mdb_put(txn, dbi, &k, &v, 0), 0);
    ASSERT_EQ(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
  }
  Disk disk_;
};

TEST_F(LmdbStore, RefusesANewerFormatByName) {
  {
    Store store(disk_);
  }
  std::string record("chronik.lmdb\0\0\0\0\2\0\0\0\200\0\0\0", 24);
  edit("meta", "format", record);
  Store store(disk_);
  EXPECT_EQ(store.failure_code(), CHR_E_UNSUPPORTED);
  EXPECT_NE(store.failure().find("has format 2.128"), std::string::npos) << store.failure();
  EXPECT_NE(store.failure().find(disk_.directory()), std::string::npos) << store.failure();
}

TEST_F(LmdbStore, RefusesFilesThatAreNotItsOwn) {
  const std::string text(100'000, 'x');
  std::ofstream(file()) << text;
  {
    Store store(disk_);
    EXPECT_EQ(store.failure_code(), CHR_E_CORRUPT);
    EXPECT_NE(store.failure().find("data.mdb is no store"), std::string::npos) << store.failure();
  }
  EXPECT_EQ(disk_.image().at("data.mdb"), text) << "not a byte of it may change";
  std::filesystem::remove(file());
  edit("another", "program", "owns this");
  const Image before = disk_.image();
  {
    Store store(disk_);
    EXPECT_EQ(store.failure_code(), CHR_E_CORRUPT);
    EXPECT_NE(store.failure().find("another program"), std::string::npos) << store.failure();
  }
  EXPECT_EQ(disk_.image().at("data.mdb"), before.at("data.mdb"));
}

TEST_F(LmdbStore, GoesOnRemovingADroppedGroupAfterACrash) {
  EntryMaker maker(1);
  Trace trace;
  size_t dropped_at = 0;
  {
    {
      Store store(disk_);
    }
    FileRecorder recorder(disk_.directory(), false);
    Store store(disk_);
    const uint64_t g = store.group("large");
    for (int i = 0; i < 8; ++i)
      ASSERT_EQ(store.write(TestWrite{g, {}}.append(maker.batch(1000, 600))), CHR_OK);
    ASSERT_EQ(store.write(TestWrite{store.group("other"), {}}.put("k", "v")), CHR_OK);
    dropped_at = recorder.trace().events().size();
    ASSERT_EQ(store.write(TestWrite{g, {}}.drop()), CHR_OK);
    trace = recorder.trace();
    EXPECT_LT(store.usage().used_bytes, 1'000'000u);
  }
  std::mt19937_64 random(1);
  size_t unfinished = 0;
  size_t seen = 0;
  for (const size_t end : trace.boundaries()) {
    if (end < dropped_at + 6 || seen++ % 3 != 0)
      continue;  // the commit of the drop itself, and a little of what follows
    Disk image(trace.image(end, Survivors::kNone, random));
    if (image.image().at("data.mdb").empty()) continue;
    Store store(image);
    ASSERT_EQ(store.failure(), "");
    const auto groups = store.groups();
    if (groups.size() != 1) continue;  // the drop was not durable yet
    ++unfinished;
    EXPECT_EQ(groups[0].first, "other");
    EXPECT_LT(store.usage().used_bytes, 1'000'000u) << "nothing went on removing it";
  }
  EXPECT_GT(unfinished, 4u) << "it was removed in one go, not in bounded steps";
}

TEST_F(LmdbStore, StopsGrowingAtItsSizeLimit) {
  Subject::get().settings.push_back({"max_size", 6 << 20});
  Store store(disk_);
  ASSERT_EQ(store.failure(), "");
  EntryMaker maker(1);
  const uint64_t g = store.group("g");
  chr_status status = CHR_OK;
  for (int i = 0; i < 1000 && status == CHR_OK; ++i)
    status = store.write(TestWrite{g, {}}.append({maker.next(30'000)}));
  EXPECT_EQ(status, CHR_E_NO_SPACE);
  EXPECT_LE(std::filesystem::file_size(file()), 6u << 20);
  EXPECT_EQ(store.usage().capacity_bytes, 6u << 20);
  EXPECT_TRUE(store.host().logged("store is full"));
  EXPECT_EQ(store.host().health("space"), CHR_HEALTH_DEGRADED);
}

TEST_F(LmdbStore, ReadsNeighboursInWithOneCallOfTheSystem) {
  Store store(disk_);
  EntryMaker maker(1);
  const uint64_t g = store.group("g");
  ASSERT_EQ(store.write(TestWrite{g, {}}.append(maker.batch(64, 16'000))), CHR_OK);
  advices = 0;
  EXPECT_EQ(store.read(store.all_of(g)).entries.size(), 64u);
  EXPECT_GE(advices, 1) << "a page that cannot be read would be a signal";
  EXPECT_LE(advices, 4) << "of 64 entries that lie side by side";
}

// A store whose free pages lie scattered: each freed entry of one group between two that another one keeps.
class FragmentedStore : public LmdbStore {
 protected:
  static constexpr uint64_t kMaxSize = 6 << 20;
  static constexpr uint64_t kLimit = kMaxSize + (1 << 20);  // with the slack
  static constexpr uint64_t kShort = 30'000;
  static constexpr uint64_t kLong = 300'000;  // as many pages in a row as no two freed entries have

  // In turn, until there is no room.
  void fill(Store& store) {
    chr_status status = CHR_OK;
    for (int i = 0; i < 1000 && status == CHR_OK; ++i) {
      const bool first = i % 2 == 0;
      status = store.write(TestWrite{store.group(first ? "goes" : "stays"), {}}.append(
          {(first ? goes_ : stays_).next(kShort)}));
    }
    ASSERT_EQ(status, CHR_E_NO_SPACE);
  }
  chr_status write_long(Store& store) {
    EntryMaker maker = long_;
    const chr_status status = store.write(TestWrite{store.group("long"), {}}.append({maker.next(kLong)}));
    if (status == CHR_OK) long_ = maker;
    return status;
  }
  EntryMaker goes_{1};
  EntryMaker stays_{2};
  EntryMaker long_{3};
};

TEST_F(FragmentedStore, RefusesWhatFindsNoPagesInARowUntilSomethingIsRemoved) {
  Subject::get().settings.push_back({"max_size", kMaxSize});
  Store store(disk_);
  ASSERT_EQ(store.failure(), "");
  fill(store);
  ASSERT_EQ(store.write(TestWrite{store.group("goes"), {}}.trim(UINT64_MAX)), CHR_OK);
  ASSERT_LT(store.usage().used_bytes, kMaxSize * 2 / 3);
  int written = 0;
  for (; written < 10; ++written) {
    if (write_long(store) != CHR_OK) break;
  }
  EXPECT_LT(written, 4) << "where did it find the pages?";
  EXPECT_EQ(write_long(store), CHR_E_NO_SPACE);
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(store.write(TestWrite{store.group("stays"), {}}.put("vote", std::to_string(i))), CHR_OK);
    ASSERT_EQ(store.host().health("space"), CHR_HEALTH_DEGRADED) << "what is free is of no use";
    ASSERT_EQ(store.usage().full, 1);
  }
  EXPECT_LE(std::filesystem::file_size(file()), kLimit);
  ASSERT_EQ(store.write(TestWrite{store.group("stays"), {}}.trim(UINT64_MAX)), CHR_OK);
  ASSERT_EQ(store.write(TestWrite{store.group("stays"), {}}.put("vote", "last")), CHR_OK);
  EXPECT_EQ(store.host().health("space"), CHR_HEALTH_READY);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(write_long(store), CHR_OK);
  EXPECT_LE(std::filesystem::file_size(file()), kLimit);
}

TEST_F(FragmentedStore, RemovesFromAFileThatIsLargerThanItMayBe) {
  {
    Store store(disk_);
    for (int i = 0; i < 60; ++i) ASSERT_EQ(write_long(store), CHR_OK);
  }
  Subject::get().settings.push_back({"max_size", kMaxSize});
  const uint64_t before = std::filesystem::file_size(file());
  ASSERT_GT(before, 2 * kMaxSize);
  Store store(disk_);
  ASSERT_EQ(store.failure(), "");
  EXPECT_EQ(write_long(store), CHR_E_NO_SPACE);
  const uint64_t g = store.group("long");
  for (uint64_t index = 10; index <= 60; index += 10)
    EXPECT_EQ(store.write(TestWrite{g, {}}.trim(index)), CHR_OK);
  EXPECT_EQ(write_long(store), CHR_OK);
  EXPECT_LE(std::filesystem::file_size(file()), before + (1 << 20));
}

// Entries of two groups, in trees of their own, and damage to what lies where a text is found.
class DamagedStore : public LmdbStore {
 protected:
  static std::string mark(uint64_t index) { return "MARK-" + std::to_string(index) + "-"; }
  std::vector<TestEntry> marked(EntryMaker& maker, uint64_t n, uint64_t bytes) {
    std::vector<TestEntry> entries = maker.batch(n, bytes);
    for (TestEntry& entry : entries) {
      const std::string text = mark(entry.header.index);
      entry.payload.replace(0, text.size(), text);
    }
    return entries;
  }
  void fill(uint64_t n, uint64_t bytes) {
    EntryMaker maker(1);
    Store store(disk_);
    ASSERT_EQ(store.write(TestWrite{store.group("a"), {}}.append(marked(maker, n, bytes))), CHR_OK);
    ASSERT_EQ(store.write(TestWrite{store.group("b"), {}}.append({other_.next(100)})), CHR_OK);
    ASSERT_EQ(store.write(TestWrite{store.group("b"), {}}.append({other_.next(100)})), CHR_OK);
    last_ = store.read(store.all_of(store.group("a"))).entries.back();
  }
  // Between the pointers and the nodes of a page LMDB leaves what stood there before, of whatever page.
  static bool in_gap(const std::string& file, size_t at) {
    constexpr size_t kFlags = 10, kLower = 12, kUpper = 14;
    constexpr uint16_t kLeaf = 2;
    const auto field = [&](size_t of) {
      uint16_t value = 0;
      std::memcpy(&value, file.data() + at / 4096 * 4096 + of, sizeof value);
      return value;
    };
    return (field(kFlags) & kLeaf) != 0 && at % 4096 >= field(kLower) && at % 4096 < field(kUpper);
  }
  // fn(file, position of the payload), for each copy of the entry, also those in pages that are free by now.
  template <class F>
  void damage(uint64_t index, F&& fn) {
    Image image = disk_.image();
    std::string& bytes = image.at("data.mdb");
    size_t n = 0;
    for (size_t at = bytes.find(mark(index)); at != std::string::npos; at = bytes.find(mark(index), at + 1)) {
      if (in_gap(bytes, at)) continue;
      fn(bytes, at);
      ++n;
    }
    ASSERT_GT(n, 0u);
    std::ofstream(file(), std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  static void flip_head(std::string& file, size_t payload) { file[payload - 88 + 20] ^= 0x10; }
  static void zero_page(std::string& file, size_t payload) {
    file.replace(payload / 4096 * 4096, 4096, 4096, 0);
  }
  // The store takes writes of the other group in one batch with this one of the damaged group.
  chr_status write_beside(Store& store, TestWrite write) {
    std::vector<chr_done> done;
    const uint64_t b = store.group("b");
    EXPECT_EQ(store.queue({TestWrite{b, {}}.append({other_.next(100)}), std::move(write),
                           TestWrite{b, {}}.append({other_.next(100)})},
                          &done),
              CHR_PENDING);
    store.host().run();
    EXPECT_EQ(done[0].code, CHR_OK);
    EXPECT_EQ(done[2].code, CHR_OK);
    EXPECT_EQ(store.read(store.all_of(b)).entries.size(), other_.next_index() - 1);
    EXPECT_TRUE(store.host().fatals().empty());
    return done[1].code;
  }
  EntryMaker other_{2};
  TestEntry last_;
};

TEST_F(DamagedStore, ADamagedHeadIsInTheWayOfItsReadersOnly) {
  fill(10, 600);
  for (const uint64_t index : {5, 6, 10}) damage(index, flip_head);
  {
    Store store(disk_);
    ASSERT_EQ(store.failure(), "");
    const uint64_t a = store.group("a");
    EXPECT_EQ(store.bounds(a).entries, 10u) << "the last one is damaged";
    EXPECT_EQ(store.bounds(a).bytes, 6000u);
    EXPECT_EQ(write_beside(store, TestWrite{a, {}}.trim(5)), CHR_OK);
    EXPECT_EQ(store.bounds(a).first_index, 5u);
    EXPECT_EQ(store.bounds(a).bytes, 3600u);
  }
  Store store(disk_);
  ASSERT_EQ(store.failure(), "");
  const uint64_t a = store.group("a");
  EXPECT_EQ(store.bounds(a).entries, 6u) << "the first one is damaged";
  EXPECT_EQ(store.bounds(a).bytes, 3600u);
  chr_storage_read args = store.all_of(a);
  EXPECT_EQ(store.read(args).code, CHR_E_CORRUPT);
  args.from = 7;
  EXPECT_EQ(store.read(args).entries.size(), 3u) << "up to the damage";
  EXPECT_EQ(write_beside(store, TestWrite{a, {}}.truncate(7)), CHR_OK);
  EXPECT_EQ(store.bounds(a).last_index, 6u);
  EXPECT_EQ(store.bounds(a).bytes, 1200u) << "nothing but damaged ones are left";
  EXPECT_EQ(write_beside(store, TestWrite{a, {}}.truncate(5).append({last_})), CHR_OK);
  EXPECT_EQ(store.bounds(a).bytes, 600u);
  EXPECT_EQ(write_beside(store, TestWrite{a, {}}.drop()), CHR_OK);
}

TEST_F(DamagedStore, ADamagedPageIsAnErrorOfItsGroup) {
  fill(200, 600);
  damage(100, zero_page);
  Store store(disk_);
  ASSERT_EQ(store.failure(), "");
  const uint64_t a = store.group("a");
  EXPECT_EQ(store.bounds(a).entries, 200u);
  chr_storage_read args = store.all_of(a);
  const size_t read = store.read(args).entries.size();
  EXPECT_GT(read, 80u);
  EXPECT_LT(read, 100u) << "up to the damage";
  args.from = 100;
  EXPECT_EQ(store.read(args).code, CHR_E_CORRUPT);
  EXPECT_EQ(store.find(a, CHR_FIND_OFFSET, 99).code, CHR_E_CORRUPT);
  EXPECT_EQ(write_beside(store, TestWrite{a, {}}.trim(120)), CHR_E_CORRUPT);
  EXPECT_EQ(store.bounds(a).first_index, 1u) << "nothing was applied";
  EXPECT_EQ(write_beside(store, TestWrite{a, {}}.put("vote", "1")), CHR_OK)
      << "what does not touch it goes on";
  EXPECT_EQ(write_beside(store, TestWrite{a, {}}.drop()), CHR_OK);
  EXPECT_EQ(store.groups().size(), 1u);
}

TEST_F(DamagedStore, ATrimThatMeetsDamageIsInNobodysWay) {
  fill(200, 600);
  damage(100, zero_page);
  Store store(disk_);
  ASSERT_EQ(store.failure(), "");
  const uint64_t a = store.group("a");
  TestEntry next = last_;
  ++next.header.index;
  next.header.base_offset += next.header.records;
  std::vector<chr_done> done;
  EXPECT_EQ(store.queue({TestWrite{a, {}}.trim(120), TestWrite{a, {}}.append({next})}, &done), CHR_PENDING);
  store.host().run();
  EXPECT_EQ(done[0].code, CHR_E_CORRUPT);
  EXPECT_EQ(done[1].code, CHR_OK);
  EXPECT_EQ(store.bounds(a).first_index, 1u);
  EXPECT_EQ(store.bounds(a).last_index, 201u);
}

// What came back to the list with each write of the group cost each of them a second commit.
TEST_F(DamagedStore, WhatCannotBeRemovedIsTriedOnce) {
  fill(1200, 5000);
  damage(1150, [](std::string& file, size_t payload) { file[payload - 88 - 4] ^= 0x40; });
  Store store(disk_);
  ASSERT_EQ(store.failure(), "");
  const uint64_t a = store.group("a");
  EXPECT_EQ(write_beside(store, TestWrite{a, {}}.trim(1201)), CHR_OK);  // more than one transaction removes
  const TestEntry first = EntryMaker(1).next(100);
  EXPECT_EQ(write_beside(store, TestWrite{a, {}}.append({first})), CHR_E_CORRUPT)
      << "what is gone is in the way";
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(write_beside(store, TestWrite{a, {}}.put("vote", std::to_string(i))), CHR_OK);
    store.host().run();
  }
  const auto tried = std::ranges::count_if(store.host().logs(), [](const auto& line) {
    return line.message.find("what is left of a log cannot be removed") != std::string::npos;
  });
  EXPECT_EQ(tried, 1);
}

TEST_F(DamagedStore, AGroupWhoseBeginningIsDamagedIsSetAside) {
  fill(200, 600);
  damage(1, zero_page);
  Store store(disk_);
  ASSERT_EQ(store.failure(), "");
  const uint64_t a = store.group("a");
  EXPECT_TRUE(store.host().logged("damaged on disk and not served"));
  EXPECT_EQ(store.read(store.all_of(a)).code, CHR_E_CORRUPT);
  EXPECT_EQ(store.get(a, "vote").code, CHR_E_CORRUPT) << "an empty log, or no vote, must not be made of it";
  EXPECT_EQ(write_beside(store, TestWrite{a, {}}.put("vote", "1")), CHR_E_CORRUPT);
}

TEST_F(DamagedStore, ADamagedRecordOfAGroupKeepsItsNameFromBeingUsed) {
  fill(10, 600);
  Image image = disk_.image();
  std::string& bytes = image.at("data.mdb");
  const std::string record = storage_lmdb::encode_group("a", false, 0);
  for (size_t at = bytes.find(record); at != std::string::npos; at = bytes.find(record, at + 1))
    bytes[at] ^= 1;
  std::ofstream(file(), std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  Store store(disk_);
  ASSERT_EQ(store.failure(), "");
  uint64_t id = 0;
  chr_error error = make_abi_error();
  EXPECT_EQ(store.table().open_group(store.self(), to_abi("a"), &id, &error), CHR_E_CORRUPT);
  EXPECT_EQ(store.read(store.all_of(store.group("b"))).entries.size(), 2u) << "what is known goes on";
}

// LMDB believes the header of a record's own pages how many of them become free.
TEST_F(DamagedStore, PagesOfOthersAreNotFreed) {
  fill(10, 20'000);
  damage(5, [](std::string& file, size_t payload) { file[payload - 88 - 4] ^= 0x40; });
  Store store(disk_);
  ASSERT_EQ(store.failure(), "");
  const uint64_t a = store.group("a");
  EXPECT_EQ(write_beside(store, TestWrite{a, {}}.trim(7)), CHR_E_CORRUPT);
  EXPECT_EQ(write_beside(store, TestWrite{a, {}}.trim(5)), CHR_OK);
}

// What the disk cannot give, or the file does not have, raises SIGBUS where it is touched.
TEST_F(DamagedStore, AFileCutShortUnderItsMapIsAnErrorOfWhatLayThere) {
  EntryMaker maker(1);
  Store store(disk_);
  const uint64_t a = store.group("a");
  const uint64_t b = store.group("b");
  const auto note = [&] { ASSERT_EQ(store.write(TestWrite{b, {}}.append({other_.next(100)})), CHR_OK); };
  for (int i = 0; i < 6; ++i) note();
  std::vector<TestEntry> entries = marked(maker, 10, 20'000);
  const std::string text = "of no other test, which may have left it in memory that LMDB writes";
  entries[7].payload.replace(100, text.size(), text);
  ASSERT_EQ(store.write(TestWrite{a, {}}.append(entries)), CHR_OK);
  for (int i = 0; i < 6; ++i) note();  // the trees move to pages that became free further to the front
  // The last copy is the entry: LMDB does not clear what it writes, and the rest of a page may be anything.
  const size_t at = disk_.image().at("data.mdb").rfind(text);
  ASSERT_NE(at, std::string::npos);
  std::filesystem::resize_file(file(), at / 4096 * 4096);
  chr_storage_read args = store.all_of(a);
  EXPECT_EQ(store.read(args).entries.size(), 7u) << "up to the damage";
  args.from = 8;
  EXPECT_EQ(store.read(args).code, CHR_E_CORRUPT);
  args.headers_only = 1;
  EXPECT_EQ(store.read(args).code, CHR_E_CORRUPT);
  EXPECT_EQ(write_beside(store, TestWrite{a, {}}.put("vote", "1")), CHR_OK);
}

class LeaseGenerations : public LmdbStore {
 protected:
  void SetUp() override {
    auto env = Env::open({disk_.directory(), 64 << 20, 64});
    ASSERT_TRUE(env);
    env_ = *env;
    generations_ = std::make_unique<Generations>(env_, Generations::Options{kAge, 1000});
  }
  Generation* pin(uint64_t now) {
    auto pinned = generations_->pin(now);
    EXPECT_TRUE(pinned);
    return *pinned;
  }
  static constexpr uint64_t kAge = 1'600'000'000;  // handed out for a sixteenth of it
  std::shared_ptr<Env> env_;
  std::unique_ptr<Generations> generations_;
};

TEST_F(LeaseGenerations, AreSharedForAWhileThenLeftAlone) {
  Generation* first = pin(0);
  for (int i = 0; i < 500; ++i) EXPECT_EQ(pin(99'000'000), first) << "many leases, one reader";
  Generation* second = pin(100'000'000);
  EXPECT_NE(second, first) << "old enough not to be handed out again";
  EXPECT_EQ(generations_->pressure(100'000'000).leases, 502u);
  EXPECT_EQ(generations_->pressure(100'000'000).overdue, 0u);
  EXPECT_EQ(generations_->pressure(kAge + 150'000'000).overdue, 501u);
  for (int i = 0; i < 501; ++i) generations_->unpin(first);
  EXPECT_EQ(generations_->pressure(kAge + 150'000'000).leases, 1u);
  generations_->unpin(second);
}

TEST_F(LeaseGenerations, GiveWayToCopiesWhenWritersFreeMuch) {
  EXPECT_FALSE(generations_->wants_copy(0));
  Generation* pinned = pin(0);
  generations_->freed(500, 0, 300'000'000);
  EXPECT_EQ(generations_->pressure(300'000'000).waiting_bytes, 500u);
  generations_->freed(600, 0, 310'000'000);
  EXPECT_TRUE(generations_->wants_copy(310'000'000)) << "1100 bytes wait already, 1000 may";
  generations_->unpin(pinned);
  EXPECT_EQ(generations_->pressure(310'000'000).waiting_bytes, 0u);
  EXPECT_TRUE(generations_->wants_copy(310'000'000)) << "at this rate a lease would keep 5000 bytes";
  EXPECT_FALSE(generations_->wants_copy(30'000'000'000)) << "nothing was freed for a long time";
}

TEST_F(LeaseGenerations, AreRecalledWhenABurstFreesWhatTheyPin) {
  Generation* old = pin(0);
  generations_->freed(900, 0, 300'000'000);
  Generation* young = pin(310'000'000);
  EXPECT_FALSE(generations_->is_recalled(old)) << "within the budget of 1000";
  generations_->freed(200, 0, 320'000'000);
  EXPECT_TRUE(generations_->is_recalled(old)) << "long before its age";
  EXPECT_FALSE(generations_->is_recalled(young));
  generations_->unpin(old);
  generations_->unpin(young);
}

}  // namespace
}  // namespace chronik::conformance
