// storage-lmdb: what the check of a stopped store says of each kind of damage, and that it changes nothing.
#include "storage-lmdb/record.h"
#include "tests/unit/storage-lmdb/lmdb_store.h"
#include "tests/unit/storage_check.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

namespace chronik::conformance {
namespace {

class StoppedLmdb : public LmdbStore {
 protected:
  Found check() { return conformance::check(disk_); }

  static std::string mark(uint64_t index) { return "MARK-" + std::to_string(index) + "-"; }
  // Groups a and b, each in a tree of its own.
  void fill(uint64_t n, uint64_t bytes) {
    EntryMaker maker(1);
    std::vector<TestEntry> entries = maker.batch(n, bytes);
    for (TestEntry& entry : entries)
      entry.payload.replace(0, mark(entry.header.index).size(), mark(entry.header.index));
    Store store(disk_);
    ASSERT_EQ(store.failure(), "");
    ASSERT_EQ(store.write(TestWrite{store.group("a"), {}}.append(entries).put("vote", "1")), CHR_OK);
    ASSERT_EQ(store.write(TestWrite{store.group("b"), {}}.append(maker.batch(5, 100)).put("vote", "2")),
              CHR_OK);
  }
  std::string read() const { return disk_.image().at("data.mdb"); }
  void write(const std::string& bytes) {
    std::ofstream(file(), std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  template <class F>
  void change(const std::string& text, F&& fn) {
    std::string bytes = read();
    size_t n = 0;
    for (size_t at = bytes.find(text); at != std::string::npos; at = bytes.find(text, at + 1), ++n)
      fn(bytes, at);
    ASSERT_GT(n, 0u);
    write(bytes);
  }
  static std::string key_of(uint64_t group, uint64_t index) {
    return {reinterpret_cast<const char*>(storage_lmdb::LogKey(group, index).bytes()), 16};
  }
};

TEST_F(StoppedLmdb, AWholeStoreHasNothingToSay) {
  fill(300, 600);
  const Found found = check();
  EXPECT_TRUE(found.status);
  EXPECT_EQ(found.all(), "");
  EXPECT_EQ(found.seen.groups, 2u);
  EXPECT_EQ(found.seen.entries, 305u);
  EXPECT_EQ(found.seen.keys, 2u);
  EXPECT_EQ(found.seen.bytes, 300 * 600 + 5 * 100u);
}

TEST_F(StoppedLmdb, DamagedHeadsSideBySideAreOneFinding) {
  fill(10, 5000);
  for (const uint64_t index : {5, 6})
    change(mark(index), [](std::string& file, size_t at) { file[at - 88 + 20] ^= 0x10; });
  const Found found = check();
  EXPECT_EQ(found.seen.damages, 1u) << found.all();
  EXPECT_TRUE(found.has("damage group 1 (a) 5-6: its head fails its check [data.mdb, page ")) << found.all();
  EXPECT_EQ(found.seen.entries, 15u);
}

// The place is the page where the bytes lie.
TEST_F(StoppedLmdb, APlaceIsAPageOfTheFile) {
  fill(10, 20'000);
  std::set<std::string> places;  // older bytes of the entry may lie in pages that are free by now
  change(mark(7), [&](std::string& file, size_t at) {
    file[at + 100] ^= 1;
    places.insert("[data.mdb, page " + std::to_string(at / 4096) + "]");
  });
  const Found found = check();
  ASSERT_EQ(found.lines.size(), 1u) << found.all();
  EXPECT_TRUE(found.has("damage group 1 (a) 7-7: its payload fails its check [data.mdb, page "))
      << found.all();
  EXPECT_TRUE(places.contains(found.lines[0].substr(found.lines[0].find('[')))) << found.all();
}

TEST_F(StoppedLmdb, TheHeaderOfAnEntrysPagesCounts) {
  fill(10, 20'000);
  change(mark(5), [](std::string& file, size_t at) { file[at - 88 - 4] ^= 0x40; });
  EXPECT_TRUE(check().has("(a) 5-5: the header of its pages is damaged"));
}

// Whether a page has something there. LMDB leaves in the gap of a page what was in the memory of it, such as entries of others.
bool is_in_use(const std::string& file, size_t at) {
  uint16_t end_of_gap = 0;
  std::memcpy(&end_of_gap, file.data() + at / 4096 * 4096 + 14, sizeof end_of_gap);
  return at % 4096 >= end_of_gap;
}

TEST_F(StoppedLmdb, BehindADamagedPageItGoesOn) {
  fill(300, 600);
  change(mark(100), [](std::string& file, size_t at) {
    if (is_in_use(file, at)) file.replace(at / 4096 * 4096, 4096, 4096, 0);
  });
  const Found found = check();
  EXPECT_TRUE(found.status) << found.all();
  ASSERT_GE(found.seen.damages, 1u) << found.all();
  for (const std::string& line : found.lines) {
    EXPECT_TRUE(line.starts_with("damage group 1 (a) ")) << line;
    EXPECT_TRUE(line.contains("there is no way there: ")) << line;
  }
  EXPECT_GT(found.seen.entries, 280u) << "those before and behind were looked at";
}

TEST_F(StoppedLmdb, AGroupWhoseBeginningIsDamagedIsListedAsSuch) {
  fill(300, 600);
  change(mark(1), [](std::string& file, size_t at) { file.replace(at / 4096 * 4096, 4096, 4096, 0); });
  EXPECT_TRUE(check().has("damage group 1 (a) 1-"));
  const Store store(disk_, Store::Settings::kUsual, Store::Life::kStopped);
  ASSERT_TRUE(store.admin().open());
  std::map<std::string, chr_status> states;
  EXPECT_TRUE(store.admin().groups([&](const chr_storage_group& g) {
    states[std::string(from_abi(g.name))] = g.state;
    return true;
  }));
  EXPECT_EQ(states, (std::map<std::string, chr_status>{{"a", CHR_E_CORRUPT}, {"b", CHR_OK}}));
  store.admin().close();
}

TEST_F(StoppedLmdb, ADamagedRecordOfAGroupLeavesItsEntriesToBeChecked) {
  fill(10, 600);
  change(storage_lmdb::encode_group("a", false, 0), [](std::string& file, size_t at) { file[at] ^= 1; });
  const Found found = check();
  EXPECT_TRUE(found.has("damage group 1 (): the record of the group fails its check")) << found.all();
  EXPECT_EQ(found.seen.entries, 15u);
  EXPECT_EQ(found.seen.groups, 2u);
}

TEST_F(StoppedLmdb, ADamagedValueNamesItsKey) {
  fill(10, 600);
  edit("keys", key_of(1, 0).substr(0, 8) + "vote", "no checksum");
  EXPECT_TRUE(check().has("damage group 1 (a) key vote: the value of the key fails its check"))
      << check().all();
}

TEST_F(StoppedLmdb, MissingEntriesAreCounted) {
  fill(20, 600);
  MDB_env* env = nullptr;
  MDB_txn* txn = nullptr;
  MDB_dbi dbi = 0;
  ASSERT_EQ(mdb_env_create(&env), 0);
  mdb_env_set_maxdbs(env, 200);
  ASSERT_EQ(mdb_env_open(env, disk_.directory().c_str(), 0, 0640), 0);
  ASSERT_EQ(mdb_txn_begin(env, nullptr, 0, &txn), 0);
  ASSERT_EQ(mdb_dbi_open(txn, "log1", 0, &dbi), 0);
  for (const uint64_t index : {7, 8}) {
    std::string key = key_of(1, index);
    MDB_val k{key.size(), key.data()};
    ASSERT_EQ(mdb_del(txn, dbi, &k, nullptr), 0);
  }
  ASSERT_EQ(mdb_txn_commit(txn), 0);
  mdb_env_close(env);
  EXPECT_TRUE(check().has("damage group 1 (a) 9-9: 2 entries before it are missing")) << check().all();
}

// As a damaged pointer within a page makes it.
TEST_F(StoppedLmdb, ARowWithoutAKeyIsNoEnd) {
  fill(10, 600);
  edit("log1", "short", "an entry");
  const Found found = check();
  EXPECT_TRUE(found.has("damage group 1 (a) 11-")) << found.all();
  EXPECT_TRUE(found.has("the key of an entry is damaged on disk")) << found.all();
}

TEST_F(StoppedLmdb, RowsOutOfPlaceAreTold) {
  fill(10, 600);
  edit("keys", "short", "a value");
  EXPECT_TRUE(check().has("its row 3 has no place there")) << check().all();
}

TEST_F(StoppedLmdb, RowsOfAGroupThatIsNotThereAreTold) {
  fill(10, 600);
  edit("log7", key_of(7, 1), "an entry");
  edit("keys", key_of(9, 0).substr(0, 8) + "k", "a value");
  const Found found = check();
  EXPECT_TRUE(found.has("damage group 7 (): there are entries of it, but the group is not there"))
      << found.all();
  EXPECT_TRUE(found.has("damage group 9 (): there are keys of it, but the group is not there"))
      << found.all();
}

// Touching what is not there would end the process.
TEST_F(StoppedLmdb, AFileCutShortIsToldBeforeItIsTouched) {
  EntryMaker maker(1);
  const std::string text = "of no other test, which may have left it in memory that LMDB writes";
  {
    Store store(disk_);
    ASSERT_EQ(store.failure(), "");
    const auto note = [&] {
      ASSERT_EQ(store.write(TestWrite{store.group("b"), {}}.put("vote", "1")), CHR_OK);
    };
    for (int i = 0; i < 6; ++i) note();
    std::vector<TestEntry> entries = maker.batch(10, 20'000);
    entries[7].payload.replace(100, text.size(), text);
    ASSERT_EQ(store.write(TestWrite{store.group("a"), {}}.append(entries)), CHR_OK);
    for (int i = 0; i < 6; ++i) note();  // the trees move to pages that became free further to the front
  }
  std::filesystem::resize_file(file(), read().rfind(text) / 4096 * 4096);
  const Found found = check();
  EXPECT_EQ(code_of(found.status), CHR_E_CORRUPT);
  EXPECT_TRUE(found.has("the file ends after ")) << found.all();
}

// Wherever it ends, within a tree too.
TEST_F(StoppedLmdb, AFileCutAnywhereIsTold) {
  fill(300, 600);
  const std::string whole = read();
  size_t used = whole.find_last_not_of('\0') / 4096 + 1;
  ASSERT_GT(used, 60u);
  for (size_t pages = 2; pages < used; ++pages) {
    write(whole.substr(0, pages * 4096 - pages % 2 * 1000));
    const pid_t child = ::fork();
    if (child == 0) {
      const Found found = check();
      ::_exit(code_of(found.status) == CHR_E_CORRUPT ? 0 : found.all().empty() ? 1 : 2);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status)) << "the check crashed on a file of " << pages << " pages";
    EXPECT_EQ(WEXITSTATUS(status), 0) << pages << " of " << used << " pages";
  }
}

TEST_F(StoppedLmdb, WhatIsNoStoreOfOursIsRefused) {
  write(std::string(100'000, 'x'));
  EXPECT_EQ(code_of(check().status), CHR_E_CORRUPT);
  EXPECT_EQ(read(), std::string(100'000, 'x'));
  write("");
  EXPECT_EQ(code_of(check().status), CHR_E_NOT_FOUND);
  EXPECT_FALSE(std::filesystem::exists(disk_.directory() + "/lock.mdb"));
}

TEST_F(StoppedLmdb, FilesOfAnotherStorageAreNoDamage) {
  std::ofstream(disk_.directory() + "/journal-0") << "what another storage keeps";
  const Found found = check();
  EXPECT_EQ(code_of(found.status), CHR_E_UNSUPPORTED);
  EXPECT_NE(found.all().find("set storage.plugin"), std::string::npos) << found.all();
}

TEST_F(StoppedLmdb, WhatIsNoRegularFileIsRefused) {
  const std::filesystem::path linked = disk_.directory() + "-not-mounted";
  for (const char* name : {"data.mdb", "lock.mdb"}) {
    const std::string path = disk_.directory() + "/" + name;
    const auto expect_refused = [&](const char* why) {
      const std::string said = path + why;
      const Found found = check();
      EXPECT_EQ(code_of(found.status), CHR_E_IO);
      EXPECT_NE(found.all().find(said), std::string::npos) << found.all();
      const Store store(disk_);
      EXPECT_EQ(store.failure_code(), CHR_E_IO);
      EXPECT_NE(store.failure().find(said), std::string::npos) << store.failure();
      std::filesystem::remove(path);
    };
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    expect_refused(" is no regular file");
    std::filesystem::create_symlink(linked, path);
    expect_refused(" is a link to a file that is not there");
    EXPECT_FALSE(std::filesystem::exists(linked));
  }
}

TEST_F(StoppedLmdb, ANewerFormatIsRefused) {
  fill(1, 100);
  change(std::string("chronik.lmdb\0\0\0\0\1", 17), [](std::string& file, size_t at) { file[at + 16] = 2; });
  const Found found = check();
  EXPECT_EQ(code_of(found.status), CHR_E_UNSUPPORTED);
  EXPECT_NE(found.all().find("has format 2.128"), std::string::npos) << found.all();
}

// Whatever byte is wrong: the check says so, or all that is shown is as it was.
TEST_F(StoppedLmdb, NoFlippedByteIsMissed) {
  fill(12, 900);
  const std::string whole = read();
  const auto show = [&] {
    std::string out;
    const Store store(disk_, Store::Settings::kUsual, Store::Life::kStopped);
    const StorageAdmin& admin = store.admin();
    if (!admin.open()) return std::string("not open");
    static_cast<void>(admin.groups([&](const chr_storage_group& g) {
      out += std::string(from_abi(g.name)) + std::to_string(g.state) + std::to_string(g.entries);
      static_cast<void>(admin.keys(g.group, {}, [&](std::string_view key, const chr_slice& value) {
        out.append(key).append(reinterpret_cast<const char*>(value.p), value.n);
        return true;
      }));
      static_cast<void>(admin.entries(g.group, 0, [&](const chr_entry& entry) {
        out.append(reinterpret_cast<const char*>(&entry.header), sizeof entry.header);
        out.append(reinterpret_cast<const char*>(entry.payload.p), entry.payload.n);
        return true;
      }));
      return true;
    }));
    admin.close();
    return out;
  };
  const std::string shown = show();
  size_t told = 0;
  for (size_t at = 0; at < whole.size(); at += 997) {
    const std::string_view page = std::string_view(whole).substr(at / 4096 * 4096, 4096);
    if (page.find_first_not_of('\0') == std::string_view::npos) continue;  // never used
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << at % 8));
    write(bytes);
    const pid_t child = ::fork();  // LMDB trusts its pages: a crash is the end of a process
    if (child == 0) {
      const Found found = check();
      const bool tells = !found.status || found.seen.damages != 0;
      ::_exit(tells ? 0 : show() == shown ? 1 : 2);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status)) << "the check crashed on byte " << at;
    EXPECT_NE(WEXITSTATUS(status), 2) << "byte " << at << " is wrong, and nothing was said";
    told += WEXITSTATUS(status) == 0 ? 1 : 0;
  }
  EXPECT_GT(told, 0u);
}

}  // namespace
}  // namespace chronik::conformance
