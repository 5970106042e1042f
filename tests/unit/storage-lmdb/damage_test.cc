// storage-lmdb: what a damaged file costs: the group whose pages they are, and nobody else.
#include "storage-lmdb/record.h"
#include "tests/unit/storage-lmdb/lmdb_store.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace chronik::conformance {
namespace {

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

}  // namespace
}  // namespace chronik::conformance
