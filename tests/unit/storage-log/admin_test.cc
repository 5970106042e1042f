// storage-log: what the check of a stopped store says of each kind of damage, that it says nothing of a sound one, and that it
// changes nothing.
#include "storage-log/format/frame.h"
#include "storage-log/segment/record.h"
#include "subject.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace chronik::conformance {
namespace {

using storage_log::FrameHeader;
using storage_log::RecordHead;

class StoppedLog : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    Subject& subject = Subject::get();
    subject.plugin = STORAGE_LOG;
    subject.is_durable = true;
    subject.settings = {{"queue_bytes", 8 << 20},
                        {"journal_file_bytes", 256 << 10},
                        {"journal_files", 2},
                        {"segment_bytes", 65536},
                        {"direct_bytes", 4096}};
  }

  struct Found {
    Status status;
    std::vector<std::string> lines;  // "damage group 1 (a) 41-97 key: what [place]"
    chr_storage_check seen{};

    bool has(std::string_view part) const {
      return std::ranges::any_of(lines, [&](const std::string& line) { return line.contains(part); });
    }
    std::string all() const {
      std::string out = status ? "" : status.error().message + "\n";
      for (const std::string& line : lines) out += line + "\n";
      return out;
    }
    bool is_silent() const { return status && lines.empty(); }
  };
  static std::string line_of(const chr_storage_report& r) {
    std::string line = r.kind == CHR_REPORT_DAMAGE ? "damage" : "note";
    if (r.group != 0)
      line += " group " + std::to_string(r.group) + " (" + std::string(from_abi(r.name)) + ")";
    if (r.last_index == UINT64_MAX)
      line += " " + std::to_string(r.first_index) + "-";
    else if (r.last_index != 0)
      line += " " + std::to_string(r.first_index) + "-" + std::to_string(r.last_index);
    if (r.key.n != 0) line += " key " + std::string(from_abi(r.key));
    return line + ": " + std::string(from_abi(r.what)) + " [" + std::string(from_abi(r.place)) + "]";
  }
  static Found check(Disk& disk) {
    Found found;
    Store store(disk, Store::Settings::kUsual, Store::Life::kStopped);
    found.status = store.admin().check(
        [&](const chr_storage_report& r) {
          EXPECT_LE(r.done_bytes, r.all_bytes);
          if (r.kind != CHR_REPORT_PROGRESS) found.lines.push_back(line_of(r));
          return true;
        },
        &found.seen);
    EXPECT_TRUE(store.host().logs().empty()) << "it is told twice: " << store.host().logs()[0].message;
    return found;
  }
  Found check() { return check(disk_); }

  // Groups a and b: five entries of 40 bytes, one of 6000, which goes straight to its segment, small keys and one that has a file.
  enum class End { kStop, kKill };
  void fill(End end) {
    Store store(disk_);
    ASSERT_EQ(store.failure(), "");
    for (const char* name : {"a", "b"}) {
      EntryMaker maker(*name);
      const uint64_t g = store.group(name);
      for (int i = 0; i < 6; ++i)
        ASSERT_EQ(store.write(TestWrite{g, {}}.append({maker.next(i == 2 ? 6000 : 40)})), CHR_OK);
      ASSERT_EQ(store.write(TestWrite{g, {}}.put("vote", name).put("piece", std::string(5000, *name))),
                CHR_OK);
    }
    content_ = content_of(store);
    if (end == End::kStop) return;
    store.host().advance(std::chrono::milliseconds(60));  // the mark is written, and small entries are moved
    store.crash();
  }
  // More commits, of which no header says that they were durable.
  void add_unmarked(int n) {
    Store store(disk_);
    ASSERT_EQ(store.failure(), "");
    for (int i = 0; i < n; ++i)
      ASSERT_EQ(store.write(TestWrite{store.group("a"), {}}.put("n", std::to_string(i))), CHR_OK);
    store.crash();
  }
  // All that a start serves; "" where it refuses, or serves less.
  static std::string content_of(Store& store) {
    std::string content;
    for (const char* name : {"a", "b"}) {
      uint64_t g = 0;
      if (store.table().open_group(store.self(), to_abi(name), &g, nullptr) != CHR_OK) return "";
      chr_storage_bounds bounds{};
      if (store.table().bounds(store.self(), g, &bounds) != CHR_OK) return "";
      content += std::to_string(bounds.entries) + " entries of " + std::to_string(bounds.bytes);
      ModelGroup model;
      Got got = store.read(store.all_of(g));
      if (got.code != CHR_OK) return "";
      for (TestEntry& entry : got.entries) model.entries[entry.header.index] = std::move(entry);
      for (const char* key : {"vote", "piece"}) {
        Got value = store.get(g, key);
        if (value.code != CHR_OK) return "";
        model.keys[key] = value.value;
      }
      content += model.digest();
    }
    return content;
  }
  static std::string served(const Image& image) {
    Disk disk(image);
    Store store(disk);
    return store.failure().empty() ? content_of(store) : "";
  }

  std::string path(const std::string& name) const { return disk_.directory() + "/" + name; }
  // The first file whose name begins and ends so.
  std::string find(const std::string& begin, const std::string& end = "") const {
    for (const auto& [name, bytes] : disk_.image())
      if (name.starts_with(begin) && name.ends_with(end)) return name;
    ADD_FAILURE() << "there is no file " << begin << "*" << end;
    return "";
  }
  void flip(const std::string& name, size_t at, int mask = 0x10) const {
    std::fstream file(path(name), std::ios::binary | std::ios::in | std::ios::out);
    file.seekg(static_cast<std::streamoff>(at));
    const int byte = file.get() ^ mask;
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(byte));
  }
  void cut(const std::string& name, uint64_t size) const { std::filesystem::resize_file(path(name), size); }
  static size_t place_of(const std::string& bytes, const std::string& part) {
    const size_t at = bytes.find(part);
    EXPECT_NE(at, std::string::npos) << "the bytes are not in the file";
    return at;
  }
  // Where the record with this index lies.
  static size_t record_at(const std::string& segment, uint64_t index) {
    RecordHead head;
    for (size_t at = 0; at + sizeof head <= segment.size();
         at += storage_log::record_bytes(head.header.bytes)) {
      std::memcpy(&head, segment.data() + at, sizeof head);
      if (head.header.index == index) return at;
    }
    ADD_FAILURE() << "no record has the index " << index;
    return 0;
  }
  // The frames of the last run, in order: where they lie in journal-0.
  static std::vector<std::pair<size_t, FrameHeader>> frames(const std::string& journal) {
    std::vector<std::pair<size_t, FrameHeader>> out;
    for (size_t at = 0; at < journal.size(); at += out.back().second.size) {
      const auto header = storage_log::parse_header(reinterpret_cast<const uint8_t*>(journal.data()) + at);
      if (!header || (!out.empty() && header->sequence != out.back().second.sequence + 1)) break;
      out.emplace_back(at, *header);
    }
    return out;
  }

  Disk disk_;
  std::string content_;
};

TEST_F(StoppedLog, ASoundStoreHasNothingToSay) {
  fill(End::kStop);
  const Found found = check();
  EXPECT_EQ(found.all(), "");
  EXPECT_EQ(found.seen.groups, 2u);
  EXPECT_EQ(found.seen.entries, 12u);
  EXPECT_EQ(found.seen.keys, 4u);
  EXPECT_EQ(found.seen.bytes, 2 * (5 * 40 + 6000u));
}

TEST_F(StoppedLog, AKilledStoreHasNothingToSay) {
  fill(End::kKill);
  EXPECT_EQ(check().all(), "");
  add_unmarked(3);
  EXPECT_EQ(check().all(), "");
}

// Trims, truncations, drops, checkpoints and restarts: whatever a store goes through, nothing of it looks damaged.
TEST_F(StoppedLog, NoSoundStoreIsCalledDamaged) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    Disk disk;
    std::mt19937_64 random(seed);
    std::map<std::string, ModelGroup> models;
    for (int life = 0; life < 6; ++life) {
      Store store(disk);
      ASSERT_EQ(store.failure(), "") << seed;
      for (int i = 0; i < 60; ++i) {
        const std::string name(1, static_cast<char>('a' + random() % 3));
        ModelGroup& model = models[name];
        EntryMaker maker(random());
        maker.resume(model.last());
        TestWrite write{store.group(name), {}};
        const uint64_t kind = random() % 12;
        const uint64_t last = model.entries.empty() ? 0 : model.last()->header.index;
        if (kind == 0)
          write.trim(last == 0 ? 1 : 1 + random() % (last + 1));
        else if (kind == 1 && last > 3)
          write.truncate(last - random() % 3);
        else if (kind == 2)
          write.put("k" + std::to_string(random() % 3), std::string(random() % 9000, 'v'));
        else if (kind == 3 && random() % 4 == 0)
          write.drop();
        else
          write.append(maker.batch(1 + random() % 4, random() % 5 == 0 ? 9000 : random() % 700));
        ASSERT_EQ(store.write(write), CHR_OK) << seed;
        model.apply(write);
        if (kind == 3 && write.steps.back().type == CHR_STORAGE_DROP) models.erase(name);
        if (random() % 16 == 0) store.host().advance(std::chrono::milliseconds(60));
      }
      if (random() % 2 == 0) store.crash();
    }
    const Found found = check(disk);
    EXPECT_TRUE(found.status) << found.all();
    EXPECT_EQ(found.seen.damages, 0u) << "seed " << seed << ":\n" << found.all();
    uint64_t entries = 0;
    for (const auto& [name, model] : models) entries += model.entries.size();
    EXPECT_EQ(found.seen.entries, entries) << seed;
  }
}

// ---- segments ----

TEST_F(StoppedLog, ADamagedPayloadIsOneEntry) {
  fill(End::kStop);
  const std::string segment = disk_.image().at("1-1.segment");
  for (const uint64_t index : {4, 5})
    flip("1-1.segment", record_at(segment, index) + sizeof(RecordHead) + 20);
  const Found found = check();
  EXPECT_EQ(found.all(), "damage group 1 (a) 4-5: its payload fails its check [1-1.segment at " +
                             std::to_string(record_at(segment, 4)) + "]\n");
  EXPECT_EQ(found.seen.damages, 1u);
  EXPECT_EQ(found.seen.entries, 12u);
}

TEST_F(StoppedLog, BehindADamagedHeadItGoesOn) {
  fill(End::kStop);
  const std::string segment = disk_.image().at("1-1.segment");
  flip("1-1.segment", record_at(segment, 2) + 20);
  flip("1-1.segment", record_at(segment, 5) + sizeof(RecordHead));
  flip("1-1.segment", record_at(segment, 6) + 70);
  EXPECT_EQ(check().all(), "damage group 1 (a) 2-2: its head fails its check [1-1.segment at " +
                               std::to_string(record_at(segment, 2)) +
                               "]\n"
                               "damage group 1 (a) 5-5: its payload fails its check [1-1.segment at " +
                               std::to_string(record_at(segment, 5)) +
                               "]\n"
                               "damage group 1 (a) 6-6: its head fails its check [1-1.segment at " +
                               std::to_string(record_at(segment, 6)) + "]\n");
}

TEST_F(StoppedLog, AMissingSegmentCostsItsEntries) {
  fill(End::kStop);
  std::filesystem::remove(path("2-1.segment"));
  EXPECT_EQ(check().all(),
            "damage group 2 (b) 1-6: the file is missing, or the disk cannot open it [2-1.segment]\n");
}

TEST_F(StoppedLog, ACutSegmentCostsItsEnd) {
  fill(End::kStop);
  const std::string segment = disk_.image().at("2-1.segment");
  cut("2-1.segment", record_at(segment, 3) + 100);
  const Found found = check();
  EXPECT_EQ(found.seen.damages, 1u);
  EXPECT_TRUE(found.has("damage group 2 (b) 3-6: the file ends after " +
                        std::to_string(record_at(segment, 3) + 100) + " bytes, and "))
      << found.all();
  const Store store(disk_, Store::Settings::kUsual, Store::Life::kStopped);
  ASSERT_TRUE(store.admin().open());
  size_t n = 0;
  const Status read = store.admin().entries(2, 1, [&](const chr_entry&) { return ++n != 0; });
  ASSERT_FALSE(read);
  EXPECT_TRUE(read.error().message.contains("entry 3 of group 2")) << read.error().message;
  EXPECT_EQ(n, 2u);
  store.admin().close();
}

// A power loss leaves what was not synced as it likes; a start writes it anew from the journal.
TEST_F(StoppedLog, WhatTheJournalHasTheSegmentNeedNotHave) {
  fill(End::kKill);
  const std::string segment = disk_.image().at("1-1.segment");
  for (const uint64_t index : {1, 2, 4}) flip("1-1.segment", record_at(segment, index) + 30);
  EXPECT_EQ(check().all(), "");
  EXPECT_EQ(served(disk_.image()), content_);
  flip("1-1.segment", record_at(segment, 3) + 500);  // went there directly
  EXPECT_EQ(check().all(), "damage group 1 (a) 3-3: its payload fails its check [1-1.segment at " +
                               std::to_string(record_at(segment, 3)) + "]\n");
}

// ---- indexes and values ----

TEST_F(StoppedLog, ADamagedIndexIsANote) {
  int64_t& segment_bytes = Subject::get().settings[3].second;
  const int64_t usual = std::exchange(segment_bytes, 512 << 10);  // else a short scan finds all
  {
    Store store(disk_);
    EntryMaker maker(1);
    for (int i = 0; i < 400; ++i)
      ASSERT_EQ(store.write(TestWrite{store.group("a"), {}}.append({maker.next(3000)})), CHR_OK);
  }
  ASSERT_EQ(check().all(), "");
  for (const auto& [name, bytes] : disk_.image())
    if (name.ends_with(".index")) flip(name, 40);
  const std::string index = disk_.image().contains("1-1.index") ? "1-1.index" : find("1-", ".index");
  const Found found = check();
  EXPECT_EQ(found.seen.damages, 0u) << found.all();
  EXPECT_TRUE(found.has("note group 1 (a): a block of the index fails its check")) << found.all();
  EXPECT_TRUE(found.has("[" + index + " at 0]")) << found.all();
  cut(index, 4000);
  EXPECT_TRUE(check().has("[" + index + " at 0]"));
  cut(index, uint64_t{1} << 40);  // sparse: nobody reads so much
  EXPECT_TRUE(check().has("[" + index + " at 0]"));
  std::filesystem::remove(path(index));
  EXPECT_FALSE(check().has(index)) << "there may be none";
  segment_bytes = usual;
}

TEST_F(StoppedLog, TheFileOfAValueIsNamedWithItsKey) {
  fill(End::kStop);
  const std::string file = find("1-", ".value");
  const Image image = disk_.image();
  flip(file, 4000);
  EXPECT_EQ(check().all(), "damage group 1 (a) key piece: its value fails its check [" + file + "]\n");
  cut(file, 4000);
  EXPECT_EQ(check().all(), "damage group 1 (a) key piece: its value fails its check [" + file + "]\n");
  const Store store(disk_, Store::Settings::kUsual, Store::Life::kStopped);
  ASSERT_TRUE(store.admin().open());
  const Status keys = store.admin().keys(1, {}, [](std::string_view, const chr_slice&) { return true; });
  ASSERT_FALSE(keys);
  EXPECT_EQ(keys.error().code, Code::kCorrupt);
  EXPECT_TRUE(keys.error().message.contains("key piece of group 1")) << keys.error().message;
  store.admin().close();
  std::filesystem::remove(path(file));
  EXPECT_EQ(check().all(), "damage group 1 (a) key piece: the file of its value is missing [" + file + "]\n");
}

// ---- the checkpoint ----

TEST_F(StoppedLog, OneCopyOfTheCheckpointIsANote) {
  fill(End::kStop);
  const std::string file = find("checkpoint-");
  const uint64_t size = std::filesystem::file_size(path(file));
  flip(file, 50);
  EXPECT_EQ(check().all(),
            "note: the first of its two copies fails its check; the other one is whole [" + file + "]\n");
  flip(file, 50);
  cut(file, size - 1);
  const Found found = check();
  EXPECT_EQ(found.all(),
            "note: the second of its two copies fails its check; the other one is whole [" + file + "]\n");
}

TEST_F(StoppedLog, BothCopiesOfTheCheckpointAreTheRoot) {
  fill(End::kStop);
  const std::string file = find("checkpoint-");
  const uint64_t size = std::filesystem::file_size(path(file));
  flip(file, 50);
  flip(file, size / 2 + 60);
  const Found found = check();
  ASSERT_FALSE(found.status);
  EXPECT_EQ(found.status.error().code, Code::kCorrupt);
  ASSERT_EQ(found.seen.damages, 1u);
  EXPECT_TRUE(found.has("damage: the file " + file + " is damaged on disk")) << found.all();
  EXPECT_TRUE(found.has("[" + file + "]")) << found.all();
}

TEST_F(StoppedLog, AMissingCheckpointIsTheRoot) {
  fill(End::kStop);
  std::filesystem::remove(path(find("checkpoint-")));
  const Found found = check();
  ASSERT_FALSE(found.status);
  EXPECT_EQ(found.status.error().code, Code::kCorrupt);
  EXPECT_TRUE(found.has("but no checkpoint")) << found.all();
}

TEST_F(StoppedLog, ANewerFormatIsNoDamage) {
  fill(End::kStop);
  const std::string file = find("checkpoint-");
  const uint64_t size = std::filesystem::file_size(path(file));
  for (const uint64_t at : {uint64_t{16}, size / 2 + 16}) flip(file, at, 2 ^ 3);
  const Found found = check();
  ASSERT_FALSE(found.status);
  EXPECT_EQ(found.status.error().code, Code::kUnsupported);
  EXPECT_TRUE(found.status.error().message.contains("format 3")) << found.all();
  EXPECT_TRUE(found.lines.empty()) << found.all();
}

TEST_F(StoppedLog, AFolderOfAnotherStorageIsNoDamage) {
  std::ofstream(path("data.mdb")) << "something";
  const Found found = check();
  ASSERT_FALSE(found.status);
  EXPECT_EQ(found.status.error().code, Code::kCorrupt);
  EXPECT_TRUE(found.status.error().message.contains("data.mdb")) << found.all();
  EXPECT_TRUE(found.lines.empty()) << found.all();
}

TEST_F(StoppedLog, AStartThatWasCutShortLeftNothing) {
  std::ofstream(path("checkpoint-1.new")) << "half of";
  EXPECT_EQ(check().status.error().code, Code::kNotFound);
}

TEST_F(StoppedLog, FilesThatNobodyListsAreANote) {
  fill(End::kStop);
  for (const char* name : {"1-99.segment", "7-1.index", "1-77.value"}) std::ofstream(path(name)) << "12345";
  EXPECT_EQ(
      check().all(),
      "note: 3 files are in use no more (15 bytes): the next start removes what a kill left [1-77.value]\n");
}

// ---- the journal ----

TEST_F(StoppedLog, AFlippedBitOfACommitIsTurnedBack) {
  fill(End::kKill);
  const auto all = frames(disk_.image().at("journal-0"));
  const auto& [at, header] = all[1];
  flip("journal-0", at + 100);
  EXPECT_EQ(check().all(), "note: of a commit (number " + std::to_string(header.sequence) +
                               ") its payload fails: one bit is flipped, and is turned back [journal-0 at " +
                               std::to_string(at) + "]\n");
}

TEST_F(StoppedLog, ADamagedPayloadOfACommitIsOneEntry) {
  fill(End::kKill);
  const std::string journal = disk_.image().at("journal-0");
  const size_t frame = frames(journal)[1].first;  // entry 2 of group a
  for (const size_t i : {0, 9, 18}) flip("journal-0", frame + 72 + 32 + 88 + i, 0x21);
  EXPECT_EQ(check().all(), "damage group 1 (a) 2-2: its payload fails its check [journal-0 at " +
                               std::to_string(frame) + "]\n");
}

TEST_F(StoppedLog, ADamagedCommitSetsItsGroupAside) {
  fill(End::kKill);
  const std::string journal = disk_.image().at("journal-0");
  const auto [frame, header] = frames(journal)[3];  // entry 4 of group a
  for (const size_t i : {0, 9, 18}) flip("journal-0", frame + 72 + i, 0x21);
  const Found found = check();
  EXPECT_EQ(found.seen.damages, 1u);
  EXPECT_TRUE(found.has("damage group 1 (a) 4-: a commit is damaged (number " +
                        std::to_string(header.sequence) +
                        "): the group is set aside, and serves only its entries from before [journal-0 at " +
                        std::to_string(frame) + "]"))
      << found.all();
  const Store store(disk_, Store::Settings::kUsual, Store::Life::kStopped);
  ASSERT_TRUE(store.admin().open());
  std::vector<chr_status> states;
  ASSERT_TRUE(store.admin().groups([&](const chr_storage_group& g) {
    states.push_back(g.state);
    EXPECT_EQ(g.last_index, g.state == CHR_OK ? 6u : 0u);
    return true;
  }));
  EXPECT_EQ(states, (std::vector<chr_status>{CHR_E_CORRUPT, CHR_OK}));
  EXPECT_FALSE(store.admin().keys(1, {}, [](std::string_view, const chr_slice&) { return true; }));
  store.admin().close();
}

TEST_F(StoppedLog, ADamageThatAnEarlierStartMetIsTold) {
  fill(End::kKill);
  const size_t frame = frames(disk_.image().at("journal-0"))[3].first;
  for (const size_t i : {0, 9, 18}) flip("journal-0", frame + 72 + i, 0x21);
  {
    Store store(disk_);
    ASSERT_EQ(store.failure(), "");
  }
  const Found found = check();
  EXPECT_EQ(found.seen.damages, 1u) << found.all();
  EXPECT_TRUE(found.has("damage group 1 (a): an earlier start set it aside: a commit in the journal"))
      << found.all();
}

TEST_F(StoppedLog, ACommitWithoutAnyHeaderSetsAllAside) {
  fill(End::kKill);
  const auto [frame, header] = frames(disk_.image().at("journal-0"))[3];
  for (const size_t at : {frame + 20, frame + header.size - 50}) flip("journal-0", at);
  const Found found = check();
  EXPECT_EQ(found.seen.damages, 1u);
  EXPECT_TRUE(
      found.has("damage: a commit is damaged (number " + std::to_string(header.sequence) +
                "), and nobody knows of which groups it was: all are set aside [the journal, commit " +
                std::to_string(header.sequence) + "]"))
      << found.all();
}

TEST_F(StoppedLog, AHeaderThatIsThereTwiceIsANote) {
  fill(End::kKill);
  const auto [frame, header] = frames(disk_.image().at("journal-0"))[3];
  flip("journal-0", frame + 20);
  EXPECT_EQ(check().all(), "note: of a commit (number " + std::to_string(header.sequence) +
                               ") its first header fails; nothing of it is lost [journal-0 at " +
                               std::to_string(frame) + "]\n");
}

// Nothing says that it was acknowledged: a start takes it for the torn end, and so does the check.
TEST_F(StoppedLog, DamageAboveTheMarkIsTheTornEnd) {
  fill(End::kStop);
  add_unmarked(3);
  const auto all = frames(disk_.image().at("journal-0"));
  const auto& [frame, header] = all.back();
  flip("journal-0", frame + 100);
  const Found found = check();
  EXPECT_EQ(found.all(), "note: the last commits, from number " + std::to_string(header.sequence) +
                             " on, were cut short when the store ended, or damaged since; nothing says that "
                             "they were acknowledged [journal-0 at " +
                             std::to_string(frame) + "]\n");
  Store store(disk_);
  EXPECT_EQ(store.get(store.group("a"), "n").value, "1");
}

TEST_F(StoppedLog, AJournalThatIsGoneIsTold) {
  fill(End::kStop);
  add_unmarked(3);
  std::filesystem::remove(path("journal-0"));
  const Found found = check();
  EXPECT_EQ(found.seen.damages, 1u);
  EXPECT_TRUE(found.has("damage: the file is missing or cut short")) << found.all();
  EXPECT_TRUE(found.has("[journal-0]")) << found.all();
}

// ---- each byte ----

// Flips bytes of a file, one at a time, and gives fn what the check says.
class EachByte : public StoppedLog {
 protected:
  template <class F>
  void each(const std::string& name, size_t from, size_t to, size_t step, F fn) {
    for (size_t at = from; at < to; at += step) {
      const int mask = 1 << at % 8;
      flip(name, at, mask);
      fn(at, check());
      flip(name, at, mask);
      if (HasFailure()) return;
    }
  }
  // Each byte of these is told.
  void expect_told(const std::string& name, size_t from, size_t n, size_t step = 1) {
    each(name, from, from + n, step,
         [&](size_t at, const Found& found) { ASSERT_FALSE(found.is_silent()) << name << " at " << at; });
  }
  // As damage of this entry.
  void expect_entry(const std::string& name, size_t from, size_t n, size_t step, uint64_t index) {
    const std::string entry = " " + std::to_string(index) + "-" + std::to_string(index) + ": ";
    each(name, from, from + n, step, [&](size_t at, const Found& found) {
      ASSERT_TRUE(found.status && found.seen.damages == 1 && found.has(entry)) << name << " at " << at << "\n"
                                                                               << found.all();
    });
  }
};

TEST_F(EachByte, OfAStoppedStoreIsTold) {
  fill(End::kStop);
  const Image before = disk_.image();
  for (const auto& [name, bytes] : before) {
    if (name.starts_with("checkpoint-")) expect_told(name, 0, bytes.size());
    if (name.ends_with(".value")) expect_told(name, 0, bytes.size(), 61);
    if (!name.ends_with(".segment")) continue;
    RecordHead head;
    for (size_t at = 0, index = 1; index <= 6; ++index, at += storage_log::record_bytes(head.header.bytes)) {
      std::memcpy(&head, bytes.data() + at, sizeof head);
      ASSERT_EQ(head.header.index, index);
      expect_entry(name, at, sizeof head, 1, index);
      expect_entry(name, at + sizeof head, head.header.bytes, head.header.bytes > 100 ? 61 : 1, index);
    }
  }
  EXPECT_TRUE(disk_.image() == before) << "a check changed something";
}

TEST_F(EachByte, OfTheJournalOfAKilledStoreIsTold) {
  fill(End::kKill);
  add_unmarked(2);
  const Image before = disk_.image();
  const std::string& journal = before.at("journal-0");
  const auto all = frames(journal);
  ASSERT_FALSE(all.empty());
  for (const auto& [at, header] : all) {
    const uint64_t ids = header.groups * sizeof(uint64_t);
    expect_told("journal-0", at, sizeof header + header.payload_bytes + ids);
    expect_told("journal-0", at + back_ids(header), ids + sizeof header);
  }
  EXPECT_TRUE(disk_.image() == before) << "a check changed something";
}

// What the check says is what a start does: it tells damage where something is lost, and only there.
TEST_F(EachByte, IsDamageWhereAStartServesLess) {
  fill(End::kKill);
  const Image image = disk_.image();
  for (const auto& [name, bytes] : image) {
    const size_t end = name.starts_with("journal-") ? 17 * 4096 : bytes.size();
    for (size_t at = name.size() % 7; at < std::min(end, bytes.size()); at += 1543) {
      Image damaged = image;
      for (size_t i = at; i < std::min(at + 9, bytes.size()); i += 4) damaged.at(name)[i] ^= 0x20;
      Disk disk(damaged);
      const Found found = check(disk);
      const bool is_whole = found.status && found.seen.damages == 0;
      ASSERT_EQ(is_whole, served(damaged) == content_) << name << " at " << at << "\n" << found.all();
    }
  }
}

}  // namespace
}  // namespace chronik::conformance
