// storage-log as a whole: what a start makes of a folder that is not as it was left, and what damage costs.
#include "tests/unit/storage-log/log_subject.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace chronik::conformance {
namespace {

class LogStore : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { use_storage_log(1 << 20, 16384); }

  // Two groups with some entries each, of which some lie in segments and some in the journal only; killed.
  void fill() {
    Store store(disk_);
    ASSERT_EQ(store.failure(), "");
    for (const char* name : {"a", "b"}) {
      EntryMaker maker(*name);
      const uint64_t g = store.group(name);
      for (int i = 0; i < 6; ++i)
        ASSERT_EQ(store.write(TestWrite{g, {}}.append({maker.next(i == 2 ? 20'000 : 700)})), CHR_OK);
      ASSERT_EQ(store.write(TestWrite{g, {}}.put("k", name)), CHR_OK);
    }
    digests_ = digests(store);
    store.host().advance(std::chrono::milliseconds(60));  // the mark is written, and small entries are moved
    store.crash();
  }
  static std::vector<std::string> digests(Store& store) {
    return {store.content(store.group("a"), {"k"}).digest(), store.content(store.group("b"), {"k"}).digest()};
  }
  std::string path(const std::string& name) const { return disk_.directory() + "/" + name; }
  std::string content(const std::string& name) const {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void set_content(const std::string& name, const std::string& bytes) const {
    std::ofstream(path(name), std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  // The first file whose name begins and ends so.
  std::string find(const std::string& begin, const std::string& end = "") const {
    for (const auto& entry : std::filesystem::directory_iterator(disk_.directory())) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(begin) && name.ends_with(end)) return name;
    }
    return "";
  }
  static size_t damaged_entries_of(Store& store, uint64_t group) {
    chr_storage_bounds bounds{};
    EXPECT_EQ(store.table().bounds(store.self(), group, &bounds), CHR_OK);
    size_t damaged = 0;
    for (uint64_t index = bounds.first_index; index <= bounds.last_index; ++index) {
      chr_storage_read args{};
      args.group = group;
      args.from = index;
      args.max_entries = 1;
      args.max_bytes = 1 << 20;
      const chr_status code = store.read(args).code;
      EXPECT_TRUE(code == CHR_OK || code == CHR_E_CORRUPT) << code;
      damaged += code == CHR_E_CORRUPT ? 1 : 0;
    }
    return damaged;
  }
  // How a start ends.
  Outcome start() {
    Store store(disk_);
    return store.failure_code();
  }

  Disk disk_;
  std::vector<std::string> digests_;
};

TEST_F(LogStore, AKilledStoreComesBack) {
  fill();
  for (int i = 0; i < 3; ++i) {
    Store store(disk_);
    ASSERT_EQ(store.failure(), "");
    EXPECT_EQ(digests(store), digests_);
  }
}

TEST_F(LogStore, AFolderOfAnotherStorageIsRefused) {
  set_content("data.mdb", "something");
  const Outcome outcome = start();
  EXPECT_EQ(outcome.code, CHR_E_UNSUPPORTED);
  EXPECT_NE(outcome.message.find("data.mdb"), std::string::npos) << outcome.message;
  EXPECT_EQ(find("checkpoint"), "") << "nothing is changed";
}

TEST_F(LogStore, OnlyItsOwnNamesAreItsOwnFiles) {
  for (const char* name : {"notes.value", "1-x.segment", "01-1.index", "7.value"}) {
    set_content(name, "something");
    EXPECT_EQ(start().code, CHR_E_UNSUPPORTED) << name;
    EXPECT_TRUE(std::filesystem::exists(path(name)));
    std::filesystem::remove(path(name));
  }
}

TEST_F(LogStore, ANewerFormatIsRefusedByName) {
  fill();
  const std::string name = find("checkpoint-");
  std::string bytes = content(name);
  bytes[16] = bytes[bytes.size() / 2 + 16] = 4;
  set_content(name, bytes);
  const Outcome outcome = start();
  EXPECT_EQ(outcome.code, CHR_E_UNSUPPORTED);
  EXPECT_NE(outcome.message.find("format 4"), std::string::npos) << outcome.message;
  EXPECT_EQ(content(name), bytes) << "nothing is changed";
}

TEST_F(LogStore, EachByteOfACheckpointMayBeDamaged) {
  fill();
  const Image image = disk_.image();
  const std::string name = find("checkpoint-");
  for (size_t at = 0; at < image.at(name).size(); ++at) {
    Image damaged = image;
    damaged.at(name)[at] ^= 0x08;
    Disk disk(damaged);
    Store store(disk);
    ASSERT_EQ(store.failure(), "") << "flipped at " << at;
    ASSERT_EQ(digests(store), digests_) << "flipped at " << at;
  }
}

TEST_F(LogStore, ACheckpointThatIsDamagedTwiceIsRefused) {
  fill();
  const std::string name = find("checkpoint-");
  std::string bytes = content(name);
  bytes[40] ^= 1;
  bytes[bytes.size() / 2 + 40] ^= 1;
  set_content(name, bytes);
  const Outcome outcome = start();
  EXPECT_EQ(outcome.code, CHR_E_CORRUPT);
  EXPECT_NE(outcome.message.find(name), std::string::npos) << outcome.message;
}

TEST_F(LogStore, ALostCheckpointIsNoNewStore) {
  fill();
  std::filesystem::remove(path(find("checkpoint-")));
  const Outcome outcome = start();
  EXPECT_EQ(outcome.code, CHR_E_CORRUPT);
  EXPECT_NE(outcome.message.find("no checkpoint"), std::string::npos) << outcome.message;
}

TEST_F(LogStore, AFirstStartThatWasCutShortIsANewStore) {
  set_content("checkpoint-1.new", "half of");
  Store store(disk_);
  EXPECT_EQ(store.failure(), "");
  EXPECT_EQ(store.write(TestWrite{store.group("g"), {}}.put("k", "v")), CHR_OK);
}

TEST_F(LogStore, AJournalFileThatWasNotCompletedIsCompleted) {
  {
    Store store(disk_);
  }
  std::filesystem::resize_file(path("journal-0"), 8192);
  fill();
  Store store(disk_);
  EXPECT_EQ(store.failure(), "");
  EXPECT_EQ(digests(store), digests_);
  EXPECT_EQ(std::filesystem::file_size(path("journal-0")), 1u << 20);
}

TEST_F(LogStore, AMissingSegmentCostsWhatItHeld) {
  fill();
  {
    Store store(disk_);
  }
  const std::string name = find("1-", ".segment");
  std::filesystem::remove(path(name));
  Store store(disk_);
  ASSERT_EQ(store.failure(), "");
  EXPECT_TRUE(store.host().logged(name)) << "it is told";
  EXPECT_EQ(store.read(store.all_of(store.group("a"))).code, CHR_E_CORRUPT);
  EXPECT_EQ(store.get(store.group("a"), "k").value, "a");
  EXPECT_EQ(store.content(store.group("b"), {"k"}).digest(), digests_[1]);
}

TEST_F(LogStore, OfACutSegmentTheBeginningIsServed) {
  fill();
  {
    Store store(disk_);
  }
  const std::string name = find("1-", ".segment");
  std::filesystem::resize_file(path(name), 2000);
  Store store(disk_);
  ASSERT_EQ(store.failure(), "");
  EXPECT_TRUE(store.host().logged(name)) << "it is told";
  const Got got = store.read(store.all_of(store.group("a")));
  EXPECT_EQ(got.code, CHR_OK);
  EXPECT_EQ(got.entries.size(), 2u);
  EXPECT_EQ(store.content(store.group("b"), {"k"}).digest(), digests_[1]);
}

// A flip anywhere in the journal that a kill left.
TEST_F(LogStore, OneFlippedBitInTheJournalCostsNothing) {
  fill();
  const Image image = disk_.image();
  const std::string& journal = image.at("journal-0");
  size_t mended = 0;
  for (size_t at = 0; at < journal.size() && journal.find_first_not_of('\0', at) != std::string::npos;
       at += 97) {
    Image damaged = image;
    damaged.at("journal-0")[at] ^= static_cast<char>(1 << at % 8);
    Disk disk(damaged);
    Store store(disk);
    ASSERT_EQ(store.failure(), "") << "flipped at " << at;
    ASSERT_EQ(digests(store), digests_) << "flipped at " << at;
    mended += store.host().logged("turned back") ? 1 : 0;
  }
  EXPECT_GT(mended, 50u);
}

// Several flips: either everything is there all the same, or the group whose commit it was says so, and the other one goes on.
TEST_F(LogStore, DamageInTheJournalCostsOneGroup) {
  fill();
  const Image image = disk_.image();
  const std::string& journal = image.at("journal-0");
  size_t damaged_groups = 0;
  size_t damaged_entries = 0;
  for (size_t at = 0; at < journal.size() && journal.find_first_not_of('\0', at) != std::string::npos;
       at += 211) {
    Image damaged = image;
    for (size_t i = at; i < at + 9; i += 4) damaged.at("journal-0")[i] ^= 0x20;
    Disk disk(damaged);
    for (int round = 0; round < 2; ++round) {  // damage is known at later starts, too
      Store store(disk);
      ASSERT_EQ(store.failure(), "") << "flipped at " << at;
      size_t whole = 0;
      for (const char* name : {"a", "b"}) {
        uint64_t g = 0;
        const chr_status opened = store.table().open_group(store.self(), to_abi(name), &g, nullptr);
        if (opened != CHR_OK) {  // the commit that made it: no empty log begins in its place
          ASSERT_EQ(opened, CHR_E_CORRUPT);
          ++damaged_groups;
          continue;
        }
        if (store.get(g, "k").code == CHR_E_CORRUPT) {
          ++damaged_groups;
          EXPECT_EQ(store.write(TestWrite{g, {}}.put("k", "new")), CHR_E_CORRUPT);
          EXPECT_TRUE(round != 0 || store.host().logged("damaged")) << "it is told";
          if (round == 0) continue;
          ASSERT_EQ(store.write(TestWrite{g, {}}.drop()), CHR_OK) << "one without it begins";
          ASSERT_EQ(store.write(TestWrite{store.group(name), {}}.put("k", "new")), CHR_OK);
          continue;
        }
        if (const size_t lost = damaged_entries_of(store, g); lost != 0) {
          damaged_entries += lost;
          EXPECT_EQ(lost, 1u) << "flipped at " << at;
          EXPECT_TRUE(round != 0 || store.host().logged("is damaged on disk")) << "it is told";
          EXPECT_EQ(store.write(TestWrite{g, {}}.put("k", name)), CHR_OK);
          continue;
        }
        ++whole;
        ASSERT_EQ(store.content(g, {"k"}).digest(), digests_[*name - 'a']) << "flipped at " << at;
      }
      ASSERT_GE(whole, 1u) << "flipped at " << at << " in round " << round;
    }
  }
  EXPECT_GT(damaged_groups, 0u);
  EXPECT_GT(damaged_entries, 0u) << "keys and other entries are as they were";
}

}  // namespace
}  // namespace chronik::conformance
