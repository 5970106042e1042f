// chronik.storage_admin/1, for a storage that provides it: an instance that is not started shows what the
// store holds, and what of it is damaged, without changing anything.
#include "subject.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace chronik::conformance {
namespace {

struct ShownGroup {
  chr_status state = CHR_OK;
  uint64_t id = 0;
  uint64_t first = 0, last = 0, entries = 0, bytes = 0;
};
// A whole store as admin shows it, or as it should be; by the groups' names.
struct Shown {
  std::map<std::string, ShownGroup> groups;
  std::map<std::string, ModelGroup> content;
};

TestEntry copy_of(const chr_entry& entry) {
  return {entry.header, std::string(reinterpret_cast<const char*>(entry.payload.p), entry.payload.n)};
}
std::string copy_of(const chr_slice& value) {
  return {reinterpret_cast<const char*>(value.p), static_cast<size_t>(value.n)};
}

ModelGroup content_of(const StorageAdmin& admin, uint64_t id) {
  ModelGroup content;
  EXPECT_TRUE(admin.keys(id, {}, [&](std::string_view key, const chr_slice& value) {
    EXPECT_TRUE(content.keys.empty() || key > content.keys.rbegin()->first) << "keys are not in order";
    content.keys[std::string(key)] = copy_of(value);
    return true;
  }));
  EXPECT_TRUE(admin.entries(id, 1, [&](const chr_entry& entry) {
    EXPECT_TRUE(content.entries.empty() || entry.header.index > content.entries.rbegin()->first);
    content.entries[entry.header.index] = copy_of(entry);
    return true;
  }));
  return content;
}

class StorageAdminConformance : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!Subject::get().is_durable) GTEST_SKIP() << "a volatile store";
    Disk disk;
    const Store store(disk, Store::Settings::kUsual, Store::Life::kStopped);
    ASSERT_TRUE(store.admin() || !Subject::get().has_admin)
        << "it does not provide " CHR_STORAGE_ADMIN_ID ", or has no table for it";
    if (!store.admin()) GTEST_SKIP() << "it does not provide " CHR_STORAGE_ADMIN_ID;
  }

  // Writes groups of every kind, and keeps what they should hold.
  void fill(Store& store) {
    ASSERT_EQ(store.failure(), "");
    EntryMaker maker(7);
    write(store, "plain", TestWrite().append(maker.batch(20, 300)).put("vote", "term 1").put("a", ""));
    write(store, "trimmed", TestWrite().append(maker.batch(20, 5000)));
    write(store, "trimmed", TestWrite().trim(27).truncate(38).put("snapshot", std::string(70'000, 's')));
    maker.skip_indexes(1000);
    write(store, "with a gap", TestWrite().append(maker.batch(2, 0)).append({maker.next(100'000)}));
    maker.skip_indexes(5);
    write(store, "with a gap", TestWrite().append(maker.batch(3, 10)));
    write(store, "keys only", TestWrite().put(std::string(255, 'k'), std::string(1 << 20, 'v')));
    write(store, "nothing", TestWrite().remove("absent"));
    write(store, "emptied",
          TestWrite().append(maker.batch(3, 50)).put("k", "v").trim(UINT64_MAX).remove("k"));
    write(store, "dropped", TestWrite().append(maker.batch(3, 50)).put("k", "v"));
    write(store, "dropped", TestWrite().drop());
    expected_.erase("dropped");
  }
  void write(Store& store, const std::string& name, TestWrite what) {
    what.group = store.group(name);
    ASSERT_EQ(store.write(what), CHR_OK) << name;
    expected_[name].apply(what);
  }

  // Of the store in this folder, not started.
  Shown show(Disk& disk) {
    Shown shown;
    const Store store(disk, Store::Settings::kUsual, Store::Life::kStopped);
    EXPECT_TRUE(store.admin().open());
    uint64_t last_id = 0;
    EXPECT_TRUE(store.admin().groups([&](const chr_storage_group& g) {
      EXPECT_GT(g.group, std::exchange(last_id, g.group)) << "groups are not in the order of their ids";
      shown.groups[std::string(from_abi(g.name))] = {g.state,      g.group,   g.first_index,
                                                     g.last_index, g.entries, g.bytes};
      return true;
    }));
    for (const auto& [name, group] : shown.groups) shown.content[name] = content_of(store.admin(), group.id);
    store.admin().close();
    return shown;
  }
  static void expect_same(const Shown& shown, const std::map<std::string, ModelGroup>& expected) {
    EXPECT_EQ(shown.groups.size(), expected.size());
    for (const auto& [name, model] : expected) {
      const auto found = shown.groups.find(name);
      ASSERT_TRUE(found != shown.groups.end()) << name;
      const ShownGroup& group = found->second;
      const bool any = !model.entries.empty();
      EXPECT_EQ(group.state, CHR_OK) << name;
      EXPECT_EQ(group.first, any ? model.entries.begin()->first : 0) << name;
      EXPECT_EQ(group.last, any ? model.entries.rbegin()->first : 0) << name;
      EXPECT_EQ(group.entries, model.entries.size()) << name;
      EXPECT_EQ(group.bytes, model.bytes()) << name;
      EXPECT_TRUE(shown.content.at(name).digest() == model.digest()) << name;
    }
  }

  struct Damage {
    uint64_t group = 0, first = 0, last = 0;
    std::string name, key, place, what;
  };
  struct Checked {
    Status status;
    std::vector<Damage> damages;
    chr_storage_check seen{};
  };
  static Checked check(Disk& disk) {
    Checked checked;
    const Store store(disk, Store::Settings::kUsual, Store::Life::kStopped);
    checked.status = store.admin().check(
        [&](const chr_storage_report& r) {
          if (r.kind == CHR_REPORT_DAMAGE)
            checked.damages.push_back({r.group, r.first_index, r.last_index, std::string(from_abi(r.name)),
                                       std::string(from_abi(r.key)), std::string(from_abi(r.place)),
                                       std::string(from_abi(r.what))});
          return true;
        },
        &checked.seen);
    EXPECT_EQ(checked.seen.damages, checked.damages.size());
    return checked;
  }
  // One bit less right in every place where these bytes lie; a copy may lie in unused space too.
  static Image flip(Image image, const std::string& bytes) {
    size_t flips = 0;
    for (auto& [name, content] : image) {
      for (size_t at = content.find(bytes); at != std::string::npos; at = content.find(bytes, at + 1)) {
        content[at + bytes.size() / 2] ^= 0x10;
        ++flips;
      }
    }
    EXPECT_GT(flips, 0u)
        << "the bytes are not in the files as they are: this test needs another way to damage them";
    return image;
  }

  std::map<std::string, ModelGroup> expected_;
};

TEST_F(StorageAdminConformance, ShowsWhatTheStoreHolds) {
  Disk disk;
  {
    Store store(disk);
    ASSERT_NO_FATAL_FAILURE(fill(store));
  }
  expect_same(show(disk), expected_);
  const Checked checked = check(disk);
  EXPECT_TRUE(checked.status) << checked.status.error().message;
  EXPECT_TRUE(checked.damages.empty()) << checked.damages[0].first << "-" << checked.damages[0].last << ": "
                                       << checked.damages[0].what << " [" << checked.damages[0].place << "]";
  uint64_t entries = 0;
  uint64_t bytes = 0;
  uint64_t keys = 0;
  for (const auto& [name, model] : expected_) {
    entries += model.entries.size();
    bytes += model.bytes();
    keys += model.keys.size();
  }
  EXPECT_EQ(checked.seen.groups, expected_.size());
  EXPECT_EQ(checked.seen.entries, entries);
  EXPECT_EQ(checked.seen.bytes, bytes);
  EXPECT_EQ(checked.seen.keys, keys);
}

TEST_F(StorageAdminConformance, ShowsWhatAKilledProcessLeft) {
  Disk disk;
  {
    Store store(disk);
    ASSERT_NO_FATAL_FAILURE(fill(store));
    store.crash();
  }
  expect_same(show(disk), expected_);
  const Checked checked = check(disk);
  EXPECT_TRUE(checked.status);
  EXPECT_TRUE(checked.damages.empty()) << checked.damages[0].first << "-" << checked.damages[0].last << ": "
                                       << checked.damages[0].what << " [" << checked.damages[0].place << "]";
}

TEST_F(StorageAdminConformance, ChangesNothing) {
  Disk disk;
  {
    Store store(disk);
    ASSERT_NO_FATAL_FAILURE(fill(store));
    store.crash();  // a start would have something to bring in order
  }
  const Image before = disk.image();
  check(disk);
  show(disk);
  EXPECT_TRUE(disk.image() == before) << "a byte or a name changed";
}

// What is read of one store is written to another through chronik.storage/1.
TEST_F(StorageAdminConformance, WhatIsImportedIsTheSame) {
  Disk disk;
  {
    Store store(disk);
    ASSERT_NO_FATAL_FAILURE(fill(store));
  }
  const Shown exported = show(disk);
  Disk other;
  {
    Store store(other);
    ASSERT_EQ(store.failure(), "");
    for (const auto& [name, content] : exported.content) {
      TestWrite all{store.group(name), {}};
      for (const auto& [key, value] : content.keys) all.put(key, value);
      all.remove("absent");
      ASSERT_EQ(store.write(all), CHR_OK) << name;
      for (const auto& [index, entry] : content.entries)
        ASSERT_EQ(store.write(TestWrite{all.group, {}}.append({entry})), CHR_OK) << name;
    }
  }
  expect_same(show(other), exported.content);
}

TEST_F(StorageAdminConformance, GoesOnFromAnyPlace) {
  Disk disk;
  {
    Store store(disk);
    ASSERT_NO_FATAL_FAILURE(fill(store));
  }
  const uint64_t id = show(disk).groups.at("with a gap").id;
  const uint64_t plain = show(disk).groups.at("plain").id;
  const Store store(disk, Store::Settings::kUsual, Store::Life::kStopped);
  const StorageAdmin& admin = store.admin();
  ASSERT_TRUE(admin.open());
  const std::map<uint64_t, TestEntry>& all = expected_.at("with a gap").entries;
  for (uint64_t from = all.begin()->first - 1; from <= all.rbegin()->first + 1; ++from) {
    std::vector<uint64_t> is;
    EXPECT_TRUE(admin.entries(id, from, [&](const chr_entry& entry) {
      is.push_back(entry.header.index);
      return true;
    }));
    std::vector<uint64_t> should;
    for (auto at = all.lower_bound(from); at != all.end(); ++at) should.push_back(at->first);
    EXPECT_EQ(is, should) << "from " << from;
  }
  std::vector<std::string> keys;
  const auto keep = [&](std::string_view key, const chr_slice&) {
    keys.emplace_back(key);
    return true;
  };
  EXPECT_TRUE(admin.keys(plain, "a", keep));
  EXPECT_TRUE(admin.keys(plain, "b", keep));
  EXPECT_TRUE(admin.keys(plain, "vote", keep));
  EXPECT_EQ(keys, (std::vector<std::string>{"vote", "vote"}));
  size_t calls = 0;
  const Status stopped = admin.entries(id, 1, [&](const chr_entry&) { return ++calls < 2; });
  EXPECT_EQ(code_of(stopped), CHR_E_CANCELLED);
  EXPECT_EQ(calls, 2u);
  EXPECT_EQ(code_of(admin.entries(id + 1000, 1, [](const chr_entry&) { return true; })), CHR_E_NOT_FOUND);
  admin.close();
}

TEST_F(StorageAdminConformance, FindsAFlippedByte) {
  Disk whole;
  {
    Store store(whole);
    ASSERT_NO_FATAL_FAILURE(fill(store));
  }
  const Image image = whole.image();
  for (const char* name : {"plain", "trimmed"}) {
    const ModelGroup& model = expected_.at(name);
    const TestEntry& victim = std::next(model.entries.begin(), 5)->second;
    Disk disk(flip(image, victim.payload.substr(100, 64)));
    const Checked checked = check(disk);
    EXPECT_TRUE(checked.status) << checked.status.error().message;
    const bool found = std::ranges::any_of(checked.damages, [&](const Damage& damage) {
      return damage.name == name && damage.first <= victim.header.index &&
             damage.last >= victim.header.index && !damage.place.empty() && !damage.what.empty();
    });
    EXPECT_TRUE(found) << "entry " << victim.header.index << " of " << name
                       << " is damaged, which the check does not say";
    const Store store(disk, Store::Settings::kUsual, Store::Life::kStopped);
    ASSERT_TRUE(store.admin().open());
    size_t before = 0;
    uint64_t id = 0;
    EXPECT_TRUE(store.admin().groups([&](const chr_storage_group& g) {
      if (from_abi(g.name) == name) id = g.group;
      return true;
    }));
    const Status read = store.admin().entries(id, 1, [&](const chr_entry&) { return ++before != 0; });
    EXPECT_EQ(code_of(read), CHR_E_CORRUPT);
    EXPECT_EQ(before, 5u) << "whole entries before the damaged one are given";
    store.admin().close();
  }
}

// Keys may share one checksum, and what is there twice is flipped in both places: then the folder is damaged at its root.
TEST_F(StorageAdminConformance, FindsAFlippedByteOfAKey) {
  Disk whole;
  {
    Store store(whole);
    ASSERT_NO_FATAL_FAILURE(fill(store));
  }
  Disk disk(flip(whole.image(), "term 1"));
  const Checked checked = check(disk);
  if (code_of(checked.status) == CHR_E_CORRUPT) {
    ASSERT_FALSE(checked.damages.empty());
    EXPECT_FALSE(checked.damages[0].place.empty() || checked.damages[0].what.empty());
    const Store store(disk);
    EXPECT_EQ(store.failure_code(), CHR_E_CORRUPT) << "a start takes what the check refuses";
    return;
  }
  const bool found = std::ranges::any_of(
      checked.damages, [](const Damage& damage) { return damage.name == "plain" && damage.key == "vote"; });
  EXPECT_TRUE(found) << "the value of a key is damaged, which the check does not say";
}

TEST_F(StorageAdminConformance, AnEmptyFolderIsNotFound) {
  Disk disk;
  const Image before = disk.image();
  const Checked checked = check(disk);
  EXPECT_EQ(code_of(checked.status), CHR_E_NOT_FOUND);
  const Store store(disk, Store::Settings::kUsual, Store::Life::kStopped);
  EXPECT_EQ(code_of(store.admin().open()), CHR_E_NOT_FOUND);
  store.admin().close();
  EXPECT_TRUE(disk.image() == before) << "a file was made";
}

}  // namespace
}  // namespace chronik::conformance
